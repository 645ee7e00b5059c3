"""`postroad user quota`, `forward` and `send-as`: what is said of single accounts besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.editing import Force, directory_editor, sought
from postroad.cli.options import UserName
from postroad.cli.refusal import usage

if TYPE_CHECKING:
    from postroad.directory import UserEntry
    from postroad.directory.embedded.quota import Quota

__all__ = ["forward_user", "quota_words", "send_as", "set_quota", "ways_as_json"]


def set_quota(
    context: typer.Context,
    address: UserName,
    *,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", metavar="SIZE", help="All its mail: 500M, 2G, or none for no limit."
        ),
    ] = None,
    messages: Annotated[
        str | None,
        typer.Option("--messages", metavar="N", help="How many messages, or none for no limit."),
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Both as the configuration says.")
    ] = False,
) -> None:
    """Say what an account's mailbox may hold; without an option, show what lies there."""
    from postroad.cli.quota import usage_words
    from postroad.directory.embedded.quota import NO_QUOTA, Quota, parse_count, parse_size

    if size is None and messages is None and not default:
        print(f"{address}: {usage_words(context, address)}")
        return
    if default and (size is not None or messages is not None):
        raise usage("say --size, --messages or both; or --default alone")
    with directory_editor(context) as editor:
        before = NO_QUOTA if default else editor.user(address).quota
        quota = Quota(
            before.octets if size is None else parse_size(size),
            before.messages if messages is None else parse_count(messages),
        )
        name = editor.set_quota(address, quota)
    print(f"{name}: {quota_words(quota) or 'as the configuration says'}")


def forward_user(
    context: typer.Context,
    address: UserName,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET...]", help="Where its mail goes on to."),
    ] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="A copy stays with the account.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Its mail stays with it again.")] = False,
) -> None:
    """Send the mail for an account on to others, in place of what was said before."""
    if off == bool(targets):
        raise usage("name where its mail goes, or say --off")
    if off and keep:
        raise usage("with --off all its mail stays; --keep says nothing")
    with directory_editor(context) as editor:
        result = editor.set_forward(address, targets or (), keep=keep)
    print(
        f"mail for {address} goes to {', '.join(result)}" if result else f"{address} keeps its mail"
    )


def send_as(
    context: typer.Context,
    address: UserName,
    others: Annotated[
        list[str],
        typer.Argument(metavar="OTHER...", help="Addresses, or @DOMAIN for all of a domain's."),
    ],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="No longer.")] = False,
    force: Force = False,
) -> None:
    """Let an account send as other addresses, besides its own and its aliases."""
    with directory_editor(context) as editor:
        if remove:
            name = editor.revoke(address, others)
        else:
            name = editor.grant(sought(context, editor, address, force=force), others)
        rights = editor.rights(name)
    print(
        f"{name} may send as {', '.join(rights)}" if rights else f"{name} may send as itself only"
    )


def quota_words(quota: Quota) -> str:
    """A quota in words; empty where it is as the configuration says."""
    from postroad.directory.embedded.quota import size_words

    words = []
    if quota.octets is not None:
        words.append(size_words(quota.octets) if quota.octets else "any size")
    if quota.messages is not None:
        words.append(f"{quota.messages} messages" if quota.messages else "any number of messages")
    return ", ".join(words)


def ways_as_json(user: UserEntry) -> dict[str, object]:
    """What listings in JSON say besides."""
    return {
        "quota_bytes": user.quota.octets,
        "quota_messages": user.quota.messages,
        "forward": list(user.forward),
        "send_as": list(user.send_as),
    }
