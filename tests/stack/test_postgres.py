"""Our own PostgreSQL child: durable by default, and it comes up whatever a kill -9 left behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.patience import wait_until
from support.stack import lives

from cli.local.postgres import Postgres
from cli.local.process import pick_port

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "pg", pick_port(0), log=tmp_path / "log", password="пароль 'с\" %:/@")
    server.start()
    yield server
    server.stop()


def one(server: Postgres, query: str) -> object:
    with psycopg.connect(server.url("postgres")) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_it_is_safe_and_closed_by_default(server: Postgres) -> None:
    assert one(server, "SHOW fsync") == "on"
    assert one(server, "SHOW full_page_writes") == "on"
    assert one(server, "SHOW synchronous_commit") == "on"
    assert one(server, "SHOW listen_addresses") == "127.0.0.1"
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://opora@127.0.0.1:{server.port}/postgres")


def test_kill_9_loses_nothing_and_a_foreign_pid_in_the_lock_file_is_no_obstacle(server: Postgres) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    lock = server.data / "postmaster.pid"
    first, *rest = lock.read_text().splitlines()
    assert first == str(server.process.pid)
    lock.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    server.start()
    assert one(server, "SELECT n FROM kept") == 7


def test_an_orphan_on_the_same_data_is_ended_first(server: Postgres) -> None:
    orphan = server.process
    assert orphan is not None
    twin = Postgres(server.data, pick_port(0), log=server.log, password=server.password)
    twin.start()
    orphan.wait(5)
    wait_until(lambda: not lives(orphan.pid))
    assert one(twin, "SELECT 1") == 1
    twin.stop()


def test_a_half_made_data_directory_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "pg.new").mkdir()
    (tmp_path / "pg.new" / "PG_VERSION").touch()
    server = Postgres(tmp_path / "pg", pick_port(0), log=tmp_path / "log", durable=False)
    server.start()
    assert one(server, "SELECT 1") == 1
    server.stop()
