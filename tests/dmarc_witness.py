"""What tests of DMARC are made of: a message with what was verified of it, and the DNS."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dkim_signer import Zone
from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.dmarc.evaluation import Evaluator, Verdict, Witness
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model.fields import Fields
from postroad.net.dns_records import DnsTemporary, RecordType

BANK = {"_dmarc.bank.example": "v=DMARC1; p=reject"}


def spf(domain: str, result: SpfResult = SpfResult.PASS) -> SpfVerdict:
    return SpfVerdict(result=result, domain=domain, address="192.0.2.7", sender=f"x@{domain}")


def signed(domain: str, result: Result = Result.PASS) -> Verified:
    return Verified(result=result, domain=domain, selector="s1")


def witness(author: str = "ann@bank.example", **changes: object) -> Witness:
    fields = Fields.of(f"From: {author}\r\nMessage-ID: <1@x>\r\n".encode())
    return replace(Witness(fields=fields, address="192.0.2.7"), **changes)


class Records(Zone):
    """TXT records, and addresses of names that exist."""

    def __init__(self, records: dict[str, str], existing: tuple[str, ...] = ()) -> None:
        super().__init__(records)
        self.existing = existing
        self.slow: set[str] = set()

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        if name in self.slow:
            raise DnsTemporary(name, kind)
        if kind != "TXT":
            return ("192.0.2.1",) if name in self.existing and kind == "MX" else ()
        return await super().records(name, kind)


def verdict(
    one: Witness, records: dict[str, str] | Zone = BANK, settings: DmarcSettings | None = None
) -> Verdict:
    texts = records if isinstance(records, Zone) else Records(records)
    evaluator = Evaluator(settings or DmarcSettings(), texts, b"key")
    return asyncio.run(evaluator.evaluate(one)).worst
