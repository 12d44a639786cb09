"""The journal: who did what, when, on which figures, under which policy version."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlmodel import Session, select

from activities.persistence.calendars import load_calendar
from activities.persistence.journal import Basis, JournalFilter, Named, bases_of, find_events, names_of
from activities.persistence.orders import legal_entity
from activities.persistence.party_tables import UserRow
from activities.persistence.record_tables import JournalRow
from api.auth import require
from api.deps import Db, Language
from api.i18n import speech
from api.openapi import problems
from api.order_views import basis_view
from api.paging import After, Limit, cursor, invalid, read_number
from api.schemas import Out, Page
from domain.business_calendar import BusinessCalendar
from domain.orders import SYSTEM, Role
from domain.wording import Speech, event_text
from domain.wording.history import author_text, subject_text

router = APIRouter(prefix="/api/v1/journal", tags=["journal"])

Reader = Depends(require(Role.HEAD, Role.DIRECTOR, Role.ACCOUNTANT, Role.LAWYER, Role.ADMIN))
Word = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")]
_RESERVED = {"speech", "subject", "event"}


class AuthorOut(Out):
    id: UUID
    name: str
    role: str
    text: str


class EntryOut(Out):
    """One event. `decision`: for an answer to an approval request, the credit decision that it rests on."""

    id: int
    at: datetime
    actor: AuthorOut
    event: str
    subject: str
    subject_id: str
    subject_text: str
    text: str
    policy_version: int | None
    decision: dict[str, Any] | None
    data: dict[str, Any]


class EntryList(Page):
    items: list[EntryOut]


@router.get("", summary="Журнал / The journal", responses=problems(403), dependencies=[Reader])
def list_journal(
    db: Db,
    language: Language,
    subject: Annotated[Word, Query(description="order, policy, … или order:ID. / A kind, or kind:ID.")] = None,
    actor: Annotated[Word, Query(description="Логин или id; «opora» — сама система. / Login or id.")] = None,
    event: Annotated[Word, Query(description="Например, approved. / Such as approved.")] = None,
    since: Annotated[date | None, Query(alias="from", description="Первый день. / The first day.")] = None,
    until: Annotated[date | None, Query(alias="to", description="Последний день. / The last day.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> EntryList:  # fmt: skip
    """Новые первыми: кто что решил, на каких цифрах и по какой версии политики. / Newest first."""
    company = legal_entity(db)
    calendar = load_calendar(db, company.country, company.timezone)
    kind, _, subject_id = (subject or "").partition(":")
    wanted = JournalFilter(
        subject=kind or None,
        subject_id=subject_id or None,
        actor_id=_actor(db, actor) if actor else None,
        event=event or None,
        since=_instant(calendar, since, "from"),
        until=_instant(calendar, until, "to", days=1),
    )
    rows = find_events(db, wanted, before=read_number(after), limit=limit + 1)
    page, spoken = rows[:limit], speech(language)
    names, bases = names_of(db, page), bases_of(db, page)
    items = [
        _entry(
            row, names.get((row.subject, row.subject_id)), bases.get(row.id or 0), language, spoken, calendar=calendar
        )
        for row in page
    ]
    return EntryList(items=items, next=cursor(page[-1].id) if len(rows) > limit else None)


def _entry(
    row: JournalRow,
    named: Named | None,
    basis: Basis | None,
    language: Language,
    spoken: Speech,
    *,
    calendar: BusinessCalendar,
) -> EntryOut:
    currency = named.currency if named else None
    facts = {name: _local(value, calendar) for name, value in row.data.items() if name not in _RESERVED}
    told = {"currency": currency, "policy_version": row.policy_version, **facts}
    return EntryOut(
        id=row.id or 0,
        at=row.at,
        actor=AuthorOut(
            id=row.actor_id,
            name=row.actor_name,
            role=row.actor_role,
            text=row.actor_name
            if str(row.actor_id) == SYSTEM.id
            else author_text(row.actor_name, row.actor_role, spoken),
        ),
        event=row.event,
        subject=row.subject,
        subject_id=row.subject_id,
        subject_text=subject_text(row.subject, named.name if named else row.subject_id, spoken),
        text=event_text(row.event, spoken, subject=row.subject, **told),
        policy_version=row.policy_version if basis is None else basis.policy_version,
        decision=basis_view(basis, basis.facts.currency, language) if basis else None,
        data=row.data,
    )


def _local(value: Any, calendar: BusinessCalendar) -> Any:
    """Instants in the data of an event, on the company's clock."""
    if not isinstance(value, str) or "T" not in value:
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    return calendar.local(instant) if instant.tzinfo else value


def _actor(session: Session, actor: str) -> UUID:
    if actor == "opora":
        return UUID(SYSTEM.id)
    try:
        return UUID(actor)
    except ValueError:
        person = session.exec(select(UserRow).where(UserRow.login == actor)).first()
    return person.id if person else _nobody()


def _nobody() -> UUID:
    raise invalid("actor", "value_error")


def _instant(calendar: BusinessCalendar, day: date | None, field: str, *, days: int = 0) -> datetime | None:
    """Where a day begins on the company's clock, or the day so many `days` after it."""
    if day is None:
        return None
    if not 2000 <= day.year <= 2099:
        raise invalid(field, "bad_day")
    return calendar.at(day + timedelta(days=days), 0)
