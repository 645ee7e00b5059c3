"""Whether a client may send for a domain: RFC 7208's check_host(), by spftrace.

The library evaluates; here are the identities, the bounds, what its result means in our words, and
a short memory. A restriction asks for each recipient and the border asks once more for the message:
each question is asked of the DNS once, also where several sessions ask it at the same time.

It must not know what is done with a result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from spftrace import Evaluator, Limits, Result

from postroad.mailauth.spf.explanation import explain
from postroad.mailauth.spf.lookups import Lookups, Names
from postroad.mailauth.spf.result import Identity, SpfResult, SpfVerdict
from postroad.model.ip_address import ip_of
from postroad.net.dns import to_ascii

__all__ = ["REMEMBERED", "SpfChecker"]

REMEMBERED = 60.0
"""Seconds for which a verdict holds. A session asks again within them; records may change later."""

MOST_REMEMBERED = 2_000
"""Verdicts that are kept, of about 1 KiB each; the oldest goes first."""

MOST_QUERIES = 120
"""Questions of one check: ten terms of `mx` with ten hosts each are 110 (§4.6.4), and not more."""

MOST_TEXT = 200
"""Characters of a stranger's text that go on into logs and replies."""

_Question = tuple[str, str, str]


class SpfChecker:
    """Checks clients. Belongs to one event loop.

    Attributes:
        timeout: seconds for one check.
    """

    def __init__(
        self,
        names: Names,
        hostname: str,
        clock: Callable[[], float],
        *,
        timeout: float = 20.0,
    ) -> None:
        """A checker that remembers nothing yet.

        Args:
            names: asks the DNS.
            hostname: our name, which explanations may quote (§7.3, `%{r}`).
            clock: seconds, by a clock that nobody sets.
            timeout: seconds for one check.
        """
        self._lookups = Lookups(names)
        self._hostname = hostname
        self._clock = clock
        self.timeout = timeout
        self._known: dict[_Question, tuple[float, asyncio.Task[SpfVerdict]]] = {}

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        """Whether a client may send.

        Args:
            address: its IP address, as text.
            sender: the reverse-path's mailbox; empty asks for the name in HELO (§2.4).
            helo: that name.

        Returns:
            The verdict. Whatever the DNS does is one of its results.
        """
        question = (address, sender, helo)
        known = self._known.get(question)
        if known is None or known[0] <= self._clock():
            self._make_room()
            task = asyncio.create_task(self._check(question))
            known = self._known[question] = (self._clock() + REMEMBERED, task)
        # Who asked first may go away; others wait for the same answer.
        return await asyncio.shield(known[1])

    async def traced(self, address: str, sender: str, helo: str) -> tuple[SpfVerdict, Result]:
        """The same, and how it came about; nothing is remembered. Arguments as `spf`."""
        identity: Identity = "mailfrom" if sender else "helo"
        mailbox, domain = _mailbox(sender, helo)
        limits = Limits(time_limit=self.timeout, max_queries=MOST_QUERIES)
        evaluator = Evaluator(self._lookups, limits, receiver=self._hostname)
        began = self._clock()
        try:
            found = await evaluator.evaluate(address, mailbox, helo)
        except ValueError:
            # The library trips over numbers of thousands of digits; it is a mistake in the record.
            found = _unreadable(evaluator)
        result = SpfResult(found.result)
        said = ""
        if result is SpfResult.FAIL:
            said = await explain(
                found,
                self._lookups,
                address=address,
                sender=mailbox,
                helo=helo,
                receiver=self._hostname,
                patience=self.timeout - (self._clock() - began),
            )
        verdict = SpfVerdict(
            result=result,
            identity=identity,
            domain=domain,
            address=_plain(address),
            sender=mailbox,
            mechanism=_matched(found),
            reason=_reason(found, domain),
            explanation=_printable(said),
        )
        return verdict, found

    async def close(self) -> None:
        """Break off what is under way."""
        tasks = [task for _, task in self._known.values()]
        self._known.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _check(self, question: _Question) -> SpfVerdict:
        verdict, _ = await self.traced(*question)
        return verdict

    def _make_room(self) -> None:
        """Forget what is too old, and the oldest where there is too much.

        Only what is done goes: a task that nobody holds may vanish before its end.
        """
        now = self._clock()
        for question, (until, task) in list(self._known.items()):
            if until > now and len(self._known) < MOST_REMEMBERED:
                return  # they are in the order of their time
            if task.done():
                del self._known[question]


def _unreadable(evaluator: Evaluator) -> Result:
    """A permanent error (RFC 7208 §2.6.7), as the library would tell it."""
    evaluator.trace.add("exit", result="permerror", reason="the record cannot be read")
    return Result(
        result="permerror",
        explanation=None,
        trace=evaluator.trace,
        queries=list(evaluator.session.queries),
        dns_terms_used=evaluator.limits.terms_used,
        void_lookups_used=evaluator.limits.void_used,
        elapsed_ms=0.0,
        warnings=list(evaluator.warnings),
    )


def _mailbox(sender: str, helo: str) -> tuple[str, str]:
    """The mailbox to check and its domain, in A-labels (§2.4, §4.3)."""
    local, at, domain = sender.rpartition("@")
    if not at:
        local, domain = "", helo
    name = to_ascii(domain) or _printable(domain.lower())  # a name in HELO may be any text
    return f"{local or 'postmaster'}@{name}", name


def _plain(address: str) -> str:
    """An IPv4 address within IPv6 as what it is (§5)."""
    return str(ip_of(address) or address)


def _matched(found: Result) -> str:
    """The term that decided, of the domain's own record or of the one that it redirects to."""
    decided = False
    for event in reversed(found.trace.events):
        if event.kind == "exit" or (event.kind == "eval_done" and "reason" in event.data):
            return ""  # an error, or no term matched (§4.7)
        decided = decided or event.kind == "eval_done"
        if decided and event.kind == "mech_match":
            return _printable(str(event.data["raw"]))
    return ""


def _reason(found: Result, domain: str) -> str:
    for event in reversed(found.trace.events):
        if event.kind == "exit":
            text = _printable(str(event.data["reason"]))
            # That there is no record is what the sentence around it says already.
            return "" if text == f"no v=spf1 record for {domain}" else text
    return ""


def _printable(text: str) -> str:
    """A stranger's text as one line of printable ASCII, of bounded length (§6.2, §11.5.3)."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:MOST_TEXT])
