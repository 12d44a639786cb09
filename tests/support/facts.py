"""Everything that a story leaves behind, told so that two runs of one story leave the same."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Engine, Table, select
from sqlmodel import Session, col
from sqlmodel import select as rows_of

from activities.persistence.identifiers import UUID_PATTERN
from activities.persistence.mailbox import Letter
from activities.persistence.money_tables import InvoiceRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow, UserRow
from activities.persistence.schema import METADATA
from activities.persistence.stock_tables import ProductRow

UNTOLD = {
    ("outbound", "attempts"),
    ("outbound", "error"),
    ("journal_link", "journal_id"),
    ("journal_link", "hash"),
}
"""Columns that tell of the attempts themselves, and of the order of what happened at the same time."""
INTERRUPTED = re.compile(r'"(error)": "interrupted while sending"')
_NEUTRAL = (
    (UUID_PATTERN, "<id>"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "<hash>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d|\d\d\.\d\d\.\d{4}|\b\d\d\.\d\d\b(?!\d)"), "<day>"),
    (re.compile(r"\b\d\d:\d\d\b"), "<hour>"),
    (re.compile(r"port \d+|'127\.0\.0\.1', \d+"), "<port>"),
    (INTERRUPTED, r'"\1": null'),
)


NOTEBOOKS = {"discrepancy"}
"""What the watchdog saw depends on the moment it looked; what it did shows elsewhere."""


def facts(engine: Engine, letters: Iterable[Letter], processes: Iterable[tuple[str, str]]) -> Counter[str]:
    """Rows of all tables, letters and processes, each with how often it is there.

    Identifiers are named after their place in the story; instants and days are left out: a crash costs time.
    """
    with Session(engine) as session:
        say = _neutral(_names(session))
        found = [
            say(line)
            for table in METADATA.sorted_tables
            if table.name not in NOTEBOOKS
            for line in _rows(session, table)
        ]
    found += [say(f"letter to {each.to}: {each.subject}\n{each.text} {each.message_id}") for each in letters]
    found += [say(f"process {workflow} {status}") for workflow, status in processes]
    return Counter(found)


def difference(expected: Counter[str], found: Counter[str]) -> str:
    """What one run has and the other has not; empty when they are the same."""
    lost = [f"lost: {line}" for line in sorted((expected - found).elements())]
    return "\n".join(lost + [f"more: {line}" for line in sorted((found - expected).elements())])


def _rows(session: Session, table: Table) -> Iterator[str]:
    told = [column for column in table.columns if column.identity is None and (table.name, column.name) not in UNTOLD]
    for row in session.connection().execute(select(*told)):
        values = {column.name: _plain(value) for column, value in zip(told, row, strict=True)}
        yield f"{table.name} {json.dumps(values, default=str, ensure_ascii=False, sort_keys=True)}"


def _plain(value: Any) -> Any:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else value


def _names(session: Session) -> dict[str, str]:
    """What tells two runs apart and two things of one run as well: named by its turn."""
    names: dict[str, str] = {}
    skus = sorted(session.exec(rows_of(ProductRow.sku)), key=lambda sku: (len(sku), sku))
    names |= {sku: f"<product {n}>" for n, sku in enumerate(skus, 1)}
    for n, customer in enumerate(session.exec(rows_of(CustomerRow).order_by(col(CustomerRow.tax_id))), 1):
        names |= {str(customer.id): f"<customer {n}>", customer.tax_id: f"<tax id {n}>"}
    for n, order in enumerate(session.exec(rows_of(OrderRow).order_by(col(OrderRow.id))), 1):
        names[str(order.id)] = f"<order {n}>"
    for n, invoice in enumerate(session.exec(rows_of(InvoiceRow).order_by(col(InvoiceRow.id))), 1):
        names[str(invoice.id)] = f"<invoice {n}>"
        if invoice.kind == "opening":
            names[invoice.number] = f"<opening {n}>"
    names |= {str(user.id): f"<{user.login}>" for user in session.exec(rows_of(UserRow))}
    return {name.lower(): word for name, word in names.items()}


def _neutral(names: dict[str, str]) -> Any:
    words = sorted(map(re.escape, names), key=len, reverse=True)
    known = re.compile("|".join(words) or "(?!)", re.IGNORECASE)

    def say(line: str) -> str:
        line = known.sub(lambda found: names[found[0].lower()], line)
        for pattern, word in _NEUTRAL:
            line = pattern.sub(word, line)
        return line

    return say
