"""The services of master.cf that listen, as listeners with their policy.

Each `smtpd` is a listener: its port and address, how TLS begins, whether users log in, and its
restriction lists, all of them written out, so that nothing depends on what a preset would have.
"""

from __future__ import annotations

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.plan import KeyPath
from postroad.adopt.postfix.defaults import DEFAULTS
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.lists import relay_part, translated_list
from postroad.adopt.postfix.main_cf import MainCf, Parameter
from postroad.adopt.postfix.master_cf import Service
from postroad.adopt.postfix.milters import Milters
from postroad.adopt.postfix.networks import networks_of
from postroad.adopt.postfix.parameters import (
    MISSING,
    NEEDLESS,
    OWN_NAME,
    SIMPLE,
    TRANSLATED,
    UNKNOWN_NAME,
)
from postroad.model.ip_address import is_ip_address
from postroad.server.settings import DISCARDABLE

__all__ = ["LISTS", "translate_listeners"]

LISTS = {
    "client": "smtpd_client_restrictions",
    "helo": "smtpd_helo_restrictions",
    "sender": "smtpd_sender_restrictions",
    "relay": "smtpd_relay_restrictions",
    "recipient": "smtpd_recipient_restrictions",
    "data": "smtpd_data_restrictions",
    "end_of_data": "smtpd_end_of_data_restrictions",
    "etrn": "smtpd_etrn_restrictions",
}
"""Postfix's lists by Postroad's."""

_PORTS = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "ssmtp": 465}
_NAMES = {25: "mx", 587: "submission", 465: "submissions"}
_FLAGS = {
    "smtpd_authorized_xclient_hosts": "xclient",
    "smtpd_authorized_xforward_hosts": "xforward",
}
_PRESET_PORTS = {"mx": 25, "submission": 587, "submissions": 465}


def translate_listeners(old: OldPostfix) -> dict[str, str]:
    """Plan all listeners; returns their names by those of the services."""
    classes = old.main.words("smtpd_restriction_classes")
    for each in classes:
        _class(old, each, classes)
    names: dict[str, str] = {}
    milters = Milters(old)
    for service in old.master.inet():
        name = _listener(old, service, list(names.values()), classes, milters)
        if name:
            names[service.name] = name
    milters.finish()
    if not names:
        old.plan.find(
            Finding(
                old.main.file.parent / "master.cf",
                None,
                "smtp inet",
                "",
                Verdict.UNSUPPORTED,
                "no service listens on the network; Postroad listens on this machine alone",
                matters=False,
            )
        )
        old.plan.set(("listeners", "mx", "bind"), ["127.0.0.1:25"])
        names["smtp"] = "mx"
    return names


def _class(old: OldPostfix, name: str, classes: list[str]) -> None:
    parameter = old.main.get(name)
    found = translated_list(old, "recipient", old.main.value(name), classes)
    finding = old.note(parameter, Verdict.TRANSLATED, f"`[policy.classes] {name}`")
    old.plan.set(("policy", "classes", name), list(found.texts), finding)
    _say_lost(old, parameter, found.lost)


def _listener(
    old: OldPostfix,
    service: Service,
    names: list[str],
    classes: list[str],
    milters: Milters,
) -> str | None:
    """Plan one listener; `None` if the service is none."""
    if service.command == "postscreen":
        behind = old.master.named("smtpd", "pass")
        _found(old, service, Verdict.UNSUPPORTED, *_SCREENED)
        service = _as_screened(service, behind)
    elif service.kind == "pass":
        return None  # it is reached by postscreen, and told there
    if service.command != "smtpd":
        words = "Postroad starts no such program on the network"
        _found(old, service, Verdict.UNSUPPORTED, words, "let systemd start it, with a socket unit")
        return None
    main = old.main.over(service.options)
    host, port = _endpoint(service.name)
    preset = _preset(main)
    name = _free_name(_NAMES.get(port, f"port-{port}"), names)
    finding = _found(old, service, Verdict.TRANSLATED, f"`[listeners.{name}]`")
    path: KeyPath = ("listeners", name)
    old.plan.set((*path, ""), "", finding)
    if name != preset:
        old.plan.set((*path, "preset"), preset)
    binds = _binds(main, host, port)
    if binds != [f":{_PRESET_PORTS[preset]}"]:
        old.plan.set((*path, "bind"), binds)
    _tls(old, main, path, preset)
    auth = main.on("smtpd_sasl_auth_enable")
    if auth != (preset != "mx"):
        old.plan.set((*path, "auth"), auth, _origin(old, main, "smtpd_sasl_auth_enable"))
    _trust(old, main, path)
    _offers(old, main, path)
    _filter(old, main, path)
    milters.listener(service, main, path, preset)
    _lists(old, main, (*path, "policy"), classes)
    for option in service.options.values():
        _note_option(old, option, name)
    return name


