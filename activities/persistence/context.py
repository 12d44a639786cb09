"""What a step on an order needs around it: customer, company, calendar, the policy it was decided under."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence import orders
from activities.persistence.calendars import load_calendar
from activities.persistence.outbound import plan_message
from activities.persistence.policies import policy_version
from activities.persistence.tables import ContactRow, CustomerRow, LegalEntityRow, OrderRow, UserRow
from domain.business_calendar import BusinessCalendar
from domain.money import percent_of
from domain.policy import Policy
from domain.wording.notices import Notice


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

    @property
    def required_prepayment(self) -> Decimal:
        """What must be in before the goods leave, of the whole order."""
        return percent_of(self.order.gross, self.order.prepayment_percent)

    @property
    def tolerance(self) -> Decimal:
        """A shortfall that still releases the order (D9-7)."""
        return self.policy.floor(self.required_prepayment, self.order.currency)

    @property
    def reservation_days(self) -> int:
        """The customer's own lifetime of reserves, or the policy's (D7-2)."""
        return self.customer.reservation_days or self.policy.reservation_days


def context_of(session: Session, order: OrderRow) -> OrderContext:
    """Load the surroundings of an order."""
    company = orders.legal_entity(session, order.legal_entity_id)
    return OrderContext(
        order=order,
        customer=orders.customer_of(session, order),
        company=company,
        calendar=load_calendar(session, company.country, company.timezone),
        policy=policy_version(session, order.policy_version),
    )


def notify(session: Session, person: UserRow, key: str, notice: Notice, *, order: OrderRow, at: datetime) -> str:
    """Plan a notice to a person of the company; returns its key."""
    return plan_message(
        session,
        f"{key}:{person.login}",
        audience="staff",
        template=notice.template,
        recipient=person.email,
        user_id=person.id,
        customer_id=order.customer_id,
        order_id=order.id,
        subject=notice.subject,
        body=notice.body,
        created_at=at,
    )


def notify_manager(session: Session, context: OrderContext, key: str, notice: Notice, *, at: datetime) -> str:
    """Plan a notice to the order's manager."""
    return notify(session, orders.user(session, context.order.manager_id), key, notice, order=context.order, at=at)


def notify_role(
    session: Session, context: OrderContext, role: str, key: str, notice: Notice, *, at: datetime
) -> list[str]:
    """Plan a notice to everybody of a role."""
    people = orders.people_of_role(session, role)
    return [notify(session, person, key, notice, order=context.order, at=at) for person in people]


def customer_email(session: Session, customer_id: UUID) -> str | None:
    """Where letters about orders go: the first contact with an address, buyers and accountants before others."""
    contacts = session.exec(
        select(ContactRow).where(ContactRow.customer_id == customer_id).order_by(col(ContactRow.id))
    ).all()
    ranked = sorted((c for c in contacts if c.email), key=lambda c: c.role not in {"buyer", "accountant"})
    return ranked[0].email if ranked else None
