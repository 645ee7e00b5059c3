"""What an operator may write into `[rates]`, and what the mistakes in it are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.limits.settings import RateSettings

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n[listeners.mx]\n'
RIGHT = {"count": '"messages"', "per": '"user"', "limit": "500", "window": '"1d"'}


def configured(folder: Path, **changes: str) -> Path:
    table = {key: value for key, value in (RIGHT | changes).items() if value}
    file = folder / "postroad.toml"
    file.write_text(f"{HEAD}[rates.x]\n" + "".join(f"{k} = {v}\n" for k, v in table.items()))
    return file


def test_a_rate_is_read(tmp_path: Path) -> None:
    file = configured(tmp_path, listeners='["mx"]')
    assert load(file, examine_files=False).rates == {
        "x": RateSettings(
            count="messages", per="user", limit=500, window=86_400.0, listeners=("mx",)
        )
    }


@pytest.mark.parametrize(
    ("changes", "line", "said"),
    [
        ({"limit": "0"}, 7, "limit: expected at least 1, not 0; without a limit, leave [rates.x]"),
        ({"limit": "-5"}, 7, "limit: expected at least 1, not -5"),
        ({"limit": "2_000_000_000"}, 7, "limit: expected a number from 1 to 1_000_000_000"),
        ({"window": "0"}, 8, 'window: expected a duration from "1s" to "31d"'),
        ({"window": '"32d"'}, 8, 'window: expected a duration from "1s" to "31d"'),
        ({"listeners": '["mx", "submision"]'}, 9, "listeners: there is no [listeners.submision]"),
        ({"listeners": '["mxx"]'}, 9, "there is no [listeners.mxx]; did you mean mx?"),
        ({"count": '"mesages"'}, 5, "did you mean messages?"),
        ({"per": '"users"'}, 6, "did you mean user?"),
        ({"count": '"logins"'}, 6, "per: logins are counted per client or per network"),
        ({"count": '"tls_sessions"', "per": '"sender"'}, 6, "per: tls_sessions are counted per"),
        ({"count": '"bytes"', "limit": "1_000_000"}, 7, "less than one message may have"),
        ({"per": ""}, 4, "per: is required"),
        ({"windows": "5"}, 9, "windows: unknown key; did you mean window?"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, changes: dict[str, str], line: int, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(configured(tmp_path, **changes), examine_files=False)
    words = [str(each) for each in raised.value.mistakes]
    assert len(words) == 1
    assert said in words[0]
    assert f"postroad.toml:{line}: " in words[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("smtpd_client_recipient_rate_limit = 50", "[rates.NAME]"),
        ("smtpd_recipient_limit = 5", "[limits] recipients"),
        ("anvil_rate_time_unit = 60", "[rates.NAME] window"),
    ],
)
def test_postfix_names_are_known(tmp_path: Path, written: str, meant: str) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(f"{written}\n{HEAD}")
    with pytest.raises(ConfigurationError, match="unknown key; did you mean") as raised:
        load(file, examine_files=False)
    assert meant in str(raised.value)


def test_grants_are_of_addresses(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(f'{HEAD}[login]\nsend_as = {{ "john@example.org" = ["example.net"] }}\n')
    with pytest.raises(ConfigurationError) as raised:
        load(file, examine_files=False)
    assert 'expected an account such as "john@example.org" or "*@example.org"' in str(raised.value)
