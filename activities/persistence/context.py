"""What a step on an order needs around it: customer, company, calendar, the policy it was decided under."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence import orders
from activities.persistence.calendars import know_calendar, moved_days
from activities.persistence.order_tables import OrderRow
from activities.persistence.outbound import plan_message
from activities.persistence.party_tables import ContactRow, CustomerRow, LegalEntityRow, PolicyRow, UserRow
from activities.persistence.policies import know_policy, policy_version
from activities.persistence.tasks import open_task
from domain.business_calendar import BusinessCalendar
from domain.orders import Role
from domain.policy import Policy
from domain.wording import notice, task_subject


@dataclass(frozen=True, slots=True)
class OrderContext:
    """An order with everything its rules look at; rows stay bound to the session."""

    order: OrderRow
    customer: CustomerRow
    company: LegalEntityRow
    calendar: BusinessCalendar
    policy: Policy

    def today(self, as_of: datetime) -> date:
        """The business day of an instant."""
        return self.calendar.day_of(as_of)

    def tolerance(self, required: Decimal) -> Decimal:
        """A shortfall of a required prepayment that still releases the order (D9-7)."""
        return self.policy.floor(required, self.order.currency)

    def words(self, **facts: Any) -> dict[str, Any]:
        """The figures that texts about this order may show; instants on the company's clock."""
        shown = {
            name: self.calendar.local(value) if isinstance(value, datetime) else value for name, value in facts.items()
        }
        order = self.order
        return {
            "order": order.number,
            "customer": self.customer.name,
            "amount": order.gross,
            "currency": order.currency,
            "warehouse": order.warehouse,
            **shown,
        }

    def reservation_days(self, overlay: Mapping[str, Any]) -> int:
        """How long a reserve lasts: by the customer's contract (D5-6), by its card, or by the policy (D7-2)."""
        by_contract: int | None = overlay.get("reservation_days")
        return by_contract or self.customer.reservation_days or self.policy.reservation_days


def context_of(session: Session, order: OrderRow) -> OrderContext:
    """Load the surroundings of an order, all in one query."""
    query = (
        select(CustomerRow, LegalEntityRow, PolicyRow.body, moved_days(col(LegalEntityRow.country)))
        .select_from(OrderRow)
        .join(CustomerRow, col(CustomerRow.id) == OrderRow.customer_id)
        .join(LegalEntityRow, col(LegalEntityRow.id) == OrderRow.legal_entity_id)
        .join(PolicyRow, col(PolicyRow.version) == OrderRow.policy_version)
        .where(OrderRow.id == order.id)
    )
    customer, company, body, moved = session.exec(query).one()
    know_policy(session, order.policy_version, body)
    return OrderContext(
        order=order,
        customer=customer,
        company=company,
        calendar=know_calendar(session, company.country, company.timezone, moved),
        policy=policy_version(session, order.policy_version),
    )


def notify(
    session: Session, context: OrderContext, person: UserRow, key: str, name: str, *, at: datetime, **facts: Any
) -> str:
    """Plan the notice `name` to a person of the company; returns its key in the effect ledger."""
    words = notice(name, **context.words(**facts))
    return plan_message(
        session,
        f"{key}:{person.login}",
        audience="staff",
        template=name,
        recipient=person.email,
        user_id=person.id,
        customer_id=context.order.customer_id,
        order_id=context.order.id,
        subject=words.subject,
        body=words.lead,
        created_at=at,
    )


def notify_manager(session: Session, context: OrderContext, key: str, name: str, *, at: datetime, **facts: Any) -> str:
    """Plan a notice to the order's manager."""
    return notify(session, context, orders.user(session, context.order.manager_id), key, name, at=at, **facts)


def notify_role(
    session: Session, context: OrderContext, role: Role, key: str, name: str, *, at: datetime, **facts: Any
) -> list[str]:
    """Plan a notice to everybody of a role."""
    people = orders.people_of_role(session, role)
    return [notify(session, context, person, key, name, at=at, **facts) for person in people]


def assign(
    session: Session,
    context: OrderContext,
    kind: str,
    key: str,
    role: Role,
    *,
    due_at: datetime,
    at: datetime,
    details: dict[str, Any] | None = None,
    **facts: Any,
) -> UUID:
    """Open a task about the order: for its manager when `role` is manager, for anybody of the role otherwise."""
    order, words = context.order, context.words(**facts)
    return open_task(
        session,
        key=key,
        kind=kind,
        role=role,
        assignee_id=order.manager_id if role is Role.MANAGER else None,
        subject=task_subject(kind, **words),
        words=words,
        due_at=due_at,
        created_at=at,
        customer_id=order.customer_id,
        order_id=order.id,
        details=details,
    )


def customer_email(session: Session, customer_id: UUID) -> str | None:
    """Where letters about orders go: the first contact with an address, buyers and accountants before others."""
    contacts = session.exec(
        select(ContactRow).where(ContactRow.customer_id == customer_id).order_by(col(ContactRow.id))
    ).all()
    ranked = sorted((c for c in contacts if c.email), key=lambda c: c.role not in {"buyer", "accountant"})
    return ranked[0].email if ranked else None
