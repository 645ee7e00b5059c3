"""What `postroad dmarc check` asks, of the DNS that the server asks."""

from __future__ import annotations

import time
from typing import NamedTuple

from postroad.config import Configuration
from postroad.mailauth.arc.judging import Voucher, voucher_of
from postroad.mailauth.arc.verification import ArcVerdict, ArcVerifier
from postroad.mailauth.dkim.result import Verified
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.mailauth.dkim.verification import Verifier
from postroad.mailauth.dmarc.discovery import Discovery, Published
from postroad.mailauth.dmarc.evaluation import Evaluation, Evaluator, Witness
from postroad.mailauth.dmarc.record import doubt
from postroad.mailauth.spf.checking import SpfChecker
from postroad.mailauth.spf.result import SpfVerdict
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.net.dns import Resolver

__all__ = ["MessageView", "PolicyView", "evaluated", "published"]


class PolicyView(NamedTuple):
    """What holds for mail from a domain.

    Attributes:
        domain: it, in A-labels.
        found: what is published; `None`: nothing.
        exists: whether the domain exists, where that matters.
        doubt: what is wrong with the domain's own record; empty: nothing, or it has none.
    """

    domain: str
    found: Published | None
    exists: bool
    doubt: str


class MessageView(NamedTuple):
    """The evaluation of a stored message.

    Attributes:
        spf: the client's verdict; `None`: no client was named.
        dkim: its signatures, as they hold now.
        arc: its chain likewise.
        voucher: whose word of the chain is taken.
        evaluation: DMARC's.
    """

    spf: SpfVerdict | None
    dkim: tuple[Verified, ...]
    arc: ArcVerdict
    voucher: Voucher | None
    evaluation: Evaluation


async def published(configuration: Configuration, domain: str) -> PolicyView:
    """What a domain publishes, as the server would find it.

    Raises:
        postroad.net.dns.DnsTemporary: the DNS does not answer.
    """
    name = name_of_domain(domain)
    resolver = Resolver(configuration.dns, time.monotonic)
    try:
        discovery = Discovery(resolver, configuration.dmarc.organizational_domain)
        found = await discovery.published(name)
        matters = found is not None and found.is_below and found.record.np is not None
        exists = await discovery.exists(name) if matters else True
        own = await resolver.records(f"_dmarc.{name}", "TXT")
        return PolicyView(name, found, exists, doubt(own))
    finally:
        await resolver.close()


async def evaluated(
    configuration: Configuration, message: bytes, *, client: str, sender: str, helo: str
) -> MessageView:
    """Evaluate a stored message as if it came in now.

    Args:
        configuration: of the server.
        message: header and body; lines end in LF or CRLF.
        client: the IP address that it came from; empty: SPF proves nothing.
        sender: its reverse-path; empty: the null one.
        helo: the name in HELO.
    """
    octets = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    header, _, rest = octets.partition(b"\r\n\r\n")
    fields, body = Fields.of(header.rstrip(b"\r\n") + b"\r\n"), Octets(rest)
    resolver = Resolver(configuration.dns, time.monotonic)
    try:
        spf = None
        if client and (sender or helo):
            checker = SpfChecker(resolver, configuration.hostname, time.monotonic)
            spf, _ = await checker.traced(client, sender, helo)
        dkim = await Verifier(resolver, time.time).verify(fields, body)
        arc = await ArcVerifier(resolver, time.time).verify(fields, body)
        trusted = frozenset(map(name_of_domain, configuration.arc.trusted_sealers))
        has_one_author = len(fields.named("from")) == 1  # as ArcJudge has it
        voucher = voucher_of(arc, trusted) if has_one_author else None
        witness = Witness(
            fields=fields,
            address=client,
            spf=spf,
            dkim=dkim,
            vouched=() if voucher is None else (voucher,),
        )
        # Without the server's own key: a sample (`pct`) may be another one there.
        evaluator = Evaluator(configuration.dmarc, resolver, b"")
        return MessageView(spf, dkim, arc, voucher, await evaluator.evaluate(witness))
    finally:
        await resolver.close()
