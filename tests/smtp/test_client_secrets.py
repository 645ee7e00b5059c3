"""What a server repeats of a login shows nowhere, wherever it does, and it cannot ask for ever."""

from __future__ import annotations

from base64 import b64encode

import pytest

from client_dialogue import HOSTNAME, PEER, Driver, transaction
from postroad.smtp.client import (
    MAX_CHALLENGES,
    Challenged,
    ClientCore,
    ClientEvent,
    Ended,
    Finished,
    LoginRefused,
    Stage,
)
from postroad.smtp.secrets import Secrets

USER, PASSWORD = "john@example.org", "Summer,sun 5+"
PLAIN = b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
BASE64 = b64encode(PASSWORD.encode()).decode()
GREETING = b"220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n"


def logged_in(said: str) -> Driver:
    """A session in which the server says this after AUTH, and hangs up."""
    driver = Driver([transaction()], login=(USER, PASSWORD))
    driver.feed(GREETING)
    driver.feed(said.encode())
    driver.feed(b"")
    return driver


def words(driver: Driver) -> str:
    """All that is told of what the server said, an event a line."""
    return "\n".join(map(_words, driver.events))


def _words(event: ClientEvent) -> str:
    match event:
        case Ended(answer) | LoginRefused(answer):
            return str(answer.reply)
        case Finished(answers):
            return str(answers[0].reply)
    return ""


@pytest.mark.parametrize("secret", [PASSWORD, PLAIN, PLAIN.upper(), BASE64, f"AUTH PLAIN {PLAIN}"])
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("535 5.7.8 bad: {}", "535 5.7.8 bad: "),
        ("535-bad\r\n535 {}", "535 5.0.0 bad "),
        ("421 4.7.0 {} tries too many", "421 4.7.0 "),
        ("{}", "451 4.5.0 not an SMTP reply: "),
        ("what? {}", "451 4.5.0 not an SMTP reply: 'what? "),
        ("x" * 60 + "{}", "451 4.5.0 not an SMTP reply: "),
        ("235 Ok\r\n550 5.7.1 you were {}", "550 5.7.1 you were "),
        ("235 Ok\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n554 {}", "554 5.0.0 "),
        ("235 Ok\r\n250 Ok\r\n421 {}", "421 4.0.0 "),
        ("235 Ok\r\n333 {}", "451 4.5.0 unexpected reply"),
        ("235 Ok\r\n{}", "451 4.5.0 not an SMTP reply: "),
    ],
)
def test_no_reply_shows_a_secret(secret, said, code):
    said = said.format(secret)
    seen = words(logged_in(f"{said}\r\n"))
    assert f"\n{code}" in seen
    for hidden in (PASSWORD, PLAIN, BASE64):
        for at in range(len(hidden) - 7):
            assert hidden[at : at + 8].lower() not in seen.lower()


@pytest.mark.parametrize("length", range(8, len(PLAIN)))
def test_a_secret_that_is_cut_short(length):
    seen = words(logged_in(f"502 5.5.2 what is AUTH PLAIN {PLAIN[:length]}...?\r\n"))
    assert seen.splitlines()[1] == "502 5.5.2 what is AUTH PLAIN [hidden]...?"


@pytest.mark.parametrize("password", ["5", "250", "550-", "5.7.8", "Ok"])
def test_a_password_that_looks_like_a_reply_does_not_break_the_protocol(password):
    driver = Driver([transaction()], login=("john", password))
    driver.feed(GREETING)
    driver.feed(b"235 Ok\r\n250 2.1.0 Ok\r\n250 Ok\r\n354 Go\r\n250 2.0.0 Ok: 5 done\r\n")
    assert "\n250 2." in words(driver)
    driver = Driver(login=("john", password))
    driver.feed(GREETING + b"550 5.7.8 No\r\n")
    assert "\n550 5." in words(driver)


@pytest.mark.parametrize(
    ("secrets", "text", "expected"),
    [
        ((), "nothing to hide", "nothing to hide"),
        (("",), "nothing to hide", "nothing to hide"),
        (("pw",), "a PW and a pw.", "a [hidden] and a [hidden]."),
        (("summersun",), "the summersun shines", "the [hidden] shines"),
        (("summersun",), "ummersun, summer, sun", "[hidden], summer, sun"),
        (("summersun", "sun"), "summersunsun", "[hidden]"),
        (("süßes Wort",), "das süße, ein süßes Wort", "das süße, ein [hidden]"),
        (("hidden",), "it is hidden", "it is [hidden]"),
    ],
)
def test_pieces(secrets, text, expected):
    assert Secrets(*secrets).hide(text.encode()).decode() == expected


def test_challenges_have_an_end():
    core = ClientCore(HOSTNAME, PEER)
    core.receive(b"220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n")
    core.next_event()
    core.authenticate("PLAIN", b"x")
    for _ in range(MAX_CHALLENGES):
        core.receive(b"334 bW9yZQ==\r\n")
        assert isinstance(core.next_event(), Challenged)
        core.respond(b"less")
    core.receive(b"334 bW9yZQ==\r\n")
    assert isinstance(core.next_event(), Ended)
    assert core.stage is Stage.CLOSED
