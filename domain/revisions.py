"""Editing an order: what makes an edit material, and the messages that carry it (D4-10, D4-11, D6-6)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from domain.credit import CreditDecision
from domain.orders import Actor, OrderState, OrderStatus, Proposal

_FREE_SHIFT = timedelta(days=7)

REVISABLE = frozenset(
    {
        OrderStatus.QUOTED,
        OrderStatus.AWAITING_APPROVAL,
        OrderStatus.STOPPED,
        OrderStatus.CONFIRMED,
        OrderStatus.RESERVED,
        OrderStatus.PART_RESERVED,
        OrderStatus.AWAITING_PAYMENT,
        OrderStatus.READY,
    }
)
"""Until picking starts (D6-6); what is added later is a new order (D6-7)."""
PICKED = frozenset({OrderStatus.PICKING, OrderStatus.SHIPPED, OrderStatus.AWAITING_FINAL_PAYMENT})


@dataclass(frozen=True, slots=True)
class RevisionFigures:
    """What of a revision weighs on credit. `ship_on`: the day promised for shipment, if any."""

    gross: Decimal
    prepayment_percent: int
    deferral_days: int
    ship_on: date | None = None


def is_material(before: RevisionFigures, after: RevisionFigures) -> bool:
    """Whether an edit voids an approval and asks for a new decision (D4-10): a larger sum, a longer deferral, less
    prepayment, or shipment put off by more than 7 days. Anything else leaves the approval alone (D4-11)."""
    put_off = before.ship_on is not None and after.ship_on is not None and after.ship_on - before.ship_on > _FREE_SHIFT
    return (
        after.gross > before.gross
        or after.deferral_days > before.deferral_days
        or after.prepayment_percent < before.prepayment_percent
        or put_off
    )


@dataclass(frozen=True, slots=True)
class RevisedLine:
    """A line as the new revision has it; `price` of None keeps the price the order has, or takes the price list's, and
    `warehouse` of None the warehouse."""

    sku: str
    quantity: Decimal
    price: Decimal | None = None
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class ReviseCommand:
    """An edit of an order; a field of None stays as it is.

    `lines` are all lines that the order has afterwards. `revision`: the one that was edited, if the caller says so.
    """

    actor: Actor
    lines: tuple[RevisedLine, ...] | None = None
    deferral_days: int | None = None
    prepayment_percent: int | None = None
    comment: str | None = None
    delivery_address: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    ship_on: date | None = None
    reason: str | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class ReviseRequest:
    """Asks to record an edit at a business instant."""

    order_id: str
    round: int
    command: ReviseCommand
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ReviseOutcome:
    """What became of an edit.

    Attributes:
        revision: its number; `in_force` says whether the order goes by it now.
        decision: the credit decision it took, if it took one.
        refit: the reserve is to be fitted to it.
        proposal: it waits for approval, while the older revision stays in force (D6-6).
        relieved: other orders that credit set free (D2-13).
    """

    state: OrderState
    revision: int
    in_force: bool
    decision: CreditDecision | None = None
    refit: bool = False
    proposal: Proposal | None = None
    barred: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    relieved: tuple[str, ...] = ()
