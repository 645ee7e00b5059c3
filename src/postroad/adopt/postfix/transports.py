"""The services of master.cf that deliver, as transports; and those that policy asks.

Clones of `smtp` and `lmtp` with options, and programs behind `pipe`. Only what something names is
taken over: the usual services are there without a section.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.plan import KeyPath, TomlValue
from postroad.adopt.policyd_spf import adopt_policyd_spf, is_policyd_spf
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.main_cf import Parameter
from postroad.adopt.postfix.master_cf import Service, argv_of

__all__ = ["BUILT_IN", "translate_services"]

BUILT_IN = frozenset(
    {
        *("anvil", "bounce", "cleanup", "defer", "discard", "dnsblog", "error", "flush", "lmtp"),
        *("local", "pickup", "postlog", "proxymap", "proxywrite", "qmgr", "relay", "retry"),
        *("rewrite", "scache", "showq", "smtp", "tlsmgr", "tlsproxy", "trace", "verify"),
        *("virtual", "oqmgr", "nqmgr"),
    }
)
"""Services that Postfix is made of; Postroad has all of them in one program."""

_SHIPPED = frozenset({"maildrop", "uucp", "ifmail", "bsmtp", "scalemail-backend", "mailman"})
"""Debian's master.cf has these for whoever wants them; most are never used."""

_PLACES = (
    *("content_filter", "transport_maps", "virtual_transport", "mailbox_transport"),
    *("default_transport", "relay_transport", "local_transport", "fallback_transport"),
    *("sender_dependent_default_transport_maps", "smtpd_recipient_restrictions"),
)
"""Parameters whose values may name a service."""

_OPTIONS = {
    "smtp_helo_name": "helo",
    "smtp_tls_security_level": "tls",
    "smtp_tls_wrappermode": "tls_wrapper",
    "smtp_tls_CAfile": "ca_file",
    "smtp_connect_timeout": "connect_timeout",
    "smtp_data_done_timeout": "data_timeout",
    "smtp_helo_timeout": "command_timeout",
    "smtp_fallback_relay": "fallback",
    "fallback_relay": "fallback",
    "smtp_connection_reuse_count_limit": "messages_per_connection",
}
"""Options of a clone of `smtp` that are keys of a transport."""

_SENDMAIL = re.compile(r"/(?:usr/)?s?bin/sendmail\Z|/usr/lib/sendmail\Z")
_USUAL_USER = "postroad"
_UNKNOWN_MACROS = ("client_helo", "client_hostname", "client_port", "client_protocol")


def translate_services(old: OldPostfix, sendmail: tuple[str, ...]) -> None:
    """Plan transports.

    Args:
        old: whose they are.
        sendmail: the command that takes mail from programs here, instead of Postfix's sendmail.
    """
    for service in old.master.services:
        usual = service.name in BUILT_IN and not service.options
        if service.kind in ("inet", "pass") or usual:
            continue
        if service.command == "pipe":
            _pipe(old, service, sendmail)
        elif service.command in ("smtp", "lmtp"):
            _clone(old, service)
        elif service.command == "spawn":
            _spawn(old, service)
        elif service.name in BUILT_IN:
            _options_of_built_in(old, service)
        elif service.command == "cleanup":
            words = "there is one way into the queue: what these options change holds for all mail"
            _say(old, service, Verdict.UNSUPPORTED, words, matters=bool(service.options))
            _note_all(old, service, Verdict.UNSUPPORTED, words)
        else:
            words = f"Postroad has no program {service.command}"
            _say(old, service, Verdict.UNSUPPORTED, words, matters=_is_named(old, service.name))
            _note_all(old, service, Verdict.UNSUPPORTED, words)


def _say(
    old: OldPostfix,
    service: Service,
    verdict: Verdict,
    words: str,
    todo: str = "",
    *,
    matters: bool = True,
) -> Finding:
    name = f"{service.name} {service.kind}"
    value = " ".join([service.command, *service.arguments])
    return old.plan.find(
        Finding(service.file, service.line, name, value, verdict, words, todo, matters)
    )


def _note_all(old: OldPostfix, service: Service, verdict: Verdict, words: str) -> None:
    for option in service.options.values():
        old.note(option, verdict, words)


