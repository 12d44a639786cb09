"""Days away and who answers then (D4-4)."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_, text, tuple_
from sqlmodel import Session, col, select

from activities.persistence.credit_tables import AbsenceRow
from activities.persistence.events import record_event
from activities.persistence.identifiers import UUID_PATTERN
from activities.persistence.orders import user
from activities.persistence.party_tables import UserRow
from domain.absences import Absence, check_absence
from domain.errors import AbsenceNotFoundError, DeputyCycleError, InvalidInputError, UserNotFoundError
from domain.orders import Actor, Role

_BY_BEGINNING = (col(AbsenceRow.from_on), col(AbsenceRow.created_at), col(AbsenceRow.id))


def absences_from(session: Session, day: date) -> Sequence[Absence]:
    """Everybody's absences that last on that day or begin later."""
    query = (
        select(AbsenceRow)
        .where(col(AbsenceRow.cancelled_at).is_(None), AbsenceRow.to_on >= day)
        .order_by(*_BY_BEGINNING)
    )
    return [Absence(str(row.user_id), str(row.deputy_id), row.from_on, row.to_on) for row in session.exec(query)]


def deputies_of(session: Session, people: Sequence[UUID], day: date) -> set[str]:
    """Everybody who answers for one of these people on a day, by standing order or by an absence."""
    standing = {str(user(session, person).deputy_id) for person in people if user(session, person).deputy_id}
    names = {str(person) for person in people}
    return standing | {each.deputy for each in absences_from(session, day) if each.person in names and each.covers(day)}


def find_user(session: Session, name: str, *, field: str) -> UserRow:
    """A person of the company by login or id.

    Raises:
        UserNotFoundError
    """
    named = col(UserRow.login) == name
    if UUID_PATTERN.fullmatch(name):
        named = or_(named, col(UserRow.id) == UUID(name))
    person = session.exec(select(UserRow).where(named)).first()
    if person is None:
        raise UserNotFoundError(field=field, user=name)
    return person


def add_absence(
    session: Session,
    person: UserRow,
    deputy: UserRow,
    window: tuple[date, date],
    actor: Actor,
    *,
    reason: str | None,
    today: date,
    at: datetime,
) -> AbsenceRow:
    """Store days away; one at a time, so that no two of them close a circle together.

    Raises:
        DeputyCycleError, DeputyChainTooLongError, InvalidInputError
    """
    from_on, to_on = window
    if to_on < today:
        raise InvalidInputError(field="to", reason="past")
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('opora.absences', 0))"))
    check_absence(Absence(str(person.id), str(deputy.id), from_on, to_on), absences_from(session, from_on))
    row = AbsenceRow(
        user_id=person.id,
        deputy_id=deputy.id,
        from_on=from_on,
        to_on=to_on,
        reason=reason,
        created_by=UUID(actor.id),
        created_at=at,
    )
    session.add(row)
    session.flush()
    record_event(session, "absence", row.id, "absence_added", actor, at=at, person=person.name, deputy=deputy.name,
                 from_on=from_on.isoformat(), to_on=to_on.isoformat(), reason=reason)  # fmt: skip
    return row


def list_absences(
    session: Session, *, on: date | None, today: date, after: tuple[date, UUID] | None, limit: int
) -> list[AbsenceRow]:
    """Absences that last on a day; without one, those that are not over yet."""
    day = on or today
    query = select(AbsenceRow).where(col(AbsenceRow.cancelled_at).is_(None), AbsenceRow.to_on >= day)
    if on is not None:
        query = query.where(AbsenceRow.from_on <= on)
    if after is not None:
        query = query.where(tuple_(col(AbsenceRow.from_on), col(AbsenceRow.id)) > after)
    return list(session.exec(query.order_by(col(AbsenceRow.from_on), col(AbsenceRow.id)).limit(limit)))


def get_absence(session: Session, absence_id: UUID) -> AbsenceRow:
    """Days away, held until commit.

    Raises:
        AbsenceNotFoundError
    """
    row = session.get(AbsenceRow, absence_id, with_for_update=True)
    if row is None:
        raise AbsenceNotFoundError
    return row


def cancel_absence(session: Session, row: AbsenceRow, actor: Actor, *, at: datetime) -> None:
    """The person answers for themselves again; a repeat changes nothing."""
    if row.cancelled_at is not None:
        return
    row.cancelled_at = at
    record_event(session, "absence", row.id, "absence_cancelled", actor, at=at)


def change_user(
    session: Session,
    person: UserRow,
    actor: Actor,
    *,
    deputy: UserRow | None,
    region: str | None,
    named: frozenset[str],
    at: datetime,
) -> None:
    """The standing deputy of a person (D4-3), and the branch of a head (D4-1). `named`: which of the two to change.

    Raises:
        DeputyCycleError: nobody is their own deputy.
        InvalidInputError: only a head has a branch.
    """
    if "deputy" in named:
        if deputy is not None and deputy.id == person.id:
            raise DeputyCycleError(field="deputy", chain="1")
        person.deputy_id = None if deputy is None else deputy.id
    if "region" in named:
        if region is not None and person.role != Role.HEAD:
            raise InvalidInputError(field="region", reason="role")
        person.region = region
    session.flush()
    record_event(session, "user", person.id, "user_changed", actor, at=at, changed=sorted(named),
                 deputy=deputy.login if deputy else None, region=person.region)  # fmt: skip
