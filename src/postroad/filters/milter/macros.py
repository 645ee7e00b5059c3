"""Macros: what a milter is told beside the steps themselves, in the words of Sendmail and Postfix.

Each stage has its usual ones, which are Postfix's defaults and what milters in wide use ask for
besides; the operator's lists stand in place of these, and a milter that negotiates a list of its
own goes before both. A macro without a value is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from postroad.filters.milter.negotiation import STAGES
from postroad.filters.stages import Began, Connected, Greeted
from postroad.model import Address, Client, Recipient, Reply

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
            "{mail_mailer}",
        ),
        "rcpt": ("i", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"),
        "data": ("i",),
        "end_of_header": ("i",),
        "end_of_message": ("i",),
        "unknown_command": (),
    }
)
assert set(USUAL) == {*STAGES, "unknown_command"}

_OF_WAYS = {
    "mail": frozenset({"mail_host", "mail_mailer"}),
    "rcpt": frozenset({"rcpt_host", "rcpt_mailer"}),
}
"""What is said of where mail for an address goes."""

NO_WAY = ("", "")
"""Where mail for an address goes is not known, or need not be."""


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
        self._defaults = {plain(name): value for name, value in values.items() if value}
        self._values = {"j": hostname, "v": self._defaults.get("v", version)}

    def choose(self, lists: Mapping[str, tuple[str, ...]]) -> None:
        """Tell what the milter itself asks for, at the stages that it says something of."""
        if lists:
            self._lists = {**self._lists, **lists}

    def connected(self, stage: Connected) -> None:
        """A client came."""
        client, values = stage.client, self._values
        values["daemon_name"] = stage.origin_name or values["j"]
        self._put("daemon_addr", stage.server.address)
        self._put("if_addr", stage.server.address)
        values["daemon_port"] = str(stage.server.port)
        values["if_name"] = values["j"]
        self._put("client_addr", client.address)
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

    def wants_way(self, kind: str) -> bool:
        """Whether it is told where mail for an address goes.

        Args:
            kind: `mail`: the sender's; `rcpt`: a recipient's.
        """
        return not _OF_WAYS[kind].isdisjoint([key for _, key in _spelt(self._lists[kind])])

    def began(self, stage: Began, way: tuple[str, str] = NO_WAY) -> None:
        """MAIL.

        Args:
            stage: what was said.
            way: transport and next hop of mail for the sender.
        """
        login = stage.login
        self._put("auth_type", login.mechanism if login is not None else "")
        self._put("auth_authen", login.accountable if login is not None else "")
        self._put("auth_author", login.user if login is not None and login.actor else "")
        self._address("mail", stage.envelope.sender, way)
        if stage.envelope.sender is None:
            self._values["mail_addr"] = ""  # a sender that is none is told all the same
        self._values.pop("i", None)

    def named(self, recipient: Recipient, way: tuple[str, str] = NO_WAY) -> None:
        """RCPT.

        Args:
            recipient: who gets the message.
            way: transport and next hop of mail for that one.
        """
        self._address("rcpt", recipient.address, way)

    def denied(self, reply: Reply) -> None:
        """RCPT, which was refused: why takes the place of where it would go (MILTER_README).

        The words are those behind the address, as Postfix has them.
        """
        self._put("rcpt_mailer", "error")
        self._put("rcpt_host", reply.enhanced or "")
        words = " ".join(reply.lines)
        self._put("rcpt_addr", words.partition(">: ")[2] or words)

    def started(self, queue_id: str) -> None:
        """The content comes, and the message has its identifier."""
        self._values["i"] = queue_id

    def at(self, stage: str) -> bytes:
        """Names and values for a stage, each with the NUL that ends it; empty: there are none."""
        told: list[bytes] = []
        values, defaults = self._values, self._defaults
        for octets, key in _spelt(self._lists[stage]):
            value = values.get(key, defaults.get(key))
            if value is not None:
                told += (octets, _octets(value))
        return b"".join(told)

    def _put(self, name: str, value: str) -> None:
        if value:
            self._values[name] = value
        else:
            self._values.pop(name, None)

    def _address(self, kind: str, address: Address | None, way: tuple[str, str]) -> None:
        mailer, host = way
        self._put(f"{kind}_addr", "" if address is None else str(address))
        self._put(f"{kind}_host", host or ("" if address is None else address.domain))
        self._put(f"{kind}_mailer", mailer)


def plain(name: str) -> str:
    """The name of a macro without its braces: `{j}` and `j` are one."""
    return name.removeprefix("{").removesuffix("}")


@lru_cache(maxsize=256)
def _spelt(names: tuple[str, ...]) -> tuple[tuple[bytes, str], ...]:
    """Names as they are told, each with its plain one: lists are few, and told for each message."""
    return tuple([(_octets(name), plain(name)) for name in names])


def _resolved(client: Client) -> str:
    """How finding the client's name went (Sendmail's `{client_resolve}`)."""
    if client.name != "unknown":
        return "OK"
    if client.name_unsure or client.reverse_unsure:
        return "TEMP"
    return "FORGED" if client.reverse_name != "unknown" else "FAIL"


def _octets(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "surrogateescape") + b"\0"
