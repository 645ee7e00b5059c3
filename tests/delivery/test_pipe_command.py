"""What a program's command line becomes: macros and flags of pipe(8), and hostile addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.delivery.pipe_command import CommandLine, Unsafe
from postroad.model import Waybill
from queue_mail import message, recipient, recipients

SENDMAIL = ("/usr/sbin/sendmail", "-oi", "-f", "${sender}", "${recipient}")


def words(*template: str, flags: str = "", sender: str = "alice@example.org", to=None, **more):
    line = CommandLine(("/bin/x", *template), flags, null_sender="MAILER-DAEMON", delimiters="+-")
    mail = message(sender, queue_id="4XyZ", **more)
    return line.words(
        mail, to or (recipient("Bob+Lists@Example.NET", "robert@example.org"),), "hop"
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${sender}", "alice@example.org"),
        ("$(sender)", "alice@example.org"),
        ("$sender", "alice@example.org"),
        ("--from=${sender}!", "--from=alice@example.org!"),
        ("${recipient}", "Bob+Lists@Example.NET"),
        ("${original_recipient}", "robert@example.org"),
        ("${mailbox}", "Bob+Lists"),
        ("${user}", "Bob"),
        ("${extension}", "Lists"),
        ("${domain}", "Example.NET"),
        ("${user}/${extension}@${domain}", "Bob/Lists@Example.NET"),
        ("${nexthop}", "hop"),
        ("${queue_id}", "4XyZ"),
        ("${size}", "25"),
        ("$$5", "$5"),
        ("a b;`c`&|>", "a b;`c`&|>"),
    ],
)
def test_a_macro(word: str, expected: str) -> None:
    assert words(word) == ["/bin/x", expected]


def test_what_goes_with_the_message() -> None:
    waybill = Waybill(login="carol@example.org", client="192.0.2.7")
    found = words("${sasl_username}", "${client_address}", "${envid}", waybill=waybill, envid="QQ")
    assert found[1:] == ["carol@example.org", "192.0.2.7", "QQ"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", "Odd Name@Example.NET"),
        ("q", '"Odd Name"@Example.NET'),
        ("h", "Odd Name@example.net"),
        ("u", "odd name@Example.NET"),
        ("hqu", '"odd name"@example.net'),
    ],
)
def test_flags_for_addresses(flags: str, expected: str) -> None:
    to = (recipient('"Odd Name"@Example.NET'),)
    assert words("${recipient}", flags=flags, to=to) == ["/bin/x", expected]


@pytest.mark.parametrize(
    ("address", "user", "extension"),
    [
        ("bob@x.test", "bob", ""),
        ("bob+a+b@x.test", "bob", "a+b"),
        ("bob-a+b@x.test", "bob", "a+b"),
        ("+bob@x.test", "+bob", ""),
    ],
)
def test_extensions(address: str, user: str, extension: str) -> None:
    found = words("[${user}][${extension}]", to=(recipient(address),))
    assert found == ["/bin/x", f"[{user}][{extension}]"]


def test_the_null_sender() -> None:
    assert words("${sender}", sender="")[1:] == ["MAILER-DAEMON"]
    line = CommandLine(("/bin/x", "-f", "${sender}"), "", null_sender="")
    assert line.words(message(""), recipients("bob@x.test"), "") == ["/bin/x", "-f", ""]


def test_as_many_words_as_recipients() -> None:
    to = recipients("bob@x.test", "carol@y.test")
    found = words("-f", "${sender}", "-r${recipient}", "end", to=to)
    assert found[1:] == ["-f", "alice@example.org", "-rbob@x.test", "-rcarol@y.test", "end"]


@pytest.mark.parametrize(
    ("template", "sender", "to"),
    [
        (("${recipient}",), "a@b.test", "-rf@x.test"),
        (("${user}",), "a@b.test", "-rf@x.test"),
        (("${extension}",), "a@b.test", "bob+-rf@x.test"),
        (("-f", "${sender}", "--", "${recipient}"), "-v@b.test", "bob@x.test"),
        (("${extension}${user}",), "a@b.test", "-bob@x.test"),
    ],
)
def test_an_address_is_no_option(template, sender: str, to: str) -> None:
    with pytest.raises(Unsafe):
        words(*template, sender=sender, to=(recipient(to),))


@pytest.mark.parametrize(
    ("template", "to"),
    [
        (("--", "${recipient}"), "-rf@x.test"),
        (("--to=${recipient}",), "-rf@x.test"),
        (("${domain}",), "-rf@x.test"),
    ],
)
def test_where_it_could_not_be_one(template, to: str) -> None:
    assert len(words(*template, to=(recipient(to),))) == 1 + len(template)


@pytest.mark.parametrize(
    ("command", "flags", "mistake"),
    [
        ((), "", "whole path"),
        (("spamc",), "", "whole path"),
        (("/bin/${user}",), "", "no macros"),
        (("/bin/x", "${recipiant}"), "", r"did you mean \$\{recipient\}\?"),
        (("/bin/x", "${client_helo}"), "", "is not kept"),
        (("/bin/x", "100$"), "", r"\$\$"),
        (("/bin/x", "${}"), "", r"\$\$"),
        (("/bin/x", "${sender?yes}"), "", r"\$\$"),
        (("/bin/x", "a\0b"), "", "no program"),
        (("/bin/x",), "DRZ", 'flags: "Z" is not known'),
    ],
)
def test_mistakes(command, flags: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        CommandLine(command, flags)


@given(st.text("ab-+=;$(){} \"'\\\n", min_size=1, max_size=8), st.sampled_from(["", "q", "hqu"]))
def test_no_address_reaches_the_program_as_an_option(local: str, flags: str) -> None:
    from postroad.model import Address, StoredRecipient

    address = Address(local, "x.test")
    line = CommandLine(SENDMAIL, flags, delimiters="+")
    try:
        found = line.words(message(), (StoredRecipient(1, address, address),), "")
    except Unsafe:
        return
    assert len(found) == len(SENDMAIL)
    assert not found[-1].startswith("-")
