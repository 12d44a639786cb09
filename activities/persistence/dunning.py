"""The store of dunning: a schedule line with everything its rules look at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select as select_many
from sqlmodel import Session, col, select

from activities.persistence.calendars import COUNTRIES, know_calendar, moved_days
from activities.persistence.credit import find_locked
from activities.persistence.credit_tables import DisputeRow
from activities.persistence.events import record_event
from activities.persistence.money_tables import DunningStepRow, InvoiceRow, ScheduleLineRow
from activities.persistence.party_tables import ContactRow, CustomerRow, LegalEntityRow, PolicyRow, UserRow
from activities.persistence.policies import know_policy, policy_version
from activities.persistence.record_tables import OutboundRow
from domain.business_calendar import BusinessCalendar
from domain.disputes import disputed_part
from domain.dunning import Stage, Step, days_overdue, is_chased, next_step
from domain.money_errors import InvoiceNotFoundError
from domain.orders import SYSTEM, OnExpiry, Role, Wait, WaitReason
from domain.policy import Policy

CLOCKS = {"RU": "Europe/Moscow", "KZ": "Asia/Almaty"}
"""Where customers of the other country than the company's are taken to be."""
LETTER_STAGES = (Stage.LETTER, Stage.CALL, Stage.HEAD, Stage.LEGAL)


@dataclass(frozen=True, slots=True)
class DunningContext:
    """A schedule line and its surroundings; rows stay bound to the session. `dispute`: the one nobody closed."""

    line: ScheduleLineRow
    invoice: InvoiceRow
    customer: CustomerRow
    company: LegalEntityRow
    manager: UserRow | None
    calendar: BusinessCalendar
    client_calendar: BusinessCalendar
    policy: Policy
    dispute: DisputeRow | None = None

    def today(self, as_of: datetime) -> date:
        """The business day of an instant, never before the day the line was last acted on."""
        today = self.calendar.day_of(as_of)
        return max(today, self.line.observed_on or today)

    def days(self, as_of: datetime) -> int:
        """`n` on the business day of an instant."""
        return days_overdue(self.line.due_date, self.today(as_of))

    def undisputed(self, as_of: datetime) -> Decimal:
        """What the customer owes and does not contest: the residue that is chased (D11-1)."""
        residual, dispute = self.line.residual, self.dispute
        if dispute is None:
            return residual
        return residual - disputed_part(dispute.amount, dispute.ends_on, residual, today=self.today(as_of))

    def is_chased(self, as_of: datetime) -> bool:
        """Whether the undisputed residue is worth escalating (D1-11, D11-1)."""
        return is_chased(self.undisputed(as_of), self.line.amount, self.invoice.currency, self.policy)

    def rests(self, as_of: datetime) -> bool:
        """A dispute alone keeps the line from being chased (D11-1)."""
        whole = is_chased(self.line.residual, self.line.amount, self.invoice.currency, self.policy)
        return whole and not self.is_chased(as_of)

    def words(self, as_of: datetime, **facts: Any) -> dict[str, Any]:
        """The figures that texts about this line may show."""
        return {
            "invoice": self.invoice.number,
            "customer": self.customer.name,
            "amount": self.undisputed(as_of),
            "total": self.line.amount,
            "currency": self.invoice.currency,
            "days": self.days(as_of),
            "due": self.line.due_date,
            "issued": self.invoice.issued_on,
            **facts,
        }


def context_of(session: Session, line: ScheduleLineRow) -> DunningContext:
    """Load the surroundings of a schedule line, all in one query."""
    running = (col(DisputeRow.schedule_line_id) == line.id) & col(DisputeRow.closed_at).is_(None)
    query = (
        select_many(
            InvoiceRow,
            CustomerRow,
            LegalEntityRow,
            UserRow,
            DisputeRow,
            col(PolicyRow.body),
            moved_days(col(LegalEntityRow.country)),
            moved_days(col(CustomerRow.country)),
        )
        .select_from(InvoiceRow)
        .join(CustomerRow, col(CustomerRow.id) == InvoiceRow.customer_id)
        .join(LegalEntityRow, col(LegalEntityRow.id) == InvoiceRow.legal_entity_id)
        .join(PolicyRow, col(PolicyRow.version) == line.policy_version)
        .join(UserRow, col(UserRow.id) == CustomerRow.manager_id, isouter=True)
        .join(DisputeRow, running, isouter=True)
        .where(col(InvoiceRow.id) == line.invoice_id)
    )
    invoice, customer, company, manager, dispute, body, moved, moved_there = session.execute(query).one()
    know_policy(session, line.policy_version, body)
    calendar = client = know_calendar(session, company.country, company.timezone, moved)
    if customer.country != company.country and customer.country in COUNTRIES:
        client = know_calendar(session, customer.country, CLOCKS[customer.country], moved_there)
    return DunningContext(
        line=line,
        invoice=invoice,
        customer=customer,
        company=company,
        manager=manager,
        calendar=calendar,
        client_calendar=client,
        policy=policy_version(session, line.policy_version),
        dispute=dispute,
    )


def lock_line(session: Session, schedule_line_id: UUID | str) -> DunningContext:
    """A schedule line held until commit, behind its credit account: whoever moves its residue waits (D10-2, D3-6).

    Raises:
        InvoiceNotFoundError: there is no such line.
    """
    identity = UUID(str(schedule_line_id))
    account = (
        select(InvoiceRow.credit_account_id)
        .join(ScheduleLineRow, col(ScheduleLineRow.invoice_id) == InvoiceRow.id)
        .where(ScheduleLineRow.id == identity)
    )
    if find_locked(session, account.scalar_subquery()) is None:
        raise InvoiceNotFoundError
    line = session.get_one(ScheduleLineRow, identity, with_for_update=True, populate_existing=True)
    return context_of(session, line)


