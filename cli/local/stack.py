"""The whole local stack under one supervisor: starts the parts in order, keeps them alive, stops them in order."""

import contextlib
import http.client
import os
import secrets
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import psycopg

from cli.local.data import ROOT, DataDirectory, read_json, write_json
from cli.local.keys import make_keys, read_keys
from cli.local.parts import Kept, Program, record_processes
from cli.local.postgres import Postgres
from cli.local.problems import PortTakenError, StackError
from cli.local.process import is_free, pick_port, spawn, stop, tail
from cli.local.serve import listen
from cli.local.temporal import Temporal

TEMPORAL_PORT = 7233
UI_PORT = 8233
POSTGRES_PORT = 5433
MAIL_PORT = 1025
LOOPBACK = "127.0.0.1"

_START_TIMEOUT = 90.0
_WORKER_PATIENCE = 30.0
_TRIES = 5
_GIVE_UP_AFTER_DEATHS = 3

Say = Callable[[str], None]


class StopRequested(Exception):  # noqa: N818 - a wish, not an error
    """Ctrl-C, SIGTERM or a closed terminal while starting."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked for. `port` None: the usual one or any free; 0: any free; else this one or nothing.

    `worker`: the Python program that serves as worker. `encrypt`: seal payloads from now on.
    """

    port: int | None = None
    host: str = LOOPBACK
    worker: tuple[str, ...] = ("worker.py",)
    encrypt: bool = False


