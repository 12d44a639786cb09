"""Taking reserved goods from one order for another: never by itself, only by the head's word (D8-3, D8-4)."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.approvals import Answerer, Tier, check_answerer
from domain.errors import DomainError
from domain.stock_errors import (
    NotNeededError,
    NotReservedError,
    OrderOverError,
    OwnReassignmentError,
    TakenFromPaidError,
    TakenFromPickingError,
    TakenFromSameClassError,
)


class ReassignmentState(StrEnum):
    """What became of a request."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Giver:
    """The order whose goods are asked for.

    `reserved` is what it holds on the shelf; `received` is every sum that came for it, invoiced or not.
    """

    number: str
    ended: bool
    vip: bool
    received: Decimal
    picking: bool
    reserved: Decimal


@dataclass(frozen=True, slots=True)
class Taker:
    """The order that asks; `waiting` is what it waits for on the shelf."""

    number: str
    ended: bool
    vip: bool
    waiting: Decimal


def refusal(sku: str, quantity: Decimal, giver: Giver, taker: Taker) -> DomainError | None:
    """Why so much may not change hands; None when it may (D8-4).

    Class is that of the customer's card: an ordinary customer lifted in the queue by a long wait (D8-6) comes earlier
    to goods that are free, and takes nothing from anybody.
    """
    for order in (giver, taker):
        if order.ended:
            return OrderOverError(order=order.number)
    if giver.picking:
        return TakenFromPickingError(order=giver.number)
    if giver.received > 0:
        return TakenFromPaidError(order=giver.number)
    if giver.vip or not taker.vip:
        return TakenFromSameClassError(order=giver.number)
    if giver.reserved < quantity:
        return NotReservedError(order=giver.number, sku=sku, reserved=str(giver.reserved))
    if taker.waiting < quantity:
        return NotNeededError(order=taker.number, sku=sku, waiting=str(taker.waiting))
    return None


def movable(quantity: Decimal, giver: Giver, taker: Taker) -> Decimal:
    """How much of what was asked for is still there to give, and still waited for."""
    return min(quantity, giver.reserved, taker.waiting)


def check_decider(person: Answerer, *, barred: Collection[str], region: str | None) -> None:
    """Neither who asked, nor the manager of the order that gets the goods, nor their deputies answer (D4-5); a head of
    the branch of that order's customer does, or the director (D4-1).

    Args:
        region: of the customer who gets the goods.

    Raises:
        OwnReassignmentError, NotYourApprovalError
    """
    if person.id in barred:
        raise OwnReassignmentError
    check_answerer(person, tier=Tier.HEAD, barred=(), customer_region=region, revision=0, seen_revision=None)
