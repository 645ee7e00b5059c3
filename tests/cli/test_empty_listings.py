"""A listing without rows says so on standard error: silence could be a mistake as well."""

from __future__ import annotations

import pytest

from command_line import CommandLine

pytestmark = pytest.mark.usefixtures("server")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("alias list", "there are no aliases"),
        ("group list", "there are no groups"),
        ("app-password list john@example.org", "john@example.org has no app passwords"),
        ("ban list", "nobody is banned"),
        ("suppression list", "no address is suppressed"),
        ("greylist list", "no stranger has been met: a restriction list has to name greylist"),
        ("verified list", "no address has been probed"),
        ("warmup", "no source address warms up"),
        ("srs keys list", "there are no keys yet: the first forward makes one"),
        ("spam stats", "nothing has been learned yet: postroad spam learn teaches it"),
        ("spam thresholds", "no account has thresholds of its own"),
        ("dkim list", "there are no keys: postroad dkim create DOMAIN makes some"),
        ("dmarc sent", "nothing was sent, and nothing is counted"),
        ("tls-reports sent", "nothing was sent, and nothing is counted"),
    ],
)
def test_it_says_that_there_is_nothing(command_line: CommandLine, command: str, said: str) -> None:
    ran = command_line(*command.split())

    assert (ran.status, ran.out, ran.err) == (0, "", f"{said}\n")


def test_json_is_an_empty_list_and_nothing_is_said(command_line: CommandLine) -> None:
    ran = command_line("ban", "list", "--json")

    assert (ran.json, ran.err) == ([], "")


def test_to_check_keys_that_are_not_there_is_a_mistake(command_line: CommandLine) -> None:
    ran = command_line("dkim", "check", "example.net")

    assert (ran.status, ran.out) == (65, "")
    assert ran.err == "postroad: example.net has no keys: postroad dkim create example.net\n"
