"""Messages of the credit steps of an order: placing, approving, looking at the shipment gate."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.credit import CreditDecision
from domain.orders import Actor, OrderState, Proposal


class Verdict(StrEnum):
    """What an approver answers (D4-2)."""

    APPROVE = "approve"
    REJECT = "reject"
    REWORK = "rework"


@dataclass(frozen=True, slots=True)
class PlaceCommand:
    """The manager hands the accepted quote over for the credit decision."""

    actor: Actor


@dataclass(frozen=True, slots=True)
class CreditRequest:
    """Asks for the decision on an order's present revision; `occasion` makes a repeat of it the same decision."""

    order_id: str
    actor: Actor
    occasion: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class CreditOutcome:
    """What was decided, where the order stands now, and who may not approve it (D4-5).

    `messages` are keys of the effect ledger to deliver; `relieved` are other orders that credit set free (D2-13).
    """

    state: OrderState
    decision: CreditDecision
    revision: int
    barred: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    relieved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalCommand:
    """A person's answer to an approval request. `revision`: the one they looked at, if they say so (D4-6)."""

    actor: Actor
    verdict: Verdict
    comment: str
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """Asks to record an answer at a business instant."""

    order_id: str
    command: ApprovalCommand
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ApprovalOutcome:
    """What the answer led to. `refusal` is a refusal's code when the answer had no effect (D4-7…D4-9).

    `passed_on`: it goes on to the next tier (D4-1). `revised`: another revision is in force now, and the reserve is to
    be fitted to it (D6-6). `proposal`: the revision that still waits for an answer. `relieved`: orders that credit set
    free meanwhile (D2-13).
    """

    state: OrderState
    refusal: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    barred: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    passed_on: bool = False
    revised: bool = False
    proposal: Proposal | None = None
    relieved: tuple[str, ...] = ()
