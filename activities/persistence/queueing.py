"""The queue for goods: what is free goes to whoever's turn it is, in the transaction that freed it (D7-6, D8).

Each run is recorded with everything that decided it, so that it can be explained and computed again (U18).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import String, cast, func, text
from sqlmodel import Session, col, select

from activities.persistence.allocations import ASKED, Cause, Loss, Run, record_run
from activities.persistence.calendars import company_calendar
from activities.persistence.policies import in_force, policy_from
from activities.persistence.stock import ReadLine, Shelves, columns, free, move_quantity, read_shelves, serve_line
from activities.persistence.stock_tables import ItemGroupRow, ProductRow, ReservationLineRow
from domain.allocation import Allotment, Claim, ClaimLine, QueueTerms, Shelf, ShelfKey, allocate
from domain.policy import Policy


def serve_queue(
    session: Session,
    shelves: Shelves,
    cause: Cause,
    subject: object,
    *,
    at: datetime,
    losses: Sequence[Loss] = (),
    today: date | None = None,
) -> list[UUID]:
    """Hand the free quantity of locked shelves to whoever's turn it is, and record what was decided.

    Args:
        cause: what freed or asked for goods; `subject` is its id, an order's or a receipt's.
        losses: whose promises ended in the same step.
        today: the day of business, of whoever knows it already.

    Returns:
        Orders that got something, or gave gathered goods back; their workflows are to be told.
    """
    session.flush()
    whole_queue = cause is Cause.SWEEP or any(free(row) > 0 for row in shelves.values())
    claims = _claims(session, shelves, cause, subject, whole_queue=whole_queue)
    if not claims and not losses:
        return []
    version, policy, seen = shelves_seen(session, shelves, today or company_calendar(session).day_of(at))
    allotted = allocate(seen, claims, queue_terms(policy), at)
    touched: dict[UUID, None] = {}
    for part in sorted(allotted, key=lambda part: part.given >= 0):  # what goes back is there before it is given
        _apply(session, shelves, part, at=at)
        if part.given:
            touched[UUID(part.order_id)] = None
    session.flush()
    run = Run(at, cause, str(subject), version, seen, claims, allotted, losses, whole_queue)
    record_run(session, run, {key: free(row) for key, row in shelves.items()})
    return list(touched)


def unsettled(session: Session, keys: Iterable[ShelfKey], *, at: datetime) -> list[Allotment]:
    """What a run of the queue would move on some shelves now; nothing, after every commit (D8).

    Goods that would begin to be gathered are left out: they are, when the shelf is next served (D8-5).
    """
    shelves = read_shelves(session, keys)
    _, policy, seen = shelves_seen(session, shelves, company_calendar(session).day_of(at))
    allotted = allocate(seen, load_claims(session, shelves), queue_terms(policy), at)
    return [part for part in allotted if part.given and (not part.gathering_since or part.line.gathering_since)]


_TO_SERVE = text("""
    SELECT DISTINCT line.warehouse, line.sku
      FROM reservation_line line JOIN stock USING (warehouse, sku)
     WHERE line.state = 'waiting' AND (line.warehouse, line.sku) > (:warehouse, :sku)
       AND (stock.on_hand > stock.reserved + stock.picking OR line.gathering_since IS NOT NULL)
     ORDER BY line.warehouse, line.sku LIMIT :size
""")


def shelves_to_serve(session: Session, after: ShelfKey | None, *, size: int) -> list[ShelfKey]:
    """Shelves that somebody waits for, where goods are free or gathered; keyset pages."""
    warehouse, sku = after or ("", "")
    rows = session.execute(_TO_SERVE, {"warehouse": warehouse, "sku": sku, "size": size})
    return [(row.warehouse, row.sku) for row in rows]


def queue_terms(policy: Policy) -> QueueTerms:
    """The parameters of the queue by a policy."""
    return QueueTerms(policy.starvation_days, policy.most_skips, policy.gathering_days)


def shelves_seen(session: Session, shelves: Shelves, on: date) -> tuple[int, Policy, list[Shelf]]:
    """The policy of a day with its number, and stock rows as the queue looks at them by it, with the share that each
    keeps for key customers (D8-2)."""
    version, body, groups = session.execute(in_force(on).add_columns(_hold_back(shelves))).one()
    policy, shares = policy_from(body), {sku: Decimal(share) for sku, share in (groups or {}).items()}
    return (
        version,
        policy,
        [
            Shelf(row.warehouse, row.sku, row.on_hand, free(row), shares.get(row.sku, policy.hold_back_percent))
            for row in shelves.values()
        ],
    )


def _hold_back(keys: Iterable[ShelfKey]) -> Any:
    """SQL: the shares that item groups keep back of their own, by SKU, as JSON."""
    share = col(ItemGroupRow.hold_back_percent)
    return (
        select(func.jsonb_object_agg(ProductRow.sku, cast(share, String)))
        .join(ItemGroupRow, col(ItemGroupRow.code) == ProductRow.item_group)
        .where(col(ProductRow.sku).in_({sku for _, sku in keys}), share.is_not(None))
        .scalar_subquery()
    )


_WAITING = text("""
    SELECT line.order_id, line.line_no, line.warehouse, line.sku, line.quantity, line.since, line.displaced_at,
           line.skips, CASE WHEN o.ship_complete THEN line.gathering_since END AS gathering_since,
           customer.segment = 'vip' AS vip, o.confirmed_at, o.ship_complete
      FROM reservation_line line
      JOIN unnest(CAST(:warehouses AS text[]), CAST(:skus AS text[])) AS shelf (warehouse, sku) USING (warehouse, sku)
      JOIN sales_order o ON o.id = line.order_id JOIN customer ON customer.id = o.customer_id
     WHERE line.state = 'waiting' AND (CAST(:only AS uuid) IS NULL OR line.order_id = :only)
     ORDER BY line.order_id, line.line_no
