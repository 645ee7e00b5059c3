"""Which border a configuration makes, and whose mail it is asked about."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from fake_dns import FakeDns
from postroad.app.border import border_of
from postroad.config import Configuration
from postroad.filters.settings import FilterSettings
from postroad.intake import Board
from postroad.intake.trace import Source
from postroad.mailauth.border import SPAM_FIELDS, Border
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.settings import AuthenticationSettings
from postroad.mailauth.spf.checking import SpfChecker
from postroad.model import Client, Login
from postroad.model.letter import Origin
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings


def border(**sections: object) -> Border | None:
    configuration = Configuration(
        hostname="Mail.Example.org", domains=(), state_directory=Path("/nowhere"), **sections
    )
    names = Resolver(DnsSettings(), lambda: 0.0, query=FakeDns({}))
    senders = SpfChecker(names, "mail.example.org", lambda: 0.0)
    running = SimpleNamespace(configuration=configuration)
    return border_of(running, names, senders, ())  # type: ignore[arg-type]


def test_there_is_one_by_default() -> None:
    made = border()
    assert made is not None
    customs = made._customs
    assert (customs.authserv_id, customs.timeout) == ("mail.example.org", 30.0)
    assert customs.skips("127.0.0.1")
    assert not customs.skips("192.0.2.1")


OFF = AuthenticationSettings(verify=False)


def test_it_can_be_switched_off() -> None:
    assert border(authentication=OFF) is None


def test_marks_of_spam_go_all_the_same() -> None:
    made = border(authentication=OFF, filters={"x": FilterSettings(kind="rspamd")})
    assert made is not None
    assert (made._customs.verifies, made._customs.removed) == (False, SPAM_FIELDS)


def test_a_name_of_its_own() -> None:
    made = border(authentication=AuthenticationSettings(id="MX.example.org"))
    assert made is not None
    assert made._customs.authserv_id == "mx.example.org"


@pytest.mark.parametrize(
    ("kind", "removed"),
    [("rspamd", SPAM_FIELDS), ("spamassassin", SPAM_FIELDS), ("clamav", frozenset())],
)
def test_what_filters_write_is_nobody_elses_to_write(kind: str, removed: frozenset[str]) -> None:
    dmarc = DmarcSettings(enforce=False)  # which marks mail as well
    made = border(dmarc=dmarc, filters={"x": FilterSettings(kind=kind)})  # type: ignore[arg-type]
    assert made is not None
    assert made._customs.removed == removed


@pytest.mark.parametrize("name", ["", "two words", "a;b", "x\r\ny"])
def test_a_name_that_is_none(name: str) -> None:
    if not name:
        assert AuthenticationSettings(id=name).id == ""
        return
    with pytest.raises(ValueError, match="no name"):
        AuthenticationSettings(id=name)


JOHN = Login("john@example.org", "PLAIN")


@pytest.mark.parametrize(
    ("origin", "login", "idle"),
    [
        (Origin.OUTSIDE, None, False),
        (Origin.OURS, JOHN, False),
        (Origin.OURS, None, True),
        (Origin.NEIGHBOUR, None, True),
        (Origin.MADE, None, True),
    ],
)
def test_mail_that_it_has_nothing_to_say_of_costs_nothing(
    origin: Origin, login: Login | None, idle: bool
) -> None:
    made = border()
    assert made is not None
    source = Source("smtpd", Client("192.0.2.1", 1), "mx", "ESMTP", None, login, origin=origin)
    assert Board(first=(made,), strangers_only=True).is_idle(source) is idle
    assert not Board(last=(made,), strangers_only=True).is_idle(source)
    assert Board().is_idle(source)
