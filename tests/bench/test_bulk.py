"""A past written in bulk holds every constraint of the schema, and looks like one that was lived through."""

import psycopg
import pytest
from sqlalchemy import Engine
from support.company import a_company

from bench.bulk import PER_CUSTOMER, write_past

INVOICES = 10 * PER_CUSTOMER

LINES = "SELECT count(*) FROM schedule_line WHERE "


@pytest.fixture
def database(engine: Engine, database_url: str) -> psycopg.Connection[tuple[object, ...]]:
    a_company(engine)
    return psycopg.connect(database_url, autocommit=True)


def number(database: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = database.execute(query).fetchone()
    assert row is not None
    return int(str(row[0]))


def test_most_is_paid_and_only_debtors_are_late(database: psycopg.Connection[tuple[object, ...]]) -> None:
    with database:
        past = write_past(database, INVOICES)
        assert past.customers == 10
        assert len(past.buyers) == 9
        assert number(database, "SELECT count(*) FROM invoice") == INVOICES
        assert number(database, LINES + "residual > 0") == INVOICES // 20
        assert number(database, LINES + "residual BETWEEN 0.01 AND amount - 0.01") == INVOICES // 100
        assert number(database, LINES + "(residual = 0) <> (settled_on IS NOT NULL)") == 0
        late = "SELECT count(DISTINCT customer_id) FROM schedule_line l JOIN invoice i ON i.id = l.invoice_id \
                WHERE residual > 0 AND due_date < current_date"
        assert number(database, late) == 1
        assert number(database, "SELECT max(posted_on) - current_date FROM payment") < 0


def test_money_and_journal_add_up(database: psycopg.Connection[tuple[object, ...]]) -> None:
    with database:
        write_past(database, INVOICES)
        owed = "SELECT count(*) FROM schedule_line l WHERE amount - residual <> (SELECT coalesce(sum(a.amount), 0) \
                FROM payment_allocation a WHERE a.schedule_line_id = l.id)"
        assert number(database, owed) == 0
        unlinked = (
            "SELECT count(*) FROM journal j WHERE NOT EXISTS (SELECT 1 FROM journal_link WHERE journal_id = j.id)"
        )
        assert number(database, unlinked) == 0
        assert number(database, "SELECT count(*) FROM journal WHERE event = 'taken_over'") == INVOICES


def test_a_past_can_go_on_and_can_be_all_open(database: psycopg.Connection[tuple[object, ...]]) -> None:
    with database:
        first = write_past(database, 5, all_open=True)
        write_past(database, PER_CUSTOMER + 1, all_open=True, first_customer=first.customers)
        assert number(database, "SELECT count(*) FROM customer") == 3
        assert number(database, LINES + "residual > 0 AND due_date > current_date + 5") == 5 + PER_CUSTOMER + 1
