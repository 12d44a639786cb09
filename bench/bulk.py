"""A company with years behind it, written straight into its database: invoices by the million, most of them paid.

Only what an imported invoice really has: the customer with account, contract and contact, the invoice with its one due
date, the payment that settled it with its allocation, and the journal's events, which the database chains as ever. All
constraints and triggers are on. Each customer has the same history, so that what grows is the database. No open invoice
gets a process of its own: whoever wants one starts it, or keeps the watchdog from doing so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from bench.company import bins

PER_CUSTOMER = 200
"""Invoices of one customer, one every other day."""
OPEN = 10
"""How many of them are open: the newest; 5 %. One in five of those is paid by half."""
DEBTOR_EVERY = 10
"""Of so many customers one lets its open invoices grow overdue."""
_MONTH = "1809"
"""When its customers were founded: none of those that a benchmark opens by itself."""
_BATCH = 20_000
_TABLES = "credit_account, customer, contact, contract, invoice, schedule_line, payment, payment_allocation, journal, \
journal_link"

_CUSTOMERS = """
    CREATE TEMP TABLE bulk_customer AS
    SELECT n::int, uuidv7() AS id, uuidv7() AS account, tax_id, n %% %(debtor)s = 0 AS debtor
      FROM unnest(%(bins)s::text[]) WITH ORDINALITY AS known (tax_id, n);
"""
_CUSTOMER_ROWS = (
    """
    INSERT INTO credit_account (id, currency, base_limit, no_trade, suspended)
    SELECT account, 'KZT', 1000000000, false, false FROM bulk_customer
    """,
    """
    INSERT INTO customer (id, name, name_key, country, tax_id, segment, currency, credit_account_id, deferral_days,
                          prepayment_percent, manager_id, version, created_at)
    SELECT id, 'ТОО «Прежний ' || tax_id || '»', 'прежний ' || tax_id || ' тоо', 'KZ', tax_id, 'standard', 'KZT',
           account, 30, 0, (SELECT id FROM app_user WHERE login = 'manager'), 1, now() - interval '2 years'
      FROM bulk_customer
    """,
    """
    INSERT INTO contact (id, customer_id, role, name, email)
    SELECT uuidv7(), id, 'buyer', 'Анна', tax_id || '@bench.example' FROM bulk_customer
    """,
    """
    INSERT INTO contract (id, customer_id, number, signed_on)
    SELECT uuidv7(), id, 'Д-' || tax_id, current_date - 730 FROM bulk_customer
    """,
    """
    INSERT INTO journal (at, actor_id, actor_name, actor_role, subject, subject_id, event, data)
    SELECT now(), uuid '00000000-0000-0000-0000-000000000000', 'Опора', 'admin',
           'customer', id::text, 'customer_created',
           jsonb '{"credit_limit": "1000000000.00"}'
      FROM bulk_customer
    """,
)
_BATCH_OF_INVOICES = """
    CREATE TEMP TABLE bulk ON COMMIT DROP AS
    WITH known AS (
        SELECT n, (n - 1) / %(customers)s AS age, (n - 1) %% %(customers)s + 1 AS customer,
               round((10000 * exp(3 * ((n * 7919) %% 10007) / 10007.0))::numeric, 2) AS gross
          FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ), dated AS (
        SELECT known.*, c.id AS customer_id, c.account, c.tax_id,
               current_date - (CASE WHEN %(all_open)s THEN age %% 20 ELSE 2 * age END)::int
                   - CASE WHEN age < %(open)s AND c.debtor AND NOT %(all_open)s THEN 60 ELSE 0 END AS issued_on
          FROM known JOIN bulk_customer c ON c.n = known.customer
    )
    SELECT n, customer_id, account, tax_id, gross, issued_on, issued_on + 30 AS due_date,
           CASE WHEN age >= %(open)s THEN 0 WHEN age %% 5 = 4 THEN round(gross / 2, 2) ELSE gross END AS residual,
           least(current_date - 1, issued_on + 30 + (n %% 9)::int - 4) AS paid_on,
           uuidv7() AS invoice_id, uuidv7() AS line_id, uuidv7() AS payment_id
      FROM dated
