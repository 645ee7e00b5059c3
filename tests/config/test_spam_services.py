"""What can be wrong with services that look at mail, each told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.test_filters import said


@pytest.mark.parametrize(
    ("kind", "line", "mistakes"),
    [
        ("spamassassin", 'socket = "unix:/run/spamd"', []),
        (
            "spamassassin",
            'socket = "783"',
            ['socket: expected "unix:/path" or "inet:host:port", not "783"'],
        ),
        ("spamassassin", "reject = 0", []),
        (
            "spamassassin",
            "reject = 4.0",
            ["reject: refuses mail before it is junk, which begins at 5 points"],
        ),
        ("rspamd", "reject = -1", ["reject: would refuse all mail; 0 refuses none"]),
        ("rspamd", 'url = "unix:/run/rspamd"', []),
        (
            "rspamd",
            'url = "localhost:11333"',
            ['url: expected "http://host:port" or "unix:/path", not "localhost:11333"'],
        ),
        (
            "clamav",
            "junk = 4.0",
            ['junk: means nothing with kind = "clamav"'],
        ),
    ],
)
def test_a_key(tmp_path: Path, kind: str, line: str, mistakes: list[str]) -> None:
    text = f'[filters.scanner]\nkind = "{kind}"\n{line}\n[listeners.mx]\n'
    found = [each.removeprefix("5: [filters.scanner] ") for each in said(tmp_path, text)]
    assert [each.partition(", only with")[0] for each in found] == mistakes
