"""`postroad dkim`: the keys that sign mail, and the records that they are published in.

The commands work on the files that the workers read, whether the server runs or not: what they
change holds for the next message.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.editing import directory_editor
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.app.dkim_inquiry import KeyView
    from postroad.config import Configuration

__all__ = ["dkim_app"]

dkim_app = typer.Typer(help="Keys that sign mail (DKIM), and their records.", no_args_is_help=True)

_Answer = TypeVar("_Answer")

Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain of the authors.")]
Selector = Annotated[
    str,
    typer.Option(
        "--selector",
        metavar="NAME",
        help="The name in the DNS, with -rsa and -ed25519 where both are made; else the month.",
    ),
]
Bits = Annotated[
    int, typer.Option("--bits", metavar="N", help="Size of the RSA key; else as [dkim] says.")
]
Kind = Annotated[
    str, typer.Option("--kind", metavar="KIND", help="rsa, ed25519, or both, which is usual.")
]


@dkim_app.command("create")
def create(
    context: typer.Context,
    domain: Domain,
    *,
    selector: Selector = "",
    bits: Bits = 0,
    kind: Kind = "both",
    json: Json = False,
) -> None:
    """Make keys for a domain, and show the records to publish; they sign once these are seen."""
    configuration = state_of_server(context)
    _remark(context, configuration, domain)
    _made(configuration, domain, selector, bits, kind, json=json)


@dkim_app.command("rotate")
def rotate(
    context: typer.Context,
    domain: Domain,
    *,
    selector: Selector = "",
    bits: Bits = 0,
    kind: Kind = "",
    json: Json = False,
) -> None:
    """Make keys that take the place of those in use, as soon as their records are seen."""
    from postroad.app.dkim_inquiry import keys

    configuration = state_of_server(context)
    used = [each for each in _asked(lambda: keys(configuration, domain)) if each.kept is not None]
    current = {each.key.kind for each in used if each.state == "active"}
    if not current:
        raise Refusal(f"no key of {domain} is in use: use create", os.EX_DATAERR)
    kind = kind or (current.pop() if len(current) == 1 else "both")
    _made(configuration, domain, selector, bits, kind, json=json)


@dkim_app.command("show")
def show(context: typer.Context, domain: Domain, *, json: Json = False) -> None:
    """Show the records of a domain's keys, as zone files and as web forms take them."""
    from postroad.app.dkim_inquiry import keys

    configuration = state_of_server(context)
    found = _asked(lambda: keys(configuration, domain))
    if not found:
        raise _keyless(domain)
    if json:
        print_json([_document(configuration, each) for each in found])
        return
    for line in _records(found):
        print(line)


@dkim_app.command("list")
def list_keys(context: typer.Context, *, json: Json = False) -> None:
    """List the keys, how far each is, and when the records of retired ones may go."""
    from postroad.app.dkim_inquiry import keys

    configuration = state_of_server(context)
    found = _asked(lambda: keys(configuration))
    if json:
        print_json([_document(configuration, each) for each in found])
        return
    _table(configuration, found)


@dkim_app.command("check")
def check(
    context: typer.Context,
    domain: Annotated[
        str, typer.Argument(metavar="[DOMAIN]", help="Only the keys of this domain.")
    ] = "",
    *,
    json: Json = False,
) -> None:
    """Look for the records in the DNS; keys whose record is right begin to sign."""
    import asyncio

    from postroad.app.dkim_inquiry import checked

    configuration = state_of_server(context)
    found = _asked(lambda: asyncio.run(checked(configuration, domain)))
    if domain and not found:
        raise _keyless(domain)
    if json:
        print_json([_document(configuration, each) for each in found])
    else:
        _table(configuration, found)
    if any(each.words and each.state != "retired" for each in found):
        raise typer.Exit(1)


@dkim_app.command("delete")
def delete(
    context: typer.Context,
    domain: Domain,
    selector: Annotated[str, typer.Argument(metavar="SELECTOR", help="The name of the key.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Also a key that signs mail now.")] = False,
) -> None:
    """Delete a key for good; take its record out of the DNS afterwards."""
    from postroad.app.dkim_inquiry import delete as delete_key

    configuration = state_of_server(context)
    _asked(lambda: delete_key(configuration, domain, selector, force=force))
    print(f"deleted {printable(selector)} of {printable(domain)}")