def _is_named(old: OldPostfix, name: str) -> bool:
    """Whether anything of the configuration speaks of a service."""
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    texts = [old.main.value(place) for place in _PLACES]
    texts += [each.text for service in old.master.services for each in service.options.values()]
    texts += _table_texts(old)
    return any(word.search(text) for text in texts)


def _table_texts(old: OldPostfix) -> list[str]:
    found = []
    for parameter in ("transport_maps", "sender_dependent_default_transport_maps"):
        for table in old.main.words(parameter):
            path = table.rpartition(":")[2]
            found.append(old.files.text(path) or "" if path.startswith("/") else table)
    return found


def _pipe(old: OldPostfix, service: Service, sendmail: tuple[str, ...]) -> None:
    if not _is_named(old, service.name):
        words = "nothing sends mail to it"
        if service.name in _SHIPPED:
            words += "; Debian's master.cf has it for whoever wants it"
        _say(old, service, Verdict.NOT_NEEDED, words)
        return
    attributes, command = _pipe_words(service)
    command, replaced = _with_sendmail(command, sendmail)
    missing = [name for name in _UNKNOWN_MACROS if any(name in word for word in command)]
    if missing or not command:
        words = f"mail does not go to it: its command needs {', '.join(missing) or 'a program'}"
        _say(old, service, Verdict.UNSUPPORTED, words, "change the command (docs/last-hops.md)")
        return
    path: KeyPath = ("transports", service.name)
    words = f"`[transports.{service.name}]`"
    if replaced:
        words += "; what comes back enters by `postroad sendmail`, and is not signed"
    todo = ""
    if user := attributes.get("user", ""):
        words += f"; it runs as Postroad's user, not as {user}"
        todo = f"see that it needs nothing that only {user} may; else docs/last-hops.md, «As whom»"
    finding = _say(old, service, Verdict.TRANSLATED, words, todo)
    old.plan.set((*path, "kind"), "pipe", finding)
    old.plan.set((*path, "command"), command)
    if replaced:  # strangers' mail may be among what comes back
        runs_as = old.plan.get(("user",)) or _USUAL_USER
        old.plan.set(("sendmail", "taken_before"), [str(runs_as)], finding)
    for key, value in _pipe_settings(attributes).items():
        old.plan.set((*path, key), value)
    if service.maxproc:
        old.plan.set((*path, "processes"), service.maxproc)
    _limits(old, service.name, path)
    _note_all(old, service, Verdict.UNSUPPORTED, "a pipe has no options but its own keys")


def _pipe_words(service: Service) -> tuple[dict[str, str], list[str]]:
    """The attributes and the command of a pipe (pipe(8), "Command attribute syntax")."""
    attributes: dict[str, str] = {}
    words = list(service.arguments)
    while words:
        name, equals, value = words.pop(0).partition("=")
        if not equals:
            continue
        if name == "argv":
            return attributes, [value, *words] if value else words
        attributes[name.strip()] = value.strip()
    return attributes, []


def _pipe_settings(attributes: Mapping[str, str]) -> dict[str, TomlValue]:
    settings: dict[str, TomlValue] = {}
    for name in ("flags", "directory", "null_sender"):
        if attributes.get(name):
            settings[name] = attributes[name]
    if "eol" in attributes:
        settings["eol"] = "crlf" if "r" in attributes["eol"] else "lf"
    if attributes.get("size", "").isdigit():
        settings["size_limit"] = int(attributes["size"])
    return settings


def _with_sendmail(command: list[str], sendmail: tuple[str, ...]) -> tuple[list[str], bool]:
    """A command that hands mail back to Postfix hands it to Postroad."""
    for at, word in enumerate(command):
        if _SENDMAIL.search(word):
            tail = list(command[at + 1 :])
            # Addresses may begin with a hyphen; `--` says that they are no options.
            for index, argument in enumerate(tail):
                follows = tail[index - 1] if index else ""
                if "recipient}" in argument and follows != "--":
                    tail.insert(index, "--")
                    break
            return [*command[:at], *sendmail, *tail], True
    return command, False


def _limits(old: OldPostfix, name: str, path: KeyPath) -> None:
    for suffix, key in (
        ("_destination_recipient_limit", "recipients"),
        ("_time_limit", "time_limit"),
    ):
        parameter = old.main.get(f"{name}{suffix}")
        if parameter is not None:
            value = old.main.value(parameter.name)
            finding = old.note(parameter, Verdict.TRANSLATED, f"`[transports.{name}] {key}`")
            old.plan.set((*path, key), int(value) if value.isdigit() else value, finding)


