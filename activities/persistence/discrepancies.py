"""The store of discrepancies: seen, believed, gone by themselves; one that is not over per kind and object."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from activities.persistence.identifiers import new_id
from activities.persistence.watch_tables import DiscrepancyRow
from domain.watch import GRACE, Finding, Known, Settlement, settle

_ONE_LOOK = 7_023_119
"""Advisory lock: looks are settled one after another."""


def take_in(
    session: Session, findings: Iterable[Finding], kinds: Collection[str], *, as_of: datetime, grace: timedelta = GRACE
) -> Settlement:
    """Write down what a look found of these kinds; what it did not find again is closed, or forgotten if it was only
    suspected."""
    session.execute(text("SELECT pg_advisory_xact_lock(:look)"), {"look": _ONE_LOOK})
    rows = {(row.kind, row.object): row for row in session.exec(_lasting().where(col(DiscrepancyRow.kind).in_(kinds)))}
    known = [Known(row.kind, row.object, row.first_seen, row.state == "open") for row in rows.values()]
    settled = settle(findings, known, as_of, grace)
    for finding in (*settled.new, *settled.believed, *settled.seen):
        row = rows.get((finding.kind, finding.object)) or DiscrepancyRow(
            kind=finding.kind, object=finding.object, expected=finding.expected, found=finding.found,
            state="suspected", first_seen=as_of, last_seen=as_of,
        )  # fmt: skip
        row.expected, row.found, row.last_seen = finding.expected, finding.found, max(as_of, row.first_seen)
        session.add(row)
    session.flush()
    for finding in settled.believed:
        _set(session, finding.kind, finding.object, "open", as_of)
    for gone in settled.gone:
        if gone.believed:
            _set(session, gone.kind, gone.object, "closed", as_of)
        else:
            forget(session, gone.kind, gone.object)
    return settled


def suspect(session: Session, finding: Finding, *, at: datetime) -> None:
    """Write down what somebody stumbled over; the next look weighs it. One that is known stays as it is."""
    session.execute(
        insert(DiscrepancyRow)
        .values(
            id=new_id(), kind=finding.kind, object=finding.object, expected=finding.expected, found=finding.found,
            state="suspected", first_seen=at, last_seen=at, repairs=0,
        )
        .on_conflict_do_nothing(index_elements=["kind", "object"], index_where=text("state <> 'closed'"))
    )  # fmt: skip


def lasting(session: Session, kinds: Collection[str]) -> Sequence[DiscrepancyRow]:
    """Suspected and open ones of some kinds."""
    return session.exec(_lasting().where(col(DiscrepancyRow.kind).in_(kinds))).all()


def page_of(
    session: Session,
    state: str,
    *,
    kinds: Collection[str] | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Sequence[DiscrepancyRow]:
    """Discrepancies of a state by id, that is by the time they were first seen."""
    query = select(DiscrepancyRow).where(DiscrepancyRow.state == state).order_by(col(DiscrepancyRow.id)).limit(limit)
    if kinds is not None:
        query = query.where(col(DiscrepancyRow.kind).in_(kinds))
    if after is not None:
        query = query.where(col(DiscrepancyRow.id) > after)
    return session.exec(query).all()


def counts(session: Session, state: str = "open") -> dict[str, int]:
    """How many there are of each kind."""
    query = select(DiscrepancyRow.kind, func.count()).where(DiscrepancyRow.state == state)
    return dict(session.exec(query.group_by(DiscrepancyRow.kind).order_by(DiscrepancyRow.kind)).all())


def note_repair(session: Session, ids: Collection[UUID], repair: str) -> None:
    """Write down what was done about them; the next look tells whether it helped."""
    session.execute(
        update(DiscrepancyRow)
        .where(col(DiscrepancyRow.id).in_(ids))
        .values(repair=repair, repairs=col(DiscrepancyRow.repairs) + 1)
    )


def forget(session: Session, kind: str, name: str) -> None:
    """Drop one that was never true."""
    row = DiscrepancyRow
    session.execute(delete(row).where(col(row.kind) == kind, col(row.object) == name, col(row.state) != "closed"))


def _lasting() -> SelectOfScalar[DiscrepancyRow]:
    return select(DiscrepancyRow).where(DiscrepancyRow.state != "closed")


def _set(session: Session, kind: str, name: str, state: str, at: datetime) -> None:
    row = DiscrepancyRow
    session.execute(
        update(row)
        .where(col(row.kind) == kind, col(row.object) == name, col(row.state) != "closed")
        .values(state=state, closed_at=at if state == "closed" else None)
    )