def _made(
    configuration: Configuration,
    domain: str,
    selector: str,
    bits: int,
    kind: str,
    *,
    json: bool,
) -> None:
    from postroad.app.dkim_inquiry import make
    from postroad.mailauth.dkim.settings import LEAST_BITS, MOST_BITS
    from postroad.mailauth.dkim.signing_key import KEY_KINDS

    if kind not in (*KEY_KINDS, "both"):
        raise usage(f"--kind: expected rsa, ed25519 or both, not {printable(kind)}")
    if bits and not LEAST_BITS <= bits <= MOST_BITS:
        raise usage(f"--bits: expected {LEAST_BITS} to {MOST_BITS}, not {bits}")
    kinds = KEY_KINDS if kind == "both" else (kind,)
    made = _asked(lambda: make(configuration, domain, selector, kinds, bits))
    if json:
        print_json([_document(configuration, each) for each in made])
        return
    print("Publish these records in DNS:\n")
    for line in _records(made):
        print(line)
    if configuration.dkim.sign_unpublished:
        print("The keys sign from now on, as [dkim] sign_unpublished says.")
    else:
        every = int(configuration.dkim.check_every)
        print("The keys sign once their records are seen. The server looks for them every")
        print(f"{every} seconds; postroad dkim check {printable(domain)} looks now.")


def _records(found: Sequence[KeyView]) -> Iterator[str]:
    from postroad.mailauth.dkim.signing_key import published

    for each in found:
        key = each.key
        yield f"  {published(key)}"
        yield f"      ; {key.kind}, {key.bits} bits, {each.state}"
        where = f"a web page for the zone {key.domain}"
        yield f"      ; in a form of {where}: name, and text in one piece without quotes:"
        yield f"      ;   {key.selector}._domainkey"
        yield f"      ;   {key.record}"
        yield ""


def _table(configuration: Configuration, found: Sequence[KeyView]) -> None:
    rows = []
    for each in found:
        key, kept = each.key, each.kept
        made = _date(kept.made) if kept is not None else "-"
        size = f"{key.kind} {key.bits}"
        rows.append((key.domain, key.selector, size, each.state, made, _words(configuration, each)))
    none = "there are no keys: postroad dkim create DOMAIN makes some"
    print_table(("DOMAIN", "SELECTOR", "KEY", "STATE", "MADE", "RECORD"), rows, none=none)


def _words(configuration: Configuration, each: KeyView) -> str:
    from postroad.app.dkim_inquiry import removable_at

    kept = each.kept
    if kept is None:
        return each.words or "-"
    until = removable_at(configuration, kept)
    if until is not None:
        return (
            f"keep it published until {_date(until)}"
            if until > time.time()
            else "may be taken out; then delete the key"
        )
    if not kept.checked:
        return "not looked for yet"
    return each.words or "right"


def _document(configuration: Configuration, each: KeyView) -> dict[str, object]:
    from postroad.app.dkim_inquiry import removable_at

    key, kept = each.key, each.kept
    return {
        "domain": key.domain,
        "selector": key.selector,
        "kind": key.kind,
        "bits": key.bits,
        "state": each.state,
        "name": f"{key.name}.",
        "record": key.record,
        "made": kept.made if kept is not None else None,
        "changed": kept.changed if kept is not None else None,
        "checked": (kept.checked or None) if kept is not None else None,
        "words": each.words or None,
        "removable": removable_at(configuration, kept) if kept is not None else None,
    }


def _keyless(domain: str) -> Refusal:
    name = printable(domain)
    return Refusal(f"{name} has no keys: postroad dkim create {name}", os.EX_DATAERR)


def _remark(context: typer.Context, configuration: Configuration, domain: str) -> None:
    """Say what is odd about new keys of a domain: it is none of ours, or has some already."""
    from postroad.app.dkim_inquiry import keys
    from postroad.model.address import belongs_to, domain_key

    name, shown = domain_key(domain), printable(domain.lower())
    has_keys = bool(_asked(lambda: keys(configuration, domain)))
    with directory_editor(context) as editor:
        ours = [configuration.hostname, *(each.name for each in editor.domains())]
    if not any(belongs_to(domain_key(each), name) for each in ours):
        words = f"{shown} is none of our domains; keys are made all the same"
        print(f"postroad: {words}", file=sys.stderr)
    if has_keys:
        words = f"keys already, which postroad dkim show {shown} prints; these come beside them"
        print(f"postroad: {shown} has {words}", file=sys.stderr)


def _asked(question: Callable[[], _Answer]) -> _Answer:
    from postroad.app.dkim_inquiry import DkimMistake

    try:
        return question()
    except DkimMistake as mistake:
        raise Refusal(printable(str(mistake)), os.EX_DATAERR) from None


def _date(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(when))
