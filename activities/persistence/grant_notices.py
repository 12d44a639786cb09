"""Telling people about changes of credit: who decides, who asked, whose customer it is (D5-1, D5-2)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence.approvals import addressees
from activities.persistence.calendars import company_calendar
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.grants import load_grants
from activities.persistence.orders import people_of_role, user
from activities.persistence.outbound import plan_message
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, UserRow
from activities.persistence.record_tables import OutboundRow
from activities.persistence.tasks import open_task
from domain.approvals import Tier
from domain.limits import effective_limit
from domain.orders import Role
from domain.tasks import TaskKind
from domain.wording import notice, task_subject

WORDED_BY_KIND = frozenset({"limit_asked", "limit_granted", "limit_ends"})


def grant_key(row: CreditGrantRow) -> str:
    return f"grant:{row.id}"


def ask_deciders(session: Session, row: CreditGrantRow, customer: CustomerRow, *, at: datetime) -> None:
    """Give the task and the notice to whoever may decide: the branch's heads, or the directors where no head may."""
    calendar = company_calendar(session)
    barred = {str(person) for person in (row.requested_by, customer.manager_id) if person}
    on = calendar.day_of(at)
    people = addressees(session, Tier.HEAD, customer.region, barred=barred, on=on)
    people = people or addressees(session, Tier.DIRECTOR, customer.region, barred=barred, on=on)
    words: dict[str, Any] = {
        "grant": row.kind,
        "customer": customer.name,
        "amount": row.amount,
        "currency": customer.currency,
    }
    for each in people:
        open_task(
            session,
            key=f"{grant_key(row)}:decide:{each.person.login}",
            kind=TaskKind.LIMIT_CHANGE,
            role=Role(each.person.role),
            assignee_id=each.person.id,
            subject=task_subject(TaskKind.LIMIT_CHANGE, **words),
            words=words,
            due_at=calendar.after_working_days(at, 1),
            created_at=at,
            customer_id=customer.id,
            details={"grant_id": str(row.id), "reason": row.reason},
        )
    requester = session.get_one(UserRow, row.requested_by).name
    told = (each.person for each in people)
    tell(session, row, customer, "limit_asked", told, at=at, person=requester, reason=row.reason)


def tell_decided(session: Session, row: CreditGrantRow, customer: CustomerRow, *, granted: bool, at: datetime) -> None:
    """The answer, to whoever asked and to the customer's manager."""
    name = "limit_granted" if granted else "limit_rejected"
    _tell_concerned(session, row, customer, name, decider=row.decided_by, at=at, comment=row.comment)


def tell_revoked(
    session: Session, row: CreditGrantRow, customer: CustomerRow, person: UUID, *, reason: str, at: datetime
) -> None:
    _tell_concerned(session, row, customer, "limit_revoked", decider=person, at=at, comment=reason)


def tell_end(
    session: Session, row: CreditGrantRow, customer: CustomerRow, account: CreditAccountRow, *, at: datetime
) -> None:
    """The manager hears of the end a working day before it, and what holds afterwards (D5-2)."""
    assert row.valid_to is not None
    grants = [each.grant for each in load_grants(session, account.id)]
    after = effective_limit(account.base_limit, grants, row.valid_to + timedelta(days=1))
    manager = customer.manager_id or row.requested_by
    people = [user(session, manager)] if manager else people_of_role(session, Role.HEAD)
    tell(session, row, customer, "limit_ends", people, at=at, after=after.amount)


def _tell_concerned(
    session: Session,
    row: CreditGrantRow,
    customer: CustomerRow,
    name: str,
    *,
    decider: UUID | None,
    at: datetime,
    comment: str | None,
) -> None:
    concerned = dict.fromkeys(
        person for person in (row.requested_by, customer.manager_id) if person is not None and person != decider
    )
    people = [user(session, person) for person in concerned]
    by = user(session, decider).name if decider else None
    tell(session, row, customer, name, people, at=at, person=by, comment=comment)


def tell(
    session: Session,
    row: CreditGrantRow,
    customer: CustomerRow,
    name: str,
    people: Iterable[UserRow],
    *,
    at: datetime,
    **facts: Any,
) -> None:
    """Plan the notice `name`, worded for the kind of the change; its process delivers it."""
    words = notice(
        f"{name}_{row.kind}" if name in WORDED_BY_KIND else name,
        customer=customer.name,
        amount=row.amount,
        currency=customer.currency,
        since=row.valid_from,
        until=row.valid_to,
        **facts,
    )
    for person in people:
        plan_message(
            session,
            f"{grant_key(row)}:{name}:{person.login}",
            audience="staff",
            template=name,
            recipient=person.email,
            user_id=person.id,
            customer_id=customer.id,
            subject=words.subject,
            body=words.lead,
            created_at=at,
        )


def planned_notices(session: Session, row: CreditGrantRow) -> tuple[str, ...]:
    """Keys of the effect ledger about a change that nobody has begun to send."""
    query = select(OutboundRow.key).where(
        col(OutboundRow.key).startswith(f"{grant_key(row)}:"), OutboundRow.state == "planned"
    )
    return tuple(session.exec(query.order_by(col(OutboundRow.created_at), col(OutboundRow.key))))
