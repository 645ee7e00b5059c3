"""A DMARC record, read (RFC 9989 §4.7, RFC 7489 §6.3).

Pure. `v=DMARC1` comes first and is the one thing that must be right; a tag that is unknown, or has
a value that it cannot have, is as good as not there. Only policies are taken more seriously: with a
`p=`, `sp=` or `np=` that is none, the record holds as `p=none` if it asks for reports, and not at
all otherwise (§4.10.1).

RFC 9989 has taken `pct=`, `ri=` and `rf=` away. `pct=` is read all the same: who still publishes
`pct=10` does not want all of their mail refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroad.mailauth.dmarc.result import Policy
from postroad.model.printable import beginning

__all__ = ["LONGEST_RECORD", "DmarcRecord", "doubt", "is_record", "record_of", "record_of_texts"]

LONGEST_RECORD = 4_096
"""Characters of a record that is read; a longer one is none. Real ones have some hundred."""

MOST_TAGS = 64
"""Tags of a record; thirteen are known."""

MOST_ADDRESSES = 20
"""Of `rua=` and of `ruf=`, from the left. Reports go to each of them, so that a stranger must not
have any number of them written to (RFC 7489 §12.5)."""

_VERSION = re.compile(r"[ \t]*[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_LIKE = re.compile(r"(?:.*;)?[ \t]*v[ \t]*=[ \t]*DMARC", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"[ \t]*([A-Za-z]{1,32})[ \t]*=[ \t]*(.*?)[ \t]*\Z", re.DOTALL)
_PRINTABLE = re.compile(r"[ -~\t]*\Z")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+\Z")
_PERCENT = re.compile(r"[0-9]{1,3}\Z")
_SECONDS = re.compile(r"[0-9]{1,10}\Z")
_POLICIES = {each.value: each for each in Policy}


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcRecord:
    """What a domain publishes.

    Attributes:
        text: the record as it stands in the DNS.
        p: the policy; `NONE` also where it is not there.
        sp: for subdomains; `None`: as `p`.
        np: for names below it that do not exist; `None`: as `sp`.
        strict_dkim: `adkim=s`: a signature must be of the very domain of the author.
        strict_spf: `aspf=s`: likewise the reverse-path.
        percent: `pct=`, of failing messages that the policy is for; 100 where it is not there.
        is_testing: `t=y`: the policy is being tried out: the next lower one is to be carried out.
        psd: `y`: it is a public suffix; `n`: it is an organizational domain; `u`: neither is said.
        reports: `rua=`, URIs that aggregate reports go to.
        failure_reports: `ruf=`.
        failure_options: `fo=`.
        interval: `ri=`, seconds between two reports.
    """

    text: str
    p: Policy = Policy.NONE
    sp: Policy | None = None
    np: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    percent: int = 100
    is_testing: bool = False
    psd: str = "u"
    reports: tuple[str, ...] = ()
    failure_reports: tuple[str, ...] = ()
    failure_options: tuple[str, ...] = ("0",)
    interval: int = 86_400

    def policy_for(self, *, is_below: bool, exists: bool) -> Policy:
        """What it asks for of an author's domain (RFC 9989 §4.10.1).

        Args:
            is_below: whether the domain is a subdomain of the record's.
            exists: whether the domain exists in the DNS.
        """
        if not is_below:
            return self.p
        below = self.p if self.sp is None else self.sp
        return below if exists or self.np is None else self.np


def is_record(text: str) -> bool:
    """Whether a TXT record is a DMARC record; others may be there where a wildcard is."""
    return _VERSION.match(text) is not None


def record_of_texts(texts: Sequence[str]) -> DmarcRecord | None:
    """The record among the TXT records of a name.

    Several count as none (RFC 9989 §4.10, RFC 7489 §6.6.3): nobody knows which is meant.
    """
    records = [text for text in texts if is_record(text)]
    return record_of(records[0]) if len(records) == 1 else None


def doubt(texts: Sequence[str]) -> str:
    """Why what a name publishes does not count as it stands, for whoever published it.

    Args:
        texts: the TXT records of the name.

    Returns:
        One mistake; empty: there is none, or no record at all.
    """
    records = [text for text in texts if is_record(text)]
    if len(records) > 1:
        return f"there are {len(records)} records, so none of them counts"
    if not records:
        is_like = any(map(_LIKE.match, texts))
        return "the record does not begin with v=DMARC1, so it does not count" if is_like else ""
    (text,) = records
    if len(text) > LONGEST_RECORD:
        return f"the record has more than {LONGEST_RECORD} characters, so it does not count"
    if not _PRINTABLE.match(text):
        return "the record has characters other than those of ASCII, so it does not count"
    tags = _tags(text)
    for name in _POLICY_TAGS:
        if tags.get(name, "none").lower() not in _POLICIES:
            meant = "does not count" if record_of(text) is None else "counts as p=none"
            return f"{name}={beginning(tags[name], 40)} is no policy, so the record {meant}"
    return ""


def record_of(text: str) -> DmarcRecord | None:
    """What a record says; `None`: it holds for nothing."""
    if len(text) > LONGEST_RECORD or not is_record(text) or not _PRINTABLE.match(text):
        return None
    tags = _tags(text)
    reports = _addresses(tags.get("rua", ""))
    policies = {name: _POLICIES.get(tags[name].lower()) for name in _POLICY_TAGS if name in tags}
    if None in policies.values():
        if not reports:
            return None
        policies = {}
    percent, interval = tags.get("pct", ""), tags.get("ri", "")
    return DmarcRecord(
        text=text,
        p=policies.get("p") or Policy.NONE,
        sp=policies.get("sp"),
        np=policies.get("np"),
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        percent=int(percent) if _PERCENT.match(percent) and int(percent) <= 100 else 100,
        is_testing=tags.get("t", "").lower() == "y",
        psd=tags.get("psd", "").lower() if tags.get("psd", "").lower() in ("y", "n") else "u",
        reports=reports,
        failure_reports=_addresses(tags.get("ruf", "")),
        failure_options=_options(tags.get("fo", "")),
        interval=int(interval) if _SECONDS.match(interval) else 86_400,
    )


_POLICY_TAGS = ("p", "sp", "np")


def _tags(text: str) -> Mapping[str, str]:
    """Tags by their names in lower case; of one that is there twice the first counts."""
    found: dict[str, str] = {}
    for part in text.split(";", MOST_TAGS)[:MOST_TAGS]:
        match = _TAG.match(part)
        if match is not None:
            found.setdefault(match[1].lower(), match[2])
    return found


def _addresses(text: str) -> tuple[str, ...]:
    """URIs between commas; those that are none are passed over."""
    uris = [part.strip(" \t") for part in text.split(",")]
    return tuple([uri for uri in uris if _URI.match(uri)][:MOST_ADDRESSES])


def _options(text: str) -> tuple[str, ...]:
    options = [part.strip(" \t").lower() for part in text.split(":")]
    return tuple([each for each in options if each in ("0", "1", "d", "s")]) or ("0",)
