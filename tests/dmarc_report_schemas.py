"""The two schemas of reports on DMARC, read by us, as tables: what is in an element, and how often.

RFC 9990 appendix A and RFC 7489 appendix C. An element that is no key here has text only.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, fromstring

ONE, MAYBE, SOME, ANY = "1", "?", "+", "*"

Content = tuple[tuple[str, str], ...]

_COMMON: dict[str, Content] = {
    "record": (("row", ONE), ("identifiers", ONE), ("auth_results", ONE)),
    "row": (("source_ip", ONE), ("count", ONE), ("policy_evaluated", ONE)),
    "policy_evaluated": (("disposition", ONE), ("dkim", ONE), ("spf", ONE), ("reason", ANY)),
    "reason": (("type", ONE), ("comment", MAYBE)),
    "date_range": (("begin", ONE), ("end", ONE)),
    "auth_results/dkim": (
        ("domain", ONE),
        ("selector", ONE),
        ("result", ONE),
        ("human_result", MAYBE),
    ),
    "auth_results/spf": (
        ("domain", ONE),
        ("scope", MAYBE),
        ("result", ONE),
        ("human_result", MAYBE),
    ),
}
ELEMENTS: dict[str, dict[str, Content]] = {
    "rfc9990": {
        **_COMMON,
        "feedback": (
            ("version", MAYBE),
            ("report_metadata", ONE),
            ("policy_published", ONE),
            ("extension", MAYBE),
            ("record", SOME),
        ),
        "report_metadata": (
            ("org_name", ONE),
            ("email", ONE),
            ("extra_contact_info", MAYBE),
            ("report_id", ONE),
            ("date_range", ONE),
            ("error", MAYBE),
            ("generator", MAYBE),
        ),
        "policy_published": (
            ("domain", ONE),
            ("p", ONE),
            ("sp", MAYBE),
            ("np", MAYBE),
            ("adkim", MAYBE),
            ("aspf", MAYBE),
            ("discovery_method", MAYBE),
            ("fo", MAYBE),
            ("testing", MAYBE),
        ),
        "identifiers": (("header_from", ONE), ("envelope_from", MAYBE), ("envelope_to", MAYBE)),
        "auth_results": (("dkim", ANY), ("spf", MAYBE)),
    },
    "rfc7489": {
        **_COMMON,
        "feedback": (
            ("version", ONE),
            ("report_metadata", ONE),
            ("policy_published", ONE),
            ("record", SOME),
        ),
        "report_metadata": (
            ("org_name", ONE),
            ("email", ONE),
            ("extra_contact_info", MAYBE),
            ("report_id", ONE),
            ("date_range", ONE),
            ("error", ANY),
        ),
        "policy_published": (
            ("domain", ONE),
            ("adkim", MAYBE),
            ("aspf", MAYBE),
            ("p", ONE),
            ("sp", ONE),
            ("pct", ONE),
            ("fo", ONE),
        ),
        "identifiers": (("envelope_to", MAYBE), ("envelope_from", ONE), ("header_from", ONE)),
        "auth_results": (("dkim", ANY), ("spf", SOME)),
    },
}
UNORDERED = {"report_metadata", "policy_published", "identifiers", "reason", "date_range"} | {
    "auth_results/dkim",
    "auth_results/spf",
}
"""Elements whose content is `xs:all`."""

_POLICY = "none|quarantine|reject"
_NUMBER = "[0-9]+"
_RESULT = "none|pass|fail|policy|neutral|temperror|permerror"
_COMMON_VALUES = {
    "version": r"1\.0",
    "begin": _NUMBER,
    "end": _NUMBER,
    "count": _NUMBER,
    "p": _POLICY,
    "sp": _POLICY,
    "adkim": "r|s",
    "aspf": "r|s",
    "policy_evaluated/dkim": "pass|fail",
    "policy_evaluated/spf": "pass|fail",
    "auth_results/dkim/result": _RESULT,
    "source_ip": r"[0-9.]{7,15}|[0-9a-f:]{2,39}",
}
VALUES = {
    "rfc9990": {
        **_COMMON_VALUES,
        "np": _POLICY,
        "discovery_method": "psl|treewalk",
        "testing": "n|y",
        "disposition": f"pass|{_POLICY}",
        "type": "local_policy|mailing_list|other|policy_test_mode|trusted_forwarder",
        "scope": "mfrom",
        "auth_results/spf/result": f"softfail|{_RESULT}",
    },
    "rfc7489": {
        **_COMMON_VALUES,
        "pct": _NUMBER,
        "disposition": _POLICY,
        "type": "forwarded|sampled_out|trusted_forwarder|mailing_list|local_policy|other",
        "scope": "mfrom|helo",
        "auth_results/spf/result": "none|neutral|pass|fail|softfail|temperror|permerror",
    },
}
NAMESPACE = {"rfc9990": "{urn:ietf:params:xml:ns:dmarc-2.0}", "rfc7489": ""}


def check(octets: bytes, form: str) -> Element:
    """The root element of a report that is as its schema wants it; `AssertionError` else."""
    root = fromstring(octets)
    _check(root, form, "")
    return root


def _check(element: Element, form: str, above: str) -> None:
    name = element.tag.removeprefix(NAMESPACE[form])
    assert element.tag == NAMESPACE[form] + name
    assert not element.attrib
    here = f"{above}/{name}" if f"{above}/{name}" in ELEMENTS[form] else name
    content = ELEMENTS[form].get(here)
    if content is None or (above == "policy_evaluated" and name in ("dkim", "spf")):
        assert not len(element), f"{name} has elements"
        _check_text(element.text or "", form, above, name)
        return
    assert not (element.text or "").strip()
    names = [each.tag.removeprefix(NAMESPACE[form]) for each in element]
    for each, often in content:
        count = names.count(each)
        assert often == ANY or count >= (often != MAYBE), f"{here} has no {each}"
        assert often in {ANY, SOME} or count <= 1, f"{here} has {count} of {each}"
    order = [each for each, _ in content]
    assert set(names) <= set(order), f"{here} has {set(names) - set(order)}"
    if here not in UNORDERED:
        assert names == sorted(names, key=order.index), f"{here} is in the order {names}"
    for each in element:
        _check(each, form, here)


def _check_text(text: str, form: str, above: str, name: str) -> None:
    values = VALUES[form]
    wanted = values.get(f"{above}/{name}", values.get(name, ".*"))
    assert re.fullmatch(wanted, text, re.DOTALL), f"{name} is {text!r}"
