"""The drift monitor: figures of stock held against the rows they come from; what differs is told, nothing is changed
(D3-10)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, or_, select

from activities.persistence import orders
from activities.persistence.calendars import load_calendar
from activities.persistence.events import record_event
from activities.persistence.queueing import shelves_to_serve, unsettled
from activities.persistence.record_tables import TaskRow
from activities.persistence.tasks import WORDS, open_task
from domain.allocation import NOTHING, ShelfKey
from domain.orders import ENDED, SYSTEM, Role
from domain.stock_drift import QUEUE_GRACE, Drift, Finding, ShelfFigures, compare, late_before, unknown
from domain.tasks import TaskKind
from domain.wording import task_subject

PAGE = 1_000
"""Stock rows held in memory at once."""
QUEUES = 100
"""Shelves whose queues are computed at once."""
NAMED = 1_000
"""Differences that are named; the rest is counted."""
LISTED = 100
"""Differences that a task lists."""
EXAMPLES = 10
"""Differences that an event of the journal names."""

_FIGURES = text("""
    WITH page AS MATERIALIZED (
           SELECT warehouse, sku, on_hand, reserved, picking FROM stock
            WHERE (warehouse, sku) > (:warehouse, :sku) ORDER BY warehouse, sku LIMIT :size),
         skus AS (SELECT DISTINCT sku FROM page),
         moved AS (
           SELECT warehouse, sku, sum(quantity) AS moved FROM stock_movement
            WHERE sku IN (SELECT sku FROM skus) GROUP BY warehouse, sku),
         held AS (
           SELECT warehouse, sku, coalesce(sum(quantity) FILTER (WHERE state = 'reserved'), 0) AS reserved,
                  coalesce(sum(quantity) FILTER (WHERE state = 'picking'), 0) AS picking
             FROM reservation_line WHERE state IN ('reserved','picking') AND sku IN (SELECT sku FROM skus)
            GROUP BY warehouse, sku)
    SELECT page.warehouse, page.sku, page.on_hand, page.reserved, page.picking, coalesce(moved.moved, 0) AS moved,
           coalesce(held.reserved, 0) AS lines_reserved, coalesce(held.picking, 0) AS lines_picking
      FROM page LEFT JOIN moved USING (warehouse, sku) LEFT JOIN held USING (warehouse, sku)
     ORDER BY page.warehouse, page.sku
""")
_WITHOUT_ROW = text("""
    WITH told AS (
           SELECT warehouse, sku, sum(quantity) AS moved, sum(0.000) AS promised
             FROM stock_movement GROUP BY warehouse, sku
           UNION ALL
           SELECT warehouse, sku, 0, sum(quantity) FROM reservation_line WHERE state IN ('reserved','picking')
            GROUP BY warehouse, sku)
    SELECT warehouse, sku, sum(moved) AS moved, sum(promised) AS promised
      FROM told WHERE NOT EXISTS (SELECT 1 FROM stock WHERE (stock.warehouse, stock.sku) = (told.warehouse, told.sku))
     GROUP BY warehouse, sku HAVING sum(moved) <> 0 OR sum(promised) <> 0 ORDER BY warehouse, sku
""")
_SHIPPED = text("""
    WITH gone AS (SELECT sku, sum(quantity) AS shipped FROM shipment_line GROUP BY sku),
         moved AS (SELECT sku, -sum(quantity) AS written_off FROM stock_movement WHERE kind = 'shipment' GROUP BY sku)
    SELECT sku, coalesce(shipped, 0) AS shipped, coalesce(written_off, 0) AS written_off
      FROM gone FULL JOIN moved USING (sku)
     WHERE coalesce(shipped, 0) <> coalesce(written_off, 0) ORDER BY sku
""")
_ENDED_HOLD = text("""
    SELECT line.order_id, line.warehouse, line.sku, sum(line.quantity) AS quantity
      FROM reservation_line line JOIN sales_order o ON o.id = line.order_id
     WHERE line.state IN ('waiting','reserved','picking') AND o.status = ANY(:ended)
     GROUP BY line.order_id, line.warehouse, line.sku ORDER BY line.order_id, line.warehouse, line.sku
""")
_EXPIRED = text("""
    SELECT reservation.order_id, reservation.expires_at
      FROM reservation JOIN sales_order o ON o.id = reservation.order_id
     WHERE reservation.status = 'active' AND reservation.expires_at < :late
       AND o.wait ->> 'on_expiry' = 'release' AND CAST(o.wait ->> 'until' AS timestamptz) < :late
     ORDER BY reservation.expires_at, reservation.order_id
