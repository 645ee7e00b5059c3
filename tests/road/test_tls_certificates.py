"""Certificates by name and by kind of key, exchanged by a reload while clients are connected.

The client is `openssl s_client`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from peers import dialogue, needs
from peers.certificates import Authority, Certificate
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder
from peers.waiting import until

pytestmark = pytest.mark.peer

RSA_ONLY = ("-sigalgs", "rsa_pss_rsae_sha256")
ECDSA_ONLY = ("-sigalgs", "ecdsa_secp256r1_sha256")
RELOADED = "worker {} reloaded its configuration"


class World:
    """A server with three certificates, in files that a renewal can replace."""

    def __init__(self) -> None:
        self.folder = peer_folder("names")
        self.authority = Authority(self.folder)
        self.files = {
            "default": self.authority.issue("mail.example.org", file="default"),
            "rsa": self.authority.issue("mail.example.org", kind="rsa", file="rsa"),
            "other": self.authority.issue("*.example.net", file="other"),
        }
        default, *more = self.files.values()
        tls = {"certificate": str(default.chain), "key": str(default.key)}
        self.server = Postroad({"tls": tls})
        with self.server.configuration.open("a") as file:
            for each in more:
                file.write(
                    f'[[tls.certificates]]\ncertificate = "{each.chain}"\nkey = "{each.key}"\n'
                )
        self.reload()

    def stop(self) -> None:
        self.server.stop()
        remove_folder(self.folder)

    def renew(self, name: str, subject: str) -> Certificate:
        """Put a new certificate in the place of one, as a renewal does."""
        old = self.files[name]
        kind = "rsa" if name == "rsa" else "ec"
        new = self.authority.issue(subject, kind=kind, file=f"{name}-renewed")
        shutil.copy(new.key, old.key)
        shutil.copy(new.chain, old.chain)
        return new

    def reload(self, *lines: str) -> None:
        """SIGHUP, until the log has one more of each line; both workers' word unless given."""
        expected = lines or tuple(RELOADED.format(number) for number in range(2))
        known = [self.server.log().count(line) for line in expected]
        os.kill(self.server.supervisor, signal.SIGHUP)
        for line, count in zip(expected, known, strict=True):
            until(lambda: self.server.log().count(line) > count, within=30, what=line)  # noqa: B023

    def client(self, *arguments: str, port: str = "submissions") -> str:
        """What `openssl s_client` says about a connection."""
        starttls = () if port == "submissions" else ("-starttls", "smtp")
        where = f"127.0.0.1:{self.server.port(port)}"
        done = subprocess.run(
            [
                *(needs.program("openssl"), "s_client", "-connect", where, *starttls),
                *("-CAfile", str(self.authority.certificate), *arguments),
            ],
            input=b"QUIT\n",
            capture_output=True,
            timeout=60,
            check=False,
        )
        return (done.stdout + done.stderr).decode(errors="replace")

    def serial(self, *arguments: str, port: str = "submissions") -> int:
        """The serial number of the certificate that such a client gets."""
        said = self.client(*arguments, port=port)
        assert "-----BEGIN CERTIFICATE-----" in said, said
        return x509.load_pem_x509_certificate(said.encode()).serial_number


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.stop()


def serial_of(certificate: Certificate) -> int:
    return x509.load_pem_x509_certificates(certificate.chain.read_bytes())[0].serial_number


@pytest.mark.parametrize("port", ["submissions", "submission", "mx"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-servername", "mail.example.org"), "default"),
        (("-servername", "smtp.example.net"), "other"),
        (("-servername", "a.smtp.example.net"), "default"),
        (("-servername", "unknown.example"), "default"),
        (("-noservername",), "default"),
        (("-servername", "mail.example.org", *ECDSA_ONLY), "default"),
        (("-servername", "mail.example.org", *RSA_ONLY), "rsa"),
        (("-noservername", *RSA_ONLY), "rsa"),
    ],
)
def test_each_client_gets_its_certificate(
    world: World, port: str, arguments: tuple[str, ...], expected: str
) -> None:
    assert world.serial(*arguments, port=port) == serial_of(world.files[expected])


