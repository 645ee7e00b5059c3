"""Values that are tuples, so that many of them cost little, are as fixed as the others."""

from __future__ import annotations

import pytest

from postroad.model import Address, Addressee, Outcome, Reply, Status, StoredRecipient

ANN = Address.parse("ann@example.org")


@pytest.mark.parametrize(
    "value",
    [
        Addressee(ANN, ANN),
        StoredRecipient(1, ANN, ANN),
        Outcome(1, Status.SENT, Reply.of(250, "2.0.0", "Ok")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_field_can_be_set(value: tuple[object, ...]) -> None:
    for name in (*value._fields, "other"):  # type: ignore[attr-defined]
        with pytest.raises(AttributeError):
            setattr(value, name, None)


def test_equal_where_all_fields_are() -> None:
    one = StoredRecipient(1, ANN, ANN, orcpt="rfc822;x")
    assert one == StoredRecipient(1, ANN, ANN, orcpt="rfc822;x")
    assert one != StoredRecipient(1, ANN, ANN)
    assert len({one, StoredRecipient(1, ANN, ANN, orcpt="rfc822;x")}) == 1
    assert one._replace(id=2) == StoredRecipient(2, ANN, ANN, orcpt="rfc822;x")
