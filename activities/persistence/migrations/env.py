"""Alembic environment: one engine handed in, one transaction a run, one migrator at a time."""

from alembic import context
from sqlalchemy import Engine, text

from activities.persistence.schema import METADATA

ONE_AT_A_TIME = 7_023_117
"""Advisory lock: two starting processes do not migrate at once."""


def run() -> None:
    engine: Engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=METADATA)
        with context.begin_transaction():
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(text("SET LOCAL statement_timeout = '600s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
            context.run_migrations()


run()
