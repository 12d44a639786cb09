"""Stored decisions of a period, judged again page by page under a candidate policy (U3)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from json import dumps
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import Session

from activities.persistence.decisions import FACTS
from activities.persistence.policies import policy_from
from domain.credit import Outcome
from domain.policy import Policy
from domain.simulation import Fate, Page, PastDecision, Rejudged, judge_again

PAGE = 2_000
"""Decisions held in memory at once."""
_START = UUID(int=0)

_PAGE = text("""
    SELECT d.id, d.order_id, d.outcome, d.facts, d.overlay, d.decided_at,
           NOT EXISTS (SELECT 1 FROM credit_decision later
                        WHERE later.order_id = d.order_id AND later.rule = 'credit' AND later.decided_at < :until
                          AND (later.decided_at, later.id) > (d.decided_at, d.id)) AS last
      FROM credit_decision d
     WHERE d.rule = 'credit' AND (d.decided_at, d.id) > (:at, :id) AND d.decided_at < :until
     ORDER BY d.decided_at, d.id
     LIMIT :size
""")
_COUNT = text("""
    SELECT count(*) FROM credit_decision
     WHERE decided_at >= :since AND decided_at < :until AND rule = coalesce(CAST(:rule AS text), rule)
""")
_FATES = text("""
    WITH lines AS MATERIALIZED (
           SELECT line.id, invoice.order_id, line.residual, line.due_date
             FROM invoice JOIN schedule_line line ON line.invoice_id = invoice.id
            WHERE invoice.order_id = ANY(:orders) AND line.due_date < greatest(CAST(:today AS date), line.observed_on)),
         late AS (
           SELECT lines.id, sum(part.amount) AS amount
             FROM lines JOIN payment_allocation part ON part.schedule_line_id = lines.id
             JOIN payment ON payment.id = part.payment_id
            WHERE payment.posted_on > lines.due_date GROUP BY lines.id),
         owed AS (
           SELECT order_id, sum(residual + coalesce(late.amount, 0)) AS overdue
             FROM lines LEFT JOIN late ON late.id = lines.id GROUP BY order_id)
    SELECT o.id, o.number, o.currency, o.gross, o.confirmed_at IS NOT NULL AS confirmed, o.customer_id,
           customer.name AS customer, coalesce(owed.overdue, 0) AS overdue
      FROM sales_order o JOIN customer ON customer.id = o.customer_id LEFT JOIN owed ON owed.order_id = o.id
     WHERE o.id = ANY(:orders)
""")
"""Sets, not one look-up per order: a table without statistics then costs one pass, not one pass for each order."""


class Candidate:
    """A policy to try, and with it what customers' own contracts change (D5-6); each combination is made once."""

    def __init__(self, policy: Policy, body: Mapping[str, Any]) -> None:
        self.policy = policy
        self._body = body
        self._overlaid: dict[str, Policy] = {}

    def under(self, overlay: Mapping[str, Any] | None) -> Policy:
        if not overlay:
            return self.policy
        key = dumps(overlay, sort_keys=True)
        if key not in self._overlaid:
            self._overlaid[key] = policy_from(self._body, overlay)
        return self._overlaid[key]


@dataclass(frozen=True, slots=True)
class Period:
    """Instants from `since` on, and before `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order that the candidate would have decided otherwise in the end, and what became of it."""

    rejudged: Rejudged
    number: str
    customer_id: UUID
    customer: str
    fate: Fate


@contextmanager
def snapshot(engine: Engine) -> Iterator[Session]:
    """One unchanging view of the database, for questions that take many queries."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with Session(connection) as session:
            yield session


def count_decisions(session: Session, period: Period, *, rule: str | None = None) -> int:
    """How many decisions of a period there are, of one rule or of all."""
    place = {"since": period.since, "until": period.until, "rule": rule}
    return int(session.execute(_COUNT, place).scalar_one())


def replay_pages(
    session: Session, candidate: Candidate, period: Period, *, today: date, size: int = PAGE
) -> Iterator[tuple[Page, list[PastOrder]]]:
    """Judge the credit decisions of a period again, in keyset pages: memory does not grow with the period."""
    at, after = period.since, _START
    while True:
        place = {"at": at, "id": after, "until": period.until, "size": size}
        rows = session.execute(_PAGE, place).all()
        if not rows:
            return
        page = judge_again(
            [
                PastDecision(
                    order_id=str(row.order_id),
                    facts=FACTS.validate_python(row.facts),
                    outcome=Outcome(row.outcome),
                    candidate=candidate.under(row.overlay),
                    last=row.last,
                )
                for row in rows
            ]
        )
        yield page, _past_orders(session, [each for each in page.rejudged if each.last], today)
        if len(rows) < size:
            return
        at, after = rows[-1].decided_at, rows[-1].id


def _past_orders(session: Session, rejudged: Sequence[Rejudged], today: date) -> list[PastOrder]:
    if not rejudged:
        return []
    ids = [UUID(each.order_id) for each in rejudged]
    rows = {str(row.id): row for row in session.execute(_FATES, {"orders": ids, "today": today})}
    found = []
    for each in rejudged:
        row = rows[each.order_id]
        fate = Fate(row.currency, row.gross, row.confirmed, Decimal(row.overdue))
        found.append(PastOrder(each, row.number, row.customer_id, row.customer, fate))
    return found
