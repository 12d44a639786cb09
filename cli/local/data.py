"""The data directory of one local stack: what lies where, who may use it, and how others find the running stack."""

import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cli.local.problems import StackError, explain_os_error

ROOT = Path(__file__).resolve().parents[2]
USUAL = ROOT / ".opora"

if TYPE_CHECKING:
    import psutil

_FRESH_NEEDS_MB = 150
_NEXT_START_NEEDS_MB = 40
_PROBE_BYTES = 1024 * 1024
_FULL_BYTES = 4 * 1024 * 1024
_LONGEST_LOG = 10 * 1024 * 1024


class DataDirectory:
    """Paths and small files of one stack."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = Path(path or USUAL).expanduser().absolute()
        self.run_json = self.path / "run.json"
        self.keys_json = self.path / "keys.json"
        self.processes_json = self.path / "processes.json"
        self.postgres = self.path / "postgres"
        self.postgres_password = self.path / "postgres.password"
        self.payload_keys = self.path / "payload.keys"
        self.temporal = self.path / "temporal" / "temporal.db"
        self.mailbox = self.path / "mail"
        self.logs = self.path / "logs"
        self._lock = self.path / "lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the directory if need be and keep it for this process alone.

        Raises:
            StackError: another stack runs on it, it cannot be written, or its disk is full.
        """
        try:
            self._make()
            with open(self._lock, "a+", encoding="ascii") as lock:
                if not _lock_soon(lock):
                    raise StackError(self._taken())
                self._check_room()
                lock.truncate(0)
                lock.write(str(os.getpid()))
                lock.flush()
                yield
        except OSError as error:
            raise StackError(explain_os_error(error, self.path)) from error

    def holder(self) -> "psutil.Process | None":
        """The process that runs a stack here, or None."""
        import psutil  # only where a local stack runs: production images have no psutil

        try:
            with open(self._lock, "r+", encoding="ascii") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return psutil.Process(int(lock.read() or "0"))
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None
        return None

    def running(self) -> dict[str, Any] | None:
        """The contents of run.json, or None when no stack says that it is ready."""
        return read_json(self.run_json)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def is_full(self) -> bool:
        """Whether so little room is left that anything may have failed of it."""
        return shutil.disk_usage(self.path).free < _FULL_BYTES

    def _make(self) -> None:
        if not self.path.exists():
            self.path.mkdir(parents=True)
            # As root, PostgreSQL runs as somebody else, who must be able to pass through.
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if not self.path.stat().st_mode & stat.S_IWUSR:
            raise PermissionError(13, "read-only", str(self.path))
        for private in (self.logs, self.mailbox, self.temporal.parent):
            private.mkdir(mode=0o700, exist_ok=True)
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _LONGEST_LOG:
                log.replace(log.with_suffix(".old"))

    def _check_room(self) -> None:
        needed = _NEXT_START_NEEDS_MB if (self.postgres / "PG_VERSION").exists() else _FRESH_NEEDS_MB
        free = shutil.disk_usage(self.path).free // 1024**2
        if free < needed:
            raise StackError(
                f"На диске с {self.path} свободно {free} МБ, а нужно {needed} МБ: "
                "освободите место или выберите другой каталог через --data."
            )
        probe = self.path / "probe"
        try:
            probe.write_bytes(b"\0" * _PROBE_BYTES)
        finally:
            probe.unlink(missing_ok=True)

    def _taken(self) -> str:
        known = self.running() or {}
        address = f" ({known['api']})" if "api" in known else ""
        return (
            f"В каталоге {self.path} уже работает Опора{address}: пользуйтесь ею, "
            f"остановите её (./opora down --data {self.path}) или выберите другой каталог через --data."
        )


def _lock_soon(lock: IO[str]) -> bool:
    """Lock at once, or a moment later: somebody may just be asking who holds it."""
    for pause in (0.02, 0.05, 0.1, 0.2):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        else:
            return True
    return False


def read_json(file: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None when it is missing or cut short."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Replace a file by JSON that only its owner can read: whole or not at all."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as output:
        json.dump(content, output, ensure_ascii=False, indent=1)
        output.flush()
        os.fsync(output.fileno())
    draft.replace(file)