def steps_of(session: Session, line: ScheduleLineRow) -> dict[Stage, DunningStepRow]:
    """The rungs acted on or passed over; none before the first stage."""
    if line.stage is None:
        return {}
    rows = session.exec(select(DunningStepRow).where(DunningStepRow.schedule_line_id == line.id))
    return {Stage(row.stage): row for row in rows}


def first_letter_on(steps: dict[Stage, DunningStepRow], calendar: BusinessCalendar) -> date | None:
    """The day of the first letter, or of the task that stood in for it (D10-5, D10-11)."""
    days = [calendar.day_of(row.at) for stage, row in steps.items() if stage in LETTER_STAGES and row.state == "done"]
    return min(days, default=None)


def next_step_of(session: Session, context: DunningContext, now: datetime) -> Step | None:
    """The next step by the facts; none for a residue nobody chases (D1-11) or that is disputed whole (D11-1)."""
    line = context.line
    if not context.is_chased(now):
        return None
    steps = steps_of(session, line)
    letter_on = first_letter_on(steps, context.calendar)
    return next_step(line.due_date, steps, now, context.calendar, context.policy, first_letter_on=letter_on)


def wait_of(context: DunningContext, step: Step | None, now: datetime) -> Wait:
    """What the line waits for: its due date, money that is late, or the end of a dispute about all of it (D11-1)."""
    if context.dispute is not None and context.rests(now):
        return Wait(
            WaitReason.DISPUTE,
            since=context.dispute.opened_at,
            until=context.calendar.at(context.dispute.ends_on + timedelta(days=1), 0),
            who=Role.MANAGER,
            on_expiry=OnExpiry.ESCALATE,
        )
    overdue = context.days(now) > 0
    first_day = context.line.due_date + timedelta(days=1) if overdue else context.invoice.issued_on
    return Wait(
        WaitReason.OVERDUE if overdue else WaitReason.DUE_DATE,
        since=context.calendar.at(first_day, 0),
        until=step.at if step else None,
        who="customer",
        on_expiry=OnExpiry.ESCALATE if step else OnExpiry.NOTHING,
    )


def record_step(session: Session, context: DunningContext, stage: Stage, state: str, *, at: datetime) -> None:
    """Write one rung, done or skipped, with the figures it saw."""
    line, n = context.line, context.days(at)
    session.add(
        DunningStepRow(
            schedule_line_id=line.id, stage=stage, state=state, days_overdue=n, residual=line.residual, at=at
        )
    )
    record_event(
        session, "invoice", context.invoice.id, f"dunning_{state}", SYSTEM, at=at,
        policy_version=line.policy_version, schedule_line_id=str(line.id), stage=stage.value,
        days_overdue=n, residual=str(line.residual), currency=context.invoice.currency,
    )  # fmt: skip


def planned_messages(session: Session, line_id: UUID) -> dict[str, tuple[str, ...]]:
    """Keys of what is still to be sent about a line, by its audience: `customer`, `staff`."""
    query = (
        select(OutboundRow.audience, OutboundRow.key)
        .where(OutboundRow.schedule_line_id == line_id, OutboundRow.state == "planned")
        .order_by(col(OutboundRow.created_at), col(OutboundRow.key))
    )
    planned = session.exec(query).all()
    return {audience: tuple(key for whom, key in planned if whom == audience) for audience in ("customer", "staff")}


@dataclass(frozen=True, slots=True)
class Debt:
    """An overdue instalment as a letter lists it; `residual` without what is disputed."""

    line_id: UUID
    number: str
    issued: date
    due: date
    residual: Decimal
    days: int
    currency: str


def other_debts(session: Session, context: DunningContext, as_of: datetime) -> list[Debt]:
    """What the customer owes this company late besides this line, oldest first (D10-4)."""
    running = (col(DisputeRow.schedule_line_id) == ScheduleLineRow.id) & col(DisputeRow.closed_at).is_(None)
    query = (
        select(ScheduleLineRow, InvoiceRow, DisputeRow)
        .join(InvoiceRow, col(InvoiceRow.id) == ScheduleLineRow.invoice_id)
        .join(DisputeRow, running, isouter=True)
        .where(InvoiceRow.customer_id == context.customer.id, InvoiceRow.legal_entity_id == context.company.id)
        .where(ScheduleLineRow.residual > 0, ScheduleLineRow.id != context.line.id)
        .order_by(col(ScheduleLineRow.due_date), col(ScheduleLineRow.id))
    )
    others = [
        replace(context, line=line, invoice=invoice, dispute=dispute) for line, invoice, dispute in session.exec(query)
    ]
    return [
        Debt(
            line_id=other.line.id,
            number=other.invoice.number,
            issued=other.invoice.issued_on,
            due=other.line.due_date,
            residual=other.undisputed(as_of),
            days=other.days(as_of),
            currency=other.invoice.currency,
        )
        for other in others
        if other.days(as_of) > 0 and other.is_chased(as_of)
    ]


def debtor_email(session: Session, customer_id: UUID) -> str | None:
    """Where letters about debts go: the accountant's address before others."""
    contacts: Sequence[ContactRow] = session.exec(
        select(ContactRow).where(ContactRow.customer_id == customer_id).order_by(col(ContactRow.id))
    ).all()
    ranked = sorted((c for c in contacts if c.email), key=lambda c: c.role not in {"accountant", "бухгалтер"})
    return ranked[0].email if ranked else None
