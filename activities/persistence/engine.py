"""The connection to PostgreSQL: one engine per process, bounded waits, no network call inside a transaction."""

import select
import time
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlmodel import Session

from activities.persistence import schema  # noqa: F401 - every table, before the first question

LOCK_WAIT_MS = 5_000
"""How long a step waits for a row lock before it is retried (D3-3)."""
STATEMENT_MS = 9_000
"""Below every activity timeout, so that a timed-out attempt cannot commit behind its retry."""
TRUSTED_SECONDS = 10
"""How long a connection may lie in the pool and still be taken without a question."""


def make_engine(database_url: str, pool_size: int = 10, *, ask_first: bool = True) -> Engine:
    """Open a pooled engine on `postgresql://…` with psycopg 3, READ COMMITTED, UTC.

    Args:
        ask_first: whether a connection that lay in the pool, and is not known to be alive, is tried before it is used.
            A step that is repeated by itself needs it not: the first that meets a dead connection throws away all that
            are as old.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    options = (
        f"-c lock_timeout={LOCK_WAIT_MS} -c statement_timeout={STATEMENT_MS} "
        "-c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
    )
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # names and texts must not reach logs and histories inside an error
        connect_args={"options": options, "connect_timeout": 5},
    )
    if ask_first:
        _ask_when_in_doubt(engine)
    return engine


def asking(engine: Engine) -> Session:
    """A session for questions alone, each a transaction of its own: READ COMMITTED shows no more to those that share
    one, and asks for two statements besides. Write no more than one thing in it, the last: there is no taking back."""
    return Session(engine.execution_options(isolation_level="AUTOCOMMIT"))


def _ask_when_in_doubt(engine: Engine) -> None:
    """Try a connection from the pool when it lay there for long, or the server has said something unasked: that is how
    it parts from those it closes. `pool_pre_ping` would try each, at every turn, for the price of a statement."""

    def laid_down(_: Any, record: Any) -> None:
        record.info["since"] = time.monotonic()

    def taken_up(connection: Any, record: Any, _: Any) -> None:
        since = record.info.get("since")
        if since is None or (time.monotonic() - since < TRUSTED_SECONDS and not _has_news(connection)):
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as dead:
            raise InvalidatePoolError from dead

    event.listen(engine, "checkin", laid_down)
    event.listen(engine, "checkout", taken_up)


def _has_news(connection: Any) -> bool:
    """Whether something can be read from an idle connection: words of parting, or its end."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
