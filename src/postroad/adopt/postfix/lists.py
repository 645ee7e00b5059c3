"""Restriction lists: the words are Postfix's in both, but for paths, tables and old names.

A word that Postroad does not know is left out and said, with what follows from that. Whether a
list is closed is not judged here: the relay proof does it when the result is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.adopt.policyd_spf import RESTRICTION, is_policyd_spf
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.main_cf import words_of
from postroad.adopt.postfix.master_cf import argv_of
from postroad.adopt.postfix.tables import is_table, table_name
from postroad.policy import RESTRICTIONS, Argument

__all__ = ["RelayWords", "TranslatedList", "relay_part", "translated_list"]

_OLD_NAMES = {
    "permit_naked_ip_address": "",
    "reject_maps_rbl": "",
    "check_relay_domains": "reject_unauth_destination",
    "reject_invalid_hostname": "reject_invalid_helo_hostname",
    "reject_non_fqdn_hostname": "reject_non_fqdn_helo_hostname",
    "reject_rhsbl_hostname": "reject_rhsbl_helo",
    "reject_unknown_address": "reject_unknown_sender_domain",
    "reject_unknown_client": "reject_unknown_client_hostname",
    "reject_unknown_hostname": "reject_unknown_helo_hostname",
}
"""Names that later Postfixes have others for (postconf(5)); empty: they took them away."""

_IMPLICIT = {
    "client": "check_client_access",
    "helo": "check_helo_access",
    "sender": "check_sender_access",
    "relay": "check_recipient_access",
    "recipient": "check_recipient_access",
    "etrn": "check_etrn_access",
}
"""What a bare table in a list means (postconf(5))."""

_RELAYING = ("permit", "reject", "defer", "reject_unauth_destination", "defer_unauth_destination")

RelayWords = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TranslatedList:
    """A list for Postroad.

    Attributes:
        texts: its restrictions, each with its argument.
        lost: restrictions that could not be taken over, each with a reason.
    """

    texts: tuple[str, ...]
    lost: tuple[str, ...] = ()


def translated_list(
    old: OldPostfix, stage: str, value: str, classes: Sequence[str] = ()
) -> TranslatedList:
    """A list of restrictions.

    Args:
        old: whose it is.
        stage: the list in Postroad: `client`, `relay` and so on.
        value: it, expanded.
        classes: names of restriction classes.
    """
    texts: list[str] = []
    lost: list[str] = []
    words = words_of(value)
    at = 0
    prefix = ""
    while at < len(words):
        word = _OLD_NAMES.get(words[at].lower(), words[at])
        at += 1
        if not word:
            lost.append(f"{words[at - 1]}: Postfix has none any more")
            continue
        if word == "warn_if_reject":
            prefix = "warn_if_reject "
            continue
        if is_table(word) and stage in _IMPLICIT and word not in RESTRICTIONS:
            words.insert(at, word)
            word = _IMPLICIT[stage]
        restriction = RESTRICTIONS.get(word)
        if restriction is None:
            if word in classes:
                texts.append(prefix + word)
            else:
                lost.append(f"{word}: no restriction of this name")
        elif restriction.argument is Argument.NONE:
            texts.append(prefix + word)
        elif word == "check_policy_service" and at < len(words) and _is_spf(old, words[at]):
            texts.append(prefix + RESTRICTION)
            at += 1
        elif at >= len(words):
            lost.append(f"{word}: nothing stands behind it")
        else:
            argument, reason = _argument(old, restriction.argument, words[at])
            at += 1
            if argument:
                texts.append(f"{prefix}{word} {argument}")
            else:
                lost.append(f"{word} {words[at - 1]}: {reason}")
        prefix = ""
    return TranslatedList(tuple(texts), tuple(lost))


def _is_spf(old: OldPostfix, word: str) -> bool:
    """Whether a policy service is policyd-spf, which Postfix starts itself."""
    inner = words_of(word[1:-1].strip()) if word.startswith("{") and word.endswith("}") else [word]
    found = re.match(r"unix:private/(.+)", inner[0]) if inner else None
    return found is not None and any(
        service.name == found[1] and service.command == "spawn" and is_policyd_spf(argv_of(service))
        for service in old.master.services
    )


def _argument(old: OldPostfix, kind: Argument, word: str) -> tuple[str, str]:
    if kind is Argument.TABLE:
        inner = word[1:-1].strip() if word.startswith("{") and word.endswith("}") else word
        table = table_name(old, words_of(inner)[0] if inner else "")
        if not table.name:
            return "", table.reason
        # Words of a list are parted at blanks, so a table with blanks in its name needs braces.
        return (f"{{ {table.name} }}" if " " in table.name else table.name), ""
    if kind is Argument.SERVICE:
        return _service(old, word), ""
    return word, ""


def _service(old: OldPostfix, word: str) -> str:
    """A policy service, with the whole path of its socket."""
    if word.startswith("{"):
        inner = word[1:-1].strip()
        parts = words_of(inner)
        return "{ " + ", ".join([_service(old, parts[0]), *parts[1:]]) + " }" if parts else word
    if word.startswith("unix:"):
        return f"unix:{old.in_queue(word.removeprefix('unix:'))}"
    return word


def relay_part(texts: Sequence[str]) -> RelayWords:
    """The part of a recipient list that says who may relay, up to where it refuses.

    Before Postfix 2.10 there was one list for both, and `smtpd_relay_restrictions =` still means
    that. Postroad has two lists; the second asks no policy service a second time.
    """
    part: list[str] = []
    for text in texts:
        name = text.split()[0]
        if name in _RELAYING or name.startswith("permit_") or name.endswith("_access"):
            part.append(text)
        if name in ("reject", "defer", "reject_unauth_destination", "defer_unauth_destination"):
            break
    return tuple(part)
