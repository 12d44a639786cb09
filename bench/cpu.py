"""CPU time by process: what does not depend on who else uses the machine, as waiting does."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

Seconds = dict[str, float]


@dataclass(frozen=True, slots=True)
class CpuPerOrder:
    """CPU milliseconds that one order took, by process."""

    by_process: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.by_process.values())


def spent(pids: Mapping[str, int]) -> Seconds:
    """CPU seconds of each process and all its children so far, those that have ended included."""
    return {name: _spent_by(pid) for name, pid in pids.items()}


def per_order(before: Seconds, after: Seconds, orders: int) -> CpuPerOrder:
    """What came between two readings, for each of so many orders."""
    return CpuPerOrder({name: (after[name] - before[name]) * 1000 / orders for name in after})


def _spent_by(pid: int) -> float:
    process = psutil.Process(pid)
    times = process.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            own = child.cpu_times()
            seconds += own.user + own.system
    return seconds