def _clone(old: OldPostfix, service: Service) -> None:
    """Another `smtp` or `lmtp` with options of its own."""
    path: KeyPath = ("transports", service.name)
    if service.name not in BUILT_IN and not _is_named(old, service.name):
        _say(old, service, Verdict.NOT_NEEDED, "nothing sends mail by it")
        _note_all(old, service, Verdict.NOT_NEEDED, "nothing sends mail by it")
        return
    if service.name in BUILT_IN:
        _options_of_built_in(old, service)
        return
    finding = _say(old, service, Verdict.TRANSLATED, f"`[transports.{service.name}]`")
    old.plan.set((*path, "kind"), service.command, finding)
    addresses: list[str] = []
    main = old.main.over(service.options)
    for option in service.options.values():
        value = main.value(option.name)
        key = _OPTIONS.get(option.name)
        if option.name in ("smtp_bind_address", "smtp_bind_address6"):
            addresses.append(value.strip("[]"))
            old.note(option, Verdict.TRANSLATED, f"`[transports.{service.name}] source_addresses`")
        elif option.name in ("syslog_name", "inet_protocols"):
            old.note(option, Verdict.NOT_NEEDED, "the log names the transport")
        elif key:
            noted = old.note(option, Verdict.TRANSLATED, f"`[transports.{service.name}] {key}`")
            plain: TomlValue = value == "yes" if key == "tls_wrapper" else value
            if key == "messages_per_connection":
                plain = int(value) if value.isdigit() else 0
            if key == "ca_file":
                plain = str(old.files.place(value))
            old.plan.set((*path, key), plain, noted)
        else:
            words = f"the transport {service.name} has it as all others have"
            old.note(option, Verdict.UNSUPPORTED, words, "see `[transports.NAME]`")
    if addresses:
        old.plan.set((*path, "source_addresses"), addresses)


def _options_of_built_in(old: OldPostfix, service: Service) -> None:
    """What is set for a service that Postroad has anyhow."""
    for option in service.options.values():
        value = old.main.expand(option.text)
        if option.name in ("syslog_name", "inet_protocols") or value == old.main.value(option.name):
            old.note(option, Verdict.NOT_NEEDED, "nothing else than for all others")
        elif option.name in ("smtp_fallback_relay", "fallback_relay") and not value:
            old.note(option, Verdict.NOT_NEEDED, "mail for relay domains waits for its own host")
        else:
            words = f"{service.name} has no options of its own here"
            old.note(option, Verdict.UNSUPPORTED, words, "make a transport, `[transports.NAME]`")


def _spawn(old: OldPostfix, service: Service) -> None:
    """A program that Postfix starts for each connection, mostly a policy service."""
    socket = old.in_queue(f"private/{service.name}")
    words = (
        f"nobody starts this program any more; where a list names it, its answer at {socket} is "
        "missing, and mail is deferred"
    )
    command = argv_of(service)
    if is_policyd_spf(command):
        _say(old, service, Verdict.TRANSLATED, "`check_spf` in the list that asked it, and `[spf]`")
        adopt_policyd_spf(old.plan, old.files, command)
        _note_limit(old, service)
        _note_all(old, service, Verdict.NOT_NEEDED, "no program is started for it")
        return
    todo = (
        f"let systemd start it: a socket unit with ListenStream={socket} and Accept=yes, and a "
        f"service with StandardInput=socket and ExecStart={command or 'the program'}"
    )
    named = _is_named(old, f"private/{service.name}") or _asked(old, service.name)
    verdict = Verdict.TRANSLATED if named else Verdict.NOT_NEEDED
    if not named:
        words = "no list asks it"
    _say(old, service, verdict, words, todo if named else "")
    _note_limit(old, service)
    _note_all(old, service, Verdict.NOT_NEEDED, "systemd starts it")


def _note_limit(old: OldPostfix, service: Service) -> None:
    limit: Parameter | None = old.main.get(f"{service.name}_time_limit")
    if limit is not None:
        old.note(limit, Verdict.NOT_NEEDED, "whoever starts the program says how long it may run")


def _asked(old: OldPostfix, name: str) -> bool:
    return any(
        f"private/{name}" in each.text
        for each in [
            *old.main.written,
            *(option for service in old.master.services for option in service.options.values()),
        ]
    )
