"""The store of discrepancies: seen, believed, gone by themselves; one that is not over per kind and object."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from activities.persistence.identifiers import new_id
from activities.persistence.watch_tables import DiscrepancyRow
from domain.watch import GRACE, Finding, Known, Settlement, settle

_ONE_LOOK = 7_023_119
"""Advisory lock: looks are settled one after another, and so is what is over."""


def take_in(
    session: Session, findings: Iterable[Finding], kinds: Collection[str], *, as_of: datetime, grace: timedelta = GRACE
) -> Settlement:
    """Write down what a look found of these kinds; what it did not find again is closed, or forgotten if it was only
    suspected."""
    _take_turn(session)
    row = DiscrepancyRow
    columns = select(row.kind, row.object, row.first_seen, col(row.state) == "open")
    rows = session.exec(columns.where(col(row.kind).in_(kinds), row.state != "closed"))
    settled = settle(findings, [Known(*each) for each in rows], as_of, grace)
    if seen := [*settled.new, *settled.seen, *settled.believed]:
        sure = [False] * (len(settled.new) + len(settled.seen)) + [True] * len(settled.believed)
        told = {"expected": [each.expected for each in seen], "found": [each.found for each in seen], "believed": sure}
        seen_at = [each.seen_at or as_of for each in seen]
        session.execute(_SEE, _named(seen) | told | {"ids": [new_id() for _ in seen], "seen_at": seen_at})
    if settled.gone:
        session.execute(_LET_GO, _named(settled.gone) | {"at": as_of})
    return settled


_SEE = text("""
    INSERT INTO discrepancy (id, kind, object, expected, found, state, first_seen, last_seen, repairs)
    SELECT id, kind, object, expected, found, CASE WHEN believed THEN 'open' ELSE 'suspected' END, seen_at, seen_at, 0
      FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:objects AS text[]), CAST(:expected AS text[]),
                  CAST(:found AS text[]), CAST(:believed AS boolean[]), CAST(:seen_at AS timestamptz[]))
        AS seen (id, kind, object, expected, found, believed, seen_at)
    ON CONFLICT (kind, object) WHERE state <> 'closed' DO UPDATE
       SET expected = excluded.expected, found = excluded.found,
           last_seen = greatest(excluded.last_seen, discrepancy.last_seen),
           state = CASE excluded.state WHEN 'open' THEN 'open' ELSE discrepancy.state END
""")
_LET_GO = text("""
    WITH gone AS (SELECT kind, object FROM unnest(CAST(:kinds AS text[]), CAST(:objects AS text[])) g (kind, object)),
         forgotten AS (DELETE FROM discrepancy d USING gone
                        WHERE d.kind = gone.kind AND d.object = gone.object AND d.state = 'suspected')
    UPDATE discrepancy d SET state = 'closed', closed_at = :at FROM gone
     WHERE d.kind = gone.kind AND d.object = gone.object AND d.state = 'open'
""")
"""However many there are: when the engine's data are lost, every open order and invoice is one."""


def _named(each: Sequence[Finding] | Sequence[Known]) -> dict[str, list[object]]:
    return {"kinds": [str(one.kind) for one in each], "objects": [one.object for one in each]}


def _take_turn(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:look)"), {"look": _ONE_LOOK})


def suspect(session: Session, finding: Finding, *, at: datetime) -> None:
    """Write down what somebody stumbled over, now or again; the next look weighs it. What is believed stays so."""
    seen = insert(DiscrepancyRow).values(
        id=new_id(), kind=finding.kind, object=finding.object, expected=finding.expected, found=finding.found,
        state="suspected", first_seen=at, last_seen=at, repairs=0,
    )  # fmt: skip
    session.execute(
        seen.on_conflict_do_update(
            index_elements=["kind", "object"],
            index_where=text("state <> 'closed'"),
            set_={
                "found": seen.excluded.found,
                "last_seen": func.greatest(seen.excluded.last_seen, DiscrepancyRow.last_seen),
            },
        )
    )


def get_on(session: Session, finding: Finding, *, at: datetime) -> None:
    """Close what somebody stumbled over and has now got past, or forget it if it was only suspected; `at`: when the
    attempt began that got there."""
    _take_turn(session)
    session.execute(_LET_GO, _named([finding]) | {"at": at})


def lasting(session: Session, kinds: Collection[str]) -> Sequence[DiscrepancyRow]:
    """Suspected and open ones of some kinds."""
    query = select(DiscrepancyRow).where(DiscrepancyRow.state != "closed", col(DiscrepancyRow.kind).in_(kinds))
    return session.exec(query).all()


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
