"""Asking the customer what to do about goods that are short: the question, its letter, the manager's task (D7-12)."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlmodel import Session

from activities.letters import compose
from activities.persistence import orders, shortages
from activities.persistence.context import OrderContext, assign, customer_email
from activities.persistence.events import record_event
from activities.persistence.outbound import plan_message
from activities.persistence.stock_tables import ShortageRow
from domain.orders import SYSTEM, OpenShortage, Role
from domain.reservation_terms import expiry
from domain.shortages import Choice, ShortageState, choices, is_to_be_asked
from domain.tasks import TaskKind


class Question(NamedTuple):
    """What the customer has to choose about now, if anything, and the letter that asks."""

    shortage: OpenShortage | None = None
    messages: tuple[str, ...] = ()


def ask_customer(session: Session, context: OrderContext, number: int, *, at: datetime, anew: bool = False) -> Question:
    """Ask what is to become of an order that a step left short, unless that was asked before (D7-12).

    Args:
        number: that of the step.
        anew: ask whatever was asked before: the order stands in the queue for the first time, or again.
    """
    order_id = context.order.id
    missing, reserved = shortages.short_and_held(session, order_id)
    if not missing:
        return Question()
    last = shortages.newest(session, order_id)
    if last is not None and not anew and not is_to_be_asked(missing, shortages.as_asked(last)):
        return Question(shortages.open_shortage(session, order_id))
    if last is not None and last.state == ShortageState.OPEN:
        shortages.void(session, order_id, at=at)
    row = ShortageRow(
        order_id=order_id,
        round=number,
        state=ShortageState.OPEN,
        asked_at=at,
        until=expiry(at, context.policy.choice_days, context.calendar),
        lines=shortages.short_lines(session, context, missing, reserved, at=at),
    )
    session.add(row)
    session.flush()
    told = [{name: line[name] for name in ("sku", "missing", "reserved")} for line in row.lines]
    record_event(session, "order", order_id, "shortage_asked", SYSTEM, at=at, until=row.until.isoformat(), lines=told)
    return Question(OpenShortage(row.round, row.until), _tell(session, context, row, at=at))


def _tell(session: Session, context: OrderContext, row: ShortageRow, *, at: datetime) -> tuple[str, ...]:
    """A letter to the customer and a task to the manager; without an address the task says so (D10-11)."""
    order, address = context.order, customer_email(session, context.order.customer_id)
    key = f"order:{order.id}:shortage:{row.round}"
    told = {} if address else {"no_email": 1}
    assign(session, context, TaskKind.SHORTAGE_CHOICE, key, Role.MANAGER, due_at=row.until, at=at,
           details={"order_id": str(order.id), "round": row.round, "lines": row.lines}, until=row.until,
           **told)  # fmt: skip
    if address is None:
        return ()
    text = compose(
        "shortage_choice", company=context.company.name, manager=orders.user(session, order.manager_id),
        **context.words(until=row.until), lines=row.lines, **_offered(session, context, row, at=at),
    )  # fmt: skip
    return (
        plan_message(
            session,
            key,
            audience="customer",
            template="shortage_choice",
            recipient=address,
            customer_id=order.customer_id,
            order_id=order.id,
            subject=text.subject,
            body=text.body,
            created_at=at,
        ),
    )


def _offered(session: Session, context: OrderContext, row: ShortageRow, *, at: datetime) -> dict[str, Any]:
    """What the letter offers: a part where there is one, substitutes that are there."""
    may_change = shortages.may_change(session, context.order)
    instead = [
        {**each, "instead_of": line["name"]}
        for line in row.lines
        for each in line["alternatives"]
        if may_change and Decimal(each["free"]) > 0
    ]
    part = may_change and any(shortages.part_there(session, context.order, at=at).values())
    return {"choices": choices(part=part, alternative=bool(instead)), "instead": instead, "Choice": Choice}
