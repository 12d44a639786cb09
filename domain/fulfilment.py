"""Picking, shipping, putting back, closing short: their rules, and the messages that carry them (D7-14, D12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.orders import Actor, OrderStatus

CLOSABLE = frozenset(
    {
        OrderStatus.CONFIRMED,
        OrderStatus.RESERVED,
        OrderStatus.PART_RESERVED,
        OrderStatus.AWAITING_PAYMENT,
        OrderStatus.READY,
        OrderStatus.PICKING,
    }
)
"""Where a rest that was not picked yet may be closed short (D7-14)."""


@dataclass(frozen=True, slots=True)
class UnpickCommand:
    """Somebody has picked goods put back; those of all warehouses unless one is named."""

    actor: Actor
    reason: str
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class UnpickRequest:
    """Asks to put picked goods back at a business instant."""

    order_id: str
    round: int
    command: UnpickCommand
    as_of: datetime


@dataclass(frozen=True, slots=True)
class CloseShortCommand:
    """What is not picked yet of a partly shipped order will not be delivered; of all its lines when `skus` is empty."""

    actor: Actor
    reason: str
    skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseShortRequest:
    """Asks for one of the two steps of closing short at a business instant."""

    order_id: str
    round: int
    command: CloseShortCommand
    as_of: datetime


def most_to_ship(picked: Decimal, still_to_come: Decimal, over_percent: Decimal) -> Decimal:
    """How much of a line may leave at once (D12-5): a little more than was picked, when that completes the line. While
    a part of it is still to come, what is over belongs to that part."""
    return picked if still_to_come > 0 else picked * (100 + over_percent) / 100


def is_worth_telling(ordered: Decimal, excess: Decimal, notice_percent: Decimal) -> bool:
    """Whether the manager is told that more was delivered than ordered: by more than the policy allows,
    1 % of the sum by default (D12-5)."""
    return excess > ordered * notice_percent / 100


def is_whole(shipped: Mapping[int, Decimal], picked: Mapping[int, Decimal]) -> bool:
    """Whether a shipment takes everything that was picked, as an order that ships complete demands (D7-12)."""
    return all(shipped.get(number, Decimal(0)) >= quantity for number, quantity in picked.items())
