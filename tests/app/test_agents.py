from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.app.agents import PER_WORKER, start_agents, terms_of
from postroad.app.mailboxes import owner_of, storing_of
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.config.owners import owners_are_wanted
from postroad.directory import Place
from postroad.directory.domain_settings import DomainSettings
from postroad.directory.names import domain_form
from postroad.directory.source_settings import SourceSettings
from postroad.filters.settings import FilterSettings
from postroad.mailbox.agent.broker import Terms
from postroad.mailbox.owners import HIGHEST, OWN_GROUP, Owner
from postroad.mailbox.settings import MailboxSettings

PLAIN = Configuration(
    hostname="mail.example.org",
    domains=("example.org",),
    state_directory=Path("/var/lib/postroad"),
    mailbox=MailboxSettings(path="/var/vmail/%d/%n"),
)
FILES = {"old": SourceSettings(kind="files", passwd=Path("/etc/users"))}
TWO = {
    "one.test": DomainSettings(mail_user="201", mail_group="202"),
    "ZWÖ.test": DomainSettings(mail_user="203"),
}
LMTP = MailboxSettings(transport="lmtp:unix:/run/lmtp")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, False),
        ({"directories": FILES}, True),
        ({"directories": FILES, "mailbox": MailboxSettings(uids=())}, False),
        ({"directories": FILES, "mailbox": LMTP}, False),
        ({"domain": TWO}, True),
        ({"domain": {"one.test": DomainSettings()}}, False),
        ({"mailbox": MailboxSettings(user="daemon")}, True),
        ({"mailbox": MailboxSettings(user="postroad")}, False),
        ({"mailbox": LMTP, "domain": {"a.test": DomainSettings(transport="maildir")}}, False),
        (
            {
                "mailbox": LMTP,
                "domain": {"a.test": DomainSettings(transport="maildir", mail_user="daemon")},
            },
            True,
        ),
    ],
)
def test_who_needs_agents(changes, wanted):
    assert owners_are_wanted(replace(PLAIN, **changes)) is wanted


def test_who_needs_none_starts_none():
    assert start_agents(PLAIN, 2) is None


def test_terms_hold_what_the_file_names_besides_its_ranges():
    terms = terms_of(replace(PLAIN, domain=TWO), 3)
    every = ((500, HIGHEST),)
    assert terms == Terms(
        (*every, (201, 201), (203, 203)), (*every, (202, 202)), ("/var/vmail",), 3 * PER_WORKER
    )
    assert Terms.parse(terms.text()) == terms


@pytest.mark.parametrize(
    ("filters", "junk", "looked_into"),
    [
        ({}, "Junk", ""),
        ({"a": FilterSettings(kind="builtin")}, "Junk", "Junk"),
        ({"a": FilterSettings(kind="builtin")}, "Spam.New", "Spam.New"),
        ({"a": FilterSettings(kind="builtin")}, "", ""),
        ({"a": FilterSettings(kind="builtin", learn="no")}, "Junk", ""),
    ],
)
def test_agents_read_nothing_unless_somebody_learns(filters, junk, looked_into):
    mailbox = replace(PLAIN.mailbox, junk_folder=junk)
    terms = terms_of(replace(PLAIN, filters=filters, mailbox=mailbox), 1)
    assert terms.junk == looked_into
    assert Terms.parse(terms.text()) == terms


def test_a_name_that_nobody_has_allows_nobody():
    mailbox = MailboxSettings(uids=("no-such-user", "700"))
    assert terms_of(replace(PLAIN, mailbox=mailbox), 1).uids == ((700, 700),)


def test_a_reload_tells_what_only_a_restart_takes():
    fresh = PLAIN
    running = Running(PLAIN, lambda: fresh)
    assert running.reload() == ()
    running.agents = _Agents(terms_of(PLAIN, running.workers))
    assert running.reload() == ()
    fresh = replace(PLAIN, mailbox=replace(PLAIN.mailbox, uids=("600-",)))
    assert running.reload() == ("who may own mail, and the roots of it",)
    fresh = replace(PLAIN, filters={"a": FilterSettings(kind="builtin")})
    assert running.reload() == (
        "whether what other owners of mail move is learned, and from which folder",
    )


class _Agents:
    def __init__(self, terms):
        self.terms = terms


def test_owners_by_domain_and_what_is_said_without_agents():
    configuration = replace(PLAIN, domain=TWO)
    whose = owner_of(configuration, has_agents=True)
    assert whose("a@one.test", Place()) == Owner(201, 202)
    assert whose(f"a@{domain_form('zwö.test')}", Place()) == Owner(203, OWN_GROUP)
    assert whose("a@example.org", Place()) is None
    assert whose("a@example.org", Place(uid=7)) is None
    assert owner_of(configuration, has_agents=False)("a@one.test", Place()) is None


def test_a_user_for_all_mail_is_a_fault_only_where_nobody_writes_for_others():
    configuration = replace(PLAIN, mailbox=MailboxSettings(user="daemon", group="daemon"))
    found = storing_of(configuration, None, has_agents=True)
    assert found.fault == ""
    if os.geteuid():
        found = storing_of(configuration, None)
        assert "start it as root" in found.fault
