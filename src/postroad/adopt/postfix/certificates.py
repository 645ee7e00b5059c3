"""Certificates, and what TLS has to be on our own listeners."""

from __future__ import annotations

import re

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.plan import KeyPath
from postroad.adopt.postfix.installation import OldPostfix

__all__ = ["translate_certificates"]

_PAIRS = (
    ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
    ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
)


def translate_certificates(old: OldPostfix) -> None:
    """Plan certificates, the authorities of clients, and versions of TLS."""
    pairs = _chains(old) or _files(old)
    _name_indications(old, pairs)
    for number, (certificate, key, finding) in enumerate(pairs):
        path: KeyPath = ("tls",) if number == 0 else ("tls", "certificates", str(number - 1))
        old.plan.set((*path, "certificate"), certificate, finding)
        if key != certificate:
            old.plan.set((*path, "key"), key, finding)
    if not pairs:
        words = "a certificate that Postroad made for itself: nobody else vouches for it"
        file = old.main.file
        todo = "name one in `[tls]`, or ask for one"
        old.plan.find(
            Finding(file, None, "smtpd_tls_cert_file", "", Verdict.TRANSLATED, words, todo)
        )
    _authorities(old)
    _versions(old)


def _chains(old: OldPostfix) -> list[tuple[str, str, Finding | None]]:
    pairs = []
    words = old.main.words("smtpd_tls_chain_files")
    finding = None
    if words:
        finding = old.translated("smtpd_tls_chain_files", "`[tls]`, `[[tls.certificates]]`")
    for path in words:
        if not old.files.exists(path):
            old.missing("smtpd_tls_chain_files", f"{path} is not there")
            continue
        pairs.append((str(old.files.place(path)), str(old.files.place(path)), finding))
    return pairs


def _files(old: OldPostfix) -> list[tuple[str, str, Finding | None]]:
    pairs = []
    for names in _PAIRS:
        certificate, key = (old.main.value(name) for name in names)
        if not certificate or certificate == "none":
            continue
        gone = [path for path in (certificate, key) if path and not old.files.exists(path)]
        if gone:
            words = f"{gone[0]} is not there: Postroad's own certificate is shown instead"
            for name in names:
                old.missing(name, words, "name the right one in `[tls]`")
            continue
        place = "`[tls]`" if names == _PAIRS[0] else "`[[tls.certificates]]`"
        todo = "the user that Postroad runs as must be able to read it"
        finding = old.translated(names[0], f"{place} `certificate`")
        old.translated(names[1], f"{place} `key`", todo)
        path = str(old.files.place(certificate))
        pairs.append((path, str(old.files.place(key)) if key else path, finding))
    return pairs


def _name_indications(old: OldPostfix, pairs: list[tuple[str, str, Finding | None]]) -> None:
    """`tls_server_sni_maps`: names with the files of key and chain behind them."""
    for word in old.main.words("tls_server_sni_maps"):
        path = word.rpartition(":")[2]
        text = old.files.text(path)
        if text is None:
            old.missing("tls_server_sni_maps", f"{path} is not there")
            continue
        finding = old.translated("tls_server_sni_maps", "`[[tls.certificates]]`")
        for line in text.splitlines():
            name, *files = re.split(r"[\s,]+", line.strip())
            if not name or name.startswith("#") or not files:
                continue
            place = str(old.files.place(files[0]))
            if old.files.exists(files[0]) and place not in [pair[0] for pair in pairs]:
                pairs.append((place, place, finding))


def _authorities(old: OldPostfix) -> None:
    path = old.main.value("smtpd_tls_CAfile")
    if not path:
        return
    asked = any(
        old.main.over(service.options).on(name)
        for service in old.master.inet()
        for name in ("smtpd_tls_ask_ccert", "smtpd_tls_req_ccert")
    )
    if not asked:
        words = "no client is asked for a certificate; the chain belongs into the certificate file"
        old.translated("smtpd_tls_CAfile", words)
    elif not old.files.exists(path):
        old.missing("smtpd_tls_CAfile", f"{path} is not there: no client's certificate counts")
    else:
        finding = old.translated("smtpd_tls_CAfile", "`[tls] client_ca_file`")
        old.plan.set(("tls", "client_ca_file"), str(old.files.place(path)), finding)


def _versions(old: OldPostfix) -> None:
    """TLS 1.2 is the oldest version by default; older ones are a profile of their own."""
    for name in ("smtpd_tls_protocols", "smtpd_tls_mandatory_protocols"):
        if old.main.get(name) is None:
            continue
        text = " ".join(old.main.words(name))
        only_new = re.search(r"(?<!!)(>=\s*)?TLSv1\.3", text) and "TLSv1.2" not in text
        if only_new and name == "smtpd_tls_protocols":
            finding = old.translated(name, '`[tls] minimum_version = "TLSv1.3"`')
            old.plan.set(("tls", "minimum_version"), "TLSv1.3", finding)
            continue
        allowed_old = not text or re.search(r"(?<!!)TLSv1(?!\.[23])|>=\s*TLSv1(\.1)?(\s|,|$)", text)
        excluded = {"TLSv1", "TLSv1.1"} <= set(re.findall(r"!(\S+?)(?:,|\s|$)", text))
        words = "TLS 1.2 and 1.3"
        todo = ""
        if (allowed_old or text.startswith("!")) and not excluded:
            todo = '`[tls] profile = "old"` lets clients of before 2014 in, with 1.0 and 1.1'
        old.translated(name, words, todo)
