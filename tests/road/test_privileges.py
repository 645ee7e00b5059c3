"""Started as root, the server gives root up and still does all of its work."""

from __future__ import annotations

import grp
import os
import shutil
import signal
import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest

from peers import needs
from peers.certificates import Authority
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

JOHN = "john@example.org"


def test_no_process_stays_root(
    authority: Authority, started: Callable[[Postroad], Postroad]
) -> None:
    needs.root("a server that gives up root")
    certificate = authority.issue("nobody.example.org")
    shutil.chown(certificate.key, "nobody")
    tls = {"certificate": str(certificate.chain), "key": str(certificate.key)}
    server = started(Postroad({"user": "nobody", "tls": tls}, accounts={JOHN: "summersun"}))

    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.sendmail("lisa@elsewhere.test", [JOHN], b"Subject: unprivileged\r\n\r\nhello\r\n")
    server.maildir(JOHN).wait("unprivileged")
    nobody = str(server.state.stat().st_uid)
    assert nobody != "0"
    for pid in (server.supervisor, *server.workers()):
        users = Path(f"/proc/{pid}/status").read_text().partition("Uid:")[2].split()[:4]
        assert users == [nobody] * 4

    # As `postroad init` leaves it: the server may read its configuration again, and not change it.
    shutil.chown(server.configuration, "root", grp.getgrgid(server.state.stat().st_gid).gr_name)
    server.configuration.chmod(0o640)
    os.kill(server.supervisor, signal.SIGHUP)
    server.wait_log("reloaded its configuration")


def test_a_state_directory_of_the_system_is_not_given_away(
    started: Callable[[Postroad], Postroad],
) -> None:
    needs.root("a server that gives up root")
    server = started(Postroad({"user": "root"}))
    server.end()
    (server.state / "thesis.tex").write_text("root's")
    text = server.configuration.read_text().replace('user = "root"', 'user = "nobody"')
    server.configuration.write_text(text)
    with pytest.raises(RuntimeError, match="files that are not Postroad's"):
        server.start()
    assert {path.stat().st_uid for path in (server.state, *server.state.rglob("*"))} == {0}
