"""A fresh stack of real parts to measure, and the memory its processes hold."""

import contextlib
import json
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.figures import Memory
from cli.local.data import DataDirectory
from cli.local.stack import Stack, Wishes

WORKER = ("-P", "-m", "bench.worker")
_BETWEEN_LOOKS = 1.0


class MeasuredStack:
    """One running stack as `./opora up` starts it, its addresses, keys and processes.

    `started_in`: seconds from nothing to an API that is ready and a worker that polls.
    """

    def __init__(self, data: DataDirectory, started_in: float) -> None:
        self.started_in = started_in
        self.data = data
        self.postgres_log = data.log("postgres")
        known = data.running() or {}
        self.api = str(known["api"])
        self.temporal = str(known["temporal"])
        self.database = str(known["database"])
        self.keys = {str(login): str(key) for login, key in known["keys"].items()}
        self.pids = {name: self.pid_of(name) for name in ("temporal", "worker", "api", "postgres")}

    def pid_of(self, name: str) -> int:
        """The process of a part as it is now, which a supervisor may have started again."""
        return int(json.loads(self.data.processes_json.read_text(encoding="utf-8"))[name]["pid"])

    @property
    def _held_in(self) -> dict[str, int]:
        return {name: self.pids[name] for name in ("temporal", "worker", "postgres")}

    def memory(self, settle: float) -> Memory:
        """The least that each part held during `settle` idle seconds.

        An idle Go program collects garbage every two minutes and its memory climbs in between: only the least of a
        longer time tells what it needs from what it has not yet thrown away.
        """
        least = {name: held_by(pid) for name, pid in self._held_in.items()}
        over = time.monotonic() + settle
        while time.monotonic() < over:
            time.sleep(_BETWEEN_LOOKS)
            least = {name: min(least[name], held_by(pid)) for name, pid in self._held_in.items()}
        return Memory(server=least["temporal"], worker=least["worker"], database=least["postgres"])


@contextmanager
def fresh_stack() -> Iterator[MeasuredStack]:
    """A stack on an empty directory of its own, gone afterwards. Call from the main thread."""
    with empty_home() as data, running(data) as stack:
        yield stack


@contextmanager
def empty_home() -> Iterator[DataDirectory]:
    """A data directory that goes away with everything in it."""
    with tempfile.TemporaryDirectory(prefix="opora-bench-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o711)  # as root, PostgreSQL runs as somebody else
        data = DataDirectory(Path(home) / "data")
        with data.held():
            yield data


@contextmanager
def running(data: DataDirectory, kind: type[Stack] = Stack) -> Iterator[MeasuredStack]:
    """A stack on a held directory, stopped afterwards. Call from the main thread."""
    begun = time.monotonic()
    stack = kind(data, Wishes(port=0, worker=WORKER), lambda _: None)
    try:
        stack.start()
        started_in = time.monotonic() - begun
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        yield MeasuredStack(data, started_in)
    finally:
        stack.stop()


def held_by(pid: int) -> int:
    """Bytes of a process and its children: PSS where the system tells it, else RSS.

    Raises:
        psutil.NoSuchProcess: the process has ended.
    """
    process = psutil.Process(pid)
    held = _bytes_of(process)
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            held += _bytes_of(child)
    return held


def _bytes_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):
        return int(process.memory_info().rss)
