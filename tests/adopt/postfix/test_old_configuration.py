"""main.cf and master.cf: lines, parameters and services."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.adopt.postfix.logical_lines import logical_lines
from postroad.adopt.postfix.main_cf import MainCf, words_of
from postroad.adopt.postfix.master_cf import MasterCf

FILE = Path("/etc/postfix/main.cf")


def test_lines_that_go_on_keep_the_number_of_their_first() -> None:
    text = "  lost\n# comment\na = 1\n\n  # within\n  2\n\t3\nb = x\n \n"
    assert [(line.number, line.text) for line in logical_lines(text)] == [
        (3, "a = 1  2\t3"),
        (8, "b = x"),
    ]


def test_the_last_of_two_lines_counts_and_a_line_without_a_sign_is_a_mistake() -> None:
    main = MainCf.read(FILE, "a = 1\nb\na = 2\nc d = 3\n")
    assert main.value("a") == "2"
    assert [line for line, _ in main.mistakes] == [2, 4]
    assert [(each.name, each.line) for each in main.written] == [("a", 3)]


def test_a_service_sees_its_own_options_over_the_rest() -> None:
    main = MainCf.read(FILE, "mua = permit\nlist = reject\n")
    master = MasterCf.read(
        FILE,
        "submission inet n - y - - smtpd -v\n"
        "  -o list=$mua,reject -osyslog_name=postfix/$service_name\n"
        "  -o { banner = a b }\n",
    )
    service = master.services[0]
    seen = main.over(service.options)
    assert seen.value("list") == "permit,reject"
    assert seen.value("syslog_name") == "postfix/submission"
    assert seen.value("banner") == "a b"
    assert service.flags == ("-v",)
    assert main.value("list") == "reject"


def test_the_command_of_a_pipe_keeps_its_own_options() -> None:
    text = "spam unix - n n - 3 pipe\n  user=x argv=/bin/spamc -f -e /usr/sbin/sendmail -oi\n"
    service = MasterCf.read(FILE, text).services[0]
    assert service.arguments == (
        *("user=x", "argv=/bin/spamc", "-f", "-e"),
        *("/usr/sbin/sendmail", "-oi"),
    )
    assert (service.maxproc, service.chroot, service.options) == (3, False, {})


def test_a_line_of_too_few_columns_is_a_mistake_and_the_rest_is_read() -> None:
    master = MasterCf.read(FILE, "smtp inet n\nretry unix - - y - - error\n")
    assert [line for line, _ in master.mistakes] == [1]
    assert master.named("retry") is not None
    assert master.named("retry", "inet") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" a, b\tc ,, d", ["a", "b", "c", "d"]),
        ("x { inet:a, timeout = 3 } y", ["x", "{ inet:a, timeout = 3 }", "y"]),
        ("inline:{a=b, {c = d e}}", ["inline:{a=b, {c = d e}}"]),
    ],
)
def test_words_stay_together_in_braces(text: str, words: list[str]) -> None:
    assert words_of(text) == words
