"""Open reserves against the engine's own waiting workflows: memory of both, then an expiry of many at once.

Both sides run on a fresh stack as `./opora up` starts it, one after the other, with the same worker process, the same
server settings and a file database. What a side holds is the memory of Temporal server and worker with everything
open, less what the same idle stack held before, warmed up by a few. PostgreSQL holds the facts of an order and none of
the engine's; it is shown beside and is no part of the ratio. The server is held to `SERVER_LIMIT` on either side: what
it has not yet thrown away is no part of what one needs.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.company import open_reserves
from bench.engine import open_waiting
from bench.expiry import Expiry, expire
from bench.figures import LATE_SECONDS, Lateness, lateness, ratio
from bench.filling import Say, Side, sides
from bench.machine import Machine, this_machine
from bench.stack import fresh_stack

SERVER_LIMIT = "320MiB"
"""Near it the server throws its garbage away at once; 10,000 of either side need less."""
MOST = 1.3
"""The promise: so many times what the engine itself holds for as many empty waiting workflows."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much to measure. `reminders` come due in the same `window` as the `ends`; `settle`: rest before a look."""

    orders: int
    ends: int
    reminders: int
    window: timedelta
    settle: timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of the benchmark."""

    at: datetime
    machine: Machine
    wanted: Wanted
    engine: Side
    ours: Side
    expiry: Expiry | None

    @property
    def memory_ratio(self) -> float | None:
        return ratio(self.ours.opened.engine, self.engine.opened.engine)

    def late(self) -> dict[str, Lateness]:
        """Releases as seen in the database and by the journal, and the reminders beside them."""
        if self.expiry is None:
            return {}
        seconds = {
            "released": self.expiry.released,
            "journal": self.expiry.journal,
            "reminded": self.expiry.reminded,
        }
        return {name: lateness(values) for name, values in seconds.items() if values}


def measure(wanted: Wanted, say: Say) -> Outcome:
    """Run both sides and the expiry. Call from the main thread.

    Raises:
        StackError: a stack did not start, or the product refused what was asked of it.
    """
    at, machine = datetime.now(UTC), this_machine()
    with limited_server(), fresh_stack() as stack:
        [engine] = sides(stack, open_waiting, [wanted.orders], wanted.settle, say=say, name="Движок")
    with limited_server(), fresh_stack() as stack:
        [ours] = sides(stack, open_reserves, [wanted.orders], wanted.settle, say=say, name="Опора")
        held, expiry = ratio(ours.opened.engine, engine.opened.engine), None
        say("Память резервов к памяти движка: " + ("не измерить" if held is None else f"{held:.2f}"))
        if wanted.ends:
            say(f"Опора: сроки {wanted.ends} резервов выходят за {wanted.window}…")
            expiry = asyncio.run(
                expire(stack, ends=wanted.ends, reminders=wanted.reminders, window=wanted.window, pace=ours.pace)
            )
    return Outcome(at, machine, wanted, engine, ours, expiry)


@contextmanager
def limited_server() -> Iterator[None]:
    """Servers that start meanwhile are held to `SERVER_LIMIT`, unless the environment says otherwise."""
    known = os.environ.get("GOMEMLIMIT")
    os.environ.setdefault("GOMEMLIMIT", SERVER_LIMIT)
    try:
        yield
    finally:
        if known is None:
            del os.environ["GOMEMLIMIT"]


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Ratios first, then everything they were counted from."""
    late, sides = outcome.late(), {"engine": outcome.engine, "opora": outcome.ours}
    return {
        "benchmark": "reserves",
        "at": outcome.at.isoformat(),
        "memory_ratio": outcome.memory_ratio,
        "memory_ratio_most": MOST,
        "server_ratio": ratio(outcome.ours.opened.server, outcome.engine.opened.server),
        "worker_ratio": ratio(outcome.ours.opened.worker, outcome.engine.opened.worker),
        "late_after_seconds": LATE_SECONDS,
        "lateness": {name: asdict(each) for name, each in late.items()},
        "never_released": outcome.expiry.missing if outcome.expiry else None,
        "wanted": {
            "orders": outcome.wanted.orders,
            "ends": outcome.wanted.ends,
            "reminders": outcome.wanted.reminders,
            "window_seconds": outcome.wanted.window.total_seconds(),
            "settle_seconds": outcome.wanted.settle.total_seconds(),
        },
        "machine": asdict(outcome.machine),
        "bytes": {name: {"idle": asdict(side.idle), "opened": asdict(side.opened)} for name, side in sides.items()},
        "opened_per_second": {name: timedelta(seconds=1) / side.pace for name, side in sides.items()},
    }
