"""Days away and who answers then (D4-4)."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence.credit_tables import AbsenceRow
from activities.persistence.orders import user
from domain.absences import Absence


def absences_from(session: Session, day: date) -> Sequence[Absence]:
    """Everybody's absences that last on that day or begin later."""
    query = (
        select(AbsenceRow)
        .where(col(AbsenceRow.cancelled_at).is_(None), AbsenceRow.to_on >= day)
        .order_by(col(AbsenceRow.from_on), col(AbsenceRow.created_at))
    )
    return [Absence(str(row.user_id), str(row.deputy_id), row.from_on, row.to_on) for row in session.exec(query)]


def deputies_of(session: Session, people: Sequence[UUID], day: date) -> set[str]:
    """Everybody who answers for one of these people on a day, by standing order or by an absence."""
    standing = {str(user(session, person).deputy_id) for person in people if user(session, person).deputy_id}
    names = {str(person) for person in people}
    return standing | {each.deputy for each in absences_from(session, day) if each.person in names and each.covers(day)}
