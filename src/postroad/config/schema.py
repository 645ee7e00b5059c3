"""The shape of a configuration, read from the components' own settings classes.

Each component defines its section as a frozen dataclass; this module walks them. From the walk
come the keys that are allowed at each level, the words for what a value should have been, and
(in the tests) the proof that every key is documented with its real default. Nothing here knows any
key by name.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, key_name, nearest
from postroad.model.units import Duration

__all__ = [
    "ANY_NAME",
    "Setting",
    "annotation_at",
    "choices",
    "expected",
    "is_network",
    "settings",
    "unknown_keys",
]

ANY_NAME = "NAME"
"""Stands in a setting's path where the operator chooses the word, as in `[listeners.NAME]`."""

POSTFIX_NAMES = {
    "default_destination_concurrency_limit": "[queue] destination_concurrency",
    "default_destination_rate_delay": "[destinations.NAME] rate",
    "default_destination_recipient_limit": "[queue] recipients_per_delivery",
    "smtp_destination_concurrency_limit": "[destinations.NAME] concurrency",
    "smtp_destination_rate_delay": "[destinations.NAME] rate",
    "initial_destination_concurrency": "[queue] initial_concurrency",
    "maximal_backoff_time": "[queue] maximal_backoff",
    "maximal_queue_lifetime": "[queue] lifetime",
    "minimal_backoff_time": "[queue] minimal_backoff",
    "bounce_queue_lifetime": "[queue] bounce_lifetime",
    "qmgr_message_recipient_limit": "[queue] active_limit",
    "mydestination": "domains",
    "myhostname": "hostname",
    "mynetworks": "[relay] trusted_networks",
    "message_size_limit": "[limits] message_size",
    "relayhost": "[relay] smarthost",
    "transport_maps": "[routing] transport",
    "default_transport": "[routing] default_transport",
    "relay_transport": "[routing] relay_transport",
    "relay_domains": "[routing] relay_domains",
    "relay_recipient_maps": "[domain.NAME] recipients",
    "sender_dependent_default_transport_maps": "[routing] sender_transport",
    "sender_dependent_relayhost_maps": "[relay] sender_smarthosts",
    "smtp_fallback_relay": "[relay] fallback",
    "smtp_sasl_password_maps": "[relay] logins",
    "smtp_sasl_mechanism_filter": "[relay] login_mechanisms",
    "smtp_sender_dependent_authentication": "[relay] sender_logins",
    "smtp_bind_address": "[delivery] source_addresses",
    "smtp_bind_address6": "[delivery] source_addresses",
    "smtp_helo_name": "[transports.NAME] helo",
    "smtpd_authorized_xclient_hosts": "[listeners.NAME] xclient",
    "smtpd_authorized_xforward_hosts": "[listeners.NAME] xforward",
    "smtpd_discard_ehlo_keywords": "[listeners.NAME] discard_ehlo_keywords",
    "smtpd_upstream_proxy_protocol": "[listeners.NAME] proxy",
    "disable_vrfy_command": "[listeners.NAME] vrfy",
    "fast_flush_domains": "[etrn.NAME]",
    "smtpd_soft_error_limit": "[limits] soft_errors",
    "smtpd_hard_error_limit": "[limits] errors",
    "smtpd_error_sleep_time": "[limits] error_pause",
    "smtpd_min_data_rate": "[limits] data_rate",
    "smtpd_recipient_limit": "[limits] recipients",
    "smtpd_client_auth_rate_limit": "[rates.NAME]",
    "smtpd_client_connection_count_limit": "[limits] sessions_per_address",
    "smtpd_client_connection_rate_limit": "[rates.NAME]",
    "smtpd_client_message_rate_limit": "[rates.NAME]",
    "smtpd_client_new_tls_session_rate_limit": "[rates.NAME]",
    "smtpd_client_recipient_rate_limit": "[rates.NAME]",
    "anvil_rate_time_unit": "[rates.NAME] window",
    "smtpd_client_restrictions": "[listeners.NAME.policy] client",
    "smtpd_data_restrictions": "[listeners.NAME.policy] data",
    "smtpd_delay_reject": "[listeners.NAME.policy] delay_reject",
    "smtpd_end_of_data_restrictions": "[listeners.NAME.policy] end_of_data",
    "smtpd_etrn_restrictions": "[listeners.NAME.policy] etrn",
    "smtpd_helo_restrictions": "[listeners.NAME.policy] helo",
    "smtpd_recipient_restrictions": "[listeners.NAME.policy] recipient",
    "smtpd_reject_unlisted_recipient": "[listeners.NAME.policy] reject_unlisted_recipient",
    "smtpd_relay_restrictions": "[listeners.NAME.policy] relay",
    "smtpd_restriction_classes": "[policy] classes",
    "smtpd_sender_login_maps": "[login] sender_login_maps",
    "smtpd_sender_restrictions": "[listeners.NAME.policy] sender",
    "permit_mx_backup_networks": "[policy] mx_backup_networks",
    "virtual_mailbox_domains": "domains",
}
"""Words that hands know from main.cf, and ours for the same thing."""

