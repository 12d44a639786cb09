"""Telling people about goods that change hands: who decides, whose goods they were, who gets them (D8-4).

Each message is planned about the order it concerns; the workflow of that order delivers it when it looks again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlmodel import Session

from activities.persistence import catalogue, orders
from activities.persistence.approvals import addressees, barred_from
from activities.persistence.context import OrderContext, assign, context_of, customer_email, notify, notify_manager
from activities.persistence.order_tables import OrderRow
from activities.persistence.outbound import plan_message
from activities.persistence.stock_tables import ReassignmentRow
from activities.persistence.tasks import open_task
from domain.approvals import Tier
from domain.orders import Actor, Role
from domain.tasks import TaskKind
from domain.wording import task_subject

Compose: TypeAlias = Callable[..., Any]
"""`activities.letters.compose`: a store does not know what a letter looks like."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with the order that gives and the one that gets."""

    row: ReassignmentRow
    giving: OrderRow
    getting: OrderRow


def ask_deciders(session: Session, asked: Asked, *, at: datetime) -> None:
    """Give the task and the notice to whoever may decide: the branch's heads, or the directors where no head may."""
    row, giving, getting = asked.row, asked.giving, asked.getting
    context = context_of(session, getting)
    on, region = context.today(at), context.customer.region
    barred = barred_from(session, row.requested_by, getting.manager_id, on=on)
    people = addressees(session, Tier.HEAD, region, barred=barred, on=on)
    people = people or addressees(session, Tier.DIRECTOR, region, barred=barred, on=on)
    facts = _facts(session, row, giving)
    words = context.words(**facts)
    for each in people:
        open_task(
            session,
            key=f"{_key(row)}:decide:{each.person.login}",
            kind=TaskKind.REASSIGNMENT,
            role=Role(each.person.role),
            assignee_id=each.person.id,
            subject=task_subject(TaskKind.REASSIGNMENT, **words),
            words=words,
            due_at=context.calendar.after_working_days(at, 1),
            created_at=at,
            customer_id=getting.customer_id,
            order_id=getting.id,
            details={"reassignment_id": str(row.id), "reason": row.reason},
        )
        asked_by = orders.user(session, row.requested_by).name
        notify(session, context, each.person, f"{_key(row)}:asked", "reassignment_asked", at=at, by=asked_by,
               reason=row.reason, **facts)  # fmt: skip


def tell_moved(
    session: Session,
    asked: Asked,
    actor: Actor,
    compose: Compose,
    *,
    at: datetime,
) -> None:
    """Whose goods were taken: the customer by letter, the manager by a task and a notice. Who got them: the manager."""
    row, giving, getting = asked.row, asked.giving, asked.getting
    context, key = context_of(session, giving), f"{_key(row)}:taken"
    facts = _facts(session, row, getting) | {"by": actor.name}
    notify_manager(session, context, key, "reserve_taken", at=at, **facts)
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, TaskKind.RESERVE_TAKEN, key, Role.MANAGER, due_at=due_at, at=at,
           details=_about(row), **facts)  # fmt: skip
    _write_to_customer(session, context, key, compose, facts, at=at)
    _tell_asking(session, asked, "reserve_given", actor, at=at, **_facts(session, row, giving))


def tell_rejected(session: Session, asked: Asked, actor: Actor, *, at: datetime) -> None:
    """The answer, to whoever asked and to the manager of the order."""
    facts = _facts(session, asked.row, asked.giving)
    _tell_asking(session, asked, "reassignment_rejected", actor, at=at, comment=asked.row.comment, **facts)


def _tell_asking(session: Session, asked: Asked, name: str, actor: Actor, *, at: datetime, **facts: Any) -> None:
    row, getting = asked.row, asked.getting
    context = context_of(session, getting)
    for person in dict.fromkeys([row.requested_by, getting.manager_id]):
        if person != UUID(actor.id):
            notify(session, context, orders.user(session, person), f"{_key(row)}:answer", name, at=at,
                   by=actor.name, **facts)  # fmt: skip


def _write_to_customer(
    session: Session, context: OrderContext, key: str, compose: Compose, facts: dict[str, Any], *, at: datetime
) -> None:
    """Neutral words: what is late, and that the order comes first; without an address the manager calls (D10-11)."""
    order, address = context.order, customer_email(session, context.order.customer_id)
    if address is None:
        due_at = context.calendar.after_working_days(at, 1)
        assign(session, context, TaskKind.NO_EMAIL_ORDER, key + ":no-email", Role.MANAGER, due_at=due_at, at=at)
        return
    letter = compose("delivery_moved", company=context.company.name, manager=orders.user(session, order.manager_id),
                     **context.words(**facts))  # fmt: skip
    plan_message(
        session,
        f"{key}:letter",
        audience="customer",
        template="delivery_moved",
        recipient=address,
        customer_id=order.customer_id,
        order_id=order.id,
        subject=letter.subject,
        body=letter.body,
        created_at=at,
    )


def _facts(session: Session, row: ReassignmentRow, other: OrderRow) -> dict[str, Any]:
    product = catalogue.product(session, row.sku)
    quantity = row.quantity if row.moved is None else row.moved
    return {"sku": row.sku, "product": product.name, "unit": product.unit, "quantity": quantity, "other": other.number}


def _about(row: ReassignmentRow) -> dict[str, str]:
    return {"reassignment_id": str(row.id)}


def _key(row: ReassignmentRow) -> str:
    return f"reassignment:{row.id}"
