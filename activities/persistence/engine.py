"""The connection to PostgreSQL: one engine per process, bounded waits, no network call inside a transaction."""

from sqlalchemy import Engine, create_engine, make_url

LOCK_WAIT_MS = 5_000
"""How long a step waits for a row lock before it is retried (D3-3)."""
STATEMENT_MS = 9_000
"""Below every activity timeout, so that a timed-out attempt cannot commit behind its retry."""


def make_engine(database_url: str, pool_size: int = 10, *, ask_first: bool = True) -> Engine:
    """Open a pooled engine on `postgresql://…` with psycopg 3, READ COMMITTED, UTC.

    Args:
        ask_first: whether a connection that lay in the pool is tried before it is used. A step that is repeated by
            itself needs it not: the first that meets a dead connection throws away all that are as old.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    options = (
        f"-c lock_timeout={LOCK_WAIT_MS} -c statement_timeout={STATEMENT_MS} "
        "-c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
    )
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=ask_first,
        hide_parameters=True,  # names and texts must not reach logs and histories inside an error
        connect_args={"options": options, "connect_timeout": 5},
    )
