"""What the tables declare is what the migrations make, to the letter: what must never be is refused by the database,
also where no code gets as far as that (D3-9)."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from support import postgres

from activities.persistence.engine import make_engine
from activities.persistence.migrate import drift
from activities.persistence.schema import METADATA
from cli.local.postgres import Postgres

_CONSTRAINTS = text("""
    SELECT conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS says FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'u', 'p', 'f')
       AND conrelid::regclass::text <> 'alembic_version'
""")
_INDEXES = text("""
    SELECT tablename AS of, indexname AS name, indexdef AS says FROM pg_indexes
     WHERE schemaname = 'public' AND tablename <> 'alembic_version'
""")


@pytest.fixture
def declared(postgres_server: Postgres) -> Iterator[Engine]:
    """A database made straight from the tables, without a migration."""
    with postgres.fresh_database(postgres_server, template="template0") as url:
        engine = make_engine(url, pool_size=1)
        METADATA.create_all(engine)
        yield engine
        engine.dispose()


def rules_of(engine: Engine) -> set[tuple[str, str, str]]:
    with engine.connect() as connection:
        rows = [*connection.execute(_CONSTRAINTS), *connection.execute(_INDEXES)]
    return {(row.of, row.name, row.says) for row in rows}


def test_d3_9_every_constraint_and_key_that_is_declared_is_migrated(declared: Engine, engine: Engine) -> None:
    assert drift(engine) == []
    assert rules_of(declared) - rules_of(engine) == set()
    assert rules_of(engine) - rules_of(declared) == set()
    assert len(rules_of(engine)) > 200


WRITTEN_DOWN = {
    "journal": "at",
    "journal_link": "journal_id",
    "credit_decision": "decided_at",
    "stock_movement": "at",
    "stock_allocation": "at",
}
"""What is only ever added to, each with a column."""


@pytest.mark.parametrize("change", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
@pytest.mark.parametrize("table", WRITTEN_DOWN)
def test_u2_what_was_written_down_stays(engine: Engine, table: str, change: str) -> None:
    with pytest.raises(IntegrityError, match=f"{table} is append-only"), engine.begin() as connection:
        connection.execute(text(change.format(table, WRITTEN_DOWN[table])))
