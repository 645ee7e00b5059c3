"""A report sent over HTTPS (RFC 8460 §3, §5.4): one POST, bounded in size and time.

The certificate must be valid for the host, redirects are not followed, and the environment's
proxies are not used. Where to is said by a record of a domain that anybody may own, so connections
go to public addresses only: nobody has this server talk to its own network.

Nothing loads this module but the first such report: the HTTP client is large.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

from postroad.net.dns import DnsTemporary
from postroad.reports.kind import NotSent

__all__ = ["Addresses", "Post", "is_public"]

MOST_ADDRESSES = 3
"""Addresses of the web server that are tried within the time there is."""

_HEADERS = {
    "Content-Type": "application/tlsrpt+gzip",
    "Accept-Encoding": "identity",
    "User-Agent": "postroad",
}


_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052 §2.1


class Addresses(Protocol):
    """Who knows where hosts are."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host; may raise `DnsTemporary`."""
        ...


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet's."""
    found = ip_address(address)
    if isinstance(found, IPv6Address) and (found in _NAT64 or found.sixtofour is not None):
        return False  # an IPv4 address in disguise; a server that has one publishes it as it is
    return found.is_global and not found.is_multicast


@dataclass(frozen=True, slots=True)
class Post:
    """Implements `Posting` over the network.

    Attributes:
        resolver: knows where web servers are.
        tls: what checks their names and authorities.
        timeout: seconds for all.
        allowed: which IP addresses may be connected to.
    """

    resolver: Addresses
    tls: ssl.SSLContext
    timeout: float
    allowed: Callable[[str], bool] = is_public

    async def post(self, url: str, octets: bytes) -> str:
        """See `Posting.post`."""
        host = urlsplit(url).hostname or ""
        try:
            async with asyncio.timeout(self.timeout):
                status = await self._post(host, url, octets)
        except (TimeoutError, httpx2.TimeoutException):
            raise NotSent(f"{host} does not answer in time") from None
        except (DnsTemporary, OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NotSent(f"{host}: {str(error) or type(error).__name__}") from error
        if not 200 <= status <= 299:
            raise NotSent(f"{host} answered with {status}")
        return f"{host} answered with {status}"

    async def _post(self, host: str, url: str, octets: bytes) -> int:
        """The status of the answer of the first address that takes a connection."""
        known = await self.resolver.addresses(host)
        addresses = [each for each in known if self.allowed(each)][:MOST_ADDRESSES]
        if not addresses:
            why = "no address" if not known else "no public address"
            raise NotSent(f"{host} has {why}")
        for address in addresses[:-1]:
            try:
                return await self._at(address, url, octets)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._at(addresses[-1], url, octets)

    async def _at(self, address: str, url: str, octets: bytes) -> int:
        """The status. The connection goes to the address, TLS is for the host.

        The answer's body is none of our business, and is not read.
        """
        parts = urlsplit(url)
        shown = f"[{address}]" if ":" in address else address
        port = parts.port or 443
        query = f"?{parts.query}" if parts.query else ""
        target = f"https://{shown}:{port}{parts.path or '/'}{query}"
        named = parts.hostname or ""
        headers = {**_HEADERS, "Host": named if port == 443 else f"{named}:{port}"}
        limits = httpx2.Timeout(self.timeout, connect=self.timeout / MOST_ADDRESSES)
        async with (
            httpx2.AsyncClient(verify=self.tls, timeout=limits, trust_env=False) as client,
            client.stream(
                "POST",
                target,
                content=octets,
                headers=headers,
                extensions={"sni_hostname": named},
                follow_redirects=False,
            ) as answer,
        ):
            return answer.status_code