""")


@dataclass(slots=True)
class DriftReport:
    """What a check found: how many shelves it looked at, how many differences there are, the first of them by name."""

    shelves: int = 0
    count: int = 0
    findings: list[Finding] = field(default_factory=list)

    def take_in(self, finding: Finding) -> None:
        self.count += 1
        if len(self.findings) < NAMED:
            self.findings.append(finding)


def check_stock(session: Session, *, as_of: datetime) -> DriftReport:
    """Hold every figure of stock against its rows, in one unchanging view of them."""
    report = DriftReport()
    for page in _pages(session):
        report.shelves += len(page)
        for shelf in page:
            for finding in compare(shelf):
                report.take_in(finding)
    for finding in (*_without_row(session), *_shipped(session), *_overdue(session, as_of), *_unserved(session, as_of)):
        report.take_in(finding)
    return report


def _pages(session: Session) -> Iterator[list[ShelfFigures]]:
    place: ShelfKey = ("", "")
    while True:
        rows = session.execute(_FIGURES, {"warehouse": place[0], "sku": place[1], "size": PAGE}).all()
        yield [ShelfFigures(**row._asdict()) for row in rows]
        if len(rows) < PAGE:
            return
        place = (rows[-1].warehouse, rows[-1].sku)


def _without_row(session: Session) -> Iterator[Finding]:
    """Movements and promises of goods that have no stock row at all."""
    for row in session.execute(_WITHOUT_ROW):
        if row.moved:
            yield Finding(Drift.ON_HAND, row.warehouse, row.sku, NOTHING, row.moved)
        if row.promised:
            yield Finding(Drift.OVER_PROMISED, row.warehouse, row.sku, row.promised, NOTHING)


def _shipped(session: Session) -> Iterator[Finding]:
    for row in session.execute(_SHIPPED):
        yield Finding(Drift.SHIPPED, None, row.sku, row.shipped, row.written_off)


def _overdue(session: Session, as_of: datetime) -> Iterator[Finding]:
    for row in session.execute(_ENDED_HOLD, {"ended": sorted(ENDED)}):
        yield Finding(Drift.ENDED_HOLDS, row.warehouse, row.sku, row.quantity, NOTHING, str(row.order_id))
    for row in session.execute(_EXPIRED, {"late": late_before(as_of)}):
        yield Finding(Drift.EXPIRED, order_id=str(row.order_id), since=row.expires_at)


def _unserved(session: Session, as_of: datetime) -> Iterator[Finding]:
    """Whoever could be served with what is free; the sweep has an hour for what time alone brings."""
    place: ShelfKey | None = None
    while keys := shelves_to_serve(session, place, size=QUEUES):
        found = [part for part in unsettled(session, keys, at=as_of - QUEUE_GRACE) if part.line.shelf in set(keys)]
        for part in found:
            line = part.line
            yield Finding(Drift.UNSERVED, line.warehouse, line.sku, NOTHING, part.given,
                          part.order_id, line.since)  # fmt: skip
        place = keys[-1]
        session.expunge_all()


def report_drift(session: Session, report: DriftReport, *, as_of: datetime) -> list[Finding]:
    """Tell the journal and the administrator what nobody was told of today; stock itself is left as it is.

    Returns:
        What is told now.
    """
    if not report.findings:
        return []
    company = orders.legal_entity(session)
    calendar = load_calendar(session, company.country, company.timezone)
    day = calendar.day_of(as_of)
    tasks = _tasks(session, since=calendar.at(day, 0))
    fresh = unknown(report.findings, [name for task in tasks for name in task.details.get("names", [])])
    if not fresh:
        return []
    for kind, found in groupby(sorted(fresh, key=lambda each: each.kind), key=lambda each: each.kind):
        _journal(session, kind, list(found), day.isoformat(), as_of)
    current = next((task for task in tasks if task.state == "open"), None)
    if current is not None:
        _add(current, fresh)
        return fresh
    open_task(
        session,
        key=f"stock-drift:{day}:{len(tasks)}",
        kind=TaskKind.STOCK_DRIFT,
        role=Role.ADMIN,
        subject=task_subject(TaskKind.STOCK_DRIFT, count=len(fresh)),
        words={"count": len(fresh)},
        due_at=calendar.after_working_days(as_of, 1),
        created_at=as_of,
        details=_listed(fresh),
    )
    return fresh


def _tasks(session: Session, *, since: datetime) -> list[TaskRow]:
    """Those still open and those of today, oldest first."""
    query = select(TaskRow).where(
        TaskRow.kind == TaskKind.STOCK_DRIFT, or_(TaskRow.state == "open", col(TaskRow.created_at) >= since)
    )
    return list(session.exec(query.order_by(col(TaskRow.created_at), col(TaskRow.id)).with_for_update()))


def _add(task: TaskRow, fresh: list[Finding]) -> None:
    names, listed = task.details["names"], task.details["findings"]
    more = _listed(fresh)
    count = len(names) + len(fresh)
    task.details = {
        **task.details,
        "names": names + more["names"],
        "findings": (listed + more["findings"])[:LISTED],
        WORDS: {"count": count},
    }
    task.subject = task_subject(TaskKind.STOCK_DRIFT, count=count)


def _listed(findings: list[Finding]) -> dict[str, Any]:
    return {
        "names": [finding.name for finding in findings],
        "findings": [finding.plain() for finding in findings[:LISTED]],
    }


def _journal(session: Session, kind: Drift, found: list[Finding], day: str, as_of: datetime) -> None:
    record_event(session, "stock_check", day, "stock_drift", SYSTEM, at=as_of, kind=kind, count=len(found),
                 examples=[finding.plain() for finding in found[:EXAMPLES]])  # fmt: skip
