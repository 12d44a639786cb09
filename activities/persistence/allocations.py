"""What runs of the queue decided, kept with everything they were decided on: explained, and computed again (U18)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import Session

from activities.persistence.identifiers import new_id
from activities.persistence.stock_tables import ReservationLineRow, StockAllocationRow
from domain.allocation import Allotment, Claim, ClaimLine, Shelf, ShelfKey

TAIL = 20
"""So many of those who got nothing are kept in a record; how many stand there in all is told beside."""
CLAIM_LINE: TypeAdapter[ClaimLine] = TypeAdapter(ClaimLine)


class Cause(StrEnum):
    """What set the queue in motion."""

    ORDER = "order"
    REVISION = "revision"
    RECEIPT = "receipt"
    EXPIRY = "expiry"
    ENDED = "ended"
    SHIPMENT = "shipment"
    CLOSED_SHORT = "closed_short"
    COUNT = "count"
    REASSIGNMENT = "reassignment"
    SWEEP = "sweep"


ASKED = {Cause.ORDER, Cause.REVISION}
"""Here somebody asked for goods, and wants to know why there were none."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A promise that ended: whose, how much, by which rule of the book (`D7-6`).

    `given_to`: the order that got the goods past the queue, by the head's word (D8-4).
    """

    order_id: UUID
    line_no: int
    shelf: ShelfKey
    quantity: Decimal
    rule: str
    given_to: UUID | None = None


def loss_of(line: ReservationLineRow, rule: str, quantity: Decimal | None = None) -> Loss:
    """The whole of a reserved line, or a part of it, as a loss."""
    return Loss(line.order_id, line.line_no, (line.warehouse, line.sku), quantity or line.quantity, rule)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the queue: what it looked at, and what it decided. `whole_queue`: at everybody who waits there."""

    at: datetime
    cause: Cause
    subject: str
    policy_version: int
    shelves: Sequence[Shelf]
    claims: Sequence[Claim]
    allotted: Sequence[Allotment]
    losses: Sequence[Loss]
    whole_queue: bool = True

    @property
    def decided_anything(self) -> bool:
        """Whether there is anything to explain: somebody got or lost goods, was passed over, or asked for some."""
        asked = self.cause in ASKED and any(part.order_id == self.subject for part in self.allotted)
        return bool(self.losses) or asked or any(_changed(part) for part in self.allotted)

    def decided(self, part: Allotment) -> bool:
        """Whether the run changed anything for a claim, or the claim is what somebody asked for."""
        return _changed(part) or part.order_id == self.subject


def _changed(part: Allotment) -> bool:
    """It got something, gave something back, was passed over, or goods are now gathered for it."""
    line = part.line
    return bool(part.given) or (part.skips, part.gathering_since) != (line.skips, line.gathering_since)


def record_run(session: Session, run: Run, left: Mapping[ShelfKey, Decimal]) -> None:
    """Keep a run in which something was decided, with the queue down to the first few who got nothing.

    It is kept on each shelf that somebody of them waits on: what an order that ships whole got on one of its shelves
    depends on the others (D7-12).

    Args:
        left: what is free on each shelf after it.
    """
    if not run.decided_anything:
        return
    claims = {claim.order_id: claim for claim in run.claims}
    kept = _kept(run)
    number, waiting = new_id(), _waiting(session, run)
    for shelf in run.shelves:
        parts = [part for part in run.allotted if part.line.shelf == shelf.key]
        losses = [loss for loss in run.losses if loss.shelf == shelf.key]
        if not parts and not losses:
            continue
        session.add(
            StockAllocationRow(
                run=number,
                at=run.at,
                warehouse=shelf.warehouse,
                sku=shelf.sku,
                cause=run.cause,
                subject_id=run.subject,
                on_hand=shelf.on_hand,
                free_before=shelf.free,
                free_after=left[shelf.key],
                hold_back_percent=shelf.hold_back_percent,
                policy_version=run.policy_version,
                waiting=waiting.get(shelf.key, 0),
                claims=[_claim_json(claims[part.order_id], part) for part in parts if part.order_id in kept],
                losses=[_loss_json(loss) for loss in losses],
            )
        )
    session.flush()


