"""What is counted from measurements: pure functions, apart from what takes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LATE_SECONDS = 60.0
"""A release later than this breaks the promise of «an expiry of 1,000 in one hour»."""
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that the processes of one stack hold."""

    server: int
    worker: int
    database: int

    def __sub__(self, before: "Memory") -> "Memory":
        return Memory(self.server - before.server, self.worker - before.worker, self.database - before.database)

    @property
    def engine(self) -> int:
        """What waiting workflows are held in: the Temporal server and the worker."""
        return self.server + self.worker


@dataclass(frozen=True, slots=True)
class Lateness:
    """How long after its end each reserve was released, in seconds."""

    count: int
    p50: float
    p99: float
    longest: float
    late: int


def ratio(ours: float, engines: float) -> float | None:
    """How many times what the engine itself takes; None where the engine took nothing that could be measured."""
    return ours / engines if engines > 0 else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values, no percentile")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def lateness(seconds: Sequence[float]) -> Lateness:
    """Sum up how late each was.

    Raises:
        ValueError: nothing was measured.
    """
    return Lateness(
        count=len(seconds),
        p50=percentile(seconds, 0.5),
        p99=percentile(seconds, 0.99),
        longest=max(seconds),
        late=sum(each > LATE_SECONDS for each in seconds),
    )
