"""The command line of a program that takes mail: macros and flags of Postfix's pipe(8). Pure.

Senders and recipients are chosen by strangers. No shell reads them, so the only thing that an
address could become is an option: `-rf@example.org`. A word that begins with an address must not
begin with a hyphen then, unless a word `--` before it has ended the options. Postfix forbids such
addresses everywhere (allow_min_user); here they are refused where it matters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from postroad.model import Address, StoredMessage, StoredRecipient

__all__ = ["CommandLine", "Unsafe"]

_FLAGS = "BDFORXhqu.>"
_MACRO = re.compile(r"\$(?:\{(\w*)\}|\((\w*)\)|(\w+)|(\$)|)", re.ASCII)

_OF_MESSAGE = ("client_address", "envid", "nexthop", "queue_id", "sasl_username", "sender", "size")
_OF_RECIPIENT = ("domain", "extension", "mailbox", "original_recipient", "recipient", "user")
_NOT_KEPT = frozenset(
    {"client_helo", "client_hostname", "client_port", "client_protocol", "sasl_method"}
    | {"sasl_sender"}
)
"""Macros of Postfix for what is not stored with a message here."""


class Unsafe(Exception):
    """An address would be taken for an option; nothing was run."""


class CommandLine:
    """The words of a command, with what is replaced in them.

    Attributes:
        flags: the letters.
    """

    __slots__ = ("_delimiters", "_ends_options", "_null_sender", "_words", "flags")

    def __init__(
        self, words: Sequence[str], flags: str, *, null_sender: str = "", delimiters: str = ""
    ) -> None:
        """Read a command.

        Args:
            words: the program and its arguments.
            flags: letters of pipe(8).
            null_sender: what stands for the null reverse-path.
            delimiters: the characters that begin an address extension.

        Raises:
            ValueError: a macro or a flag that is not known, or no program; for the operator.
        """
        if not words or not words[0].startswith("/"):
            raise ValueError(
                "command: expected the program, with its whole path, and its arguments"
            )
        unknown = set(flags) - set(_FLAGS)
        if unknown:
            letters = "".join(sorted(unknown))
            raise ValueError(f'flags: "{letters}" is not known: expected some of {_FLAGS}')
        for word in words:
            _check(word)
        if _MACRO.search(words[0]):
            raise ValueError("command: the program's name holds no macros")
        self._words = tuple(words)
        self._ends_options = words.index("--") if "--" in words else len(words)
        self._null_sender = null_sender
        self._delimiters = delimiters
        self.flags = frozenset(flags)

    @property
    def program(self) -> str:
        """The program's path."""
        return self._words[0]

    def words(
        self, message: StoredMessage, recipients: Sequence[StoredRecipient], nexthop: str
    ) -> list[str]:
        """The words to run.

        A word with a macro of a recipient becomes as many as there are recipients.

        Args:
            message: what is delivered.
            recipients: to whom; at least one.
            nexthop: the route's.

        Raises:
            Unsafe: an address would be taken for an option.
        """
        common = self._of_message(message, nexthop)
        each = [{**common, **self._of_recipient(one)} for one in recipients]
        found: list[str] = []
        for place, word in enumerate(self._words):
            values = each if _names(word).intersection(_OF_RECIPIENT) else [common]
            made = [_replaced(word, value) for value in values]
            begins = word.startswith("$") and not word.startswith("$$")
            if begins and place < self._ends_options and any(one.startswith("-") for one in made):
                raise Unsafe
            found += made
        return found

    def sender(self, message: StoredMessage) -> str:
        """The reverse-path as a header field has it."""
        sender = message.envelope.sender
        return self._null_sender if sender is None else str(sender)

    def _of_message(self, message: StoredMessage, nexthop: str) -> dict[str, str]:
        sender = message.envelope.sender
        return {
            "sender": self._null_sender if sender is None else self._address(sender),
            "nexthop": nexthop.lower() if "h" in self.flags else nexthop,
            "queue_id": message.queue_id,
            "size": str(message.content.size),
            "envid": message.envelope.envid or "",
            "client_address": message.waybill.client,
            "sasl_username": message.waybill.login,
        }

    def _of_recipient(self, recipient: StoredRecipient) -> Mapping[str, str]:
        address = self._folded(recipient.address)
        user, extension = self._split(address.local)
        return {
            "recipient": self._address(address),
            "original_recipient": self._address(self._folded(recipient.original)),
            "mailbox": address.local,
            "user": user,
            "extension": extension,
            "domain": address.domain,
        }

    def _folded(self, address: Address) -> Address:
        local = address.local.lower() if "u" in self.flags else address.local
        domain = address.domain.lower() if "h" in self.flags else address.domain
        return Address(local, domain)

    def _address(self, address: Address) -> str:
        return str(address) if "q" in self.flags else f"{address.local}@{address.domain}"

    def _split(self, local: str) -> tuple[str, str]:
        """The user and the extension; a name that begins with the delimiter has none."""
        places = [at for mark in self._delimiters if (at := local.find(mark)) > 0]
        if not places:
            return local, ""
        at = min(places)
        return local[:at], local[at + 1 :]


def _check(word: str) -> None:
    if "\0" in word:
        raise ValueError("command: a word holds a character that no program can be given")
    for found in _MACRO.finditer(word):
        name = found[1] or found[2] or found[3] or ""
        if found[4] or name in _OF_MESSAGE or name in _OF_RECIPIENT:
            continue
        if name in _NOT_KEPT:
            raise ValueError(f"command: ${{{name}}} is not kept with a message here")
        if not name:
            raise ValueError(f'command: "{word}": expected ${{NAME}}, or $$ for a dollar sign')
        close = get_close_matches(name, (*_OF_MESSAGE, *_OF_RECIPIENT), n=1)
        hint = f"; did you mean ${{{close[0]}}}?" if close else ""
        raise ValueError(f"command: there is no macro ${{{name}}}{hint}")


def _names(word: str) -> set[str]:
    return {found[1] or found[2] or found[3] or "" for found in _MACRO.finditer(word)}


def _replaced(word: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        return "$" if found[4] else values[found[1] or found[2] or found[3]]

    return _MACRO.sub(value, word)
