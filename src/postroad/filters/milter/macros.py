"""Macros: what a milter is told beside the steps themselves, in the words of Sendmail and Postfix.

Each stage has its usual ones, which are Postfix's defaults and what milters in wide use ask for
besides; the operator's lists stand in place of these, and a milter that negotiates a list of its
own goes before both. A macro without a value is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from postroad.filters.milter.negotiation import STAGES
from postroad.filters.stages import Began, Connected, Greeted
from postroad.model import Address, Client, Recipient

__all__ = ["USUAL", "Macros", "plain"]

USUAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "connect": ("j", "{daemon_name}", "{daemon_addr}", "{daemon_port}", "v", "_"),
        "helo": ("{tls_version}", "{cipher}", "{cipher_bits}", "{cert_subject}", "{cert_issuer}"),
        "mail": (
            "i",
            "{auth_type}",
            "{auth_authen}",
            "{auth_author}",
            "{mail_addr}",
            "{mail_host}",
        ),
        "rcpt": ("i", "{rcpt_addr}", "{rcpt_host}"),
        "data": ("i",),
        "end_of_header": ("i",),
        "end_of_message": ("i",),
    }
)
assert set(USUAL) == set(STAGES)


class Macros:
    """The macros of one session."""

    __slots__ = ("_defaults", "_lists", "_values")

    def __init__(
        self,
        hostname: str,
        version: str,
        lists: Mapping[str, tuple[str, ...]],
        values: Mapping[str, str],
    ) -> None:
        """Before anything is known of the client.

        Args:
            hostname: our name.
            version: what we are called, with our version.
            lists: the operator's lists, by stage.
            values: what macros are that have no value of ours.
        """
        self._lists: Mapping[str, tuple[str, ...]] = {**USUAL, **lists}
        self._defaults = {plain(name): value for name, value in values.items()}
        self._values = {"j": hostname, "v": self._defaults.get("v", version)}

    def choose(self, lists: Mapping[str, tuple[str, ...]]) -> None:
        """Tell what the milter itself asks for, at the stages that it says something of."""
        if lists:
            self._lists = {**self._lists, **lists}

    def connected(self, stage: Connected) -> None:
        """A client came."""
        client, values = stage.client, self._values
        values["daemon_name"] = stage.origin_name or values["j"]
        values["daemon_addr"] = values["if_addr"] = stage.server.address
        values["daemon_port"] = str(stage.server.port)
        values["if_name"] = values["j"]
        values["client_addr"] = client.address
        values["client_name"], values["client_ptr"] = client.name, client.reverse_name
        values["client_port"] = str(client.port)
        values["client_resolve"] = _resolved(client)
        forged = " (may be forged)" if client.name.lower() != client.reverse_name.lower() else ""
        values["_"] = f"{client.reverse_name} [{client.address}]{forged}"

    def greeted(self, stage: Greeted) -> None:
        """It said HELO; there may be TLS now."""
        tls = stage.tls
        if tls is None:
            return
        shown = tls.client_certificate
        self._put("tls_version", tls.version)
        self._put("cipher", tls.cipher)
        self._put("cipher_bits", str(tls.bits))
        self._put("cert_subject", shown.subject if shown is not None else "")
        self._put("cert_issuer", shown.issuer if shown is not None else "")

    def began(self, stage: Began) -> None:
        """MAIL."""
        login = stage.login
        self._put("auth_type", login.mechanism if login is not None else "")
        self._put("auth_authen", login.accountable if login is not None else "")
        self._put("auth_author", login.user if login is not None and login.actor else "")
        self._address("mail", stage.envelope.sender)
        self._values.pop("i", None)

    def named(self, recipient: Recipient) -> None:
        """RCPT."""
        self._address("rcpt", recipient.address)

    def started(self, queue_id: str) -> None:
        """The content comes, and the message has its identifier."""
        self._values["i"] = queue_id

    def at(self, stage: str) -> bytes:
        """Names and values for a stage, each with the NUL that ends it; empty: there are none."""
        told: list[bytes] = []
        for name in self._lists.get(stage, ()):
            key = plain(name)
            value = self._values.get(key) or self._defaults.get(key)
            if value:
                told += (_octets(name), _octets(value))
        return b"".join(told)

    def _put(self, name: str, value: str) -> None:
        if value:
            self._values[name] = value
        else:
            self._values.pop(name, None)

    def _address(self, kind: str, address: Address | None) -> None:
        self._put(f"{kind}_addr", "" if address is None else str(address))
        self._put(f"{kind}_host", "" if address is None else address.domain)


def plain(name: str) -> str:
    """The name of a macro without its braces: `{j}` and `j` are one."""
    return name.removeprefix("{").removesuffix("}")


def _resolved(client: Client) -> str:
    """How finding the client's name went (Sendmail's `{client_resolve}`)."""
    if client.name != "unknown":
        return "OK"
    if client.name_unsure or client.reverse_unsure:
        return "TEMP"
    return "FORGED" if client.reverse_name != "unknown" else "FAIL"


def _octets(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "surrogateescape") + b"\0"
