"""The journal as people search it: who did what, on which figures, under which policy version."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.decisions import FACTS
from activities.persistence.record_tables import JournalRow
from domain.credit import CreditFacts

ANSWERS = frozenset({"approved", "rejected", "rework", "approval_expired"})
"""Events that answer an approval request: told with the decision that was on the table."""


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """What to look for; None is anything. `since` and `until` are instants, the second excluded."""

    subject: str | None = None
    subject_id: str | None = None
    actor_id: UUID | None = None
    event: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """The credit decision that an answer rests on."""

    outcome: str
    reasons: list[dict[str, Any]]
    exposure: Decimal
    limit: Decimal
    facts: CreditFacts
    policy_version: int


@dataclass(frozen=True, slots=True)
class Named:
    """How people know an object of the journal, and the currency of its money."""

    name: str
    currency: str | None = None


def find_events(session: Session, wanted: JournalFilter, *, before: int | None, limit: int) -> list[JournalRow]:
    """Newest first."""
    query = select(JournalRow).order_by(col(JournalRow.id).desc()).limit(limit)
    for column, value in (
        (col(JournalRow.subject), wanted.subject),
        (col(JournalRow.subject_id), wanted.subject_id),
        (col(JournalRow.actor_id), wanted.actor_id),
        (col(JournalRow.event), wanted.event),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(JournalRow.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(JournalRow.at < wanted.until)
    if before is not None:
        query = query.where(col(JournalRow.id) < before)
    return list(session.exec(query))


_BASES = text("""
    SELECT asked.event, found.* FROM unnest(CAST(:events AS bigint[]), CAST(:orders AS uuid[]),
                                             CAST(:revisions AS int[]), CAST(:times AS timestamptz[]))
             AS asked (event, order_id, revision, at)
      JOIN LATERAL (SELECT outcome, reasons, exposure, credit_limit, facts, policy_version FROM credit_decision d
                     WHERE d.order_id = asked.order_id AND d.revision = asked.revision AND d.decided_at <= asked.at
                     ORDER BY d.decided_at DESC, d.id DESC LIMIT 1) found ON true
""")


def bases_of(session: Session, events: Sequence[JournalRow]) -> dict[int, Basis]:
    """The decisions that answers to approval requests rest on, by the id of the event."""
    asked = [
        (row.id, UUID(row.subject_id), int(row.data["revision"]), row.at)
        for row in events
        if row.subject == "order" and row.event in ANSWERS and "revision" in row.data
    ]
    if not asked:
        return {}
    names = ("events", "orders", "revisions", "times")
    rows = session.execute(_BASES, dict(zip(names, map(list, zip(*asked, strict=True)), strict=True)))
    return {
        row.event: Basis(
            outcome=row.outcome,
            reasons=row.reasons,
            exposure=row.exposure,
            limit=row.credit_limit,
            facts=FACTS.validate_python(row.facts),
            policy_version=row.policy_version,
        )
        for row in rows
    }


_NAMES = {
    "order": "SELECT id::text, number AS name, currency FROM sales_order WHERE id = ANY(CAST(:ids AS uuid[]))",
    "invoice": "SELECT id::text, number AS name, currency FROM invoice WHERE id = ANY(CAST(:ids AS uuid[]))",
    "schedule_line": "SELECT line.id::text, invoice.number AS name, invoice.currency FROM schedule_line line "
    "JOIN invoice ON invoice.id = line.invoice_id WHERE line.id = ANY(CAST(:ids AS uuid[]))",
    "customer": "SELECT id::text, name, currency FROM customer WHERE id = ANY(CAST(:ids AS uuid[]))",
    "product": "SELECT sku AS id, sku AS name, currency FROM product WHERE sku = ANY(:ids)",
    "payment": "SELECT id::text, coalesce(document_number, external_id, id::text) AS name, currency FROM payment "
    "WHERE id = ANY(CAST(:ids AS uuid[]))",
    "credit_grant": "SELECT credit_grant.id::text, name, currency FROM credit_grant "
    "JOIN customer ON customer.id = customer_id WHERE credit_grant.id = ANY(CAST(:ids AS uuid[]))",
    "reassignment": "SELECT asked.id::text, giving.number || ' → ' || getting.number AS name, NULL AS currency "
    "FROM reassignment asked JOIN sales_order giving ON giving.id = from_order_id "
    "JOIN sales_order getting ON getting.id = to_order_id WHERE asked.id = ANY(CAST(:ids AS uuid[]))",
    "absence": "SELECT absence.id::text, name, NULL AS currency FROM absence "
    "JOIN app_user ON app_user.id = user_id WHERE absence.id = ANY(CAST(:ids AS uuid[]))",
    "user": "SELECT id::text, name, NULL AS currency FROM app_user WHERE id = ANY(CAST(:ids AS uuid[]))",
    "expected_receipt": "SELECT id::text, number AS name, NULL AS currency FROM expected_receipt "
    "WHERE id = ANY(CAST(:ids AS uuid[]))",
    "task": "SELECT id::text, subject AS name, NULL AS currency FROM task WHERE id = ANY(CAST(:ids AS uuid[]))",
    "legal_case": "SELECT legal_case.id::text, number AS name, currency FROM legal_case "
    "JOIN credit_account ON credit_account.id = credit_account_id WHERE legal_case.id = ANY(CAST(:ids AS uuid[]))",
}


def names_of(session: Session, events: Sequence[JournalRow]) -> dict[tuple[str, str], Named]:
    """Names of the objects that events are about, one query for each kind of them."""
    ids: dict[str, set[str]] = defaultdict(set)
    for row in events:
        ids[row.subject].add(row.subject_id)
    return {
        (subject, row.id): Named(row.name, row.currency)
        for subject, wanted in ids.items()
        if subject in _NAMES
        for row in session.execute(text(_NAMES[subject]), {"ids": [*wanted]})
    }
