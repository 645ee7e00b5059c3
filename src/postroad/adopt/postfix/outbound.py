"""How mail leaves: smarthost, logins at it, TLS to others, and our own addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroad.adopt.finding import Verdict
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.tables import table_name

__all__ = ["protocols_text", "translate_outbound"]

_LEVELS = ("none", "may", "encrypt", "fingerprint", "verify", "secure", "dane", "dane-only")
_OLD_VERSIONS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
_SAFE = ">=TLSv1.2"
_GRADES = {"high": "high", "medium": "medium"}
_DIGESTS = ("sha1", "sha256", "sha384", "sha512")


def translate_outbound(old: OldPostfix) -> None:
    """Plan how mail leaves."""
    _smarthost(old)
    _logins(old)
    _tls(old)
    _addresses(old)
    relay = old.main.value("relay_transport")
    if old.main.get("relay_transport") is not None and relay not in ("", "relay"):
        finding = old.translated("relay_transport", "`[routing] relay_transport`")
        old.plan.set(("routing", "relay_transport"), relay, finding)


def _smarthost(old: OldPostfix) -> None:
    host = old.main.value("relayhost")
    if host:
        finding = old.translated("relayhost", "`[relay] smarthost`")
        old.plan.set(("relay", "smarthost"), host, finding)
    else:
        old.translated("relayhost", "each domain's own mail exchangers")


def _logins(old: OldPostfix) -> None:
    tables: list[str] = []
    for word in old.main.words("smtp_sasl_password_maps"):
        table = _secret_table(old, word)
        if table.startswith("!"):
            old.missing("smtp_sasl_password_maps", f"{word} is left out: {table[1:]}")
        else:
            tables.append(table)
    if not old.main.on("smtp_sasl_auth_enable"):
        old.translated("smtp_sasl_auth_enable", "no login at other servers")
        old.translated("smtp_sasl_password_maps", "not used: smtp_sasl_auth_enable is not set")
        return
    old.translated("smtp_sasl_auth_enable", "`[relay] logins`")
    if tables:
        words = "`[relay] logins`; the table was copied, with a mode of 0600"
        finding = old.translated("smtp_sasl_password_maps", words)
        old.plan.set(("relay", "logins"), tables, finding)
    options = old.main.words("smtp_sasl_security_options")
    if old.main.get("smtp_sasl_security_options") is not None and "noplaintext" not in options:
        level = old.main.value("smtp_tls_security_level")
        words = (
            "passwords go under TLS only, to a host whose certificate is valid; Postfix sent them "
            "in plain text as well"
        )
        todo = "`[relay] login_without_tls = true` does as Postfix did" if level != "none" else ""
        old.translated("smtp_sasl_security_options", words, todo)
    old.translated("smtp_sasl_tls_security_options", "PLAIN and LOGIN are used under TLS")


def _secret_table(old: OldPostfix, word: str) -> str:
    """A table of passwords, as a copy that only the server may read; with `!`: the reason."""
    kind, _, path = word.removeprefix("proxy:").partition(":")
    content = old.files.octets(path) if path.startswith("/") else None
    table = table_name(old, word)
    if not table.name:
        return f"!{table.reason}"
    if content is None or kind in ("cidr", "mysql", "pgsql", "ldap"):
        return table.name
    kept = old.plan.keep(f"secrets/{path.rpartition('/')[2]}", content, secret=True)
    return f"{kind}:{kept}"


def protocols_text(words: Sequence[str]) -> str:
    """Versions of TLS: what is allowed, but nothing before 1.2, which Postroad does not do."""
    text = ", ".join(words)
    if re.search(r"(^|[\s,:])(!|>=\s*)?TLSv1\.3", text) and "!TLSv1.3" not in text:
        return "TLSv1.3" if not re.search(r"TLSv1\.2|>=", text) or ">=TLSv1.3" in text else _SAFE
    return ">=TLSv1.2, !TLSv1.3" if "!TLSv1.3" in text else _SAFE


def _tls(old: OldPostfix) -> None:
    main = old.main
    level = main.value("smtp_tls_security_level")
    if not level:
        legacy = "encrypt" if main.on("smtp_enforce_tls") else "may"
        level = legacy if main.on("smtp_use_tls") or main.on("smtp_enforce_tls") else ""
    named = main.get("smtp_tls_security_level")
    if level in _LEVELS:
        todo = ""
        if level == "may" and main.value("relayhost") and main.on("smtp_sasl_auth_enable"):
            todo = (
                "for the smarthost the certificate is verified, since a password goes there; "
                '`[relay] tls = "may"` does as Postfix did'
            )
        words = "`[outbound_tls] security_level`"
        finding = old.note(named, Verdict.TRANSLATED, words, todo) if named else None
        old.plan.set(("outbound_tls", "security_level"), level, finding)
    elif level:
        old.missing("smtp_tls_security_level", f"there is no level {level}")
    for name in ("smtp_use_tls", "smtp_enforce_tls"):
        old.translated(name, "`[outbound_tls] security_level`")
    _versions(old)
    _certificate(old)
    digest = main.value("smtp_tls_fingerprint_digest")
    if main.get("smtp_tls_fingerprint_digest") is not None:
        if digest in _DIGESTS:
            finding = old.translated("smtp_tls_fingerprint_digest", "`[outbound_tls]`")
            old.plan.set(("outbound_tls", "fingerprint_digest"), digest, finding)
        else:
            words = f"fingerprints by {digest} are not compared"
            old.missing("smtp_tls_fingerprint_digest", words, "make them anew with sha256")


def _versions(old: OldPostfix) -> None:
    for name in ("smtp_tls_protocols", "smtp_tls_mandatory_protocols"):
        if old.main.get(name) is None:
            continue
        text = protocols_text(old.main.words(name))
        words = f"`[outbound_tls] protocols`: {text}; nothing before TLS 1.2 is spoken"
        finding = old.translated(name, words)
        old.plan.set(("outbound_tls", "protocols"), text, finding)
    for name in ("smtp_tls_ciphers", "smtp_tls_mandatory_ciphers"):
        grade = old.main.value(name)
        if old.main.get(name) is None:
            continue
        finding = old.translated(name, "`[outbound_tls] ciphers`")
        old.plan.set(("outbound_tls", "ciphers"), _GRADES.get(grade, "medium"), finding)


def _certificate(old: OldPostfix) -> None:
    for name, key in (("smtp_tls_cert_file", "certificate"), ("smtp_tls_key_file", "key")):
        path = old.main.value(name)
        if not path or old.main.get(name) is None:
            old.translated(name, "no certificate is shown to other servers")
            continue
        if not old.files.exists(path):
            old.missing(name, f"{path} is not there: no certificate is shown to other servers")
            continue
        finding = old.translated(name, f"`[outbound_tls] {key}`")
        old.plan.set(("outbound_tls", key), str(old.files.place(path)), finding)


def _addresses(old: OldPostfix) -> None:
    helo = old.main.value("smtp_helo_name")
    named = old.main.get("smtp_helo_name") is not None and helo != old.main.value("myhostname")
    addresses = [
        (name, old.main.value(name).strip("[]"))
        for name in ("smtp_bind_address", "smtp_bind_address6")
        if old.main.value(name)
    ]
    texts = [f"{address} {helo}" if named else address for _, address in addresses]
    finding = None
    for name, _ in addresses:
        finding = old.translated(name, "`[delivery] source_addresses`")
    if texts:
        old.plan.set(("delivery", "source_addresses"), texts, finding)
        old.translated("smtp_helo_name", "`[delivery] source_addresses`")
    elif named:
        words = "`[transports.smtp-out] helo`, for all mail to other domains"
        finding = old.translated("smtp_helo_name", words)
        old.plan.set(("transports", "smtp-out", "helo"), helo, finding)
        if ("routing", "default_transport") not in old.plan.settings:
            old.plan.set(("routing", "default_transport"), "smtp-out", finding)
    else:
        old.translated("smtp_helo_name", "the host name, as it is")
    families: dict[tuple[str, ...], str] = {("ipv4",): "ipv4", ("ipv6",): "ipv6"}
    chosen = families.get(tuple(old.main.words("inet_protocols")))
    preference = old.main.value("smtp_address_preference")
    if chosen:
        finding = old.translated("inet_protocols", "`[delivery] address_family`")
        old.plan.set(("delivery", "address_family"), chosen, finding)
    elif old.main.get("smtp_address_preference") is not None:
        wanted = {"ipv4": "prefer_ipv4", "ipv6": "prefer_ipv6"}.get(preference, "any")
        finding = old.translated("smtp_address_preference", "`[delivery] address_family`")
        old.plan.set(("delivery", "address_family"), wanted, finding)
