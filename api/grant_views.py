"""What the API says of a change of credit, and the process that watches it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlmodel import Session, col, select

from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.limit_changes import SUBJECT
from activities.persistence.party_tables import CustomerRow, UserRow
from activities.persistence.record_tables import JournalRow
from api.i18n import Language, speech
from api.schemas import MoneyOut, Out, Page
from domain.grant_life import stage_of
from domain.wording import grant_reason, grant_title


class ByOut(Out):
    id: UUID
    name: str


class LimitChangeOut(Out):
    """A change of credit: who asked, who decided, when, from and to what."""

    id: UUID
    customer_id: UUID
    customer_name: str
    kind: str = Field(examples=["temporary"])
    state: str = Field(
        examples=["in_force"],
        description="requested, scheduled, in_force, ended, rejected, revoked.",
    )
    title: str
    amount: MoneyOut | None
    previous: MoneyOut | None = Field(description="Лимит до изменения. / The limit before the change.")
    changes: dict[str, Any] | None = Field(description="Особые условия. / What a contract changes in the policy.")
    valid_from: date
    valid_to: date | None
    reason: str
    requested_by: ByOut | None
    requested_at: datetime
    decided_by: ByOut | None
    decided_at: datetime | None
    comment: str | None
    ended_at: datetime | None
    revoked_by: str | None
    revoke_reason: str | None


class LimitChangeList(Page):
    items: list[LimitChangeOut]


def change_out(session: Session, row: CreditGrantRow, language: Language, *, today: date) -> LimitChangeOut:
    return changes_out(session, [row], language, today=today)[0]


def changes_out(
    session: Session, rows: Sequence[CreditGrantRow], language: Language, *, today: date
) -> list[LimitChangeOut]:
    """Rows as people read them; a bounded number of queries."""
    people = _people(session, rows)
    revocations = _revocations(session, rows)
    customers = _customers(session, {row.customer_id for row in rows})
    spoken = speech(language)
    found = []
    for row in rows:
        customer, (revoked_by, why) = customers[row.customer_id], revocations.get(str(row.id), (None, None))
        state = stage_of(row.state, row.valid_from, row.valid_to, today=today)
        found.append(
            LimitChangeOut(
                id=row.id,
                customer_id=row.customer_id,
                customer_name=customer.name,
                kind=row.kind,
                state=state,
                title=grant_title(row.kind, state, spoken),
                amount=None if row.amount is None else MoneyOut.of(row.amount, customer.currency),
                previous=None if row.previous is None else MoneyOut.of(row.previous, customer.currency),
                changes=row.body,
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                reason=grant_reason(row.reason, spoken),
                requested_by=people.get(row.requested_by),
                requested_at=row.requested_at,
                decided_by=people.get(row.decided_by),
                decided_at=row.decided_at,
                comment=row.comment,
                ended_at=row.ended_at,
                revoked_by=revoked_by,
                revoke_reason=why,
            )
        )
    return found


def _people(session: Session, rows: Iterable[CreditGrantRow]) -> dict[UUID | None, ByOut]:
    ids = {person for row in rows for person in (row.requested_by, row.decided_by) if person}
    query = select(UserRow).where(col(UserRow.id).in_(ids))
    return {user.id: ByOut(id=user.id, name=user.name) for user in session.exec(query)}


def _customers(session: Session, ids: Iterable[UUID]) -> dict[UUID, CustomerRow]:
    return {row.id: row for row in session.exec(select(CustomerRow).where(col(CustomerRow.id).in_(ids)))}


def _revocations(session: Session, rows: Iterable[CreditGrantRow]) -> dict[str, tuple[str, str | None]]:
    """Who revoked and why, by change."""
    ids = [str(row.id) for row in rows if row.state == "revoked"]
    query = select(JournalRow).where(
        JournalRow.subject == SUBJECT, JournalRow.event == "grant_revoked", col(JournalRow.subject_id).in_(ids)
    )
    return {event.subject_id: (event.actor_name, event.data.get("reason")) for event in session.exec(query)}
