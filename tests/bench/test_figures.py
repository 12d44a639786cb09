"""What benchmarks count from their measurements."""

import math
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from bench.__main__ import duration
from bench.expiry import spread
from bench.figures import Lateness, Memory, lateness, percentile, ratio
from cli.local.problems import StackError


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert percentile([*range(100, 0, -1)], share) == expected


def test_nothing_measured_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_release_is_late_above_a_minute_not_at_it() -> None:
    assert lateness([1.0, 60.0]) == Lateness(count=2, p50=1.0, p99=60.0, longest=60.0, late=0)
    assert lateness([1.0, math.nextafter(60.0, 61.0)]).late == 1


def test_a_ratio_of_nothing_is_none() -> None:
    assert ratio(13, 10) == 1.3
    assert ratio(13, 0) is None
    assert ratio(13, -1) is None


def test_what_the_engine_holds_is_server_and_worker_less_the_idle_ones() -> None:
    opened = Memory(server=170, worker=95, database=400) - Memory(server=150, worker=90, database=100)
    assert opened == Memory(server=20, worker=5, database=300)
    assert opened.engine == 25


def test_ends_are_spread_evenly_over_the_window() -> None:
    begin = datetime(2026, 4, 6, 5, 0, tzinfo=UTC)
    orders = [uuid4() for _ in range(4)]
    ends = spread(orders, begin, timedelta(minutes=4))
    assert [ends[order] - begin for order in orders] == [timedelta(minutes=minute) for minute in range(4)]
    assert spread([], begin, timedelta(minutes=4)) == {}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("5m", 300), ("1h", 3600), ("5", None), ("m", None), ("5m ", None), ("-5m", None)],
)
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: int | None) -> None:
    if seconds is None:
        with pytest.raises(StackError, match="Не понимаю время"):
            duration(text)
    else:
        assert duration(text).total_seconds() == seconds
