"""A local stack as a person runs it: through the launcher, on its own data directory."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
from support.patience import PATIENCE, wait_until

from cli.local.data import ROOT
from cli.local.process import spawn

LAUNCHER = ROOT / "opora"
START_LIMIT = 60.0


def opora(
    *words: str | Path, env: dict[str, str] | None = None, timeout: float = 60, launcher: Path = LAUNCHER
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end; `launcher`: of another tree than this."""
    return subprocess.run(
        [str(launcher), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        check=False,
    )


@dataclass
class RunningStack:
    """A stack in the foreground of a child process that cannot outlive the tests."""

    data: Path
    process: "subprocess.Popen[bytes] | None" = None
    started_in: float = 0.0
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.data.with_name(self.data.name + ".out")

    def start(self, *options: str) -> None:
        begun = time.monotonic()
        argv = [LAUNCHER, "up", "--data", self.data, "--port", "0", *options]
        self.process = spawn(argv, log=self.output, death_signal=signal.SIGTERM)
        wait_until(self._is_up, START_LIMIT, self.output.read_text)
        self.started_in = time.monotonic() - begun

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)

    def kill_everything(self) -> None:
        """kill -9 the process group of the supervisor, as a crash of the machine would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def run_json(self) -> dict[str, Any]:
        return dict(json.loads((self.data / "run.json").read_text()))

    def pid(self, part: str) -> int:
        return int(json.loads((self.data / "processes.json").read_text())[part]["pid"])

    def get(self, path: str, login: str = "manager") -> httpx2.Response:
        known = self.run_json()
        return httpx2.get(
            known["api"] + path,
            headers={"Authorization": f"Bearer {known['keys'][login]}"},
            timeout=PATIENCE,
            trust_env=False,
        )

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except (OSError, httpx2.HTTPError):
            return False

    def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(self.output.read_text())
        try:
            return self.pid("supervisor") == self.process.pid and bool(self.run_json())
        except (OSError, ValueError, KeyError):
            return False


@contextmanager
def running_stack(data: Path, *options: str) -> Iterator[RunningStack]:
    stack = RunningStack(data)
    try:
        stack.start(*options)
        yield stack
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
