"""The evaluation of a message: result, policy, and what is done (RFC 9989 §5.3, RFC 7489 §6.6).

Every author's domain is looked at by itself; a message with several is as good as the worst of
them, so that nobody passes by naming a second author (RFC 9989 §11.5). They are looked at side by
side, each with a bound of its own for questions and time: one author's slow DNS hides no other.

A message fails only if that is sure. While SPF or a key has no answer and could still prove the
author, the result is a temporary error and not a failure: a refusal could not be taken back. But
below most domains a stranger finds a name without an answer, to sign with or to write under, and
that must be no way around their policies. So it is told what would be done if the answer were no.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postroad.mailauth.dkim.result import Verified
from postroad.mailauth.dmarc.alignment import Alignment, aligned
from postroad.mailauth.dmarc.author import Authors, authors_of
from postroad.mailauth.dmarc.discovery import Discovery, Published
from postroad.mailauth.dmarc.overriding import Exceptions
from postroad.mailauth.dmarc.result import DmarcResult, Override, OverrideKind, Policy
from postroad.mailauth.dmarc.sampling import is_sampled
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model.address import belongs_to
from postroad.model.fields import Fields
from postroad.net.dns_records import DnsTemporary, Texts

__all__ = ["PATIENCE", "Evaluation", "Evaluator", "Verdict", "Witness"]


PATIENCE = 8.0
"""Seconds for one author's domain. The border waits a little longer for the whole."""

KNOWN_SHARE = 0.25
"""Of them, what is kept for the names above one that has no answer."""

AT_ONCE = 2_048
"""Octets of From fields that are read on the event loop, in some milliseconds at the worst; more of
them in a thread. Real ones have a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What is known of a message.

    Attributes:
        fields: its header section, as it came.
        address: the client's IP address; empty for none.
        spf: the verdict that alignment goes by: for the reverse-path, or for HELO with the null
            one.
        helo: the verdict for HELO beside it; forwarders are known by it too.
        dkim: all signatures.
        vouched: by author's domain, why the word of a trusted sealer is taken.
    """

    fields: Fields
    address: str = ""
    spf: SpfVerdict | None = None
    helo: SpfVerdict | None = None
    dkim: tuple[Verified, ...] = ()
    vouched: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one author's domain.

    Attributes:
        result: RFC 8601's word.
        author: the domain; empty where there is none.
        words: the reason in one line.
        published: what holds for the domain; `None`: nothing, or nobody knows.
        policy: what is asked for.
        disposition: what is done.
        awaited: with a temporary error: what would be done if no answer changed it.
        overrides: why that is not the same.
        dkim_aligned: whether a signature that passes is aligned.
        spf_aligned: whether SPF passes and is aligned.
    """

    result: DmarcResult
    author: str = ""
    words: str = ""
    published: Published | None = None
    policy: Policy = Policy.NONE
    disposition: Policy = Policy.NONE
    awaited: Policy = Policy.NONE
    overrides: tuple[Override, ...] = ()
    dkim_aligned: bool = False
    spf_aligned: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What became of a message.

    Attributes:
        worst: the verdict that decides.
        verdicts: one for each author's domain.
        is_unclear: whether the From field cannot be read for sure.
    """

    worst: Verdict
    verdicts: tuple[Verdict, ...]
    is_unclear: bool = False


