"""Every stored run of the queue computed again from what it stored, and compared line by line (U18)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.allocations import RecordedRun, by_run, recorded_run
from activities.persistence.policies import policy_version
from activities.persistence.queueing import queue_terms
from activities.persistence.replay import Period
from activities.persistence.stock_tables import StockAllocationRow
from domain.allocation import NOTHING, QueueTerms, ShelfKey, allocate

PAGE = 500
"""Rows that begin a page; the rows of their runs come with them."""

_COUNT = text("""
    SELECT count(DISTINCT run) FROM stock_allocation
     WHERE at >= :since AND at < :until
""")


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of a run that does not follow from the rest of it.

    `order_id`, `line_no`: whose line; None for what stayed free on the shelf.
    """

    shelf: ShelfKey
    recorded: Decimal
    computed: Decimal
    order_id: str | None = None
    line_no: int | None = None


@dataclass(frozen=True, slots=True)
class AuditedRun:
    """One run looked at. `readable`: whether its record could be read at all."""

    run: UUID
    at: datetime
    differences: list[Difference] = field(default_factory=list)
    readable: bool = True

    @property
    def sound(self) -> bool:
        return self.readable and not self.differences


def count_runs(session: Session, period: Period) -> int:
    """How many runs of a period are computed again."""
    return int(session.execute(_COUNT, {"since": period.since, "until": period.until}).scalar_one())


def audit_runs(session: Session, period: Period, *, size: int = PAGE) -> Iterator[AuditedRun]:
    """Every run of a period, as they were recorded, in keyset pages: memory does not grow with the period."""
    place = 0
    while True:
        query = (
            select(StockAllocationRow.id, StockAllocationRow.run)
            .where(col(StockAllocationRow.id) > place)
            .where(StockAllocationRow.at >= period.since, StockAllocationRow.at < period.until)
            .order_by(col(StockAllocationRow.id))
            .limit(size)
        )
        begun = session.exec(query).all()
        rows = session.exec(
            select(StockAllocationRow)
            .where(col(StockAllocationRow.run).in_({run for _, run in begun}))
            .order_by(col(StockAllocationRow.id))
        ).all()
        for run in by_run(rows):
            if (run[0].id or 0) > place:  # a run that began on an earlier page was looked at there
                yield _audited(session, run)
        if len(begun) < size:
            return
        place = begun[-1][0] or 0
        session.expunge_all()


def _audited(session: Session, rows: list[StockAllocationRow]) -> AuditedRun:
    try:
        run = recorded_run(rows)
        found = differences(run, queue_terms(policy_version(session, run.policy_version)))
    except (ValidationError, ArithmeticError, LookupError, TypeError, ValueError):
        return AuditedRun(rows[0].run, rows[0].at, readable=False)
    return AuditedRun(run.run, run.at, found)


def differences(run: RecordedRun, terms: QueueTerms) -> list[Difference]:
    """What of a stored run does not follow from what it was decided on."""
    computed = {
        (part.order_id, part.line.line_no, part.line.shelf): part.given
        for part in allocate(run.shelves, run.claims, terms, run.at)
    }
    found = [
        Difference(shelf, run.given[order, line_no, shelf], given, order, line_no)
        for (order, line_no, shelf), given in computed.items()
        if run.given[order, line_no, shelf] != given
    ]
    for shelf in run.shelves:
        handed_out = sum((given for (_, _, key), given in run.given.items() if key == shelf.key), NOTHING)
        if run.left[shelf.key] != shelf.free - handed_out:
            found.append(Difference(shelf.key, run.left[shelf.key], shelf.free - handed_out))
    return found
