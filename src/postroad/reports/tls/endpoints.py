"""Where a domain wants its reports: the record `_smtp._tls.DOMAIN` (RFC 8460 §3). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from postroad.model.address import is_domain
from postroad.reports.endpoint import MOST_LENGTH, Endpoint, mailto

__all__ = ["endpoints_of"]

MOST = 5
"""Endpoints of one domain; who names more is not served at the others."""

_VERSION = re.compile(r"v=TLSRPTv1[ \t]*;")
_FIELD = re.compile(r"[ \t]*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*=[ \t]*(.*?)[ \t]*\Z", re.DOTALL)


def endpoints_of(texts: Iterable[str]) -> tuple[Endpoint, ...] | None:
    """The endpoints in a name's TXT records.

    What is no endpoint that can be served is passed over, and so are records of other kinds.

    Returns:
        The endpoints; `None` where the domain wants no reports: it has no such record, or more
        than one.
    """
    ours = [text for text in texts if _VERSION.match(text)]
    if len(ours) != 1:
        return None
    for part in ours[0].split(";")[1:]:
        found = _FIELD.match(part)
        if found and found[1] == "rua":
            uris = (uri.strip(" \t") for uri in found[2].split(","))
            good = dict.fromkeys(filter(None, map(_endpoint, uris)))
            return tuple(good)[:MOST]
    return ()


def _endpoint(uri: str) -> Endpoint | None:
    if uri[:7].lower() == "mailto:":
        address = mailto(uri)
        return None if address is None else Endpoint("mailto", uri, str(address))
    if not uri.isascii() or not uri.isprintable() or " " in uri or len(uri) > MOST_LENGTH:
        return None
    return _web(uri) if uri.partition(":")[0].lower() == "https" else None


def _web(uri: str) -> Endpoint | None:
    try:
        parts = urlsplit(uri)
        port = parts.port or 443
    except ValueError:
        return None
    host = parts.hostname or ""
    if not is_domain(host) or parts.username is not None or parts.fragment or not port:
        return None
    return Endpoint("https", uri, uri)