class Evaluator:
    """Evaluates messages."""

    def __init__(
        self, settings: DmarcSettings, texts: Texts, key: bytes, *, patience: float = PATIENCE
    ) -> None:
        """Take what it needs.

        Args:
            settings: `[dmarc]`.
            texts: asks the DNS.
            key: a secret, for `pct`.
            patience: seconds for one author's domain.

        Raises:
            ValueError: a forwarder or a list is neither an address nor a domain.
        """
        self._settings = settings
        self._texts = texts
        self._key = key
        self._patience = patience
        self._exceptions = Exceptions(settings)

    @property
    def enforces(self) -> bool:
        """Whether policies are carried out."""
        return self._settings.enforce

    async def evaluate(self, witness: Witness) -> Evaluation:
        """Evaluate a message. Whatever the DNS does is one of the results."""
        authors = await _authors(witness.fields)
        verdicts = list(
            await asyncio.gather(*[self._verdict(name, witness) for name in authors.domains])
        )
        if authors.flaw:
            verdicts.append(self._unclear(authors))
        worst = max(verdicts, key=_badness)
        return Evaluation(worst, tuple(verdicts), bool(authors.flaw))

    def _unclear(self, authors: Authors) -> Verdict:
        """Of a message without an author that can be read for sure.

        One that was not looked at to its end is refused: the author that counts may be beyond.
        """
        asked = Policy.REJECT if authors.is_excessive else _UNCLEAR[self._settings.unclear_author]
        done = asked if self._settings.enforce else Policy.NONE
        result = DmarcResult.PERMERROR
        return Verdict(result=result, words=authors.flaw, policy=asked, disposition=done)

    async def _verdict(self, author: str, witness: Witness) -> Verdict:
        discovery = Discovery(self._texts, self._settings.organizational_domain)
        end = asyncio.get_running_loop().time() + self._patience
        try:
            async with asyncio.timeout(self._patience * (1 - KNOWN_SHARE)):
                published = await discovery.published(author)
                if published is None:
                    words = f"{author} publishes no policy"
                    return Verdict(result=DmarcResult.NONE, author=author, words=words)
                # Before the alignment, whose questions are as many as strangers like.
                policy = await _policy(published, discovery)
        except (DnsTemporary, TimeoutError):
            return await self._unknown(author, discovery, witness)
        found = Alignment()
        try:
            async with asyncio.timeout_at(end):
                await aligned(published, discovery, witness.spf, witness.dkim, found)
        except TimeoutError:
            found.unsure = True
        verdict = Verdict(
            result=DmarcResult.PASS,
            author=author,
            words=_proof(author, found),
            published=published,
            policy=policy,
            dkim_aligned=found.dkim,
            spf_aligned=found.spf,
        )
        if found.passes:
            return verdict
        if found.unsure:
            words = f"nobody knows now whether it is from {author}"
            return self._open(replace(verdict, words=words), published, witness)
        return self._failed(verdict, published, witness)

    async def _unknown(self, author: str, discovery: Discovery, witness: Witness) -> Verdict:
        """Of an author whose record has no answer; those above may have one."""
        words = f"nobody knows now whether {author} publishes a policy"
        verdict = Verdict(result=DmarcResult.TEMPERROR, author=author, words=words)
        above = await discovery.known(author, self._patience * KNOWN_SHARE)
        if above is None:
            return verdict
        if _is_proved_within(above.organization, witness):
            return verdict
        policy = above.record.policy_for(is_below=above.is_below, exists=True)
        return self._open(replace(verdict, policy=policy), above, witness)

    def _open(self, verdict: Verdict, published: Published, witness: Witness) -> Verdict:
        """While an answer is missing: filing as junk can be taken back, a refusal has to wait."""
        awaited, overrides = self._disposition(verdict.policy, published, witness)
        return replace(
            verdict,
            result=DmarcResult.TEMPERROR,
            disposition=Policy.QUARANTINE if awaited is Policy.QUARANTINE else Policy.NONE,
            awaited=awaited,
            overrides=overrides,
        )

    def _failed(self, verdict: Verdict, published: Published, witness: Witness) -> Verdict:
        words = f"neither SPF nor a signature proves that it is from {verdict.author}"
        done, overrides = self._disposition(verdict.policy, published, witness)
        return replace(
            verdict,
            result=DmarcResult.FAIL,
            words=words,
            disposition=done,
            overrides=overrides,
        )

    def _disposition(
        self, policy: Policy, published: Published, witness: Witness
    ) -> tuple[Policy, tuple[Override, ...]]:
        """What is done about a failure, and why it is not what is asked for."""
        if policy is Policy.NONE:
            return policy, ()
        record = published.record
        verdicts = [each for each in (witness.spf, witness.helo) if each is not None]
        voucher = dict(witness.vouched).get(published.author, "")
        overrides = tuple(
            self._exceptions.of(published.author, witness.address, verdicts, witness.dkim, voucher)
        )
        if overrides:
            return Policy.NONE, overrides
        if not self._settings.enforce:
            words = "policies are not carried out here"
            return Policy.NONE, (Override(OverrideKind.LOCAL_POLICY, words),)
        if record.is_testing:  # RFC 9989 §4.7: one level below
            return _LOWER[policy], (Override(OverrideKind.POLICY_TEST_MODE, "the domain says t=y"),)
        if not is_sampled(record.percent, self._key, _identity(witness.fields)):
            # RFC 7489 §6.6.4: the next lower one, which is quarantine instead of reject.
            words = f"the domain says pct={record.percent}"
            return _LOWER[policy], (Override(OverrideKind.SAMPLED_OUT, words),)
        if policy is Policy.REJECT and self._settings.on_reject == "quarantine":
            words = "nothing is refused here for that alone"
            return Policy.QUARANTINE, (Override(OverrideKind.LOCAL_POLICY, words),)
        return policy, ()


def _is_proved_within(organization: str, witness: Witness) -> bool:
    """Whether anything proves a name of an organization."""
    proved = [each.domain for each in witness.dkim if each.counts]
    if witness.spf is not None and witness.spf.result is SpfResult.PASS:
        proved.append(witness.spf.domain.lower())
    return any(belongs_to(name, organization) for name in proved)


async def _authors(fields: Fields) -> Authors:
    size = sum([len(field.octets) for field in fields.named("from")])
    return authors_of(fields) if size <= AT_ONCE else await asyncio.to_thread(authors_of, fields)


_UNCLEAR = {"accept": Policy.NONE, "quarantine": Policy.QUARANTINE, "reject": Policy.REJECT}
_LOWER = {
    Policy.REJECT: Policy.QUARANTINE,
    Policy.QUARANTINE: Policy.NONE,
    Policy.NONE: Policy.NONE,
}
_RESULTS = (
    DmarcResult.PASS,
    DmarcResult.NONE,
    DmarcResult.PERMERROR,
    DmarcResult.TEMPERROR,
    DmarcResult.FAIL,
)
_POLICIES = tuple(Policy)


def _badness(verdict: Verdict) -> tuple[int, int, int]:
    """What is done counts first, then the result, then what is asked for."""
    return (
        _POLICIES.index(verdict.disposition),
        _RESULTS.index(verdict.result),
        _POLICIES.index(verdict.policy),
    )


async def _policy(published: Published, discovery: Discovery) -> Policy:
    """What is asked for of this author's domain; whether it exists is asked if it matters."""
    record = published.record
    if not published.is_below:
        return record.p
    existing = record.policy_for(is_below=True, exists=True)
    other = record.policy_for(is_below=True, exists=False)
    if existing is other or await discovery.exists(published.author):
        return existing
    return other


def _proof(author: str, found: Alignment) -> str:
    ways = [name for name, is_so in (("SPF", found.spf), ("a signature", found.dkim)) if is_so]
    return f"{' and '.join(ways)} {'prove' if len(ways) > 1 else 'proves'} that it is from {author}"


_IDENTIFYING: Sequence[str] = ("message-id", "date", "from")


def _identity(fields: Fields) -> bytes:
    """What stays the same of a message when it is offered again."""
    found = [field for name in _IDENTIFYING if (field := fields.first(name)) is not None]
    return b"\0".join([field.octets for field in found])
