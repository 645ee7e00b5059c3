"""Tests of what files of counts had no room for: in the tables of both kinds."""

import sqlite3

import pytest

from postroad.limits.state_file import Shape
from postroad.reports.dmarc.file import DMARC_REPORTS
from postroad.reports.missed import add_missed, missed, sweep_missed
from postroad.reports.tls.file import TLS_REPORTS


@pytest.mark.parametrize("shape", [DMARC_REPORTS, TLS_REPORTS], ids=["dmarc", "tls"])
def test_days_add_up_and_are_forgotten(shape: Shape) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(shape.tables)
        assert missed(connection) == 0
        add_missed(connection, {})
        add_missed(connection, {10: 3, 11: 4})
        add_missed(connection, {11: 5})
        assert missed(connection) == 12
        sweep_missed(connection, 11)
        assert missed(connection) == 9
    finally:
        connection.close()
