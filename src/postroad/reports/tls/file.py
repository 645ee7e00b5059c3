"""`STATE/tls-reports.db`: what all workers counted, made, sent and received.

Theory of operation. Workers add what they counted every few seconds. When a day is over, a row of
`outgoing` is made for each domain of it, with the id of its report; who takes it up puts the time
of the next attempt into the future in the same transaction, so that one worker sends it, and
another one does if that one dies. What has been sent is noted for each endpoint. A crash between
sending and noting repeats a report under the same id, by which a receiver knows it (RFC 8460 §5.1).
With its report a day's counts of a domain go. The rows are read and written in `sums`, `outgoing`
and `received`.
"""

from __future__ import annotations

from postroad.limits.state_file import Shape, StateUnavailable
from postroad.reports import outgoing

__all__ = ["TLS_REPORTS", "ReportsUnavailable"]

_TABLES = f"""{outgoing.TABLES}
CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    domain TEXT NOT NULL,
    strings TEXT NOT NULL,                     -- a JSON array, as hosts
    hosts TEXT NOT NULL,
    UNIQUE (kind, domain, strings, hosts)
) STRICT;
CREATE TABLE sessions (
    day INTEGER NOT NULL,                      -- since the epoch, in UTC; so everywhere
    domain TEXT NOT NULL,                      -- of the recipients
    policy INTEGER NOT NULL,
    result TEXT NOT NULL,
    host TEXT NOT NULL,
    receiving TEXT NOT NULL,
    sending TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, result, host, receiving, sending, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_policy ON sessions (policy);
CREATE TABLE missed (
    day INTEGER PRIMARY KEY,
    count INTEGER NOT NULL                     -- sessions for which there was no room
) STRICT;
CREATE TABLE received (
    id INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    report_id TEXT NOT NULL,
    contact TEXT NOT NULL,
    begins REAL NOT NULL,                      -- epoch, seconds
    ends REAL NOT NULL,
    arrived REAL NOT NULL,
    sender TEXT NOT NULL,                      -- of the mail that it came by
    queue_id TEXT NOT NULL,
    UNIQUE (organization, report_id)
) STRICT;
CREATE INDEX received_by_time ON received (arrived);
CREATE TABLE received_policies (
    report INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    domain TEXT NOT NULL,
    ok INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (report, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE received_failures (
    report INTEGER NOT NULL,
    position INTEGER NOT NULL,                 -- of the policy
    number INTEGER NOT NULL,
    result TEXT NOT NULL,
    host TEXT NOT NULL,
    receiving TEXT NOT NULL,
    sending TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (report, position, number)
) STRICT, WITHOUT ROWID;
"""


class ReportsUnavailable(StateUnavailable):
    """What was counted and received cannot be read or written now; the message says why."""


TLS_REPORTS = Shape("reports about TLS", 0x50527472, 1, _TABLES, ReportsUnavailable)  # "PRtr"
