"""Where rspamd is asked, as an operator writes it."""

from __future__ import annotations

import pytest

from postroad.filters.rspamd.endpoint import Endpoint


@pytest.mark.parametrize(
    ("text", "url", "path", "shown"),
    [
        ("http://h:11333", "http://h:11333/checkv2", "", "http://h:11333"),
        ("http://h:11333/", "http://h:11333/checkv2", "", "http://h:11333"),
        ("https://h/rspamd", "https://h/rspamd/checkv2", "", "https://h/rspamd"),
        ("http://h:11333/checkv2", "http://h:11333/checkv2", "", "http://h:11333"),
        ("http://h:11333/checkv2/", "http://h:11333/checkv2", "", "http://h:11333"),
        ("unix:/run/rspamd", "http://localhost/checkv2", "/run/rspamd", "unix:/run/rspamd"),
    ],
)
def test_a_place(text: str, url: str, path: str, shown: str) -> None:
    endpoint = Endpoint.parse(text)

    assert endpoint == Endpoint(url, path)
    assert str(endpoint) == shown