_SCREENED = (
    "there is no program before the listener: strangers are not made to wait for the greeting",
    "use reject_rbl_client and greylist in `[listeners.mx.policy]`",
)


def _as_screened(service: Service, behind: Service | None) -> Service:
    """The smtpd behind a postscreen, as if it listened there itself."""
    return Service(
        name=service.name,
        kind="inet",
        chroot=service.chroot,
        maxproc=service.maxproc,
        command="smtpd",
        arguments=(),
        options=behind.options if behind else {},
        flags=(),
        file=service.file,
        line=service.line,
    )


def _found(
    old: OldPostfix, service: Service, verdict: Verdict, words: str, todo: str = ""
) -> Finding:
    finding = Finding(
        service.file,
        service.line,
        f"{service.name} {service.kind}",
        service.command,
        verdict,
        words,
        todo,
    )
    return old.plan.find(finding)


def _endpoint(name: str) -> tuple[str, int]:
    """Host and port of a service's name: `smtp`, `127.0.0.1:10025`, `[::1]:587`."""
    host, _, port = name.rpartition(":")
    number = int(port) if port.isdigit() else _PORTS.get(port, 25)
    return host.strip("[]"), number


def _free_name(name: str, taken: list[str]) -> str:
    free, count = name, 2
    while free in taken:
        free, count = f"{name}-{count}", count + 1
    return free


def _preset(main: MainCf) -> str:
    """How strict the listener is about TLS is what tells the presets apart."""
    if main.on("smtpd_tls_wrappermode"):
        return "submissions"
    level = main.value("smtpd_tls_security_level")
    return "submission" if level == "encrypt" or main.on("smtpd_enforce_tls") else "mx"


def _binds(main: MainCf, host: str, port: int) -> list[str]:
    if host:
        if host == "localhost":
            return [f"127.0.0.1:{port}"]
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    protocols = main.words("inet_protocols")
    both = not protocols or "all" in protocols or {"ipv4", "ipv6"} <= set(protocols)
    binds: list[str] = []
    for word in main.words("inet_interfaces") or ["all"]:
        plain = word.strip("[]")
        if word == "all" or not (word in ("loopback-only", "localhost") or is_ip_address(plain)):
            return [f":{port}"] if both else [f"{_any(protocols)}:{port}"]
        addresses = ["127.0.0.1", "::1"] if word in ("loopback-only", "localhost") else [plain]
        for address in addresses:
            v6 = ":" in address
            if both or (v6 == ("ipv6" in protocols)):
                binds.append(f"[{address}]:{port}" if v6 else f"{address}:{port}")
    return binds or [f"127.0.0.1:{port}"]


def _any(protocols: list[str]) -> str:
    return "[::]" if "ipv6" in protocols else "0.0.0.0"


def _tls(old: OldPostfix, main: MainCf, path: KeyPath, preset: str) -> None:
    if preset == "mx" and main.value("smtpd_tls_security_level") == "none":
        old.plan.set((*path, "tls"), "none", _origin(old, main, "smtpd_tls_security_level"))
    if main.on("smtpd_tls_ask_ccert") or main.on("smtpd_tls_req_ccert"):
        wanted = "smtpd_tls_ask_ccert"
        old.plan.set((*path, "client_certificates"), value=True, finding=_origin(old, main, wanted))


