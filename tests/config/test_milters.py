"""What can be wrong with a milter in the configuration, each told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load

START = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n[listeners.mx]\n'
MILTER = '[filters.scan]\nkind = "milter"\n'
SOCKET = 'socket = "unix:/run/scan"\n'


def said(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "postroad.toml"
    file.write_text(START + text)
    try:
        load(file, examine_files=False)
    except ConfigurationError as error:
        return [str(each).removeprefix(f"{file}:") for each in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (MILTER + SOCKET, []),
        (f'{MILTER}{SOCKET}macros = {{mail = ["i", "{{auth_type}}"]}}\n', []),
        (f'{MILTER}{SOCKET}macro_values = {{"{{team}}" = "red"}}\n', []),
        (MILTER, ['4: [filters.scan] socket: is required: "unix:/path" or "inet:host:port"']),
        (
            f'{MILTER}socket = "unix:run/scan"\n',
            [
                (
                    '6: [filters.scan] socket: expected an absolute path after "unix:", '
                    'not "unix:run/scan"'
                )
            ],
        ),
        (
            f'{MILTER}socket = "localhost:8891"\n',
            [
                (
                    '6: [filters.scan] socket: expected "unix:/path" or "inet:host:port", '
                    'not "localhost:8891"'
                )
            ],
        ),
        (
            f"{MILTER}{SOCKET}protocol = 7\n",
            ["7: [filters.scan] protocol: expected a version from 2 to 6"],
        ),
        (
            f"{MILTER}{SOCKET}command_timeout = 0\n",
            ["7: [filters.scan] command_timeout: is less than a second"],
        ),
        (
            f'{MILTER}{SOCKET}[filters.scan.macros]\nhello = ["i"]\n',
            [
                (
                    "8: [filters.scan.macros] hello: macros are told at connect, helo, mail, rcpt, "
                    "data, end_of_header, end_of_message, unknown_command; did you mean helo?"
                )
            ],
        ),
        (
            f'{MILTER}{SOCKET}[filters.scan.macros]\nmail = ["auth_type"]\n',
            [
                (
                    '8: [filters.scan.macros] mail: expected a macro such as "i" or '
                    '"{daemon_name}", not "auth_type"'
                )
            ],
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, mistakes: list[str]) -> None:
    assert said(tmp_path, text) == mistakes


@pytest.mark.parametrize(
    ("listener", "name"),
    [
        ("[listeners.mx]\n", ""),
        ("[listeners.submission]\n", "ORIGINATING"),
        ("[listeners.submissions]\n", "ORIGINATING"),
        ('[listeners.submission]\nmilter_macro_daemon_name = "users"\n', "users"),
        ('[listeners.mx]\nmilter_macro_daemon_name = "ORIGINATING"\n', "ORIGINATING"),
    ],
)
def test_what_milters_are_told_that_a_listener_is_called(
    tmp_path: Path, listener: str, name: str
) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(START.replace("[listeners.mx]\n", "") + listener)

    (resolved,) = load(file, examine_files=False).resolved_listeners

    assert resolved.daemon_name == name
