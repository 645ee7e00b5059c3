"""Which permission each change needs that a milter wants made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from postroad.filters.milter.answers import ChangeKind
from postroad.filters.milter.negotiation import Actions

__all__ = ["ACTION_OF"]

ACTION_OF: Mapping[ChangeKind, Actions] = MappingProxyType(
    {
        ChangeKind.ADD_FIELD: Actions.ADD_FIELDS,
        ChangeKind.INSERT_FIELD: Actions.ADD_FIELDS,
        ChangeKind.CHANGE_FIELD: Actions.CHANGE_FIELDS,
        ChangeKind.CHANGE_SENDER: Actions.CHANGE_SENDER,
        ChangeKind.ADD_RECIPIENT: Actions.ADD_RECIPIENTS,
        ChangeKind.ADD_RECIPIENT_WITH_PARAMETERS: Actions.ADD_RECIPIENTS_WITH_PARAMETERS,
        ChangeKind.REMOVE_RECIPIENT: Actions.REMOVE_RECIPIENTS,
        ChangeKind.REPLACE_BODY: Actions.CHANGE_BODY,
        ChangeKind.QUARANTINE: Actions.QUARANTINE,
    }
)
