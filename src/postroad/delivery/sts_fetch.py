"""Fetching an MTA-STS policy from its well-known place (RFC 8461 §3.3).

HTTPS alone vouches for a policy, so its rules are strict: the certificate must be valid for
`mta-sts.DOMAIN`, redirects are not followed, nothing but `200` and plain text counts, and size and
time are bounded. Names are looked up by our own resolver and never by the system's.

Nothing loads this module but the first fetch: the HTTP client is large, and many servers need none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

import httpx2

from postroad.delivery.sts import FetchFailed
from postroad.delivery.sts_policy import MAX_TEXT, Malformed, StsPolicy, parse
from postroad.delivery.tls_policy import TlsResult
from postroad.net.dns import DnsTemporary

__all__ = ["Addresses", "PolicyFetch"]

MAX_ADDRESSES = 3
"""Addresses of the web server that are tried within the time there is."""

_HEADERS = {"Accept": "text/plain", "Accept-Encoding": "identity", "User-Agent": "postroad"}


class Addresses(Protocol):
    """Who knows where hosts are."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host; may raise `DnsTemporary`."""
        ...


@dataclass(frozen=True, slots=True)
class PolicyFetch:
    """Implements `Fetching` over the network.

    Attributes:
        resolver: who knows where web servers are.
        tls: what checks their names and authorities.
        timeout: seconds for all; 0: no limit.
        port: the TCP port.
    """

    resolver: Addresses
    tls: ssl.SSLContext
    timeout: float
    port: int

    async def fetch(self, domain: str) -> StsPolicy:
        """See `Fetching.fetch`."""
        host = f"mta-sts.{domain}"
        try:
            async with asyncio.timeout(self.timeout or None):
                octets = await self._octets(host)
        except (TimeoutError, DnsTemporary, OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _failure(host, error) from error
        try:
            return parse(domain, octets.decode("ascii"))
        except UnicodeDecodeError:
            words = "the policy is not ASCII"
        except Malformed as error:
            words = f"the policy is malformed: {error}"
        raise FetchFailed(TlsResult.STS_POLICY_INVALID, words)

    async def _octets(self, host: str) -> bytes:
        """The policy's octets from the first address that takes a connection."""
        addresses = (await self.resolver.addresses(host))[:MAX_ADDRESSES]
        if not addresses:
            raise FetchFailed(TlsResult.STS_POLICY_FETCH_ERROR, f"{host} has no address")
        for address in addresses[:-1]:
            try:
                return await self._from(address, host)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                if _mistrusted(error):
                    raise
        return await self._from(addresses[-1], host)

    async def _from(self, address: str, host: str) -> bytes:
        async with self._answer(address, host) as answer:
            if answer.status_code != httpx2.codes.OK:
                words = f"{host} answered with {answer.status_code}"
                raise FetchFailed(TlsResult.STS_POLICY_FETCH_ERROR, words)
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != "text/plain":  # RFC 8461 §3.2: what users could upload has another type
                words = f"{host} gave {kind[:40] or 'no content type'}, not text/plain"
                raise FetchFailed(TlsResult.STS_POLICY_FETCH_ERROR, words)
            octets = b""
            async for chunk in answer.aiter_raw():
                octets += chunk
                if len(octets) > MAX_TEXT:
                    words = f"the policy is longer than {MAX_TEXT} octets"
                    raise FetchFailed(TlsResult.STS_POLICY_INVALID, words)
            return octets

    @asynccontextmanager
    async def _answer(self, address: str, host: str) -> AsyncIterator[httpx2.Response]:
        """The answer's beginning. The connection goes to the address, and TLS is for the host."""
        shown = f"[{address}]" if ip_address(address).version == 6 else address
        url = f"https://{shown}:{self.port}/.well-known/mta-sts.txt"
        headers = {**_HEADERS, "Host": host}
        limit = self.timeout / MAX_ADDRESSES if self.timeout else None
        limits = httpx2.Timeout(self.timeout or None, connect=limit)
        async with (
            httpx2.AsyncClient(verify=self.tls, timeout=limits, trust_env=False) as client,
            client.stream(
                "GET",
                url,
                headers=headers,
                extensions={"sni_hostname": host},
                follow_redirects=False,
            ) as answer,
        ):
            yield answer


def _failure(host: str, error: Exception) -> FetchFailed:
    mistrusted = _mistrusted(error)
    if mistrusted is not None:
        words = f"the certificate of {host} is not trusted: {mistrusted.verify_message}"
        return FetchFailed(TlsResult.STS_WEBPKI_INVALID, words)
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return FetchFailed(TlsResult.STS_POLICY_FETCH_ERROR, f"{host} does not answer in time")
    words = f"{host}: {str(error) or type(error).__name__}"
    return FetchFailed(TlsResult.STS_POLICY_FETCH_ERROR, words)


def _mistrusted(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The failed verification behind an error of the library's, if there is one."""
    for _ in range(8):  # errors wrap each other a few times
        if error is None or isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None
