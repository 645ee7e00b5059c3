"""Parameters that are one key each, rates, networks, and what is left at the end.

Values are written otherwise in the two: `1h` stays, `5d` stays, a bare number gets Postfix's unit,
`yes` is `true`. What equals Postroad's own default is said and not written, to keep the file short.
"""

from __future__ import annotations

import re

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.plan import KeyPath, TomlValue
from postroad.adopt.postfix.defaults import DEFAULTS
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.main_cf import MainCf, Parameter
from postroad.adopt.postfix.networks import networks_of
from postroad.adopt.postfix.parameters import (
    MISSING,
    NEEDLESS,
    OWN_NAME,
    SIMPLE,
    TRANSLATED,
    UNKNOWN_NAME,
    Form,
    Simple,
)
from postroad.adopt.postfix.tables import table_name

__all__ = ["translate_rates", "translate_rest", "translate_settings"]

_DURATION = re.compile(r"(\d+)([smhdw]?)\Z")
_RATES = {
    "smtpd_client_recipient_rate_limit": "recipients",
    "smtpd_client_message_rate_limit": "messages",
    "smtpd_client_connection_rate_limit": "connections",
    "smtpd_client_new_tls_session_rate_limit": "tls_sessions",
    "smtpd_client_auth_rate_limit": "logins",
}
_WINDOW = "anvil_rate_time_unit"
_OF_TRANSPORT = re.compile(
    r"(?P<name>[\w-]+?)_(?P<what>destination_concurrency_limit|destination_recipient_limit"
    r"|destination_rate_delay|initial_destination_concurrency|transport_rate_delay|time_limit"
    r"|destination_concurrency_failed_cohort_limit|delivery_slot_\w+|recipient_limit"
    r"|minimum_delivery_slots|recipient_refill_\w+|extra_recipient_limit)\Z"
)
_MILTER_MACRO = re.compile(r"(milter|tlsproxy|postscreen|lmtp|lmdb|qmqpd|destination|tls)_")
_LEAST_SIZE = 65_536


def translate_settings(old: OldPostfix) -> None:
    """Plan every parameter of `SIMPLE` that somebody wrote, networks and the rest of policy."""
    for parameter in list(old.main.written):
        simple = SIMPLE.get(parameter.name)
        if simple is not None:
            _simple(old, parameter, simple)
    _defaults(old)
    _networks(old)
    _policy_tables(old)
    _notices(old)
    _etrn(old)
    for name in ("smtpd_sasl_security_options", "smtpd_sasl_tls_security_options"):
        _mechanisms(old, name)


def _simple(old: OldPostfix, parameter: Parameter, simple: Simple) -> None:
    value = old.main.value(parameter.name).strip()
    path: KeyPath = tuple(simple.key.split("."))
    if not value and simple.form is not Form.TEXT:
        old.note(parameter, Verdict.TRANSLATED, "empty, as it is here without a word")
        return
    if not value and simple.key != "directory.recipient_delimiter":
        old.note(parameter, Verdict.TRANSLATED, "empty, as it is here without a word")
        return
    new, lost = _converted(old, simple, value)
    section, key = ".".join(path[:-1]), path[-1]
    if new is None:
        words = f"not taken over: {lost or f'no {simple.form.value} for `[{section}] {key}`'}"
        old.note(parameter, Verdict.UNSUPPORTED, words)
        return
    finding = old.note(parameter, Verdict.TRANSLATED, f"`[{section}] {key}`")
    if lost:
        old.plan.find(
            old.finding(parameter, Verdict.UNSUPPORTED, f"left out: {lost}", todo="add it by hand")
        )
    old.plan.set(path, new, finding)