def _trust(old: OldPostfix, main: MainCf, path: KeyPath) -> None:
    """A service's own mynetworks, which may be narrower than main.cf's or wider."""
    option = main.get("mynetworks")
    if option is None or not option.service:
        return
    if main.value("mynetworks") == old.main.value("mynetworks"):
        old.note(option, Verdict.NOT_NEEDED, "the same as in main.cf")
        return
    networks, lost = networks_of(old, main.words("mynetworks"))
    words = f"`[listeners.{path[1]}] trusted_networks`"
    old.plan.set((*path, "trusted_networks"), networks, old.note(option, Verdict.TRANSLATED, words))
    for word in lost:
        todo = "no exception and no name can stand there: see that the networks are right"
        old.plan.find(old.finding(option, Verdict.UNSUPPORTED, f"left out: {word}", todo=todo))


def _offers(old: OldPostfix, main: MainCf, path: KeyPath) -> None:
    keywords = [word.upper() for word in main.words("smtpd_discard_ehlo_keywords")]
    known = [word for word in keywords if word in DISCARDABLE]
    if known:
        origin = _origin(old, main, "smtpd_discard_ehlo_keywords")
        old.plan.set((*path, "discard_ehlo_keywords"), known, origin)
    if not main.on("disable_vrfy_command"):
        written = main.get("disable_vrfy_command")
        if written is not None:
            origin = _origin(old, main, "disable_vrfy_command")
            old.plan.set((*path, "vrfy"), "always", origin)
    for parameter, key in _FLAGS.items():
        networks, _ = networks_of(old, main.words(parameter))
        if networks:
            old.plan.set((*path, key), networks, _origin(old, main, parameter))
    if main.value("smtpd_upstream_proxy_protocol"):
        origin = _origin(old, main, "smtpd_upstream_proxy_protocol")
        old.plan.set((*path, "proxy"), ["127.0.0.1/32", "::1/128"], origin, "name your proxies")


def _filter(old: OldPostfix, main: MainCf, path: KeyPath) -> None:
    target = main.value("content_filter")
    origin = _origin(old, main, "content_filter")
    proxy = main.value("smtpd_proxy_filter")
    if not target and proxy:
        host, _, port = proxy.removeprefix("inet:").rpartition(":")
        target = f"smtp:[{host.strip('[]') or '127.0.0.1'}]:{port}"
        origin = _origin(old, main, "smtpd_proxy_filter")
    if target:
        text = target if ":" in target else f"{target}:"
        old.plan.set((*path, "content_filter"), text, origin)
    _way_back(old, main, path)


def _way_back(old: OldPostfix, main: MainCf, path: KeyPath) -> None:
    """What a content filter brings back is known by what is switched off for it."""
    parameter = main.get("content_filter")
    if parameter is not None and not main.value("content_filter"):
        words = "mail that a content filter brings back: neither verified nor signed"
        origin = old.finding(parameter, Verdict.TRANSLATED, words)
        old.plan.set((*path, "taken_before"), value=True, finding=origin)


def _lists(old: OldPostfix, main: MainCf, path: KeyPath, classes: list[str]) -> None:
    texts: dict[str, tuple[str, ...]] = {}
    for key, name in LISTS.items():
        found = translated_list(old, key, main.value(name), classes)
        texts[key] = found.texts
        parameter = main.get(name)
        _say_lost(old, parameter, found.lost)
        if key == "etrn" and not found.texts:
            continue
        if key == "relay" and not found.texts:
            continue
        if key == "sender" and main.on("smtpd_reject_unlisted_sender"):
            texts[key] = (*found.texts, "reject_unlisted_sender")
        origin = _origin(old, main, name)
        if found.texts or key in ("client", "helo", "sender", "recipient"):
            old.plan.set((*path, key), list(texts[key]), origin)
    if not texts["relay"] and relay_part(texts["recipient"]):
        origin = _origin(old, main, LISTS["recipient"])
        remark = "Postfix has no list of its own for relaying here: this is the part about it"
        old.plan.set((*path, "relay"), list(relay_part(texts["recipient"])), origin, remark)
    for name, key in (
        ("smtpd_delay_reject", "delay_reject"),
        ("smtpd_reject_unlisted_recipient", "reject_unlisted_recipient"),
    ):
        if not main.on(name):
            old.plan.set((*path, key), value=False, finding=_origin(old, main, name))


