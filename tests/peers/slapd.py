"""A real LDAP directory (slapd), empty but for what a test puts into it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["Slapd"]

BASE = "dc=example,dc=org"
READER, PASSWORD = f"cn=reader,{BASE}", "pass'wörd*"

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
{tls}
database mdb
maxsize 16777216
suffix "{base}"
rootdn "cn=admin,{base}"
directory {folder}/data
index mail eq
access to attrs=userPassword by anonymous auth by dn.exact="{reader}" {passwords} by * none
access to * by dn.exact="{reader}" read by * {others}
"""

_TREE = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {READER}
objectClass: person
cn: reader
sn: reader
userPassword: {PASSWORD}

"""


class Slapd:
    """A running directory.

    Args:
        entries: LDIF of what is in it, below `BASE`.
        certificate: PEM file of a certificate, for StartTLS; nothing for none.
        key: PEM file of its key.
        readable: whether the reader may read passwords.
    """

    def __init__(
        self,
        entries: str,
        certificate: Path | None = None,
        key: Path | None = None,
        *,
        readable: bool = False,
    ) -> None:
        self._server = needs.program("slapd")
        add = needs.program("slapadd")
        self.folder = peer_folder("slapd")
        self.port = free_port()
        (self.folder / "data").mkdir()
        tls = ""
        if certificate is not None and key is not None:
            # Its own copies: it reads them as a user who need not reach the test's folder.
            certificate, key = (Path(shutil.copy(each, self.folder)) for each in (certificate, key))
            tls = f"TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n"
        configuration = self.folder / "slapd.conf"
        text = _CONFIGURATION.format(
            folder=self.folder,
            base=BASE,
            reader=READER,
            others="none",
            passwords="read" if readable else "none",
            tls=tls,
        )
        configuration.write_text(text)
        self._argv = [self._server, "-f", str(configuration), "-d", "0"]
        with removed_on_failure(self.folder):
            argv = [add, "-f", str(configuration)]
            given = f"{_TREE}{entries}".encode()
            ran = subprocess.run(argv, input=given, capture_output=True, check=False)
            assert ran.returncode == 0, ran.stderr.decode()
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, "openldap", "openldap")
            self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ldap://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; also again, after `end`."""
        argv = [*self._argv, "-h", self.url, "-u", "openldap", "-g", "openldap"]
        self._process = Process(argv, log=self.folder / "output")
        self._process.wait_ready(lambda: listening(self.port))

    def end(self) -> None:
        """End it, and keep its data."""
        self._process.stop()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.end()
        remove_folder(self.folder)
