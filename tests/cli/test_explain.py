"""`postroad explain`: what would be said, without a server and without a trace."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from command_line import CommandLine, Ran
from postroad.delivery.verified import VERIFIED
from postroad.limits.greylist_file import GREYLIST, Stranger, Triplet, put_stranger
from postroad.limits.state_file import open_file

STRANGER = ("--client", "192.0.2.7", "--name", "mx.b.test")
USER = ("--client", "192.0.2.7", "--name", "unknown", "--login", "john@example.org", "--tls")
JOHN, AWAY = ("--to", "john@example.org"), ("--to", "lisa@elsewhere.test")
FROM = ("--from", "a@b.test")
HOST = "mail.example.org"
UNKNOWN = "Recipient address rejected: User unknown in virtual mailbox table"
NOT_OWNED = "Sender address rejected: not owned by user john@example.org"


def configure(server: Path, more: str) -> None:
    """Lists and other settings, in place of the listeners that `init` writes."""
    text = (server / "postroad.toml").read_text()
    head = text[: text.index("[listeners.mx]")]
    (server / "postroad.toml").write_text(f"{head}\n{more}\n")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file with its content."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def answers(ran: Ran) -> list[str]:
    """The last line of each answer."""
    return [each["answer"][-1] for each in ran.json["exchanges"]]


@pytest.mark.parametrize(
    ("words", "status", "last"),
    [
        ((*STRANGER, *FROM, *JOHN), 0, "250 2.1.5 Ok"),
        (
            (*STRANGER, *FROM, *AWAY),
            1,
            "554 5.7.1 <lisa@elsewhere.test>: Relay access denied",
        ),
        (
            (*STRANGER, *FROM, "--to", "nobody@example.org"),
            1,
            f"550 5.1.1 <nobody@example.org>: {UNKNOWN}",
        ),
        ((*STRANGER, *JOHN, "--data"), 0, "250 2.0.0 Ok: queued as QUEUE-ID"),
        ((*STRANGER, "--to", "Postmaster"), 0, "250 2.1.5 Ok"),
        ((*STRANGER, "--from", "a b@c", *JOHN), 1, "501 5.1.7 Bad sender address syntax"),
        (
            (*STRANGER, *JOHN, "--size", "99999999999"),
            1,
            "552 5.3.4 Message size exceeds fixed limit",
        ),
        ((*USER, *AWAY), 0, "250 2.1.5 Ok"),
        ((*USER, *AWAY, "--data", "--size", "200000"), 0, "250 2.0.0 Ok: queued as QUEUE-ID"),
        (
            (*USER, "--from", "boss@example.org", *AWAY),
            1,
            f"553 5.7.1 <boss@example.org>: {NOT_OWNED}",
        ),
        (
            (*USER[:-1], "--listener", "submission", *AWAY),
            1,
            "530 5.7.0 Must issue a STARTTLS command first",
        ),
        (
            (*STRANGER, "--listener", "submission", *FROM, *AWAY),
            1,
            "530 5.7.0 Must issue a STARTTLS command first",
        ),
        (
            (*STRANGER, "--listener", "submission", "--tls", *FROM, *AWAY),
            1,
            "554 5.7.1 <mx.b.test[192.0.2.7]>: Client host rejected: Access denied",
        ),
        (
            (*USER, "--listener", "mx", *AWAY),
            1,
            "503 5.5.1 Error: authentication not enabled",
        ),
        ((*USER[:-1], "--listener", "submissions", *AWAY), 0, "250 2.1.5 Ok"),
        (("--client", "127.0.0.1", *FROM, *AWAY), 0, "250 2.1.5 Ok"),
        (
            (*STRANGER, "--etrn", "example.net"),
            1,
            "459 4.7.1 <example.net>: service not available",
        ),
    ],
)
def test_the_presets(
    command_line: CommandLine, server: Path, words: Sequence[str], status: int, last: str
) -> None:
    before = tree(server)
    ran = command_line("explain", *words, "--json")
    if "--etrn" in words:
        assert answers(ran)[-1].startswith(("458", "459", "502"))
    else:
        assert answers(ran)[-1] == last
    assert ran.status == (75 if answers(ran)[-1].startswith("4") else status)
    assert ran.json["accepted"] is (ran.status == 0)
    assert tree(server) == before
    assert command_line("explain", *words).status == ran.status


def test_in_words(command_line: CommandLine, server: Path) -> None:
    ran = command_line("explain", *STRANGER, *FROM, *AWAY, *JOHN)
    assert ran.lines[:3] == [
        "Listener mx (:25), preset mx",
        "  Client: 192.0.2.7, mx.b.test",
        "          not logged in, not in trusted_networks, not encrypted",
    ]
    assert "C: EHLO mx.b.test" in ran.lines
    assert "        permit_mynetworks has no opinion: the client is not in trusted_networks" in (
        ran.lines
    )
    assert "          asked directory: is elsewhere.test local: no" in ran.lines
    at = ran.lines.index("S: 554 5.7.1 <lisa@elsewhere.test>: Relay access denied")
    assert ran.lines[at + 1].startswith("   What to do: elsewhere.test is not a domain")
    assert "Outcome: 1 refused, the rest accepted" in ran.lines
    assert f"<john@example.org>: to the mailbox of john@example.org, {server}/state/" in ran.out
    assert "were not counted, and nobody was told" in ran.lines[-1]


def test_it_helps_itself_where_words_are_left_out(command_line: CommandLine, server: Path) -> None:
    found = command_line("explain", *USER, *AWAY, "--json").json
    assert found["listener"] == "submission"
    assert "MAIL FROM:<john@example.org>" in [each["said"] for each in found["exchanges"]]
    found = command_line("explain", "--client", "2001:db8::1", "--name", "unknown", *JOHN, "--json")
    said = [each["said"] for each in found.json["exchanges"]]
    assert said[1:3] == ["EHLO [IPv6:2001:db8::1]", "MAIL FROM:<>"]
    assert "no --from: the sender is the null sender" in (
        command_line("explain", *STRANGER, *JOHN).out
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*STRANGER,), "say to whom it writes"),
        (("--client", "192.0.2.300", *JOHN), '"192.0.2.300"'),
        (("--client", "192.0.2.7", "--name", "a b", *JOHN), "--name: expected a host name"),
        ((*STRANGER, "--to", "a@b\r\nDATA"), "cannot be said in an SMTP command"),
        ((*STRANGER, "--helo", "\x1b[2J", *JOHN), "cannot be said in an SMTP command"),
        ((*STRANGER, "--from", "x" * 2000, *JOHN), "cannot be said in an SMTP command"),
        ((*STRANGER, *JOHN, "--listener", "submision"), "did you mean submission?"),
        ((*STRANGER, *JOHN, "--listener", "zzz"), "there are mx, submission, submissions"),
        ((*STRANGER, *JOHN, "--ccert", "abc"), "64 hexadecimal digits"),
    ],
)
def test_words_that_make_no_question(
    command_line: CommandLine, server: Path, words: Sequence[str], said: str
) -> None:
    ran = command_line("explain", *words)
    assert ran.status == 64
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert "\x1b" not in ran.err


def test_who_cannot_log_in(command_line: CommandLine, server: Path) -> None:
    words = ["explain", "--client", "192.0.2.7", "--name", "unknown", "--tls", *AWAY, "--login"]
    nobody = command_line(*words, "nobody@example.org")
    assert "nobody@example.org is no account here: postroad user add" in nobody.out
    assert "S: 535 5.7.8 Error: authentication failed: wrong name or password" in nobody.lines
    command_line("user", "disable", "john@example.org")
    assert "john@example.org is disabled and cannot log in" in (
        command_line(*words, "john@example.org").out
    )


def test_a_login_in_an_alias_domain_is_added_where_it_leads(
    command_line: CommandLine, server: Path
) -> None:
    command_line("domain", "add", "example.de", "--alias-of", "example.org")
    words = ["explain", "--client", "192.0.2.7", "--name", "unknown", "--tls", *AWAY, "--login"]
    said = " ".join(command_line(*words, "me@example.de").out.split())
    advice = "postroad user add me@example.org"
    assert f"me@example.de stands for me@example.org, which is no account here: {advice}" in said


def test_who_is_frozen_or_banned(command_line: CommandLine, server: Path) -> None:
    command_line("user", "freeze", "john@example.org", "--reason", "it sent too much")
    ran = command_line("explain", *USER, *AWAY)
    assert ran.status == 75
    assert "john@example.org is frozen since" in ran.out
    assert "it sent too much" in ran.out
    assert "S: 450 4.7.13 Error: sending from john@example.org is suspended" in ran.out
    command_line("ban", "add", "192.0.2.0/24")
    command_line("ban", "add", "john@example.org")
    ran = command_line("explain", *STRANGER, *JOHN, "--json")
    assert answers(ran) == [f"421 4.7.0 {HOST} Error: no service for 192.0.2.7 at this time"]
    elsewhere = [word.replace("192.0.2.7", "192.0.3.7") for word in USER]
    assert "john@example.org is banned" in command_line("explain", *elsewhere, *AWAY).out


# What nobody is asked ---------------------------------------------------------------------------

ASKING = """
[listeners.mx.policy]
sender = ["reject_unverified_sender"]
recipient = ["check_policy_service unix:/nowhere/service", "sleep 300"]
end_of_data = ["check_policy_service unix:/nowhere/service"]
"""


def test_nobody_is_asked_and_the_outcome_is_open(command_line: CommandLine, server: Path) -> None:
    configure(server, ASKING)
    before = tree(server)
    ran = command_line("explain", *STRANGER, *FROM, *JOHN, "--data")
    assert ran.status == 0
    assert "not asked (use --live), here as if it had said DUNNO" in ran.out
    assert "asked probe: a@b.test: not asked (use --live)" in ran.out
    assert "Open: it depends on what these would say: probe a@b.test" in ran.out
    found = command_line("explain", *STRANGER, *FROM, *JOHN, "--data", "--json").json
    assert found["open"]
    assert [each["depends_on"] for each in found["exchanges"] if each["depends_on"]] == [
        ["probe a@b.test", "policy service unix:/nowhere/service"],
        ["policy service unix:/nowhere/service"],
    ]
    assert tree(server) == before


def test_what_a_probe_found_is_known(command_line: CommandLine, server: Path) -> None:
    configure(server, '[listeners.mx.policy]\nsender = ["reject_unverified_sender"]')
    with closing(open_file(server / "state" / "verified.db", VERIFIED)) as file:
        row = ("a@b.test", "undeliverable", "550 no such user", time.time(), 0)
        file.execute("INSERT INTO addresses VALUES (?, ?, ?, ?, ?)", row)
    ran = command_line("explain", *STRANGER, *FROM, *JOHN, "--json")
    assert ran.status == 75
    assert "550 no such user" in answers(ran)[-1]
    assert not ran.json["open"]


def test_live_asks(command_line: CommandLine, server: Path) -> None:
    lists = 'recipient = ["check_policy_service unix:/nowhere/service", "greylist"]'
    configure(server, f"[listeners.mx.policy]\n{lists}")
    ran = command_line("explain", *STRANGER, *FROM, *JOHN, "--live", "--json")
    assert answers(ran)[-1].startswith("451 4.3.5 <john@example.org>")
    assert not ran.json["open"]
    assert any("problem talking to server" in words for words in ran.json["remarks"])


def test_the_greylist_is_read_and_not_told(command_line: CommandLine, server: Path) -> None:
    configure(server, '[listeners.mx.policy]\nrecipient = ["greylist"]')
    words = ("explain", *STRANGER, *FROM, *JOHN)
    ran = command_line(*words)
    assert ran.status == 75
    assert "Greylisted, try again in 300 seconds" in ran.out
    file = server / "state" / "greylist.db"
    assert not file.exists()
    with closing(open_file(file, GREYLIST)) as connection:
        triplet = Triplet.of("192.0.2.7", "a@b.test", "john@example.org")
        put_stranger(connection, triplet, Stranger(time.time() - 400, time.time() - 400, False))
    before = file.read_bytes()
    assert command_line(*words).status == 0
    assert command_line(*words, "--live").status == 0
    assert file.read_bytes() != before


# What is done with it ---------------------------------------------------------------------------

TABLE = "inline:{{a@b.test = RESULT}}"


def handled(command_line: CommandLine, server: Path, result: str) -> Any:
    table = TABLE.replace("RESULT", result)
    configure(server, f'[listeners.mx.policy]\nsender = ["check_sender_access {table}"]')
    return command_line("explain", *STRANGER, *FROM, *JOHN, "--data", "--json").json


@pytest.mark.parametrize(
    ("result", "kind", "value"),
    [
        ("HOLD odd", "hold", "odd"),
        ("DISCARD silly", "discard", "silly"),
        ("REDIRECT jane@elsewhere.test", "redirect", "jane@elsewhere.test"),
        ("BCC jane@elsewhere.test", "bcc", ["jane@elsewhere.test"]),
        ("PREPEND X-Seen: yes", "prepend", ["X-Seen: yes"]),
        ("FILTER smtp:[127.0.0.1]:10025", "content_filter", "smtp:[127.0.0.1]:10025"),
    ],
)
def test_what_a_table_wants_done(
    command_line: CommandLine, server: Path, result: str, kind: str, value: object
) -> None:
    found = handled(command_line, server, result)
    assert found["accepted"]
    assert found["disposition"][kind] == value
    ends = {each["address"]: each["words"] for each in found["destinations"]}
    assert ("john@example.org" in ends) is (kind not in {"discard", "redirect"})
    assert ("jane@elsewhere.test" in ends) is (kind in {"redirect", "bcc"})
    if kind == "content_filter":
        assert ends["john@example.org"] == "to the content filter [127.0.0.1]:10025"


def test_aliases_and_ways_out(command_line: CommandLine, server: Path) -> None:
    command_line("alias", "add", "all@example.org", "john@example.org", "x@elsewhere.test")
    command_line("user", "add", "gone@example.org", "--generate")
    command_line("alias", "add", "lost@example.org", "gone@example.org")
    command_line("user", "remove", "gone@example.org")
    configure(server, '[listeners.mx]\n[relay]\nsmarthost = "[smtp.example.net]:587"')
    to = ("--to", "all@example.org", "--to", "lost@example.org")
    found = command_line("explain", *STRANGER, *FROM, *to, "--json").json
    ends = {each["address"]: (each["original"], each["words"]) for each in found["destinations"]}
    original, words = ends["x@elsewhere.test"]
    assert original == "all@example.org"
    assert words.startswith("to the smarthost [smtp.example.net]:587, from <SRS0=")
    assert words.endswith("=b.test=a@example.org>")
    assert ends["gone@example.org"][1].startswith("nobody here has this address")


def test_a_certificate(command_line: CommandLine, server: Path) -> None:
    digits = sha256(b"x").hexdigest()
    table = f"inline:{{{{{':'.join(digits[at : at + 2] for at in range(0, 64, 2)).upper()}=OK}}}}"
    more = f'relay_clientcerts = "{table}"'
    lists = 'relay = ["permit_tls_clientcerts", "reject_unauth_destination"]'
    configure(server, f"[policy]\n{more}\n[listeners.mx.policy]\n{lists}")
    words = ("explain", *STRANGER, *FROM, *AWAY, "--ccert", digits)
    ran = command_line(*words)
    assert ran.status == 1
    assert "asks for no certificate" in ran.out


@pytest.mark.parametrize(("client", "last"), [("192.0.2.66", "554"), ("192.0.2.7", "250")])
def test_lists_that_do_not_wait(
    command_line: CommandLine, server: Path, client: str, last: str
) -> None:
    table = "inline:{{192.0.2.66=REJECT go away}}"
    lists = f'delay_reject = false\nclient = ["check_client_access {table}"]'
    configure(server, f"[listeners.mx.policy]\n{lists}")
    words = ("--client", client, "--name", "unknown", *FROM, *JOHN, "--json")
    exchanges = command_line("explain", *words).json["exchanges"]
    assert exchanges[0]["steps"][0]["restriction"] == f"check_client_access {table}"
    assert exchanges[-1]["answer"][-1].startswith(last)


def test_a_server_without_accounts_is_said_to_have_none(
    command_line: CommandLine, server: Path
) -> None:
    (server / "state" / "directory.db").unlink()
    ran = command_line("explain", *STRANGER, *JOHN)
    assert ran.status == 69
    assert "directory database does not exist" in ran.err
    assert not (server / "state" / "directory.db").exists()


def test_without_names_the_dns_is_asked(command_line: CommandLine, server: Path) -> None:
    configure(server, '[listeners.mx]\n[dns]\nservers = ["127.0.0.1:1"]\ntimeout = "1s"')
    ran = command_line("explain", "--client", "192.0.2.7", *FROM, *JOHN)
    assert "of which the DNS does not say the name" in ran.out


def test_a_neighbour_on_a_unix_socket(command_line: CommandLine, server: Path) -> None:
    command_line("ban", "add", "192.0.2.9")
    configure(server, "[listeners.lmtp]")
    ran = command_line("explain", "--client", "local", *FROM, *JOHN, "--data", "--json")
    assert ran.status == 0
    assert [each["said"] for each in ran.json["exchanges"]][1] == "LHLO localhost"
    assert ran.json["client"]["trusted"]


def test_a_listener_that_reads_the_from_header(command_line: CommandLine, server: Path) -> None:
    configure(server, '[listeners.submissions]\nfrom_header = "reject"')
    ran = command_line("explain", *USER, *AWAY, "--data", "--json")
    assert answers(ran)[-1] == "250 2.0.0 Ok: queued as QUEUE-ID"


def test_identifiers_in_replies(command_line: CommandLine, server: Path) -> None:
    configure(server, "[listeners.mx]\n[history]\nin_replies = true")
    ran = command_line("explain", *STRANGER, *FROM, *AWAY, "--json")
    assert answers(ran)[-1].endswith("Relay access denied (SESSION-ID)")


@pytest.mark.usefixtures("server")
def test_who_is_suppressed(command_line: CommandLine, server: Path) -> None:
    file = server / "postroad.toml"
    file.write_text(file.read_text().replace("[suppression]\n", "[suppression]\nenabled = true\n"))
    command_line("suppression", "add", "lisa@elsewhere.test", "--reason", "she asked for it")
    before = tree(server / "state")
    words = ("--listener", "submission", *USER, "--from", "john@example.org", *AWAY, "--data")
    ran = command_line("explain", *words)
    assert not ran.err
    said = " ".join(ran.out.split())
    assert "it would go back to the sender: 5.1.1 mail to this address is suppressed since " in said
    assert ": she asked for it" in said
    assert tree(server / "state") == before


def test_an_address_for_reports_needs_no_mailbox(command_line: CommandLine, server: Path) -> None:
    configure(server, '[listeners.mx]\n[tls_reports]\nreceive = ["tls@example.org"]')
    found = command_line("explain", *STRANGER, *FROM, "--to", "TLS@example.org", "--json")
    assert answers(found)[-1] == "250 2.1.5 Ok"
    (end,) = found.json["destinations"]
    assert end["words"].startswith("kept as a report about TLS, if it is one")
