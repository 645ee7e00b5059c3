"""What a client is offered: its listener's extensions, as far as they are for it.

What costs the server or other people something is for those who are known: mail held back,
deadlines that are answered with notices, priorities. RFC 4865 §4 is an extension of submission, and
RFC 6710 §8 leaves priorities to clients that are authorized.
"""

from __future__ import annotations

from collections.abc import Hashable

from postroad.model import Client
from postroad.server.service import Service
from postroad.smtp import Offer

__all__ = ["offer_to"]

MOST_KEPT = 64
"""Offers that a listener keeps: there are a few kinds of clients, for each second in which mail
may be held back."""


def offer_to(service: Service, client: Client, *, speaker: Client) -> Offer:
    """What EHLO announces, before STARTTLS has changed it.

    Args:
        service: the listener.
        client: who is served.
        speaker: who connected; another one than the client after XCLIENT.
    """
    extensions = service.extensions
    mechanisms = ("PLAIN", "LOGIN") if service.auth else ()  # until EHLO under TLS tells better
    without = extensions.discarded
    known = (service.auth or service.trusts(client)) and not extensions.lmtp
    holding = known and "FUTURERELEASE" not in without
    longest = int(extensions.future_release) if holding else 0
    address = speaker.network_address
    etrn = not extensions.lmtp and extensions.etrn.is_for(client, logins=service.auth)
    xclient = extensions.impostors.contains(address)
    xforward = extensions.forwarders.contains(address)
    # To the second, in which most clients of a busy server are offered the same.
    end = int(service.clock()) + longest if longest else 0
    kind: Hashable = (known, end, etrn, xclient, xforward, mechanisms)
    offer = service.offers.get(kind)
    if offer is not None:
        return offer
    if len(service.offers) >= MOST_KEPT:
        service.offers.clear()
    offer = service.offers[kind] = Offer(
        lmtp=extensions.lmtp,
        starttls=service.starttls,
        secure=service.implicit_tls,
        require_tls=service.require_tls,
        mechanisms=mechanisms,
        plain_auth=extensions.plain_auth,
        broken_auth=service.logins.broken_clients,
        etrn=etrn,
        vrfy=extensions.vrfy != "never",
        requiretls="REQUIRETLS" not in without,
        future_release=longest,
        future_release_end=float(end),
        deliver_by=known and "DELIVERBY" not in without,
        priority=known and "MT-PRIORITY" not in without,
        xclient=xclient,
        xforward=xforward,
        dsn="DSN" not in without,
        chunking="CHUNKING" not in without,
        binarymime="BINARYMIME" not in without,
        limits="LIMITS" not in without,
    )
    return offer
