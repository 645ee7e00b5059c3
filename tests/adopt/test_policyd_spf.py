"""policyd-spf's file becomes `[spf]`, and who asked it asks `check_spf`."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.adopt.finding import Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan
from postroad.adopt.policyd_spf import adopt_policyd_spf, is_policyd_spf

USUAL = "/etc/postfix-policyd-spf-python/policyd-spf.conf"


def adopted(folder: Path, text: str | None, command: str = "/usr/bin/policyd-spf") -> Plan:
    plan, files = Plan(folder / "new"), OldFiles(folder)
    words = command.split()
    if text is not None:
        place = folder / (words[-1] if len(words) > 1 else USUAL).lstrip("/")
        place.parent.mkdir(parents=True)
        place.write_text(text)
    adopt_policyd_spf(plan, files, command)
    return plan


def said(plan: Plan) -> dict[str, object]:
    return {".".join(path): setting.value for path, setting in plan.settings.items()}


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("/usr/bin/policyd-spf", True),
        ("policyd-spf /etc/spf.conf", True),
        ("/usr/bin/python3 /usr/bin/policyd-spf", True),
        ("/usr/lib/postfix/greylist", False),
        ("/usr/bin/logger policyd-spf-notes", False),
        ("", False),
    ],
)
def test_which_program_it_is(command: str, found: bool) -> None:
    assert is_policyd_spf(command) is found


def test_debians_file(tmp_path: Path) -> None:
    plan = adopted(
        tmp_path,
        "#  a comment\ndebugLevel = 1 \nTestOnly = 1\n\n"
        "HELO_reject = Fail\nMail_From_reject = Fail\n"
        "PermError_reject = False\nTempError_Defer = False\n"
        "skip_addresses = 127.0.0.0/8,::ffff:127.0.0.0/104,::1\n",
    )
    assert said(plan) == {
        "spf.helo_reject": "fail",
        "spf.mail_from_reject": "fail",
        "spf.permerror_reject": False,
        "spf.temperror_defer": False,
        "spf.skip_addresses": ["127.0.0.0/8", "::1/128"],
    }
    assert not any(each.serious for each in plan.findings)


def test_every_setting(tmp_path: Path) -> None:
    plan = adopted(
        tmp_path,
        "HELO_reject = Null # only bounces\nMail_From_reject = SPF_Not_Pass\n"
        "PermError_reject = True\nTempError_Defer = True\n"
        "skip_addresses = 127.0.0.0/8\nWhitelist = 192.0.2.1, 2001:db8::/32\n"
        "Domain_Whitelist = lists.test, forwards.test\nHELO_Whitelist = mx.test\n",
        "/usr/bin/policyd-spf /etc/own.conf",
    )
    assert said(plan) == {
        "spf.helo_reject": "null",
        "spf.mail_from_reject": "not_pass",
        "spf.permerror_reject": True,
        "spf.temperror_defer": True,
        "spf.skip_addresses": ["127.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"],
        "spf.domain_whitelist": ["lists.test", "forwards.test"],
        "spf.helo_whitelist": ["mx.test"],
    }


def test_one_that_only_looked(tmp_path: Path) -> None:
    plan = adopted(tmp_path, "Mail_From_reject = Fail\nTestOnly = 0\n")
    assert said(plan) == {"spf.mail_from_reject": "never", "spf.helo_reject": "never"}


@pytest.mark.parametrize(
    ("line", "verdict", "serious"),
    [
        ("Reject_Not_Pass_Domains = aol.test", Verdict.UNSUPPORTED, True),
        ("No_Mail = True", Verdict.UNSUPPORTED, True),
        ("No_Mail = False", Verdict.NOT_NEEDED, False),
        ("Header_Type = AR", Verdict.NOT_NEEDED, False),
        ("Mail_From_reject = Perhaps", Verdict.UNSUPPORTED, True),
        ("Whitelist = here", Verdict.UNSUPPORTED, True),
        ("Domain_Whitelist = a..b", Verdict.UNSUPPORTED, True),
        ("Colour = blue", Verdict.UNSUPPORTED, False),
    ],
)
def test_what_has_no_counterpart(
    tmp_path: Path, line: str, verdict: Verdict, serious: bool
) -> None:
    (finding,) = adopted(tmp_path, line + "\n").findings
    assert (finding.verdict, finding.serious) == (verdict, serious)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert said(adopted(tmp_path, None)) == {}


def test_a_list_beside_the_default(tmp_path: Path) -> None:
    plan = adopted(tmp_path, "Whitelist = 192.0.2.1\n")
    assert said(plan) == {"spf.skip_addresses": ["127.0.0.0/8", "192.0.2.1/32", "::1/128"]}