def _converted(old: OldPostfix, simple: Simple, value: str) -> tuple[TomlValue | None, str]:
    """A value in Postroad's form, and what of it was lost."""
    if simple.form is Form.NUMBER:
        return _number(simple, value)
    if simple.form is Form.DURATION:
        found = _DURATION.match(value)
        return (f"{found[1]}{found[2] or simple.unit}", "") if found else (None, "")
    if simple.form is Form.YES:
        return {"yes": True, "no": False}.get(value.lower()), ""
    if simple.form is Form.WORDS:
        return old.main.expand(value).replace(",", " ").split(), ""
    if simple.form is Form.NETWORKS:
        networks, lost = networks_of(old, value.replace(",", " ").split())
        return networks, ", ".join(lost)
    if simple.form is Form.FILE:
        there = old.files.exists(value)
        return (str(old.files.place(value)), "") if there else (None, f"{value} is not there")
    if simple.form is Form.TABLES:
        return _tables(old, value)
    return value, ""


def _number(simple: Simple, value: str) -> tuple[TomlValue | None, str]:
    if not value.isdigit():
        return None, f"{value} is no number"
    number = int(value)
    if simple.key == "limits.message_size" and 0 < number < _LEAST_SIZE:
        return _LEAST_SIZE, ""
    return number, ""


def _tables(old: OldPostfix, value: str) -> tuple[TomlValue | None, str]:
    tables: list[str] = []
    lost: list[str] = []
    for word in old.main.expand(value).replace(",", " ").split():
        table = table_name(old, word)
        if table.name:
            tables.append(table.name)
        else:
            lost.append(f"{word} ({table.reason})")
    return (tables or None), ", ".join(lost)


def _defaults(old: OldPostfix) -> None:
    """Defaults of Postfix that an operator relies on without having written them."""
    for name in ("recipient_delimiter", "message_size_limit"):
        if old.main.get(name) is not None:
            continue
        value = DEFAULTS[name]
        path: KeyPath = tuple(SIMPLE[name].key.split("."))
        new: TomlValue = int(value) if value.isdigit() else value
        old.plan.set(path, new, None, f"Postfix's default of {name}")


def _networks(old: OldPostfix) -> None:
    parameter = old.main.get("mynetworks")
    style = old.main.value("mynetworks_style").strip()
    if parameter is None:
        if style in ("subnet", "class"):
            words = "only this machine is trusted; Postfix trusted the networks that it is in"
            said = Finding(
                old.main.file,
                None,
                "mynetworks_style",
                style,
                Verdict.UNSUPPORTED,
                words,
                "name the networks that may relay without a login in `[relay] trusted_networks`",
            )
            written = old.main.get("mynetworks_style")
            if written is not None:
                old.missing("mynetworks_style", words, said.todo)
            else:
                old.plan.find(said)
        else:
            old.translated("mynetworks_style", "this machine is trusted, as it is by default")
        return
    old.translated("mynetworks_style", "mynetworks says it")
    networks, lost = networks_of(old, old.main.words("mynetworks"))
    finding = old.note(parameter, Verdict.TRANSLATED, "`[relay] trusted_networks`")
    old.plan.set(("relay", "trusted_networks"), networks, finding)
    for word in lost:
        words = f"left out: {word}"
        todo = "no exception and no name can stand there: see that the networks are right"
        old.plan.find(old.finding(parameter, Verdict.UNSUPPORTED, words, todo=todo))


def _policy_tables(old: OldPostfix) -> None:
    for name in ("rbl_reply_maps", "relay_clientcerts"):
        words = old.main.words(name)
        tables = [table_name(old, word) for word in words]
        good = [table.name for table in tables if table.name]
        for table in tables:
            if not table.name:
                old.missing(name, table.reason)
        if good:
            joined = good[0] if len(good) == 1 else f"unionmap:{{{', '.join(good)}}}"
            finding = old.translated(name, f"`[policy] {name}`")
            old.plan.set(("policy", name), joined, finding)


