"""Who may send, and what the envelope is."""

from __future__ import annotations

import pytest

from postroad.maildrop.settings import SendmailSettings
from postroad.maildrop.slip import Slip
from postroad.maildrop.submission import Denied, Submission, User, submission
from postroad.model import SAME, Address, BodyType, Notify, Return

ANN = User(1000, "ann", is_trusted=False)
ROOT = User(0, "root", is_trusted=True)
NAMELESS = User(4711, "", is_trusted=False)
ANYBODY = SendmailSettings()
STRICT = SendmailSettings(
    users=("ann", "bob", "4711"),
    sender_check=True,
    senders={"ann": ("sales@example.org", "news"), "bob": ("*",)},
)


def made(slip: Slip, user: User = ANN, settings: SendmailSettings = ANYBODY) -> Submission:
    found = submission(slip, user, settings, "x.example")
    assert isinstance(found, Submission), found
    return found


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        (None, "ann@x.example"),
        ("", ""),
        ("<>", ""),
        ("bob", "bob@x.example"),
        ("bob@b.example", "bob@b.example"),
        ("not an address", "ann@x.example"),
        ("a@b@c", "ann@x.example"),
    ],
)
def test_the_sender(sender: str | None, address: str) -> None:
    assert made(Slip(sender, ["c"])).envelope.sender_text == address


def test_a_user_without_a_name() -> None:
    assert made(Slip(None, ["c"]), NAMELESS).envelope.sender_text == "4711@x.example"


def test_recipients() -> None:
    found = made(Slip("a", ["bob", "c@d.example", "x y", "", "@"], notify="SUCCESS,DELAY"))
    assert [str(each.address) for each in found.recipients] == ["bob@x.example", "c@d.example"]
    assert found.recipients[0].notify == Notify.SUCCESS | Notify.DELAY
    assert found.unreadable == ("x y", "", "@")


@pytest.mark.parametrize(
    ("verp", "sender", "recipient", "path"),
    [
        # Postfix's VERP_README: the example at its beginning.
        ("+=", "owner-list@x.example", "user@d.example", "owner-list+user=d.example@x.example"),
        ("-=", "list", "bob", "list-bob=x.example@x.example"),
        ("", "list", "bob", None),
        ("ab", "list", "bob", None),
        ("+", "list", "bob", None),
        ("+=", "", "bob", None),
        ("+=", "list", f"{'b' * 60}@d.example", None),  # longer than a local part may be
    ],
)
def test_variable_return_paths(verp: str, sender: str, recipient: str, path: str | None) -> None:
    found = made(Slip(sender, [recipient], verp=verp)).recipients[0].sender
    assert (None if found is SAME else str(found)) == path


@pytest.mark.parametrize(
    ("said", "notify"), [("", None), ("NEVER", Notify.NEVER), ("odd", None), ("DELAY,odd", None)]
)
def test_wishes(said: str, notify: Notify | None) -> None:
    assert made(Slip("a", ["b"], notify=said)).recipients[0].notify == notify


def test_the_rest_of_the_envelope() -> None:
    found = made(Slip("a", ["b"], body="8BITMIME", ret="HDRS", envid="abc")).envelope
    assert (found.body, found.ret, found.envid) == (BodyType.EIGHT_BIT_MIME, Return.HEADERS, "abc")
    odd = made(Slip("a", ["b"], body="x", ret="y", envid="z" * 101)).envelope
    assert (odd.body, odd.ret, odd.envid) == (BodyType.SEVEN_BIT, None, "")
    assert not found.smtputf8
    assert made(Slip("a", ["jörg@b.example"])).envelope.smtputf8


@pytest.mark.parametrize(
    ("user", "sender", "may"),
    [
        (ANN, None, True),
        (ANN, "", True),
        (ANN, "ANN@X.example", True),
        (ANN, "sales@example.org", True),
        (ANN, "news@x.example", True),
        (ANN, "bob@x.example", False),
        (User(1001, "bob", is_trusted=False), "anybody@else.example", True),
        (User(1002, "eve", is_trusted=False), None, False),
        (NAMELESS, None, True),
        (ROOT, "anybody@else.example", True),
    ],
)
def test_who_may_send_as_whom(user: User, sender: str | None, may: bool) -> None:
    found = submission(Slip(sender, ["c"]), user, STRICT, "x.example")
    assert isinstance(found, Submission) is may


def test_what_the_log_says_of_a_refusal() -> None:
    eve = User(1002, "eve", is_trusted=False)
    found = submission(Slip(None, ["c"]), eve, STRICT, "x.example")
    assert found == Denied("user eve is not among sendmail.users")
    found = submission(Slip("bob", ["c"]), ANN, STRICT, "x.example")
    assert found == Denied(f"user ann may not send as {Address('bob', 'x.example')}")
