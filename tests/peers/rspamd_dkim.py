"""The real rspamd with nothing but its DKIM module, asked over HTTP about one message at a time."""

from __future__ import annotations

import json
import urllib.request
from typing import cast

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening
from postroad.mailauth.dkim.signing_key import SigningKey

__all__ = ["RspamdDkim"]

_CONFIGURATION = """\
options {{
  pidfile = "{folder}/pid";
  filters = "dkim";
  dns {{ nameserver = ["{nameserver}"]; timeout = 5s; retransmits = 2; }}
  local_addrs = [];
  tempdir = "{folder}";
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "info"; }}
dkim {{ check_local = true; check_authed = true; trusted_only = false; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
modules {{ path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }}
dkim_signing {{
  sign_authenticated = true; sign_local = false; allow_username_mismatch = true;
  use_domain = "header"; use_esld = false; try_fallback = false; symbol = "DKIM_SIGNED";
  domain {{ {domain} {{ path = "{folder}/key"; selector = "{selector}"; }} }}
}}
actions {{ reject = 1000; add_header = 900; greylist = 800; }}
"""
TIME = 30.0  # seconds for an answer


class RspamdDkim:
    """A running rspamd.

    Args:
        nameserver: whom it asks for keys, `address:port`.
        key: signs mail of logged-in users.
    """

    def __init__(self, nameserver: str, key: SigningKey) -> None:
        needs.root("rspamd")
        command = needs.program("rspamd")
        self.folder = peer_folder("rspamd")
        self.port = free_port()
        configuration = self.folder / "rspamd.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                port=self.port,
                nameserver=nameserver,
                domain=key.domain,
                selector=key.selector,
            )
        )
        (self.folder / "key").write_bytes(key.pem)
        argv = [command, "-f", "-i", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "output")
            self._process.wait_ready(lambda: listening(self.port))

    def stop(self) -> None:
        """End it."""
        self._process.stop()
        remove_folder(self.folder)

    def symbols(self, message: bytes) -> dict[str, list[str]]:
        """What it finds, each with its options, such as `R_DKIM_ALLOW: ["example.org:s=one"]`."""
        found = cast("dict[str, dict[str, list[str]]]", self._asked(message)["symbols"])
        return {name: each.get("options", []) for name, each in found.items()}

    def signed(self, message: bytes) -> bytes:
        """The message, signed by it as that of a user."""
        value = cast("str", self._asked(message, user="ann@example.org")["dkim-signature"])
        line = f"DKIM-Signature: {value}\n".replace("\r\n", "\n").replace("\n", "\r\n")
        return line.encode() + message

    def _asked(self, message: bytes, user: str = "") -> dict[str, object]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/checkv2",
            data=message,
            headers={
                "IP": "192.0.2.7",
                "From": "ann@example.org",
                **({"User": user} if user else {}),
            },
        )
        with urllib.request.urlopen(request, timeout=TIME) as answer:
            return cast("dict[str, object]", json.load(answer))
