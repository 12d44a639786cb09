"""Holding rows, and waiting until somebody waits: how tests make two transactions meet."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, text
from sqlmodel import Session
from support.patience import wait_until

_WAITERS = text("""
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
       AND (CAST(:holder AS int) IS NULL OR CAST(:holder AS int) = ANY(pg_blocking_pids(pid)))
""")
_BEGAN = text("""
    SELECT min(query_start) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
""")


@contextmanager
def locked(engine: Engine, query: str, **values: str) -> Iterator[None]:
    """Hold rows, so that the next step waits for them in the middle of its transaction."""
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text(query), values)
        yield
        transaction.rollback()


def wait_for_waiters(engine: Engine, how_many: int, *, on: Session | None = None) -> None:
    """Until so many transactions wait for a lock, for one that a certain session holds if it is named."""
    holder = None if on is None else on.execute(text("SELECT pg_backend_pid()")).scalar_one()

    def enough() -> bool:
        with engine.connect() as connection:
            return int(connection.execute(_WAITERS, {"holder": holder}).scalar_one()) >= how_many

    wait_until(enough, explain=lambda: f"nobody waits: {how_many} expected")


def wait_for_another_try(engine: Engine) -> None:
    """Until whoever waits for a lock now has given up (`LOCK_WAIT_MS`), read everything anew and waits again."""

    def began() -> datetime | None:
        with engine.connect() as connection:
            at: datetime | None = connection.execute(_BEGAN).scalar_one()
            return at

    first = began()
    assert first is not None, "nobody waits"
    wait_until(lambda: (now := began()) is not None and now > first, explain=lambda: "nobody waits again")