def test_the_name_is_in_the_log_and_in_the_trace_header(world: World) -> None:
    world.client("-servername", "smtp.example.net", port="mx")
    line = world.server.wait_log("TLS connection established from localhost[127.0.0.1] to smtp.ex")
    assert "to smtp.example.net: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" in line

    world.server.run("user", "add", "john@example.org", "--password-stdin", text="summersun\n")
    arguments = ("-servername", "mail.example.org")
    with dialogue.starttls(world.server.port("mx"), *arguments) as talk:
        talk.say("EHLO client.example")
        talk.say("MAIL FROM:<lisa@example.com>")
        talk.say("RCPT TO:<john@example.org>")
        talk.say("DATA")
        talk.type("Subject: named", "")
        assert talk.say(".").startswith("250 2.0.0 Ok")
    folder = world.server.state / "mail" / "example.org" / "john" / "Maildir" / "new"
    until(lambda: folder.is_dir() and any(folder.iterdir()), within=30, what="the mail")
    [file] = folder.iterdir()
    mail = file.read_text()
    assert (
        "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
        "\tserver-name mail.example.org)\n"
    ) in mail.replace("\r\n", "\n")


def test_a_renewal_takes_all_certificates_and_drops_no_connection(world: World) -> None:
    arguments = ("-servername", "mail.example.org")
    before = world.serial(*arguments)
    with dialogue.tls(world.server.port("submissions"), *arguments) as talk:
        talk.hear()
        renewed = {
            "default": world.renew("default", "mail.example.org"),
            "rsa": world.renew("rsa", "mail.example.org"),
            "other": world.renew("other", "*.example.net"),
        }
        world.reload()

        assert world.serial(*arguments) == serial_of(renewed["default"]) != before
        assert world.serial(*arguments, *RSA_ONLY) == serial_of(renewed["rsa"])
        assert world.serial("-servername", "x.example.net") == serial_of(renewed["other"])
        assert talk.say("NOOP") == "250 2.0.0 Ok"


@pytest.mark.parametrize("name", ["default", "rsa", "other"])
def test_a_renewal_that_is_half_done_leaves_everything(world: World, name: str) -> None:
    files = world.files[name]
    good = files.key.read_bytes()
    before = world.serial("-servername", "mail.example.org")
    key = "[tls] key" if name == "default" else "[[tls.certificates]] key"

    files.key.write_bytes(world.authority.issue("half.example", file="half").key.read_bytes())
    kind = "this key does not belong to the certificate"
    world.reload(f"{key}: {files.key}: {kind}")

    assert world.serial("-servername", "mail.example.org") == before
    assert f"not reloaded: {world.server.configuration}:" in world.server.log()
    files.key.write_bytes(good)
    world.reload()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed_by_any_worker_and_after_a_reload(
    world: World, version: str, tmp_path: Path
) -> None:
    ticket = tmp_path / "ticket.pem"
    common = (version, "-servername", "mail.example.org")

    # In TLS 1.3 the ticket comes after the handshake: wait for it before leaving.
    with dialogue.starttls(world.server.port("mx"), *common, "-sess_out", str(ticket)) as talk:
        talk.say("NOOP")
        until(
            lambda: ticket.exists() and "END SSL SESSION" in ticket.read_text(),
            within=30,
            what="a whole ticket",
        )
    for _ in range(6):  # whichever worker the kernel gives it to
        assert "Reused, TLS" in world.client(*common, "-sess_in", str(ticket), port="mx")
    world.reload()
    for _ in range(6):
        assert "Reused, TLS" in world.client(*common, "-sess_in", str(ticket), port="mx")


def test_a_client_certificate_is_in_the_log_as_postfix_has_it(world: World) -> None:
    card = world.authority.issue("john", "john@example.org", client=True)
    server = Postroad(
        {
            "tls": {"client_ca_file": str(world.authority.certificate)},
            "listeners": {"submission": {"client_certificates": True}},
        },
        listeners=("submission",),
    )
    try:
        arguments = ("-cert", str(card.chain), "-key", str(card.key), "-quiet")
        with dialogue.starttls(server.port("submission"), *arguments) as talk:
            assert talk.say("NOOP") == "250 2.0.0 Ok"
        server.wait_log("Trusted TLS connection established from localhost[127.0.0.1]")
        with dialogue.starttls(server.port("submission")) as talk:
            assert talk.say("NOOP") == "250 2.0.0 Ok"
        server.wait_log("Anonymous TLS connection established from localhost[127.0.0.1]")
    finally:
        server.stop()
