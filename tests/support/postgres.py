"""A throw-away PostgreSQL for the test session, and a fresh migrated database for each test."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from activities.persistence.engine import make_engine
from activities.persistence.migrate import upgrade
from cli.local.postgres import Postgres
from cli.local.process import pick_port

TEMPLATE = "opora_template"

_SHARED_MEMORY = Path("/dev/shm")
_ROOM = 4 * 1024**3

_serial = itertools.count(1)


@contextmanager
def running_server() -> Iterator[Postgres]:
    """A server without safety against power cuts, in a directory that goes away with it."""
    home = Path(tempfile.mkdtemp(prefix="opora-test-", dir=_in_memory()))
    server = Postgres(home / "postgres", pick_port(0), log=home / "postgres.log", durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _in_memory() -> Path | None:
    """Where files never reach a disk: a copy of the template is hundreds of them. None where there is no such room."""
    if _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK):
        return _SHARED_MEMORY if shutil.disk_usage(_SHARED_MEMORY).free > _ROOM else None
    return None


def make_template(server: Postgres) -> None:
    """The database that every test's own database is a copy of."""
    server.ensure_database(TEMPLATE)
    engine = make_engine(server.url(TEMPLATE), pool_size=1)
    upgrade(engine)
    engine.dispose()


@contextmanager
def fresh_database(server: Postgres, template: str = TEMPLATE) -> Iterator[str]:
    """The address of a new copy of the template; dropped afterwards whoever is still connected."""
    name = f"test_{next(_serial)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield server.url(name)
    finally:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
