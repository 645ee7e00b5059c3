"""A `Place` in Dovecot's words, for a Dovecot that opens the mailbox."""

from __future__ import annotations

from postroad.directory import Place

__all__ = ["told_of"]


def told_of(place: Place) -> dict[str, str]:
    """The userdb fields of a place; what it does not say is left out."""
    limits = []
    if place.quota_bytes is not None:
        limits.append(f"bytes={place.quota_bytes}")
    if place.quota_messages is not None:
        limits.append(f"messages={place.quota_messages}")
    told = {
        "home": place.home,
        "mail": place.mail,
        "uid": "" if place.uid is None else str(place.uid),
        "gid": "" if place.gid is None else str(place.gid),
        "quota_rule": f"*:{':'.join(limits)}" if limits else "",
    }
    return {name: value for name, value in told.items() if value}
