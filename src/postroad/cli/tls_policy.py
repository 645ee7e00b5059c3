"""`postroad tls-policy`: what TLS mail to a destination needs, and who says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from postroad.app.tls_inquiry import HostView, TlsView
    from postroad.delivery.sts import StsFound
    from postroad.delivery.tls_policy import HostTls

__all__ = ["tls_policy"]


def tls_policy(
    context: typer.Context,
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DOMAIN", help="A domain, or a next hop such as [mx.example.net]:25."
        ),
    ],
    *,
    json: Json = False,
) -> None:
    """Show what TLS mail to a domain would need, host by host, and why."""
    import asyncio

    from postroad.app.tls_inquiry import inquire
    from postroad.net.certificates import TlsConfigurationError
    from postroad.tables import TableUnavailable

    configuration = state_of_server(context)
    try:
        views = asyncio.run(inquire(configuration, destination))
    except ValueError as error:
        raise usage(str(error)) from None
    except (TableUnavailable, TlsConfigurationError) as error:
        raise Refusal(str(error), os.EX_UNAVAILABLE) from None
    if json:
        print_json([_document(view) for view in views])
        return
    for view in views:
        for line in _lines(view):
            print(line)


def _lines(view: TlsView) -> Iterator[str]:
    from postroad.model import Reply

    yield f"{view.nexthop or view.transport}, by {view.transport}"
    policy = view.policy
    if policy is None:
        yield "  mail for it does not leave by SMTP"
    elif isinstance(policy, Reply):
        yield f"  it would wait: {policy}"
    else:
        yield f"  level {policy.level}, by {policy.source}"
        if policy.nexthop.exchangers and policy.dane:
            proved = "proves" if policy.validated else "does not prove"
            yield f"  DNSSEC {proved} its mail exchangers"
        if view.sts is not None:
            yield f"  MTA-STS: {_sts_words(view.sts)}"
    for host in view.hosts:
        yield f"  {_host_words(host)}"
    for remark in view.remarks:
        yield f"  {remark}"


def _sts_words(sts: StsFound) -> str:
    if sts.failure is not None:
        return f"a policy is announced and cannot be had ({sts.failure.value}): {sts.reason}"
    if not sts.known:
        return "unknown: what is kept cannot be read"
    policy = sts.policy
    if policy is None:
        return "no policy"
    return f"{policy.mode}, hosts {' '.join(policy.patterns)}, {sts.source}"


def _host_words(host: HostView) -> str:
    from postroad.model import Reply

    found = host.found
    if isinstance(found, Reply):
        return f"{host.preference} {host.host}: not used: {found}"
    return f"{host.preference} {host.host}: {_tls_words(found)}"


def _tls_words(tls: HostTls) -> str:
    names = " or ".join(tls.names)
    match tls.level:
        case "none":
            return "plain text"
        case "may":
            return "TLS if it is offered, with any certificate; else plain text"
        case "encrypt":
            return "TLS with any certificate, never plain text"
        case "fingerprint":
            return "TLS with a certificate or key of a given fingerprint"
        case "dane":
            records = ", ".join(map(str, tls.tlsa))
            return f"TLS with a certificate that matches TLSA {records}"
    lax = " (in testing: mail goes also without)" if tls.testing else ""
    return f"TLS with a certificate for {names} that an authority vouches for{lax}"


def _document(view: TlsView) -> dict[str, object]:
    from postroad.model import Reply

    policy = view.policy
    document: dict[str, object] = {"nexthop": view.nexthop, "transport": view.transport}
    if isinstance(policy, Reply):
        document["waits"] = str(policy)
    elif policy is not None:
        document |= {
            "level": policy.level,
            "source": policy.source,
            "mx_validated": policy.validated if policy.nexthop.exchangers else None,
        }
    document["mta_sts"] = None if view.sts is None else _sts_document(view.sts)
    document["hosts"] = [_host_document(host) for host in view.hosts]
    document["remarks"] = view.remarks
    return document


def _sts_document(sts: StsFound) -> dict[str, object]:
    policy = sts.policy
    return {
        "mode": None if policy is None else policy.mode,
        "hosts": [] if policy is None else list(policy.patterns),
        "max_age": None if policy is None else policy.max_age,
        "failure": None if sts.failure is None else sts.failure.value,
        "reason": sts.reason,
        "known": sts.known,
    }


def _host_document(host: HostView) -> dict[str, object]:
    from postroad.model import Reply

    document: dict[str, object] = {"preference": host.preference, "host": host.host}
    found = host.found
    if isinstance(found, Reply):
        return document | {"refused": str(found)}
    return document | {
        "level": found.level,
        "names": list(found.names),
        "tlsa": [str(each) for each in found.tlsa],
        "testing": found.testing,
        "policy": None if found.basis is None else found.basis.kind,
    }
