"""What milters of an old Postfix become."""

from __future__ import annotations

from pathlib import Path

import pytest

from adopt.postfix.test_translation import make, said
from postroad.adopt.finding import Verdict
from postroad.filters.settings import FilterSettings

MILTERS = "smtpd_milters = inet:localhost:11332, unix:opendmarc/opendmarc.sock\n"


def test_they_become_filters_and_lists_of_listeners(tmp_path: Path) -> None:
    main = MILTERS + (
        "non_smtpd_milters = inet:localhost:11332\nmilter_default_action = accept\n"
        "milter_protocol = 4\nmilter_command_timeout = 10s\nmilter_content_timeout = 2m\n"
        "milter_mail_macros = i {mail_addr}\nmilter_macro_v = Postfix\n"
    )
    options = (
        "  -o smtpd_milters=inet:localhost:11332\n"
        "  -o milter_macro_daemon_name=ORIGINATING\n"
        "  -o smtpd_tls_security_level=encrypt\n  -o smtpd_sasl_auth_enable=yes\n"
    )

    made = make(tmp_path, main, options)
    found = made.written.configuration

    common = FilterSettings(
        kind="milter",
        on_failure="accept",
        timeout=120.0,
        socket="inet:localhost:11332",
        protocol=4,
        command_timeout=10.0,
        macros={"mail": ("i", "{mail_addr}")},
        macro_values={"v": "Postfix"},
    )
    assert found.filters["rspamd"] == common
    assert found.filters["opendmarc"].socket == ("unix:/var/spool/postfix/opendmarc/opendmarc.sock")
    assert found.listeners["mx"].filters is None  # all of them
    assert found.listeners["submission"].filters == ("rspamd",)
    assert found.sendmail.filters == ("rspamd",)
    assert found.listeners["submission"].milter_macro_daemon_name is None  # the preset's
    about = [each for each in made.findings if "milter" in each.setting]
    assert {each.verdict for each in about} == {Verdict.TRANSLATED}


@pytest.mark.parametrize(
    ("milter", "settings"),
    [
        ("{ inet:localhost:99, default_action=quarantine, connect_timeout=5s }", ("hold", 5.0)),
        ("inet:localhost:99", ("defer", 30.0)),
    ],
)
def test_settings_of_one(tmp_path: Path, milter: str, settings: tuple[str, float]) -> None:
    made = make(tmp_path, f"smtpd_milters = {milter}\n").written.configuration
    (found,) = made.filters.values()

    assert (found.on_failure, found.connect_timeout) == settings
    assert found.timeout == 300.0
    assert made.sendmail.filters == ()


def test_an_own_name_stays(tmp_path: Path) -> None:
    options = "  -o milter_macro_daemon_name=users\n"
    made = make(tmp_path, MILTERS, options).written.configuration

    assert made.listeners["submission"].milter_macro_daemon_name == "users"


def test_no_milters_is_none(tmp_path: Path) -> None:
    options = "  -o receive_override_options=no_milters\n"
    made = make(tmp_path, MILTERS, options).written.configuration

    assert made.listeners["submission"].filters == ()


def test_an_opendkim_whose_keys_are_taken_over_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "root/etc"
    folder.mkdir(parents=True)
    (folder / "opendkim.conf").write_text("KeyFile /etc/dkim.key\nSocket inet:8891@localhost\n")

    result = make(tmp_path, "smtpd_milters = inet:127.0.0.1:8891\n")

    assert result.written.configuration.filters == {}
    assert any(
        each.verdict is Verdict.NOT_NEEDED and "keys sign here" in each.words
        for each in said(result, "smtpd_milters")
    )


def test_who_verifies_as_we_do_is_named(tmp_path: Path) -> None:
    result = make(tmp_path, MILTERS)

    todos = [each.todo for each in said(result, "smtpd_milters")]
    assert [bool(todo) for todo in todos] == [False, True]
    assert "verify = false" in todos[1]


def test_a_session_that_would_be_ended_is_not(tmp_path: Path) -> None:
    result = make(tmp_path, f"{MILTERS}milter_default_action = shutdown\n")

    assert {each.on_failure for each in result.written.configuration.filters.values()} == {"defer"}
    (found,) = said(result, "milter_default_action")
    assert "the session is not ended" in found.words
