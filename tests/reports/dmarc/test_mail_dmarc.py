"""Reports of ours, as Mail::DMARC reads them: what many who receive reports use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dmarc_report_world import FAILED, IDENTITY, PASSED, YESTERDAY, memory, seen
from peers import needs
from postroad.reports.dmarc import adding, sums
from postroad.reports.dmarc.report import made
from postroad.reports.dmarc.writing import to_xml
from postroad.reports.outgoing import Due

pytestmark = pytest.mark.peer

READER = """
use strict; use warnings;
use Mail::DMARC::Report::Receive;
my $receive = Mail::DMARC::Report::Receive->new;
local $/;
my $noise = '';
{
    local *STDOUT; open STDOUT, '>', \\$noise or die $!;
    $receive->report; $receive->handle_body(scalar <STDIN>);
}
my $aggregate = $receive->report->aggregate;
my ($meta, $policy) = ($aggregate->metadata, $aggregate->policy_published);
print join("|", $meta->org_name, $meta->email, $meta->report_id, $meta->begin, $meta->end), "\\n";
print join("|", map { $policy->{$_} } qw(domain p sp pct adkim aspf)), "\\n";
for my $record (@{$aggregate->record}) {
    my ($row, $ids) = ($record->row, $record->identifiers);
    my $did = $row->policy_evaluated;
    print join("|", $row->source_ip, $row->count, $did->disposition, $did->dkim, $did->spf,
        $ids->header_from, $ids->envelope_from), "\\n";
}
"""


def test_it_reads_what_we_write(tmp_path: Path) -> None:
    needs.program("dmarc_view_reports")  # of the same package
    perl = needs.program("perl")
    connection = memory()
    for each in (PASSED, FAILED, PASSED):
        adding.add(connection, {(YESTERDAY, seen(each)): 1}, 0, YESTERDAY)
    due = Due(YESTERDAY, "bank.example", "20241003c0ffee", 0.0, 0)
    report = made(IDENTITY, due, sums.of_day(connection, YESTERDAY, "bank.example"))
    octets = to_xml(report.feedback, "rfc7489")
    done = subprocess.run(  # it keeps what it read in a database in its working directory
        [perl, "-e", READER],
        input=octets,
        capture_output=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.stdout.decode().splitlines() == [
        "Example & <Sons>|dmarc@example.org|20241003c0ffee|1727913600|1727999999",
        "bank.example|reject|quarantine|100|s|r",
        "192.0.2.7|2|none|pass|fail|news.bank.example|bounce.bank.example",
        "2001:db8::7|1|reject|fail|fail|bank.example|evil.example",
    ], done.stderr.decode()
