"""Where a domain wants its reports, and whether those who would get them agree.

A domain names addresses in its record (`rua=`). One in another organization's domain has to say in
the DNS that it wants reports about this domain; else anybody could have strangers flooded (RFC 9990
§4, RFC 7489 §7.1). It may name another address of the same host in its place.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from postroad.mailauth.dmarc.discovery import Discovery, TooManyQuestions
from postroad.mailauth.dmarc.record import is_record, record_of, record_of_texts
from postroad.mailauth.dmarc.settings import OrganizationalDomain
from postroad.model.address import MAX_DOMAIN, domain_key
from postroad.net.dns_records import DnsTemporary, Texts
from postroad.reports.endpoint import Endpoint, mailto
from postroad.reports.kind import Wanted

__all__ = ["MOST_DESTINATIONS", "Destinations", "destination"]

MOST_DESTINATIONS = 5
"""Addresses that get one report; RFC 7489 §6.2 wants two to be served."""

TIME = 60.0
"""Seconds to ask others whether they agree, for one report: a record can name twenty hosts whose
servers take their time, and reports to others wait."""

_LIMITED = re.compile(r"(.*)!([0-9]{1,18})([kmgt]?)\Z", re.DOTALL | re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def destination(uri: str) -> Endpoint | str:
    """What a URI of `rua=` means, with the size limit behind it (RFC 7489 §6.2).

    Args:
        uri: as the record has it.

    Returns:
        The endpoint, or why there is none.
    """
    plain, most = uri, None
    if "!" in uri:
        found = _LIMITED.match(uri)
        if found is None:
            return "its size limit cannot be read"
        plain, most = found[1], int(found[2]) * _UNITS[found[3].lower()]
    if plain.partition(":")[0].lower() != "mailto":
        return "reports go by mail only"
    address = mailto(plain)
    if address is None:
        return "it is no address that mail can be sent to"
    return Endpoint("mailto", uri, str(address), most)


class Destinations:
    """Asks the DNS."""

    def __init__(self, texts: Texts, way: OrganizationalDomain, *, patience: float = TIME) -> None:
        """Take what it needs.

        Args:
            texts: asks for records.
            way: how domains that belong together are found.
            patience: seconds for all questions about one report, but the first.
        """
        self._texts = texts
        self._way = way
        self._patience = patience

    async def wanted(self, domain: str) -> Wanted | None:
        """Where a domain wants its reports now; `None`: it wants none.

        Args:
            domain: where its record is.

        Raises:
            DnsTemporary: nobody knows the record at present.
        """
        record = record_of_texts(await self._texts.records(f"_dmarc.{domain}", "TXT"))
        if record is None or not record.reports:
            return None
        deadline = asyncio.get_running_loop().time() + self._patience
        endpoints: dict[str, Endpoint] = {}
        refused: list[tuple[str, str]] = []
        unsure: list[tuple[str, str]] = []
        for uri in record.reports:
            if len(endpoints) >= MOST_DESTINATIONS:
                refused.append((uri, f"reports go to {MOST_DESTINATIONS} addresses at the most"))
                continue
            found = destination(uri)
            try:
                async with asyncio.timeout_at(deadline):
                    agreed = found if isinstance(found, str) else await self._agreed(domain, found)
            except DnsTemporary as error:  # the others get theirs
                unsure.append((uri, f"{error.name}: not to be looked up now"))
                continue
            except TimeoutError:
                unsure.append((uri, "no time is left to look it up now"))
                continue
            if isinstance(agreed, str):
                refused.append((uri, agreed))
                continue
            for each in agreed:
                endpoints.setdefault(each.target.lower(), each)
        return Wanted(tuple(endpoints.values())[:MOST_DESTINATIONS], tuple(refused), tuple(unsure))

    async def _agreed(self, domain: str, endpoint: Endpoint) -> Sequence[Endpoint] | str:
        """Where to send it, as who gets it agrees; or why not."""
        host = _host(endpoint)
        if await self._belong_together(domain, host):
            return (endpoint,)
        name = f"{domain}._report._dmarc.{host}"
        if len(name) > MAX_DOMAIN:
            return f"{host} cannot agree: the name of its record would be too long"
        texts = [text for text in await self._texts.records(name, "TXT") if is_record(text)]
        if not texts:
            return f"{host} does not agree: there is no record at {name}"
        others = next(_named(texts), ())
        if not others:
            return (endpoint,)
        found = [each for each in map(destination, others) if isinstance(each, Endpoint)]
        if not found or any(_host(each) != host for each in found):
            # It must not pass on what it was asked for (RFC 9990 §4).
            return f"the record at {name} names addresses that are not at {host}"
        return found

    async def _belong_together(self, domain: str, host: str) -> bool:
        """Whether two domains have the same organizational domain."""
        if domain == host:
            return True
        try:
            ours = await Discovery(self._texts, self._way).organization(domain)
            return ours == await Discovery(self._texts, self._way).organization(host)
        except TooManyQuestions:
            return False


def _host(endpoint: Endpoint) -> str:
    return domain_key(endpoint.target.rpartition("@")[2])


def _named(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The addresses in each of the records that has some."""
    for text in texts:
        record = record_of(text)
        if record is not None and record.reports:
            yield record.reports