"""
_INVOICE_ROWS = (
    """
    INSERT INTO invoice (id, number, kind, customer_id, credit_account_id, legal_entity_id, issued_on, currency, gross,
                         vat)
    SELECT invoice_id, 'СЧ-' || n, 'opening', customer_id, account, (SELECT id FROM legal_entity LIMIT 1), issued_on,
           'KZT', gross, 0
      FROM bulk
    """,
    """
    INSERT INTO schedule_line (id, invoice_id, line_no, amount, residual, due_date, settled_on, policy_version)
    SELECT line_id, invoice_id, 1, gross, residual, due_date, CASE WHEN residual = 0 THEN paid_on END, 1 FROM bulk
    """,
    """
    INSERT INTO payment (id, identity, source, external_id, posted_on, amount, currency, payer_tax_id, purpose,
                         customer_id, credit_account_id, state, unallocated, recorded_at)
    SELECT payment_id, 'bulk-' || invoice_id, 'api', 'bulk-' || invoice_id, paid_on, gross - residual, 'KZT', tax_id,
           'Оплата по счёту СЧ-' || n, customer_id, account, 'matched', 0, paid_on
      FROM bulk WHERE residual < gross
    """,
    """
    INSERT INTO payment_allocation (id, payment_id, schedule_line_id, amount, at)
    SELECT uuidv7(), payment_id, line_id, gross - residual, paid_on FROM bulk WHERE residual < gross
    """,
    """
    INSERT INTO journal (at, actor_id, actor_name, actor_role, subject, subject_id, event, data)
    SELECT now(), uuid '00000000-0000-0000-0000-000000000000', 'Опора', 'admin',
           'invoice', invoice_id::text, 'taken_over',
           jsonb_build_object('amount', gross::text, 'residual', gross::text, 'due_date', due_date::text)
      FROM bulk
    UNION ALL
    SELECT paid_on, uuid '00000000-0000-0000-0000-000000000000', 'Опора', 'admin',
           'payment', payment_id::text, 'payment_recorded',
           jsonb_build_object('source', 'api', 'amount', (gross - residual)::text, 'currency', 'KZT',
                              'posted_on', paid_on::text)
      FROM bulk WHERE residual < gross
    """,
)


@dataclass(frozen=True, slots=True)
class Past:
    """What was written; `buyers`: ids of customers none of whose invoices is overdue."""

    customers: int
    buyers: list[str]


def write_past(
    database: psycopg.Connection[tuple[object, ...]],
    invoices: int,
    *,
    say: Callable[[str], None] = lambda _: None,
    all_open: bool = False,
    first_customer: int = 0,
) -> Past:
    """Write so many invoices of so many customers as have them, into the database of a set-up company.

    Args:
        database: a connection in autocommit.
        all_open: none of them is settled or overdue, as where only open invoices were imported.
        first_customer: how many customers were written before by this function.
    """
    customers = -(-invoices // PER_CUSTOMER)
    database.execute("DROP TABLE IF EXISTS bulk_customer")
    database.execute(_CUSTOMERS, {"bins": bins(first_customer, customers, _MONTH), "debtor": DEBTOR_EVERY})
    with database.transaction():
        for statement in _CUSTOMER_ROWS:
            database.execute(statement)
    for first in range(1, invoices + 1, _BATCH):
        last = min(first + _BATCH - 1, invoices)
        _write_invoices(database, first, last, customers, all_open)
        say(f"Счетов записано: {last} из {invoices}")
    database.execute(f"VACUUM (ANALYZE) {_TABLES}")
    database.execute("CHECKPOINT")
    buyers = database.execute("SELECT id::text FROM bulk_customer WHERE NOT debtor ORDER BY n").fetchall()
    return Past(customers, [str(row[0]) for row in buyers])


def _write_invoices(
    database: psycopg.Connection[tuple[object, ...]], first: int, last: int, customers: int, all_open: bool
) -> None:
    figures = {
        "first": first,
        "last": last,
        "customers": customers,
        "open": PER_CUSTOMER if all_open else OPEN,
        "all_open": all_open,
    }
    with database.transaction():
        database.execute(_BATCH_OF_INVOICES, figures)
        for statement in _INVOICE_ROWS:
            database.execute(statement)
