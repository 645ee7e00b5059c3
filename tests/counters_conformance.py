"""What every `Counters` promises, as tests; a subclass says how one is made."""

from __future__ import annotations

import pytest

from postroad.limits.counters import Counters, Window

MINUTE = Window("connections", 60)
NOW = 1_800_000_000.0  # the start of a bucket


class CountersConformance:
    def test_it_counts(self, counters: Counters) -> None:
        assert [counters.add(MINUTE, "a", NOW) for _ in range(3)] == [1, 2, 3]
        assert counters.add(MINUTE, "a", NOW, 5) == 8
        assert counters.count(MINUTE, "a", NOW) == 8

    def test_asking_counts_nothing(self, counters: Counters) -> None:
        assert [counters.count(MINUTE, "a", NOW) for _ in range(2)] == [0, 0]

    def test_keys_and_kinds_do_not_meet(self, counters: Counters) -> None:
        counters.add(MINUTE, "a", NOW)
        counters.enter("connections", "b")
        assert counters.count(MINUTE, "b", NOW) == 0
        assert counters.count(Window("failures", 60), "a", NOW) == 0
        assert counters.enter("sessions", "a") == 1

    @pytest.mark.parametrize(
        ("later", "left"), [(0, 60), (59, 60), (60, 60), (75, 45), (90, 30), (119, 1), (120, 0)]
    )
    def test_the_window_slides(self, counters: Counters, later: float, left: int) -> None:
        counters.add(MINUTE, "a", NOW, 60)
        assert counters.count(MINUTE, "a", NOW + later) == left

    def test_a_steady_client_has_a_steady_count(self, counters: Counters) -> None:
        counts = [counters.add(MINUTE, "a", NOW + second) for second in range(600)]
        assert all(58 <= count <= 61 for count in counts[60:])

    def test_what_was_counted_can_be_taken_back(self, counters: Counters) -> None:
        counters.add(MINUTE, "a", NOW, 3)
        assert counters.add(MINUTE, "a", NOW + 1, -2) == 1
        assert counters.add(MINUTE, "a", NOW + 2, -5) == 0

    def test_what_was_counted_earlier_is_taken_back_from_where_it_is(
        self, counters: Counters
    ) -> None:
        for then in (NOW + 5, NOW + 50):
            counters.add(MINUTE, "a", then, 4)
        counters.add(MINUTE, "a", NOW + 62, 3)
        assert counters.add(MINUTE, "a", NOW + 63, -4, since=NOW + 5) == 3 + round(4 * 57 / 60)
        assert counters.add(MINUTE, "a", NOW + 119, -4, since=NOW + 50) == 3
        assert counters.add(MINUTE, "a", NOW + 119, -1, since=NOW + 62) == 2

    def test_what_is_not_counted_any_more_is_not_taken_back(self, counters: Counters) -> None:
        counters.add(MINUTE, "a", NOW, 9)
        counters.add(MINUTE, "a", NOW + 120, 5)
        assert counters.add(MINUTE, "a", NOW + 121, -9, since=NOW) == 5
        assert counters.count(MINUTE, "a", NOW + 122) == 5

    def test_a_count_never_starts_below_nothing(self, counters: Counters) -> None:
        counters.add(MINUTE, "a", NOW + 59, 9)
        assert counters.add(MINUTE, "a", NOW + 60, -9) == 0
        assert counters.count(MINUTE, "a", NOW + 119) == 0
        assert counters.add(MINUTE, "a", NOW + 119) == 1

    def test_long_after_it_begins_anew(self, counters: Counters) -> None:
        counters.add(MINUTE, "a", NOW, 9)
        assert counters.add(MINUTE, "a", NOW + 100_000) == 1

    @pytest.mark.parametrize("seconds", [30, 61, 120, 3600])
    def test_a_window_of_another_length_is_another(
        self, counters: Counters, seconds: float
    ) -> None:
        """A reload makes it longer or shorter; its buckets have other numbers then."""
        counters.add(MINUTE, "a", NOW, 9)
        window = Window(MINUTE.kind, seconds)
        assert counters.add(window, "a", NOW) == 1
        assert counters.count(window, "a", NOW + 2 * seconds) == 0
        assert counters.count(MINUTE, "a", NOW) == 9

    def test_holders(self, counters: Counters) -> None:
        assert [counters.enter("sessions", "a") for _ in range(3)] == [1, 2, 3]
        assert counters.enter("sessions", "b") == 1
        counters.leave("sessions", "a")
        assert counters.enter("sessions", "a") == 3

    def test_more_leave_than_came(self, counters: Counters) -> None:
        counters.leave("sessions", "a")
        counters.enter("sessions", "a")
        counters.leave("sessions", "a")
        counters.leave("sessions", "a")
        assert counters.enter("sessions", "a") == 1

    def test_any_text_is_a_key(self, counters: Counters) -> None:
        for key in ("", "\0", "j\u00f6rg@example.org", "\ud800", "x" * 10_000):
            assert counters.add(MINUTE, key, NOW) == 1
