"""Which listeners are said to take mail for recipients that nobody has."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import load
from postroad.config.backscatter import careless_listeners

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\nstate_directory = "state"\n'
# In the texts @ stands for reject_unlisted_recipient = false.
TABLE = "check_recipient_access inline:{john=OK}"


@pytest.mark.parametrize(
    ("text", "careless"),
    [
        ("[listeners.mx]", []),
        ("[listeners.mx.policy]\nrecipient = []", []),
        ("[listeners.mx.policy]\n@recipient = []", ["mx"]),
        (
            '[listeners.mx.policy]\n@recipient = ["permit_mynetworks reject_unauth_destination"]',
            ["mx"],
        ),
        (
            '[listeners.mx.policy]\n@recipient = ["permit_mynetworks, reject_unlisted_recipient"]',
            [],
        ),
        (
            '[listeners.mx.policy]\n@recipient = ["reject_unverified_recipient"]',
            [],
        ),
        (
            f'[listeners.mx.policy]\n@recipient = ["{TABLE}, reject"]',
            [],
        ),
        (
            (
                '[listeners.mx.policy]\n@recipient = []\nrelay = ["reject_unauth_destination",'
                ' "reject_unlisted_recipient"]'
            ),
            [],
        ),
        (
            (
                '[policy.classes]\nknown = ["reject_unlisted_recipient"]\n'
                '[listeners.mx.policy]\n@recipient = ["known"]'
            ),
            [],
        ),
        ("[listeners.submission.policy]\n@recipient = []", []),
        (
            (
                '[listeners.other]\npreset = "mx"\nbind = [":2525"]\n'
                "[listeners.other.policy]\n@recipient = []"
            ),
            ["other"],
        ),
    ],
)
def test_careless_listeners(tmp_path: Path, text: str, careless: list[str]) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + text.replace("@", "reject_unlisted_recipient = false\n"))

    assert list(careless_listeners(load(file, examine_files=False))) == careless
