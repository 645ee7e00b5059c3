"""What a signature signs: fields of the header in the order that `h=` names them, and itself.

Of fields with the same name the lowest is taken first (RFC 6376 §5.4.2). A name beyond those that
are there stands for nothing, and so for «there is no further one»: that is how a signer forbids
to add one.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroad.mailauth.dkim.canonicalization import Canonicalization, header_field
from postroad.mailauth.dkim.tags import without_value
from postroad.model.fields import Field, Fields
from postroad.smtp.line_ends import are_paired

__all__ = ["is_whole", "signed_input"]


def is_whole(fields: Fields) -> bool:
    """Whether all line ends of a header section are CRLF, so that all readers see its fields alike.

    Some take a bare LF for a line end: what is signed as part of one field is another field to
    them. Such a section can neither be vouched for nor believed.
    """
    return are_paired(fields.octets)


def signed_input(
    fields: Fields, names: Sequence[str], signature: Field, way: Canonicalization
) -> bytes:
    """The octets that are hashed and signed (RFC 6376 §3.7).

    Args:
        fields: the header section.
        names: what `h=` says.
        signature: the field that signs; the value of its `b=` does not count.
        way: the canonicalization of the header.
    """
    wanted = {name.lower() for name in names}
    left: dict[str, list[Field]] = {}
    for field in fields:
        if field.key in wanted and field is not signature:
            left.setdefault(field.key, []).append(field)
    chosen = [header_field(left[key].pop(), way) for name in names if left.get(key := name.lower())]
    own = header_field(Field(without_value(signature.octets, b"b")), way)
    return b"".join(chosen) + own.removesuffix(b"\r\n")
