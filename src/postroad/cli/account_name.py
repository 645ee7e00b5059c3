"""The name of an account as a command is given it, in the form that files keep it in."""

from __future__ import annotations

from postroad.cli.refusal import usage

__all__ = ["account_name"]


def account_name(user: str) -> str:
    """The canonical name of an account; whether there is one is not asked.

    Raises:
        Refusal: no account can have this name.
    """
    from postroad.directory.names import address_form
    from postroad.model import Address, AddressError

    try:
        return str(address_form(Address.parse(user)))
    except AddressError:
        raise usage(f"{user!r} is no account's name, such as john@example.org") from None
