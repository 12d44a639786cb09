"""The processes of a stack, and the care that brings a dead one back."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from cli.local.data import DataDirectory, read_json, write_json
from cli.local.problems import StackError
from cli.local.process import spawn, stop, wait_gone

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_STEADY_AFTER = 15.0
"""A process that lived this long starts again at once, with the pauses forgotten."""


class Part(Protocol):
    """Something with one process that can be started and stopped: PostgreSQL, Temporal, a program of ours."""

    process: subprocess.Popen[bytes] | None

    def launch(self) -> None: ...

    def stop(self) -> None: ...


class Program:
    """A Python process of ours: worker, API, mail server."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: dict[str, str],
        log: Path,
        patience: float = 10,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        self._argv = [sys.executable, *arguments]
        self._cwd = cwd
        self._env = env
        self._log = log
        self._patience = patience
        self._keep_open = keep_open
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        self.process = spawn(self._argv, log=self._log, env=self._env, cwd=self._cwd, keep_open=self._keep_open)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, signal.SIGTERM, self._patience)
            self.process = None


@dataclass
class Kept:
    """A part under care: when it dies it is started again, sooner if it had lived long."""

    name: str
    title: str
    part: Part
    born: float = 0.0
    pause: float = _FIRST_PAUSE
    due: float | None = None
    deaths: int = field(default=0)

    def launch(self) -> None:
        self.part.launch()
        self.born = time.monotonic()
        self.due = None

    def tend(self, say: Callable[[str], None]) -> bool:
        """Start the part again when it is dead and its pause is over; True when it was started."""
        now = time.monotonic()
        if self.due is not None:
            if now < self.due:
                return False
            with contextlib.suppress(StackError, OSError):
                self.launch()
                return True
            self._wait(now)
            return False
        process = self.part.process
        if process is None or process.poll() is None:
            return False
        self.deaths += 1
        if now - self.born > _STEADY_AFTER:
            self.pause = _FIRST_PAUSE
        say(f"{self.title}: процесс {process.pid} завершился (код {process.returncode}), запускаю снова")
        self._wait(now)
        return False

    def _wait(self, now: float) -> None:
        self.due = now + self.pause
        self.pause = min(self.pause * 2, _LONGEST_PAUSE)


def record_processes(data: DataDirectory, parts: Iterable[Kept], **more: object) -> None:
    """Write down who runs, so that a later start can find what a kill -9 left behind."""
    found: dict[str, object] = {"supervisor": _identity(os.getpid()), **more}
    for kept in parts:
        if kept.part.process is not None:
            found[kept.name] = _identity(kept.part.process.pid)
    write_json(data.processes_json, found)


def end_leftovers(data: DataDirectory) -> int:
    """kill -9 processes of an earlier stack on this data that outlived it; PostgreSQL ends its own.

    A pid counts only with the very start time that was written down: another program may have it by now.
    """
    ended = []
    for name, identity in (read_json(data.processes_json) or {}).items():
        if name == "postgres" or not isinstance(identity, dict):
            continue
        with contextlib.suppress(psutil.Error, KeyError):
            process = psutil.Process(identity["pid"])
            if process.create_time() == identity["created"] and process.pid != os.getpid():
                process.kill()
                ended.append(process)
    wait_gone(ended, 5)
    data.processes_json.unlink(missing_ok=True)
    data.run_json.unlink(missing_ok=True)
    return len(ended)


def _identity(pid: int) -> dict[str, object]:
    try:
        return {"pid": pid, "created": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid, "created": 0.0}
