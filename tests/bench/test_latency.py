"""What each side is offered while callers wait for the placing of orders."""

from typing import Any

import pytest

from bench import latency
from bench.latency import Loop, placing

FAST, SLOW = 0.1, 0.4
"""Seconds of each answer: the engine's and ours."""


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """Calls per second in open loops, by side."""
    rates: dict[str, list[float]] = {"engine": [], "opora": []}
    gone: set[int] = set()

    def call(_: Any, kind: str, first: int, count: int, pace: float) -> list[float]:
        turns = set(range(first, first + count))
        assert not turns & gone, "each of the engine's orders is placed once"
        gone.update(turns)
        if kind == "placing_openly":
            rates["engine"].append(pace)
        return [FAST] * count

    async def ours(_: Any, first: int, count: int, callers: int = 0, *, rate: float | None = None) -> list[float]:
        if rate is not None:
            rates["opora"].append(rate)
        return [SLOW] * count

    monkeypatch.setattr(latency, "call", call)
    monkeypatch.setattr(latency, "_ours", ours)
    return rates


def test_the_engine_is_offered_half_of_its_own_rate_and_half_of_ours(offered: dict[str, list[float]]) -> None:
    stack: Any = None
    waits = placing(stack, callers=(1, 2), each=400)
    assert [(each.callers, each.loop) for each in waits] == [(many, loop) for many in (1, 2) for loop in Loop]
    assert offered["engine"] == pytest.approx([5.0, 1.25, 10.0, 2.5])
    assert offered["opora"] == pytest.approx([1.25, 2.5])
    assert waits[1].rates == pytest.approx((5.0, 1.25))
    assert waits[2].rates == pytest.approx((1.25, 1.25))
