"""Orders that wait for credit, decided again when exposure falls (D2-13, D2-14)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from domain.credit import CreditDecision, CreditFacts, OrderAsk, Outcome, decide_credit
from domain.credit_release import OVER_CEILING, OVERDUE
from domain.money import ZERO
from domain.policy import Policy, StopRelease


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """An order that waits for an approval, or is `stopped` for these `reasons`."""

    order_id: str
    ask: OrderAsk
    policy: Policy
    stopped: bool
    reasons: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Reconsidered:
    """An order that moves on, with the figures it moves on by."""

    order_id: str
    facts: CreditFacts
    decision: CreditDecision


def reconsider(account: CreditFacts, waiting: Sequence[WaitingOrder]) -> list[Reconsidered]:
    """Which waiting orders the account's figures set free, or let ask for approval instead of a stop (D2-13).

    Args:
        account: the figures without any of the waiting orders; all of them are in `pending`.
        waiting: in the order in which they are served: class, then time of request.

    An order set free counts in the commitments that the next one meets. One that waits for approval goes on waiting
    unless it is set free: its request is not withdrawn for worse figures (they are met at the answer, D4-7).
    """
    room, moved = account, []
    for order in waiting:
        facts = replace(room.asked(order.ask), pending=max(ZERO, room.pending - order.ask.credit))
        decision = decide_credit(facts, order.policy)
        if kept_until_paid(order, facts):
            continue
        if decision.outcome is Outcome.AUTO:
            room = replace(
                room,
                commitments=room.commitments + order.ask.credit,
                pending=max(ZERO, room.pending - order.ask.credit),
            )
        elif not (order.stopped and decision.outcome is Outcome.APPROVAL):
            continue
        moved.append(Reconsidered(order.order_id, facts, decision))
    return moved


def kept_until_paid(order: WaitingOrder, facts: CreditFacts) -> bool:
    """D2-14: under `debt_zero` what stopped an order for debt holds it until nothing is owed."""
    for_debt = order.stopped and bool(set(order.reasons) & (OVERDUE | OVER_CEILING))
    prepaid = order.ask.credit == 0
    return order.policy.stop_release is StopRelease.DEBT_ZERO and for_debt and not prepaid and facts.debt > 0


def codes_of(reasons: Iterable[dict[str, object]]) -> tuple[str, ...]:
    """The codes of stored reasons."""
    return tuple(str(reason["code"]) for reason in reasons)