_WAITING = text("""
    SELECT line.warehouse, line.sku, count(*) AS lines
      FROM reservation_line line
      JOIN unnest(CAST(:warehouses AS text[]), CAST(:skus AS text[])) AS shelf (warehouse, sku) USING (warehouse, sku)
     WHERE line.state = 'waiting' GROUP BY line.warehouse, line.sku
""")


def _waiting(session: Session, run: Run) -> Mapping[ShelfKey, int]:
    """How many lines wait on each shelf after a run; those that it did not look at are counted where they lie."""
    if run.whole_queue:
        return Counter(part.line.shelf for part in run.allotted if part.given < part.line.quantity)
    keys = [shelf.key for shelf in run.shelves]
    named = {"warehouses": [warehouse for warehouse, _ in keys], "skus": [sku for _, sku in keys]}
    return {(row.warehouse, row.sku): row.lines for row in session.execute(_WAITING, named)}


def _kept(run: Run) -> set[str]:
    """Orders that a record names; those behind them got nothing, and the run comes out the same without them."""
    queue = list(dict.fromkeys(part.order_id for part in run.allotted))
    decided = {part.order_id for part in run.allotted if run.decided(part)}
    last = max((place for place, order in enumerate(queue) if order in decided), default=-1)
    return set(queue[: last + 1 + TAIL])


def _claim_json(claim: Claim, part: Allotment) -> dict[str, Any]:
    return {
        "order_id": claim.order_id,
        "vip": claim.vip,
        "confirmed_at": claim.confirmed_at.isoformat(),
        "ship_complete": claim.ship_complete,
        "line": CLAIM_LINE.dump_python(part.line, mode="json"),
        "given": str(part.given),
        "rule": part.rule,
    }


def _loss_json(loss: Loss) -> dict[str, Any]:
    told = {"order_id": str(loss.order_id), "line_no": loss.line_no, "quantity": str(loss.quantity), "rule": loss.rule}
    return told if loss.given_to is None else told | {"given_to": str(loss.given_to)}


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A stored run as `domain.allocation.allocate` takes it, with what each line was given then.

    `left`: what was free on each shelf after it.
    """

    run: UUID
    at: datetime
    policy_version: int
    shelves: list[Shelf]
    claims: list[Claim]
    given: dict[tuple[str, int, ShelfKey], Decimal]
    left: dict[ShelfKey, Decimal]


def by_run(rows: Iterable[StockAllocationRow]) -> list[list[StockAllocationRow]]:
    """Rows run by run."""
    runs: dict[UUID, list[StockAllocationRow]] = defaultdict(list)
    for row in rows:
        runs[row.run].append(row)
    return list(runs.values())


def recorded_run(rows: Sequence[StockAllocationRow]) -> RecordedRun:
    """A stored run, to be computed again; `rows` are all of its shelves."""
    lines: dict[str, list[ClaimLine]] = defaultdict(list)
    heads: dict[str, dict[str, Any]] = {}
    given = {}
    for row in rows:
        for claim in row.claims:
            line = CLAIM_LINE.validate_python(claim["line"])
            heads[claim["order_id"]] = claim
            lines[claim["order_id"]].append(line)
            given[claim["order_id"], line.line_no, line.shelf] = Decimal(claim["given"])
    return RecordedRun(
        run=rows[0].run,
        at=rows[0].at,
        policy_version=rows[0].policy_version,
        shelves=[Shelf(row.warehouse, row.sku, row.on_hand, row.free_before, row.hold_back_percent) for row in rows],
        claims=[
            Claim(order, head["vip"], datetime.fromisoformat(head["confirmed_at"]), head["ship_complete"],
                  tuple(sorted(lines[order], key=lambda line: line.place)))
            for order, head in heads.items()
        ],
        given=given,
        left={(row.warehouse, row.sku): row.free_after for row in rows},
    )  # fmt: skip
