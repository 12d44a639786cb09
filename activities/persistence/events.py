"""The journal: append-only history of who did what, when, and on what figures."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence.record_tables import JournalRow
from domain.orders import Actor


def record_event(
    session: Session,
    subject: str,
    subject_id: UUID | str,
    event: str,
    actor: Actor,
    *,
    at: datetime,
    policy_version: int | None = None,
    **data: Any,
) -> None:
    """Append one event; `data` must be JSON-ready (money as strings).

    An actor who came by id alone gets the name from the database, in the same insert.
    """
    session.add(
        JournalRow(
            at=at,
            actor_id=UUID(actor.id),
            actor_name=actor.name,
            actor_role=actor.role,
            subject=subject,
            subject_id=str(subject_id),
            event=event,
            data=data,
            policy_version=policy_version,
        )
    )


def events_of(session: Session, subject: str, subject_id: UUID | str) -> list[JournalRow]:
    """The history of one object, oldest first."""
    query = (
        select(JournalRow)
        .where(JournalRow.subject == subject, JournalRow.subject_id == str(subject_id))
        .order_by(col(JournalRow.id))
    )
    return list(session.exec(query))
