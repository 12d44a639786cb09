"""Taking reserved goods from one order for another: never by itself, only by the head's word (D8-3, D8-4)."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

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


def check_decider(actor_id: str, *, requester: str, owner: str) -> None:
    """Neither who asked nor the manager of the order that gets the goods answers (D4-5).

    Raises:
        OwnReassignmentError
    """
    if actor_id in {requester, owner}:
        raise OwnReassignmentError
