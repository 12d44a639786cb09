"""A connection that lies in the pool is taken unasked, unless something may have happened to it."""

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from activities.persistence import engine as engines


def pid_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


@pytest.fixture
def pings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Connections that were tried before they were used."""
    tried: list[object] = []
    ping = engine.dialect.do_ping

    def counting(connection: Any) -> bool:
        tried.append(connection)
        return ping(connection)

    monkeypatch.setattr(engine.dialect, "do_ping", counting)
    return tried


def test_what_was_used_just_now_is_taken_unasked(engine: Engine, pings: list[object]) -> None:
    assert pid_of(engine) == pid_of(engine)
    assert pings == []


def test_what_lay_for_long_is_tried(engine: Engine, pings: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    first = pid_of(engine)
    monkeypatch.setattr(engines, "TRUSTED_SECONDS", 0)
    assert pid_of(engine) == first
    assert len(pings) == 1


def test_nobody_meets_connections_that_the_server_closed(engine: Engine, database_url: str) -> None:
    """All of them lie in the pool, and all were used just now."""
    with engine.connect(), engine.connect():
        pass
    other = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        killed = connection.execute(
            text("""
                SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """)
        ).all()
    other.dispose()

    assert len(killed) == 2
    assert pid_of(engine) not in {row.pid for row in killed}