def _notices(old: OldPostfix) -> None:
    warning = old.main.get("delay_warning_time")
    found = _DURATION.match(old.main.value("delay_warning_time").strip())
    if warning is not None and found:
        text = f"{found[1]}{found[2] or 'h'}"
        never = int(found[1]) == 0
        words = "`[queue] delay_warning`" + ("" if never else " and `delay_warning_to`")
        finding = old.note(warning, Verdict.TRANSLATED, words)
        old.plan.set(("queue", "delay_warning"), "0s" if never else text, finding)
        if not never:
            old.plan.set(("queue", "delay_warning_to"), "everybody", finding)
    classes = old.main.words("notify_classes")
    if old.main.get("notify_classes") is None:
        old.translated("2bounce_notice_recipient", "not used: notify_classes has no 2bounce")
        return
    if "2bounce" in classes:
        whom = old.main.value("2bounce_notice_recipient")
        domain = (old.plan.texts(("domains",)) or [old.main.value("myhostname")])[0]
        whole = whom if "@" in whom else f"{whom}@{domain}"
        told = old.translated("2bounce_notice_recipient", "`[queue] double_bounce_to`")
        old.plan.set(("queue", "double_bounce_to"), whole, told)
    rest = [word for word in classes if word != "2bounce"]
    words = f"postmaster is not told of {', '.join(rest)}" if rest else "`[queue] double_bounce_to`"
    if rest:
        old.missing("notify_classes", words, "the log and `postroad why` tell", matters=False)
    else:
        old.translated("notify_classes", words)


def _etrn(old: OldPostfix) -> None:
    parameter = old.main.get("fast_flush_domains")
    if parameter is None:
        return
    domains = [word for word in old.main.words("fast_flush_domains") if "." in word]
    for domain in domains:
        if ":" not in domain and "/" not in domain:
            old.plan.set(
                ("etrn", domain, "networks"),
                [],
                old.finding(parameter, Verdict.TRANSLATED, ""),
                "name the clients that may start its queue",
            )
    old.note(
        parameter,
        Verdict.TRANSLATED,
        "`[etrn.NAME]`",
        "say there who may start which queue" if domains else "",
    )


def _mechanisms(old: OldPostfix, name: str) -> None:
    parameter = old.main.get(name)
    if parameter is None:
        return
    options = set(old.main.words(name))
    if "noplaintext" in options and name == "smtpd_sasl_tls_security_options":
        words = "PLAIN and LOGIN would be refused: users log in by SCRAM-SHA-256 alone"
        finding = old.note(parameter, Verdict.TRANSLATED, words)
        old.plan.set(("login", "mechanisms"), ["SCRAM-SHA-256"], finding)
    elif "noanonymous" not in options and old.main.value(name):
        old.note(parameter, Verdict.UNSUPPORTED, "nobody logs in without a name", matters=False)
    else:
        words = "nobody logs in without a name, and nobody without TLS"
        old.note(parameter, Verdict.TRANSLATED, words)


def translate_rates(old: OldPostfix, listeners: dict[str, str]) -> None:
    """Plan `[rates.NAME]`.

    Args:
        old: whose they are.
        listeners: the listener of each service.
    """
    old.translated(_WINDOW, "`[rates.NAME] window`")
    for name, count in _RATES.items():
        of_service: list[str] = []
        for service in old.master.inet():
            option = service.options.get(name)
            listener = listeners.get(service.name)
            if option is None or listener is None:
                continue
            of_service.append(listener)
            main = old.main.over(service.options)
            name_here = f"{listener}-{count}"
            _rate(old, main, option, name=name_here, count=count, listeners=[listener])
        parameter = old.main.get(name)
        if parameter is not None:
            others = [each for each in listeners.values() if each not in of_service]
            only = others if of_service else []
            _rate(old, old.main, parameter, name=count, count=count, listeners=only)


def _rate(
    old: OldPostfix,
    main: MainCf,
    parameter: Parameter,
    *,
    name: str,
    count: str,
    listeners: list[str],
) -> None:
    limit = main.number(parameter.name)
    if not limit:
        old.note(parameter, Verdict.TRANSLATED, "no limit but those of `[limits]`")
        return
    finding = old.note(parameter, Verdict.TRANSLATED, f"`[rates.{name}]`")
    path: KeyPath = ("rates", name)
    old.plan.set((*path, "count"), count, finding)
    old.plan.set((*path, "per"), "client")
    old.plan.set((*path, "limit"), limit)
    old.plan.set((*path, "window"), old.main.value(_WINDOW) or "60s")
    if listeners:
        old.plan.set((*path, "listeners"), listeners)


