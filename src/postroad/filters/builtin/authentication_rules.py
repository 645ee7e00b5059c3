"""Rules about what was verified: SPF, DKIM and DMARC, as the border found them.

Somebody who is shown to be who they say may still send spam, so a pass takes little away. What
could not be looked up says nothing. Forwarding breaks SPF, and lists break signatures: where DMARC
passes, or its failure is explained, neither counts. One event counts once: what DMARC's failure, or
a stranger who writes in our name, is made of counts no second time.
"""

from __future__ import annotations

from postroad.filters.builtin.case import Case, organization
from postroad.filters.builtin.rule import Rule

__all__ = ["AUTHENTICATION_RULES"]


def _spf(case: Case, identity: str, result: str) -> str:
    for each in case.found("spf"):
        if each.details.get("identity") == identity and each.result == result:
            return each.details.get("domain", "") or "-"
    return ""


def _dmarc(case: Case, result: str) -> str:
    for each in case.found("dmarc"):
        if each.result == result:
            return each.details.get("domain", "") or "-"
    return ""


def _is_settled(case: Case) -> bool:
    """Whether something else has said what SPF and signatures are worth here."""
    findings = case.found("dmarc")
    if any(each.result == "pass" or each.details.get("override") for each in findings):
        return True
    return bool(_dmarc_fails(case) or _comes_as_us(case))


def _spf_fails(case: Case) -> str:
    return "" if _is_settled(case) else _spf(case, "mailfrom", "fail")


def _spf_doubts(case: Case) -> str:
    return "" if _is_settled(case) else _spf(case, "mailfrom", "softfail")


def _hello_fails(case: Case) -> str:
    """Who greets by the sender's own domain fails once."""
    domain = _spf(case, "helo", "fail")
    return "" if domain == _spf_fails(case) else domain


def _is_signed_wrongly(case: Case) -> bool:
    """Signatures, and none of them holds."""
    results = {each.result for each in case.found("dkim")}
    if _is_settled(case) or _dmarc_fails_watched(case):
        return False
    return "fail" in results and "pass" not in results


def _dmarc_fails(case: Case) -> str:
    """A domain without a policy only watches; one with a policy said that this is not its mail."""
    for each in case.found("dmarc"):
        if each.result == "fail" and not each.details.get("override"):
            strict = each.details.get("policy", "none") != "none"
            return each.details.get("domain", "") if strict else ""
    return ""


def _dmarc_fails_watched(case: Case) -> str:
    for each in case.found("dmarc"):
        if each.result == "fail" and each.details.get("policy", "none") == "none":
            return each.details.get("domain", "")
    return ""


def _dmarc_fails_alone(case: Case) -> str:
    """Where SPF has not said already that the mail is not from there."""
    return "" if _spf_fails(case) else _dmarc_fails_watched(case)


def _dmarc_passes(case: Case) -> str:
    return _dmarc(case, "pass")


def _is_signed_by_author(case: Case) -> str:
    if _dmarc_passes(case) or not case.author_domain:
        return ""
    signers = [
        each.details.get("domain", "")
        for each in case.found("dkim")
        if each.result == "pass" and each.details.get("counts") == "yes"
    ]
    ours = organization(case.author_domain)
    return next((each for each in signers if organization(each) == ours), "")


def _has_nothing(case: Case) -> bool:
    """Nobody vouches for it in any way, though all were asked and answered."""
    spf, dkim = list(case.found("spf")), list(case.found("dkim"))
    if not spf or not dkim or not case.is_from_outside or _comes_as_us(case):
        return False
    return all(each.result == "none" for each in (*spf, *dkim))


def _comes_as_us(case: Case) -> str:
    """Our users write by our own server, or by one that signs or is named for us."""
    domain = case.author_domain
    if not case.is_from_outside or case.is_list or domain not in case.here.domains:
        return ""
    if not list(case.found("spf")) and not list(case.found("dkim")):
        return ""  # nothing was verified
    if any(each.result == "temperror" for each in case.letter.findings):
        return ""
    return "" if organization(domain) in case.vouched() else domain


AUTHENTICATION_RULES = (
    Rule("SPF_FAIL", 1.5, "its client may not send for the sender's domain", _spf_fails),
    Rule("SPF_SOFTFAIL", 0.7, "its client should not send for the sender's domain", _spf_doubts),
    Rule("SPF_HELO_FAIL", 1.0, "its client is not who it greets as", _hello_fails),
    Rule("DKIM_INVALID", 0.4, "no signature on it holds", _is_signed_wrongly),
    Rule("DMARC_FAIL", 2.5, "its author's domain says that it is not from there", _dmarc_fails),
    Rule("DMARC_FAIL_NONE", 0.8, "it is not shown to be its author's", _dmarc_fails_alone),
    Rule("DMARC_PASS", -0.3, "it is shown to be its author's", _dmarc_passes),
    Rule("DKIM_AUTHOR", -0.2, "its author's domain has signed it", _is_signed_by_author),
    Rule("AUTH_NONE", 0.4, "nobody vouches for it by SPF or DKIM", _has_nothing),
    Rule("AUTHOR_OURS", 1.5, "a stranger writes in a name of ours", _comes_as_us),
)
"""What was verified."""
