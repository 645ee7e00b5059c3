"""What can be wrong with filters, each told with its line and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.filters.settings import KEYS_OF_KIND, FilterSettings

START = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'


def said(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "postroad.toml"
    file.write_text(START + text)
    try:
        load(file, examine_files=False)
    except ConfigurationError as error:
        return [str(each).removeprefix(f"{file}:") for each in error.mistakes]
    return []


FILTER = '[filters.scanner]\nkind = "clamav"\n'


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (f"{FILTER}[listeners.mx]\n", []),
        (f'{FILTER}[listeners.mx]\nfilters = ["scanner"]\n', []),
        (f"{FILTER}[listeners.mx]\nfilters = []\n", []),
        (
            f'{FILTER}[listeners.mx]\nfilters = ["scaner"]\n',
            ['6: [listeners.mx] filters: there is no filter "scaner"; did you mean "scanner"?'],
        ),
        (
            f'{FILTER}[listeners.mx]\nfilters = ["scanner", "scanner"]\n',
            ["6: [listeners.mx] filters: scanner is listed twice"],
        ),
        (
            f'{FILTER}[sendmail]\nfilters = ["x"]\n[listeners.mx]\n',
            ['6: [sendmail] filters: there is no filter "x"'],
        ),
        (
            '[filters.scanner]\nkind = "clamd"\n[listeners.mx]\n',
            [
                (
                    "4: [filters.scanner] kind: expected one of milter, spamassassin, rspamd, "
                    'clamav, builtin, python, not "clamd"; did you mean clamav?'
                )
            ],
        ),
        (
            '[filters.scanner]\nkind = "clamav"\non_failure = "tempfail"\n[listeners.mx]\n',
            [
                (
                    "5: [filters.scanner] on_failure: expected one of defer, accept, reject, hold, "
                    'not "tempfail"'
                )
            ],
        ),
        (
            f"{FILTER}timeout = 0\n[listeners.mx]\n",
            ["5: [filters.scanner] timeout: is less than a second"],
        ),
        (
            f"{FILTER}mail = []\n[listeners.mx]\n",
            [
                (
                    "5: [filters.scanner] mail: leaves it nothing to look at: take the filter out "
                    "instead"
                )
            ],
        ),
        (
            f'{FILTER}mail = ["ours", "ours"]\n[listeners.mx]\n',
            ["5: [filters.scanner] mail: ours is listed twice"],
        ),
        (
            f"{FILTER}max_sice = 5\n[listeners.mx]\n",
            ["5: [filters.scanner] max_sice: unknown key; did you mean max_size?"],
        ),
        (
            '[filters."a b"]\nkind = "clamav"\n[listeners.mx]\n',
            ["3: [filters.a b]: expected a name of letters, digits, - and _"],
        ),
        (
            "[filters.scanner]\n[listeners.mx]\n",
            ["3: [filters.scanner] kind: is required"],
        ),
        (
            '[filters.spam]\nkind = "builtin"\nlearn = "users"\n[listeners.mx]\n',
            [
                (
                    "5: [filters.spam] learn: expected one of no, user, both, site, "
                    'not "users"; did you mean user?'
                )
            ],
        ),
        (
            '[filters.spam]\nkind = "builtin"\nlearn_every = 0.1\n[listeners.mx]\n',
            ["5: [filters.spam] learn_every: is less than a second"],
        ),
        (
            '[mailbox]\ntrash_folders = ["../x"]\n[listeners.mx]\n',
            ["4: [mailbox] trash_folders: it cannot be the name of a folder"],
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, mistakes: list[str]) -> None:
    assert said(tmp_path, text) == mistakes


def test_a_key_of_another_kind_is_a_mistake(tmp_path: Path) -> None:
    common = {"kind", "on_failure", "timeout", "max_size", "mail"}
    own = {key: kinds_of(key) for keys in KEYS_OF_KIND.values() for key in keys}
    assert not common & own.keys()
    assert own.keys() | common == FilterSettings.__dataclass_fields__.keys()


def kinds_of(key: str) -> list[str]:
    return [kind for kind, keys in KEYS_OF_KIND.items() if key in keys]