_WORDS: dict[object, str] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes",
    Duration: 'a duration such as 300, "30s" or "1h30m"',
    IPv4Network: 'a network such as "192.0.2.0/24" or "2001:db8::/32"',
    IPv6Network: 'a network such as "192.0.2.0/24" or "2001:db8::/32"',
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key that a configuration may hold.

    Attributes:
        path: table names and the key, with `ANY_NAME` for a word of the operator's; positions in
            an array of tables are left out.
        annotation: the field's type.
        required: whether it has no default.
        default: the default, meaningless when required.
    """

    path: tuple[str, ...]
    annotation: object
    required: bool
    default: object

    @property
    def table(self) -> str:
        """The table as its header shows it, empty for the top level."""
        return ".".join(self.path[:-1])


def settings(section: type, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Every key of a section and of the sections inside it, depth first."""
    for field, annotation in _fields(section):
        inner = _inner_section(annotation)
        if inner is not None:
            name = (ANY_NAME,) if inner.kind is _Kind.NAMED else ()
            yield from settings(inner.section, (*path, field.name, *name))
            continue
        default, required = _default(field)
        yield Setting((*path, field.name), annotation, required, default)


def unknown_keys(root: type, table: Mapping[str, object]) -> Iterator[Fault]:
    """A fault for every key, at any depth, that a configuration of type `root` does not have.

    Values of the wrong type are passed over; validation speaks of those.
    """
    places = {setting.path[-1]: key_name(setting.path) for setting in settings(root)}
    yield from _unknown(root, table, (), places | POSTFIX_NAMES)


def _unknown(
    section: type, table: Mapping[str, object], path: KeyPath, elsewhere: Mapping[str, str]
) -> Iterator[Fault]:
    known = {field.name: annotation for field, annotation in _fields(section)}
    for name, value in table.items():
        if name not in known:
            yield _unknown_key(name, known, path, elsewhere)
            continue
        inner = _inner_section(known[name])
        if inner is None:
            continue
        for below, inner_table in _tables(inner.kind, value):
            yield from _unknown(inner.section, inner_table, (*path, name, *below), elsewhere)


def _tables(kind: _Kind, value: object) -> Iterator[tuple[KeyPath, Mapping[str, object]]]:
    """The tables that a key holds, each with the path below that key."""
    below: dict[KeyPath, object] = {}
    if kind is _Kind.ONE:
        below = {(): value}
    elif kind is _Kind.NAMED and isinstance(value, dict):
        below = {(word,): table for word, table in value.items()}
    elif kind is _Kind.ARRAY and isinstance(value, list):
        below = {(at,): table for at, table in enumerate(value)}
    for path, table in below.items():
        if isinstance(table, dict):
            yield path, table


def _unknown_key(
    name: str, known: Mapping[str, object], path: KeyPath, elsewhere: Mapping[str, str]
) -> Fault:
    here = f"[{'.'.join(map(str, path))}] "
    meant = POSTFIX_NAMES.get(name, "").removeprefix(here)
    right = meant or nearest(name, known) or elsewhere.get(name, "")
    if path and right == name:
        # TOML's trap: a key below a header is the table's, however it is indented.
        return Fault((*path, name), "this key belongs above the first [table]")
    return Fault((*path, name), "unknown key", right)


def annotation_at(section: type, path: KeyPath) -> object:
    """The type a path should hold: a section, a setting's type, or an element's."""
    annotation: object = section
    for part in path:
        core = _without_none(annotation)
        if isinstance(part, int):
            annotation = get_args(core)[0]
        elif get_origin(core) is dict:
            annotation = get_args(core)[1]
        elif isinstance(core, type) and dataclasses.is_dataclass(core):
            annotation = _hints(core)[part]
    return annotation


def expected(annotation: object) -> str:
    """What a value of this type is, in an operator's words."""
    core = _without_none(annotation)
    if core in _WORDS:
        return _WORDS[core]
    words = choices(core)
    if words:
        return f"one of {', '.join(words)}"
    if get_origin(core) is dict and expected(get_args(core)[1]) != "a table":
        return f"a table, each {expected(get_args(core)[1])}"
    if get_origin(core) is tuple:
        return f"a list in brackets, each {expected(get_args(core)[0])}"
    return "a table"


def is_network(annotation: object) -> bool:
    """Whether the type is an IP network."""
    return _without_none(annotation) in {IPv4Network, IPv6Network}


def choices(annotation: object) -> tuple[str, ...]:
    """The words a setting may hold, empty unless they are few and fixed."""
    core = _without_none(annotation)
    return tuple(map(str, get_args(core))) if get_origin(core) is Literal else ()


@cache
def _hints(section: type) -> dict[str, object]:
    return dict(get_type_hints(section, include_extras=True))


def _fields(section: type) -> list[tuple[dataclasses.Field[object], object]]:
    hints = _hints(section)
    return [(field, hints[field.name]) for field in dataclasses.fields(section)]


def _default(field: dataclasses.Field[object]) -> tuple[object, bool]:
    if field.default is not dataclasses.MISSING:
        return field.default, False
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory(), False
    return None, True


class _Kind(Enum):
    """How a field holds sections: one, several by the operator's names, or a list of them."""

    ONE = "one"
    NAMED = "named"
    ARRAY = "array"


class _Inner(NamedTuple):
    """The section a field holds, and how."""

    section: type
    kind: _Kind


def _inner_section(annotation: object) -> _Inner | None:
    core = _without_none(annotation)
    kind = _Kind.ONE
    if get_origin(core) is dict:
        kind, core = _Kind.NAMED, get_args(core)[1]
    elif get_origin(core) is tuple:
        kind, core = _Kind.ARRAY, get_args(core)[0]
    if isinstance(core, type) and dataclasses.is_dataclass(core):
        return _Inner(core, kind)
    return None


def _without_none(annotation: object) -> object:
    """`X` of `X | None`; a union of the two kinds of network counts as the first."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return next(arg for arg in get_args(annotation) if arg is not types.NoneType)
    if get_origin(annotation) is Annotated and annotation != Duration:
        return get_args(annotation)[0]
    return annotation