""")
_GATHERED = text("""
    SELECT line.order_id, line.line_no, line.warehouse, line.sku, line.gathered
      FROM reservation_line line
      JOIN unnest(CAST(:warehouses AS text[]), CAST(:skus AS text[])) AS shelf (warehouse, sku) USING (warehouse, sku)
     WHERE line.gathered > 0 AND line.order_id = ANY(:orders)
     ORDER BY line.order_id, line.line_no
""")


def _claims(session: Session, shelves: Shelves, cause: Cause, subject: object, *, whole_queue: bool) -> list[Claim]:
    """Who waits on the shelves; at most the subject itself where nothing is free to be handed out."""
    if whole_queue:
        return load_claims(session, shelves)
    return load_claims(session, shelves, only=UUID(str(subject))) if cause in ASKED else []


def load_claims(session: Session, keys: Iterable[ShelfKey], *, only: UUID | None = None) -> list[Claim]:
    """Orders that wait on some shelves, with their lines there; in no order."""
    named: dict[str, Any] = dict(columns(keys))
    rows = session.execute(_WAITING, named | {"only": only}).all()
    lines: dict[UUID, list[ClaimLine]] = defaultdict(list)
    for row in rows:
        lines[row.order_id].append(
            ClaimLine(row.line_no, row.warehouse, row.sku, row.quantity, row.since, row.displaced_at, row.skips,
                      row.gathering_since)
        )  # fmt: skip
    gathering = [order for order, mine in lines.items() if any(line.gathering_since for line in mine)]
    if gathering:
        for row in session.execute(_GATHERED, named | {"orders": gathering}):
            _add_gathered(lines[row.order_id], row)
    heads = {row.order_id: row for row in rows}
    return [
        Claim(str(order), row.vip, row.confirmed_at, row.ship_complete,
              tuple(sorted(lines[order], key=lambda line: line.place)))
        for order, row in heads.items()
    ]  # fmt: skip


def _add_gathered(mine: list[ClaimLine], row: Any) -> None:
    """What is gathered for a line beside what it still waits for; all of it may be there already."""
    waiting = next((line for line in mine if (line.line_no, line.warehouse) == (row.line_no, row.warehouse)), None)
    if waiting is not None:
        mine.remove(waiting)
    since = min(line.since for line in [*mine, *([waiting] if waiting else [])])
    mine.append(
        ClaimLine(
            row.line_no,
            row.warehouse,
            row.sku,
            waiting.quantity if waiting else Decimal(0),
            waiting.since if waiting else since,
            displaced_at=waiting.displaced_at if waiting else None,
            skips=waiting.skips if waiting else 0,
            gathering_since=waiting.gathering_since if waiting else None,
            gathered=row.gathered,
        )
    )


def _keep_gathered(session: Session, key: tuple[UUID, int, str], part: Allotment) -> None:
    """What is given while goods are gathered is no promise yet; with the last of it, all of it is (D8-5)."""
    if not part.gathering_since and not part.line.gathered:
        return
    held = session.get(ReservationLineRow, (*key, "reserved"))
    if held is not None:
        held.gathered = held.gathered + part.given if part.gathering_since else Decimal(0)


def _apply(session: Session, shelves: Shelves, part: Allotment, *, at: datetime) -> None:
    line = part.line
    key = (UUID(part.order_id), line.line_no, line.warehouse)
    if part.given > 0:
        waiting = ReadLine(*key, line.sku, "waiting", line.quantity, line.since, line.displaced_at)
        serve_line(session, shelves, waiting, part.given, at=at)
    elif part.given < 0:
        gathered = session.get_one(ReservationLineRow, (*key, "reserved"))
        move_quantity(session, shelves, gathered, "waiting", -part.given, since=line.since)
    _keep_gathered(session, key, part)
    if part.skips == line.skips and part.gathering_since == line.gathering_since:
        return
    left = session.get(ReservationLineRow, (*key, "waiting"))
    if left is not None:
        left.skips, left.gathering_since = part.skips, part.gathering_since
