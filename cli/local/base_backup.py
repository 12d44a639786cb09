"""Copies of a running PostgreSQL by its own `pg_basebackup`, and bringing one back."""

import os
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cli.local.postgres import Postgres, binaries
from cli.local.problems import StackError
from cli.local.process import spawn

BASE = "base.tar.gz"
WAL = "pg_wal.tar.gz"


def take(url: str, into: Path) -> None:
    """Copy the server behind `url` while it runs; the copy is as of the end of the copying.

    Raises:
        StackError: it could not be copied.
    """
    address = urlsplit(url)
    place = into / "postgres.new"  # must be empty or new
    argv: list[str | Path] = [binaries() / "pg_basebackup", "-D", place, "-F", "tar", "-Z", "client-gzip:1", "-w"]
    argv += ["--wal-method=stream", "--checkpoint=fast", f"--host={address.hostname}", f"--port={address.port}"]
    argv.append(f"--username={address.username}")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    secret = {"PGPASSWORD": unquote(address.password or ""), "LC_ALL": "C"}
    done = subprocess.run(argv, env=clean | secret, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["причина неизвестна"])[-1]
        raise StackError(f"Не удалось снять копию PostgreSQL: {reason}")
    for file in place.iterdir():
        file.rename(into / file.name)
    place.rmdir()


def unpack(server: Postgres, source: Path) -> None:
    """Make the data directory of a server that does not run yet from a copy."""
    for archive, place in ((BASE, server.data), (WAL, server.data / "pg_wal")):
        place.mkdir(mode=0o700, exist_ok=True)
        with tarfile.open(source / archive) as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # nothing outside `place`, where it is known
            tar.extractall(place)
    server.data.chmod(0o700)
    account = server.account()
    if account is not None:
        for place in (server.data, *server.data.rglob("*")):
            os.chown(place, account.uid, account.gid)


def check_pages(server: Postgres) -> None:
    """Read every page of a cleanly stopped server against its checksum.

    Raises:
        StackError: a page is damaged.
    """
    argv: list[str | Path] = [binaries() / "pg_checksums", "--check", "-D", server.data]
    if spawn(argv, log=server.log, account=server.account()).wait() != 0:
        raise StackError(f"В восстановленной базе есть повреждённые страницы: подробности в {server.log}")
