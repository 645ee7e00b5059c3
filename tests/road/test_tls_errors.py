"""What the log says when real clients and the server misunderstand each other about TLS.

Each row is a mistake that readers of the guides made, or one like it: the program, and the line
that tells the operator what to do about it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from peers import needs
from peers.certificates import Authority
from peers.postroad import Postroad, Table
from peers.processes import peer_folder, remove_folder
from peers.waiting import until

pytestmark = pytest.mark.peer

TIME_LIMIT = 60
HASTY = "hasty"


@dataclass(frozen=True)
class World:
    """Servers whose certificates nobody but `authority` vouches for: a patient one, one that soon
    gives up who says nothing, and one whose certificate has expired.
    """

    server: Postroad
    hasty: Postroad
    expired: Postroad
    authority: Path
    folder: Path

    def port(self, listener: str) -> int:
        """That of a listener; `hasty` is the one of the server that soon gives up."""
        if listener == HASTY:
            return self.hasty.port("submissions")
        return self.server.port(listener)

    def log(self) -> str:
        """What the two say whose certificate is good."""
        return self.server.log() + self.hasty.log()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = peer_folder("mistakes")
    authority = Authority(folder)
    old = authority.issue("mail.example.org", file="old", valid=(timedelta(-9), timedelta(-1)))
    new = authority.issue("mail.example.org")
    current = {"certificate": str(new.chain), "key": str(new.key)}
    over = {"certificate": str(old.chain), "key": str(old.key)}
    with ExitStack() as exits:
        exits.callback(remove_folder, folder)

        def started(tls: Table, *listeners: str) -> Postroad:
            server = Postroad({"tls": tls}, listeners=listeners)
            exits.callback(server.stop)
            return server

        yield World(
            started(current, "mx", "submission", "submissions"),
            started({**current, "handshake_timeout": 3}, "submissions"),
            started(over, "submissions"),
            authority.certificate,
            folder,
        )


def run(*argv: str) -> str:
    """A client that has nothing to say on standard input, and what it printed."""
    done = subprocess.run(
        [needs.program(argv[0]), *argv[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def s_client(world: World, *arguments: str, listener: str = "submissions") -> str:
    starttls = () if listener == "submissions" else ("-starttls", "smtp")
    where = f"127.0.0.1:{world.port(listener)}"
    return run("openssl", "s_client", "-connect", where, "-brief", *starttls, *arguments)


def msmtp(world: World, listener: str, *settings: str) -> str:
    file = world.folder / "msmtprc"
    file.touch(0o600)
    lines = [
        "account default",
        "host 127.0.0.1",
        f"port {world.port(listener)}",
        "from john@example.org",
        "tls on",
        *settings,
    ]
    file.write_text("\n".join(lines) + "\n")
    return run("msmtp", "-C", str(file), "lisa@example.org")


WAITS = "(it waits for a greeting in plain text, and here TLS begins with the first byte"
TLS_HINT = "wrong version number (the client begins with TLS, and here SMTP begins in plain text"
MISTRUST = "unknown ca (the client does not trust our certificate"
OLD = "unsupported protocol (the client's TLS is older than ours allows"


def swaks(world: World, listener: str, *arguments: str) -> str:
    where = f"127.0.0.1:{world.port(listener)}"
    return run("swaks", "--server", where, "--to", "john@example.org", "-q", "EHLO", *arguments)


def curl(world: World, scheme: str, listener: str, *arguments: str) -> str:
    where = f"{scheme}://127.0.0.1:{world.port(listener)}"
    return run("curl", "--silent", "--show-error", *arguments, where)


CASES: dict[str, tuple[Callable[[World], str], str, str]] = {
    "swaks, plain at the TLS port": (
        lambda w: swaks(w, HASTY),
        f"error from localhost[127.0.0.1]: timeout: the client sent nothing for 3 s {WAITS}",
        "554 5.7.0 mail.example.org Error: this port speaks TLS from the first byte",
    ),
    "curl, plain at the TLS port": (
        lambda w: curl(w, "smtp", HASTY),
        WAITS,
        "554",
    ),
    "swaks, TLS at the STARTTLS port": (
        lambda w: swaks(w, "submission", "--tls-on-connect"),
        TLS_HINT,
        "wrong version number",
    ),
    "curl, TLS at the STARTTLS port": (
        lambda w: curl(w, "smtps", "submission"),
        TLS_HINT,
        "wrong version number",
    ),
    "openssl, TLS at the port for servers": (
        lambda w: run("openssl", "s_client", "-connect", f"127.0.0.1:{w.server.port('mx')}"),
        TLS_HINT,
        "wrong version number",
    ),
    "msmtp, STARTTLS at the TLS port": (
        lambda w: msmtp(w, HASTY, "tls_starttls on", "tls_certcheck off"),
        WAITS,
        "554",
    ),
    "msmtp, TLS at the STARTTLS port": (
        lambda w: msmtp(w, "submission", "tls_starttls off", "tls_certcheck off"),
        TLS_HINT,
        "TLS",
    ),
    "curl, HTTP": (
        lambda w: run(
            "curl", "-sS", "--http0.9", f"http://127.0.0.1:{w.server.port('submissions')}"
        ),
        "http request (a web browser or scanner: it speaks HTTP)",
        "",
    ),
    "openssl, an authority it does not know": (
        lambda w: s_client(w, "-verify_return_error"),
        MISTRUST,
        "certificate verify failed",
    ),
    "openssl, the same behind STARTTLS": (
        lambda w: s_client(w, "-verify_return_error", listener="submission"),
        MISTRUST,
        "certificate verify failed",
    ),
    "curl, an authority it does not know": (
        lambda w: curl(w, "smtps", "submissions"),
        MISTRUST,
        "",
    ),
    "msmtp, an authority it does not know": (
        lambda w: msmtp(w, "submission", "tls_trust_file system"),
        "no command after the TLS handshake: a mail program that does so does not trust our",
        "not trusted",
    ),
    "openssl, a name that the certificate is not for": (
        lambda w: s_client(
            w,
            *("-CAfile", str(w.authority), "-verify_return_error"),
            *("-verify_hostname", "smtp.example.com", "-servername", "smtp.example.com"),
        ),
        "bad certificate (the client asked for smtp.example.com, and our certificate is for mail",
        "hostname mismatch",
    ),
    "openssl, TLS 1.0": (
        lambda w: s_client(w, "-tls1", "-cipher", "ALL:@SECLEVEL=0"),
        OLD,
        "protocol version",
    ),
    "openssl, TLS 1.1 behind STARTTLS": (
        lambda w: s_client(w, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", listener="mx"),
        OLD,
        "protocol version",
    ),
    "openssl, no cipher of ours": (
        lambda w: s_client(w, "-tls1_2", "-cipher", "AES128-SHA"),
        "no shared cipher (the client knows none of our ciphers, or cannot use our certificate's",
        "handshake failure",
    ),
    "openssl, RSA and nothing else": (
        lambda w: s_client(w, "-sigalgs", "RSA+SHA256"),
        "no suitable signature algorithm (the client cannot use our certificate's kind of key",
        "handshake failure",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_line_says_what_to_do(world: World, case: str) -> None:
    client, line, told = CASES[case]
    known = world.log().count(line)

    said = client(world)

    assert told.lower() in said.lower()
    wait_count(world, line, known + 1)


def wait_count(world: World, line: str, count: int) -> None:
    try:
        until(lambda: world.log().count(line) >= count, within=30, what=line)
    except TimeoutError as error:
        raise AssertionError(f"{error}; the log:\n{world.log()}") from error


def test_an_expired_certificate(world: World) -> None:
    where = f"127.0.0.1:{world.expired.port('submissions')}"
    trust = ("-CAfile", str(world.authority), "-verify_return_error")

    said = run("openssl", "s_client", "-connect", where, *trust)

    assert "certificate has expired" in said
    world.expired.wait_log("certificate expired (the client finds our certificate expired: renew")
    world.expired.wait_log("old.pem expired on ")  # said at the start, too


def test_nothing_in_the_log_is_a_traceback(world: World) -> None:
    assert "Traceback" not in world.log() + world.expired.log()
