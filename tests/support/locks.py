"""Waiting until somebody waits: how tests make two transactions meet."""

import threading

from sqlalchemy import Engine, text
from sqlmodel import Session

_WAITERS = text("""
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
       AND (CAST(:holder AS int) IS NULL OR CAST(:holder AS int) = ANY(pg_blocking_pids(pid)))
""")


def wait_for_waiters(engine: Engine, how_many: int, *, on: Session | None = None) -> None:
    """Until so many transactions wait for a lock, for one that a certain session holds if it is named."""
    holder = None if on is None else on.execute(text("SELECT pg_backend_pid()")).scalar_one()
    waiting = threading.Event()
    for _ in range(200):
        with engine.connect() as connection:
            if connection.execute(_WAITERS, {"holder": holder}).scalar_one() >= how_many:
                return
        waiting.wait(0.02)
    raise AssertionError(f"nobody waits: {how_many} expected")