def _say_lost(old: OldPostfix, parameter: Parameter | None, lost: tuple[str, ...]) -> None:
    for words in lost:
        finding = old.finding(
            parameter,
            Verdict.UNSUPPORTED,
            f"left out of the list: {words}",
            todo="put it into the list when that is right; nobody is refused by it until then",
        )
        if finding not in old.plan.findings:
            old.plan.find(finding)


def _origin(old: OldPostfix, main: MainCf, name: str) -> Finding | None:
    parameter = main.get(name)
    if parameter is None:
        return None
    return old.finding(parameter, Verdict.TRANSLATED, "")


_GLOBAL = "holds for all listeners here, as main.cf has it"


def _note_option(old: OldPostfix, option: Parameter, listener: str) -> None:
    """What became of an `-o` option; the table of parameters says what is not said here."""
    name, value = option.name, old.main.over({option.name: option}).value(option.name)
    if name == "mynetworks" or (name == "smtpd_milters" and old.is_noted(option)):
        return  # said by `_trust`, or by `Milters`
    if name in _OF_LISTENER or name in LISTS.values():
        words = TRANSLATED[name].replace("NAME", listener)
        old.note(option, Verdict.TRANSLATED, words)
    elif name in NEEDLESS:
        old.note(option, Verdict.NOT_NEEDED, NEEDLESS[name])
    elif value == old.main.value(name):
        old.note(option, Verdict.NOT_NEEDED, "the same as in main.cf")
    elif name.endswith("_rate_limit"):
        return  # `[rates]` is planned when all listeners are known
    elif name in MISSING:
        lack = MISSING[name]
        empty = not value or name == "receive_override_options"
        if empty:
            old.note(option, Verdict.NOT_NEEDED, f"switches off what is not there: {lack.words}")
        else:
            old.note(option, Verdict.UNSUPPORTED, lack.words, lack.todo, matters=lack.matters)
    elif name in SIMPLE or name in TRANSLATED:
        todo = "set it for all, or leave it" if name in SIMPLE else ""
        old.note(option, Verdict.UNSUPPORTED, _GLOBAL, todo, matters=name == "mynetworks_style")
    elif name in DEFAULTS:
        old.note(
            option, Verdict.UNSUPPORTED, "Postroad has nothing of this kind", matters=bool(value)
        )
    elif old.uses(name):
        old.note(option, Verdict.TRANSLATED, OWN_NAME)
    else:
        old.note(option, Verdict.NOT_NEEDED, UNKNOWN_NAME)


_OF_LISTENER = frozenset(
    {
        *("smtpd_tls_security_level", "smtpd_tls_wrappermode", "smtpd_enforce_tls"),
        *("smtpd_use_tls", "smtpd_tls_auth_only", "smtpd_sasl_auth_enable", "smtpd_delay_reject"),
        *("smtpd_reject_unlisted_recipient", "smtpd_reject_unlisted_sender", "content_filter"),
        *("smtpd_discard_ehlo_keywords", "smtpd_authorized_xclient_hosts", "smtpd_proxy_filter"),
        *("smtpd_authorized_xforward_hosts", "smtpd_upstream_proxy_protocol", "smtpd_banner"),
        *("smtpd_tls_ask_ccert", "smtpd_tls_req_ccert", "disable_vrfy_command"),
        *("smtpd_sasl_type", "smtpd_sasl_path", "smtpd_sasl_security_options"),
        *("smtpd_sasl_tls_security_options", "smtpd_sasl_local_domain"),
        *("smtpd_milters", "milter_macro_daemon_name"),
    }
)
"""What a listener has for itself."""
