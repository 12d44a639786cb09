"""The order: its states, what it waits for, and the messages that carry it."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar


class OrderStatus(StrEnum):
    """Where an order stands (D6); the words are those of the API contract."""

    QUOTED = "quoted"
    CHECKING = "checking"
    AWAITING_APPROVAL = "awaiting_approval"
    STOPPED = "stopped"
    CONFIRMED = "confirmed"
    RESERVED = "reserved"
    PART_RESERVED = "part_reserved"
    AWAITING_PAYMENT = "awaiting_payment"
    READY = "ready"
    PICKING = "picking"
    SHIPPED = "shipped"
    AWAITING_FINAL_PAYMENT = "awaiting_final_payment"
    CLOSED = "closed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ENDED = frozenset({OrderStatus.CLOSED, OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED})


class Role(StrEnum):
    """Who a person is in the company (D14)."""

    MANAGER = "manager"
    HEAD = "head"
    DIRECTOR = "director"
    ACCOUNTANT = "accountant"
    WAREHOUSE = "warehouse"
    BUYER = "buyer"
    LAWYER = "lawyer"
    ADMIN = "admin"


CANCELLABLE = frozenset(
    {
        OrderStatus.QUOTED,
        OrderStatus.CHECKING,
        OrderStatus.AWAITING_APPROVAL,
        OrderStatus.STOPPED,
        OrderStatus.CONFIRMED,
        OrderStatus.RESERVED,
        OrderStatus.PART_RESERVED,
        OrderStatus.AWAITING_PAYMENT,
        OrderStatus.READY,
        OrderStatus.PICKING,
    }
)
"""Until the goods have left; later only a return is possible (D6-8)."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The person, or the system itself, on whose behalf something is done."""

    id: str
    name: str
    role: Role


Message = TypeVar("Message")


def unnamed(message: Message) -> Message:
    """A command as it travels: whoever gives it by id and role; their name stays in the database. What they typed into
    it travels as it is."""
    actor = getattr(message, "actor", None)
    if not isinstance(actor, Actor) or actor == SYSTEM:
        return message
    return replace(message, actor=replace(actor, name=""))  # type: ignore[type-var]


SYSTEM = Actor(id="00000000-0000-0000-0000-000000000000", name="Опора", role=Role.ADMIN)


class WaitReason(StrEnum):
    """What a process waits for (D6-13)."""

    ACCEPTANCE = "acceptance"
    APPROVAL = "approval"
    CREDIT_STOP = "credit_stop"
    STOCK = "stock"
    PAYMENT = "payment"
    LATE_PAYMENT = "late_payment"
    PICKING = "picking"
    SHIPMENT = "shipment"
    FINAL_PAYMENT = "final_payment"
    DUE_DATE = "due_date"
    OVERDUE = "overdue"
    CANCEL_ACKNOWLEDGEMENT = "cancel_acknowledgement"
    GATE = "gate"
    DISPUTE = "dispute"
    LIMIT_START = "limit_start"
    LIMIT_END = "limit_end"
    SUPPLY = "supply"


class OnExpiry(StrEnum):
    """What happens by itself when a wait runs out."""

    EXPIRE_QUOTE = "expire_quote"
    REJECT = "reject"
    CANCEL = "cancel"
    RELEASE = "release"
    TASK = "task"
    ESCALATE = "escalate"
    UNPICK = "unpick"
    BEGIN = "begin"
    TELL = "tell"
    END = "end"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait with everything a person asks about it (U1, D6-13).

    `until` is an aware UTC instant, or None where only an event ends the wait. `who` can end it: a role, or "customer".
    `reminder_at` is when somebody is reminded before that, if anybody is.
    """

    reason: WaitReason
    since: datetime
    until: datetime | None
    who: str
    on_expiry: OnExpiry
    reminder_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderState:
    """Where an order stands after a step; activities record it, the workflow acts on it."""

    status: OrderStatus
    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A revision of a confirmed order that waits for approval while the older one stays in force (D6-6).

    `next_at`: when its request climbs a rung; `until`: when silence refuses it (D4-3).
    """

    revision: int
    next_at: datetime | None
    until: datetime
    barred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenShortage:
    """The choice that a customer has while goods are short (D7-12): which question it is, and until when it is open."""

    round: int
    until: datetime


@dataclass(frozen=True, slots=True)
class OrderInput:
    """Starts `OrderWorkflow`, at whatever state the order has reached.

    `as_of` is business time at the start (see workflows/clock.py). `first_step` begins the numbers of its steps: a
    workflow started anew, say after Temporal's data were lost, never repeats the keys of an earlier one. `proposal`
    is the revision that waits for approval then, `shortage` the choice that the customer has.
    """

    order_id: str
    number: str
    customer_id: str
    manager_id: str
    as_of: datetime
    state: OrderState
    first_step: int = 0
    proposal: Proposal | None = None
    shortage: OpenShortage | None = None


@dataclass(frozen=True, slots=True)
class LineQuantity:
    """A quantity of one product, 3 decimals."""

    sku: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class OrderStep:
    """Asks for one step of an order; `round` tells repeated steps of the same kind apart. `warehouse`: the one that it
    concerns, if it is not about all."""

    order_id: str
    round: int
    actor: Actor
    as_of: datetime
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """Where the order stands after a step, what to deliver, and which other orders to tell.

    `messages` are keys of the effect ledger; `served` are ids of orders that got freed goods, `relieved` of orders
    that wait for credit on an account whose exposure fell (D2-13). `shortage` is what the customer has to choose about
    from now on (D7-12).
    """

    state: OrderState
    messages: tuple[str, ...] = ()
    served: tuple[str, ...] = ()
    relieved: tuple[str, ...] = ()
    shortage: OpenShortage | None = None


@dataclass(frozen=True, slots=True)
class CancelCommand:
    """A person, or the system at the end of a wait, ends the order."""

    actor: Actor
    reason: str


@dataclass(frozen=True, slots=True)
class EndRequest:
    """Ends an order in `status` and undoes what it still holds.

    `only_while`: the status whose wait ran out; an order that moved on meanwhile is left alone.
    """

    order_id: str
    status: OrderStatus
    actor: Actor
    reason: str
    as_of: datetime
    only_while: OrderStatus | None = None


@dataclass(frozen=True, slots=True)
class ExtendCommand:
    """Asks for a longer life of the reserve (D7-10); without `days`, for another whole lifetime."""

    actor: Actor
    reason: str
    days: int | None = None


@dataclass(frozen=True, slots=True)
class ExtendRequest:
    """Asks to record an extension at a business instant."""

    order_id: str
    round: int
    command: ExtendCommand
    as_of: datetime


@dataclass(frozen=True, slots=True)
class PickCommand:
    """A warehouse starts picking; all that hold goods of the order unless one is named."""

    actor: Actor
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class ShipCommand:
    """A warehouse ships what was picked; empty `lines` means all of it. It has to be named while goods of several stand
    picked."""

    actor: Actor
    lines: tuple[LineQuantity, ...] = ()
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class ShipRequest:
    """Asks to write the shipped goods off at a business instant."""

    order_id: str
    round: int
    command: ShipCommand
    as_of: datetime
