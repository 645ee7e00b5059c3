"""What was decided about sessions and messages, kept for a while so that it can be explained.

A worker's `History` takes records without waiting and writes them by a thread of its own; an
`Archive` reads them back, beside the running server or without one. What a record says is the
business of those who make it and of those who read it (`record`).
"""

from postroad.history.archive import Archive
from postroad.history.database import HistoryUnavailable
from postroad.history.delivery import Remembering
from postroad.history.history import History
from postroad.history.recorder import NO_HISTORY, Recordable, Recorder
from postroad.history.session_id import SessionIds, session_id_of
from postroad.history.settings import HistorySettings

__all__ = [
    "NO_HISTORY",
    "Archive",
    "History",
    "HistorySettings",
    "HistoryUnavailable",
    "Recordable",
    "Recorder",
    "Remembering",
    "SessionIds",
    "session_id_of",
]