def translate_rest(old: OldPostfix) -> None:
    """Say what became of every parameter that nobody has spoken of."""
    for parameter in list(old.main.written):
        if old.is_noted(parameter):
            continue
        problem = old.main.problem(parameter)
        name = parameter.name
        if problem:
            old.note(parameter, Verdict.UNSUPPORTED, f"its value cannot be expanded: {problem}")
        elif name in TRANSLATED:
            old.note(parameter, Verdict.TRANSLATED, _sentence(TRANSLATED[name]))
        elif name in NEEDLESS:
            old.note(parameter, Verdict.NOT_NEEDED, NEEDLESS[name])
        elif _is_default(old, name):
            old.note(parameter, Verdict.NOT_NEEDED, "what Postfix does anyhow")
        elif name in MISSING:
            lack = MISSING[name]
            old.note(parameter, Verdict.UNSUPPORTED, lack.words, lack.todo, matters=lack.matters)
        else:
            _unknown(old, parameter)


def _sentence(words: str) -> str:
    return words


def _is_default(old: OldPostfix, name: str) -> bool:
    return name in DEFAULTS and old.main.value(name) == old.main.expand(DEFAULTS[name])


def _unknown(old: OldPostfix, parameter: Parameter) -> None:
    found = _OF_TRANSPORT.match(parameter.name)
    name = parameter.name
    if found:
        _of_transport(old, parameter, found["name"], found["what"])
    elif name in DEFAULTS or _MILTER_MACRO.match(name):
        old.note(parameter, Verdict.UNSUPPORTED, "Postroad has nothing of this kind", matters=False)
    elif old.uses(name):
        old.note(parameter, Verdict.TRANSLATED, OWN_NAME)
    else:
        old.note(parameter, Verdict.NOT_NEEDED, UNKNOWN_NAME)


_OF_DESTINATION = {
    "destination_concurrency_limit": "concurrency",
    "destination_recipient_limit": "recipients_per_delivery",
    "initial_destination_concurrency": "initial_concurrency",
}


def _of_transport(old: OldPostfix, parameter: Parameter, transport: str, what: str) -> None:
    value = old.main.value(parameter.name).strip()
    path: KeyPath = ("destinations", f"transport:{transport}")
    if transport == "default" or ("transports", transport, "kind") not in old.plan.settings:
        known = transport in ("smtp", "relay", "lmtp", "local", "default")
        if not known:
            old.note(parameter, Verdict.NOT_NEEDED, "no mail goes by this transport")
            return
    key = _OF_DESTINATION.get(what)
    words = f'`[destinations."transport:{transport}"]`'
    if key and value.isdigit() and transport != "default":
        finding = old.note(parameter, Verdict.TRANSLATED, f"{words} {key}")
        old.plan.set((*path, key), int(value), finding)
    elif what in ("destination_rate_delay", "transport_rate_delay") and _DURATION.match(value):
        number, unit = _DURATION.match(value).groups()  # type: ignore[union-attr]
        seconds = int(number) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
        if seconds == 0:
            old.note(parameter, Verdict.NOT_NEEDED, "no pause between deliveries")
            return
        per_day = max(1, 86_400 // seconds)
        finding = old.note(parameter, Verdict.TRANSLATED, f"{words} rate")
        name = "transport:smtp" if transport == "default" else f"transport:{transport}"
        old.plan.set(("destinations", name, "rate"), f"{per_day}/d", finding)
    else:
        words = "how Postfix shares its memory among messages; Postroad does it otherwise"
        old.note(parameter, Verdict.NOT_NEEDED, words)
