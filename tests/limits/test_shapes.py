"""Every SQLite file of ours says whose it is, and no two say the same."""

from __future__ import annotations

from postroad.delivery.sts_file import STS
from postroad.delivery.verified import VERIFIED
from postroad.directory.embedded import schema
from postroad.filters.builtin.bayes.schema import LEARNED_MAIL
from postroad.filters.moves.file import MOVES
from postroad.history import database as history
from postroad.limits import database as bans
from postroad.limits.greylist_file import GREYLIST
from postroad.limits.habits import HABITS
from postroad.reports.dmarc.file import DMARC_REPORTS
from postroad.reports.dmarc.received import DMARC_RECEIVED
from postroad.reports.tls.file import TLS_REPORTS


def test_no_file_is_taken_for_another_one() -> None:
    identifiers = [
        schema.APPLICATION_ID,
        history.APPLICATION_ID,
        bans.APPLICATION_ID,
        GREYLIST.application_id,
        HABITS.application_id,
        VERIFIED.application_id,
        STS.application_id,
        MOVES.application_id,
        LEARNED_MAIL.application_id,
        TLS_REPORTS.application_id,
        DMARC_REPORTS.application_id,
        DMARC_RECEIVED.application_id,
    ]
    assert len(set(identifiers)) == len(identifiers)
