"""The local stack as `./opora up` starts it, a second worker and a proxy on every link, each part to be hurt."""

import re
import signal
import smtplib
import subprocess
import time
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import psutil

from cli.chaos.plan import CALLERS, LINKS, PROGRAMS, SERVERS, WORKERS
from cli.chaos.proxy import Address, Links
from cli.local.data import DataDirectory
from cli.local.parts import Kept, Program
from cli.local.postgres import Postgres
from cli.local.problems import PortTakenError, StackError
from cli.local.process import pick_port
from cli.local.stack import LOOPBACK, Say, Stack, Wishes, answers
from cli.local.temporal import Temporal

BACK_WITHIN = 120.0
"""Seconds until a part that was started again must answer; the rest of the machine may be broken meanwhile."""
_LOOK_EVERY = 0.05


class ChaosStack(Stack):
    """One stack on an empty directory. Call it from the main thread.

    Args:
        seed: of the chances of its proxies.
        asks: whether workers can ask the mail server what reached it.
    """

    def __init__(self, data: DataDirectory, say: Say, *, seed: int, asks: bool) -> None:
        self._asks = asks
        self.links = Links(seed, [(name, lambda name=name: self._target(name)) for name in LINKS])  # type: ignore[misc]
        super().__init__(data, Wishes(port=0), say)
        self._mail_port = pick_port(0)

    def start(self) -> None:
        """As `./opora up` starts it, the proxies first; signals raise `KeyboardInterrupt` again afterwards."""
        self.links.start()
        super().start()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)

    def stop(self) -> None:
        """kill -9 all of it: nothing of the directory is needed any more."""
        for kept in self._kept:
            if kept.part.process is not None:
                kept.part.process.kill()
                kept.part.process.wait()
        self.links.stop()
        self._listener.close()

    @property
    def database(self) -> str:
        """The address of PostgreSQL itself, past the proxies."""
        return self._postgres.url()

    @property
    def temporal(self) -> str:
        """The address of Temporal itself, past the proxies."""
        return self._temporal.address

    @property
    def counter(self) -> str:
        """Where callers meet the API: behind the proxy of theirs."""
        return f"http://{LOOPBACK}:{self.links.port(f'{CALLERS}/api')}"

    @property
    def names(self) -> list[str]:
        return [kept.name for kept in self._kept]

    def process(self, name: str) -> "subprocess.Popen[bytes]":
        """The process of a part.

        Raises:
            StackError: it has none.
        """
        process = self._find(name).part.process
        if process is None:
            raise StackError(f"{name}: нет процесса")
        return process

    def dead(self) -> list[str]:
        """Parts whose process has ended."""
        return [name for name in self.names if self.process(name).poll() is not None]

    def kill(self, name: str) -> None:
        """kill -9, and reap it, so that nobody takes its number for a living one."""
        process = self.process(name)
        process.kill()
        process.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Stop a part where it stands with all its processes, or let it go on."""
        with suppress(psutil.NoSuchProcess):
            part = psutil.Process(self.process(name).pid)
            for process in (part, *part.children(recursive=True)):  # those of PostgreSQL have groups of their own
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def revive(self, *names: str) -> dict[str, float]:
        """Start dead parts again, servers first, and wait until a call of each succeeds; seconds that each took.

        Raises:
            StackError: one did not answer within `BACK_WITHIN`.
        """
        took: dict[str, float] = {}
        for group in (SERVERS, PROGRAMS):
            begun: dict[str, float] = {}
            for name in (name for name in group if name in names):
                self._find(name).launch()
                begun[name] = time.monotonic()
            while begun.keys() - took.keys():
                for name in begun.keys() - took.keys():
                    if self._is_back(self._find(name), begun[name]):
                        took[name] = time.monotonic() - begun[name]
                time.sleep(_LOOK_EVERY)
        return took

    def _is_back(self, kept: Kept, begun: float) -> bool:
        if self._answers(kept):
            return True
        if time.monotonic() - begun > BACK_WITHIN:
            raise StackError(f"{kept.title} не ответил за {BACK_WITHIN:.0f} с после нового запуска")
        if kept.part.process is None or kept.part.process.poll() is not None:
            self._start_elsewhere(kept)
        return False

    def _start_elsewhere(self, kept: Kept) -> None:
        """Start a part anew that ended while it started; a server whose port somebody took gets another."""
        if isinstance(kept.part, Postgres | Temporal):
            try:
                kept.part.check_alive()
            except PortTakenError:
                self._move(kept.part)
        kept.launch()

    def _answers(self, kept: Kept) -> bool:
        part = kept.part
        if isinstance(part, Postgres | Temporal):
            return part.is_ready()
        match kept.name:
            case "mail":
                return _greets(self._mail_port)
            case "api":
                return answers(self.api + "/healthz")
        return part.process is not None and part.process.pid in self._temporal.pollers("opora")

    def _find(self, name: str) -> Kept:
        return next(kept for kept in self._kept if kept.name == name)

    def _programs(self) -> list[tuple[str, str, Program]]:
        workers = [(name, f"Воркер {name}", self._program(name, *self._worker)) for name in WORKERS]
        return [part for part in super()._programs() if part[0] != "worker"] + workers

    def _environment(self, program: str) -> dict[str, str]:
        environment = super()._environment(program)
        if f"{program}/postgres" not in LINKS:
            return environment
        environment["OPORA_DATABASE_URL"] = _through(self.database, self.links.port(f"{program}/postgres"))
        environment["TEMPORAL_ADDRESS"] = f"{LOOPBACK}:{self.links.port(f'{program}/temporal')}"
        if program in WORKERS:
            environment["OPORA_SMTP_PORT"] = str(self.links.port(f"{program}/mail"))
            if not self._asks:
                del environment["OPORA_MAILBOX"]
        return environment

    def _target(self, link: str) -> Address:
        server = link.partition("/")[2]
        ports = {"postgres": self._postgres.port, "temporal": self._temporal.port, "mail": self._mail_port,
                 "api": self._api_port}  # fmt: skip
        return LOOPBACK, ports[server]

    def _new_postgres(self) -> Postgres:
        server = super()._new_postgres()
        server.port = pick_port(0)  # the usual ports are where other stacks look for room while ours is down
        return server

    def _new_temporal(self) -> Temporal:
        server = super()._new_temporal()
        self._move(server)
        return server


def _through(url: str, port: int) -> str:
    """The same database behind another port."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=re.sub(r":\d+$", f":{port}", parts.netloc)))


def _greets(port: int) -> bool:
    try:
        with smtplib.SMTP(LOOPBACK, port, timeout=3) as server:
            return server.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False
