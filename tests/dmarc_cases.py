"""Messages whose DMARC is to be evaluated: records, authors, and what SPF and DKIM found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.spf.result import SpfResult, SpfVerdict

__all__ = ["RECORDS", "Case", "cases"]

RECORDS = {
    "_dmarc.bank.example": "v=DMARC1; p=reject",
    "_dmarc.strict.example": "v=DMARC1; p=quarantine; adkim=s; aspf=s",
    "_dmarc.sub.example": "v=DMARC1; p=reject; sp=none",
    "_dmarc.news.sub.example": "v=DMARC1;p=quarantine;",
    "_dmarc.lax.example": "v=DMARC1; p=none; sp=reject; rua=mailto:reports@lax.example",
    "_dmarc.part.example": "v=DMARC1; p=reject; pct=0",
    "_dmarc.frob.example": "v=DMARC1; p=frob",
    "_dmarc.report.example": "v=DMARC1; p=frob; rua=mailto:reports@report.example",
    "_dmarc.lower.example": "v=dmarc1; p=reject",
    "_dmarc.late.example": "p=reject; v=DMARC1",
    "_dmarc.loose.example": " v = DMARC1 ;\tp = Reject ; x=y ;; adkim = q",
    "_dmarc.shop.co.uk": "v=DMARC1; p=reject",
    "_dmarc.bare.example": "v=DMARC1; rua=mailto:reports@bare.example",
    "_dmarc.own.below.example": "v=DMARC1; p=reject; psd=n",
    "_dmarc.below.example": "v=DMARC1; p=quarantine",
}


class Case(NamedTuple):
    """A message.

    Attributes:
        author: the From field's body.
        spf: the reverse-path's domain and SPF's result.
        dkim: each signature's domain and result.
    """

    author: str
    spf: tuple[str, str]
    dkim: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        signatures = ",".join(f"{domain}={result}" for domain, result in self.dkim)
        return f"{self.author} spf={self.spf[0]}={self.spf[1]} dkim={signatures}"

    @property
    def verdict(self) -> SpfVerdict:
        domain, result = self.spf
        return SpfVerdict(
            result=SpfResult(result),
            domain=domain,
            address="192.0.2.7",
            sender=f"ann@{domain}",
        )

    @property
    def verified(self) -> tuple[Verified, ...]:
        return tuple(
            [
                Verified(result=Result(result), domain=domain, selector="s1")
                for domain, result in self.dkim
            ]
        )

    def message(self, authserv_id: str) -> bytes:
        """As a server hands it on that has written down what it found."""
        domain, result = self.spf
        # OpenDMARC 1.4.2 does not read a mailbox here, as RFC 8601 §2.7.2 has it too.
        results = [f"spf={result} smtp.mailfrom={domain}"]
        results += [f"dkim={found} header.d={name}" for name, found in self.dkim]
        said = ";\r\n\t".join([authserv_id, *results])
        return (
            f"Authentication-Results: {said}\r\nFrom: {self.author}\r\nTo: bob@example.net\r\n"
            "Subject: hi\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@x.example>\r\n"
            "\r\nHello\r\n"
        ).encode()


def cases() -> Iterator[Case]:
    """What is compared."""
    domains = (
        "bank.example",
        "mail.bank.example",
        "strict.example",
        "a.strict.example",
        "sub.example",
        "x.sub.example",
        "news.sub.example",
        "lax.example",
        "x.lax.example",
        "nobody.example",
        "shop.co.uk",
        "x.shop.co.uk",
        "own.below.example",
        "x.own.below.example",
    )
    for domain in domains:
        above = domain.partition(".")[2] if domain.count(".") > 1 else domain
        yield Case(f"Ann <ann@{domain}>", ("evil.test", "pass"))
        yield Case(f"ann@{domain}", (domain, "pass"))
        yield Case(f"ann@{domain}", (domain, "softfail"), ((domain, "fail"),))
        yield Case(f"ann@{domain}", ("evil.test", "pass"), ((f"x.{domain}", "pass"),))
        yield Case(f"ann@{domain}", (f"bounce.{domain}", "pass"))
        yield Case(f"ann@{domain}", ("evil.test", "none"), (("evil.test", "pass"), (above, "pass")))
    for domain in ("part", "frob", "report", "lower", "late", "loose", "bare"):
        yield Case(f"ann@{domain}.example", ("evil.test", "pass"))
        yield Case(f"ann@{domain}.example", (f"{domain}.example", "pass"))
    bad = ("evil.test", "pass")
    for author in (
        '"ann@evil.test" <ann@bank.example>',
        "Ann (ann@evil.test) <ann@bank.example>",
        "Ann <ann@BANK.example>",
        "=?utf-8?q?Ann=40evil.test?= <ann@bank.example>",
        "ann@bank.example, bob@evil.test",
        "bob@evil.test, ann@bank.example",
        "friends: ann@bank.example;",
        "friends:;",
        "nobody",
        "<>",
        "ann@bank.example <",
        "ann@[192.0.2.1]",
        '"a@evil.test"@bank.example',
        "((((ann)))) ann@bank.example (((x)))",
    ):
        yield Case(author, bad)
        yield Case(author, ("bank.example", "pass"))
    yield Case("ann@bank.example", ("bank.example", "temperror"))
    yield Case("ann@bank.example", bad, (("bank.example", "temperror"),))
    yield Case("ann@bank.example", bad, (("bank.example", "policy"), ("ex.com", "pass")))
    yield Case("ann@bank.example", ("notbank.example", "pass"))
    yield Case("ann@bank.example", ("bank.example.evil.test", "pass"))
