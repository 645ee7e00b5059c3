"""`STATE/dmarc-reports.db`: what all workers counted for reports on DMARC, made and sent.

Theory of operation. As with reports about TLS (`reports.tls.file`): workers add what they counted
every few seconds; when a day is over, a row of `outgoing` is made for each domain of it, with the
id of its report, and one worker takes it up for a time. A crash between sending and noting repeats
a report under the same id, by which its receiver knows it (RFC 9990 §3.5.2). With its report a
day's counts of a domain go. Rows are written in `adding` and `outgoing`, and read in `sums`. What
others send is in a file of its own: strangers decide how much that is.
"""

from __future__ import annotations

from postroad.limits.state_file import Shape, StateUnavailable
from postroad.reports import outgoing
from postroad.reports.dmarc import sums

__all__ = ["DMARC_REPORTS", "CountsUnavailable"]


class CountsUnavailable(StateUnavailable):
    """What was counted cannot be read or written now; the message says why."""


DMARC_REPORTS = Shape(
    "reports on DMARC",
    0x50526463,  # "PRdc"
    1,
    f"{outgoing.TABLES}{sums.TABLES}",
    CountsUnavailable,
)