class Stack:
    """One running stack on one data directory, held by the caller."""

    def __init__(self, data: DataDirectory, wishes: Wishes, say: Say) -> None:
        self._data = data
        self._say = say
        self._stopping = False
        self._listener = listen(wishes.host, wishes.port)
        self._host = wishes.host
        self._worker = wishes.worker
        self._api_port = int(self._listener.getsockname()[1])
        if wishes.encrypt:
            make_keys(data.payload_keys)
        self._payload_keys = data.payload_keys if read_keys(data.payload_keys).known else None
        self._postgres = self._new_postgres()
        self._temporal = self._new_temporal()
        self._mail_port = pick_port(MAIL_PORT)
        self._kept: list[Kept] = []
        self.keys: dict[str, str] = {}

    @property
    def api(self) -> str:
        visible = LOOPBACK if self._host in {"0.0.0.0", "::"} else self._host
        return f"http://{f'[{visible}]' if ':' in visible else visible}:{self._api_port}"

    def start(self) -> None:
        """Start everything and return when the API says that it is ready and the worker polls."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._on_signal)
        self._start_servers()
        self._prepare_database()
        self._start_programs()
        write_json(self._data.run_json, self._addresses())

    def watch(self) -> None:
        """Bring dead parts back until a signal asks to stop."""
        while not self._stopping:
            time.sleep(0.1)
            revived = [kept.tend(self._say) for kept in self._kept]
            if any(revived):
                with contextlib.suppress(OSError):
                    self._record()

    def stop(self) -> None:
        """Stop in the order of dependence: callers first, truth last. A second signal does not wait."""
        self._data.run_json.unlink(missing_ok=True)
        self._listener.close()
        doors = [kept for kept in self._kept if kept.name not in {"temporal", "postgres", "mail"}]
        for kept in doors:
            process = kept.part.process
            if process is not None and process.poll() is None:
                process.terminate()
        for kept in [*doors, *(kept for kept in reversed(self._kept) if kept not in doors)]:
            kept.part.stop()
        self._data.processes_json.unlink(missing_ok=True)

    def _start_servers(self) -> None:
        """PostgreSQL and Temporal side by side; a port lost to another program meanwhile is replaced."""
        begun = time.monotonic()
        servers = [Kept("temporal", "Temporal", self._temporal), Kept("postgres", "PostgreSQL", self._postgres)]
        self._kept = list(servers)
        for kept in servers:
            kept.launch()
        self._record()
        waiting, tries = list(servers), 0
        while waiting:
            self._pause(begun)
            for kept in list(waiting):
                server = kept.part
                assert isinstance(server, Postgres | Temporal)
                try:
                    server.check_alive()
                except PortTakenError:
                    tries += 1
                    if tries >= _TRIES:
                        raise
                    self._move(server)
                    kept.launch()
                    self._record()
                    continue
                if server.is_ready():
                    waiting.remove(kept)
                    self._say(f"✓ {kept.title} · {time.monotonic() - begun:.1f} с")

    def _prepare_database(self) -> None:
        begun = time.monotonic()
        try:
            self._postgres.ensure_database()
        except psycopg.Error as error:
            raise StackError(f"PostgreSQL отказал ({str(error).strip()}): смотрите {self._postgres.log}") from None
        log = self._data.log("prepare")
        child = spawn(
            [sys.executable, "-P", "-m", "cli.local.prepare", str(self._data.keys_json)],
            log=log,
            env=self._environment("prepare"),
            cwd=ROOT,
        )
        while child.poll() is None:
            try:
                self._pause(begun)
            except (StackError, StopRequested):
                stop(child)
                raise
        if child.returncode != 0:
            raise StackError(f"Не удалось обновить базу данных ({tail(log, 1)}): подробности в {log}")
        self.keys = {login: str(key) for login, key in (read_json(self._data.keys_json) or {}).items()}
        self._say(f"✓ База данных обновлена · {time.monotonic() - begun:.1f} с")

    def _start_programs(self) -> None:
        begun = time.monotonic()
        started = []
        for name, title, program in self._programs():
            kept = Kept(name, title, program)
            self._kept.append(kept)
            kept.launch()
            started.append(kept)
        self._record()
        for kept in started:
            while not self._serves(kept.name):
                self._pause(begun)
                for other in self._kept:
                    other.tend(self._say)
                    if other.deaths >= _GIVE_UP_AFTER_DEATHS:
                        raise StackError(f"{other.title} не запускается: подробности в {self._data.log(other.name)}")
            self._say(f"✓ {kept.title} · {time.monotonic() - begun:.1f} с")
        self._record()

    def _programs(self) -> list[tuple[str, str, Program]]:
        """Our own processes, in the order in which they are waited for: name, title, program."""
        return [
            ("mail", "Почта", self._program("mail", *self._mail_command(), patience=5.0)),
            ("api", "API", self._api()),
            ("worker", "Воркер", self._program("worker", *self._worker, patience=_WORKER_PATIENCE)),
        ]

    def _mail_command(self) -> tuple[str, ...]:
        return ("-P", "-m", "cli.local.mail", str(self._mail_port), str(self._data.mailbox))

    def _api(self) -> Program:
        fd = self._listener.fileno()
        return self._program("api", "-P", "-m", "cli.local.serve", str(fd), keep_open=(fd,))

    def _program(self, name: str, *arguments: str, patience: float = 10.0, keep_open: tuple[int, ...] = ()) -> Program:
        return Program(
            arguments,
            cwd=ROOT,
            env=self._environment(name),
            log=self._data.log(name),
            patience=patience,
            keep_open=keep_open,
        )

    def _serves(self, name: str) -> bool:
        """Whether a program of ours does what it is there for."""
        match name:
            case "mail":
                return not is_free(self._mail_port)
            case "api":
                return answers(self.api + "/readyz")
        return self._temporal.has_pollers("opora")

    def _new_postgres(self) -> Postgres:
        return Postgres(
            self._data.postgres,
            pick_port(POSTGRES_PORT),
            log=self._data.log("postgres"),
            password=self._secret(),
        )

    def _new_temporal(self) -> Temporal:
        port = pick_port(TEMPORAL_PORT)
        return Temporal(
            port,
            ui_port=pick_port(UI_PORT, avoid=frozenset({port})),
            log=self._data.log("temporal"),
            database=self._data.temporal,
            codec=f"{self.api}/codec" if self._payload_keys else None,
        )

    def _record(self) -> None:
        record_processes(self._data, self._kept, mail_port=self._mail_port)

    def _move(self, server: Postgres | Temporal) -> None:
        server.port = pick_port(0)
        if isinstance(server, Temporal):
            server.ui_port = pick_port(0)

    def _secret(self) -> str:
        """The password of the local database role: made with the database, kept beside it."""
        file = self._data.postgres_password
        known = read_json(file)
        if known is None:
            known = {"password": secrets.token_urlsafe(24)}
            write_json(file, known)
        return str(known["password"])

    def _environment(self, program: str) -> dict[str, str]:  # noqa: ARG002 - a stack may set one apart from the others
        """What worker and API read: our addresses, and nothing that steers them elsewhere."""
        own = ("OPORA_", "TEMPORAL_", "PYTHONPATH")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        sealed = {"OPORA_PAYLOAD_KEYS_FILE": str(self._payload_keys)} if self._payload_keys else {}
        return inherited | {
            **sealed,
            "PYTHONPATH": str(ROOT),
            "MALLOC_ARENA_MAX": "2",
            "OPORA_DATABASE_URL": self._postgres.url(),
            "OPORA_SMTP_HOST": LOOPBACK,
            "OPORA_SMTP_PORT": str(self._mail_port),
            "OPORA_MAIL_FROM": "opora@opora.local",
            "OPORA_MAILBOX": str(self._data.mailbox),
            "OPORA_LOCAL": "1",
            "OPORA_PUBLIC_URL": self.api,
            "OPORA_TEMPORAL_UI": f"http://{LOOPBACK}:{self._temporal.ui_port}",
            "TEMPORAL_ADDRESS": self._temporal.address,
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }

    def _addresses(self) -> dict[str, object]:
        return {
            "api": self.api,
            "temporal": self._temporal.address,
            "temporal_ui": f"http://{LOOPBACK}:{self._temporal.ui_port}",
            "database": self._postgres.url(),
            "mail": f"{self.api}/mail",
            "payload_keys": str(self._payload_keys) if self._payload_keys else None,
            "keys": self.keys,
        }

    def _pause(self, since: float) -> None:
        """A short rest of a waiting loop that a signal or the time limit ends."""
        if self._stopping:
            raise StopRequested
        if time.monotonic() - since > _START_TIMEOUT:
            raise StackError(f"Опора не запустилась за {_START_TIMEOUT:.0f} с: смотрите журналы в {self._data.logs}")
        time.sleep(0.05)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._stopping:
            for kept in self._kept:
                if kept.part.process is not None and kept.name != "postgres":
                    with contextlib.suppress(ProcessLookupError):
                        kept.part.process.kill()
        self._stopping = True


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=3) as response:
            return bool(response.status == 200)
    except (OSError, ValueError, http.client.HTTPException):
        return False
