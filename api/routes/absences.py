"""Days away and who answers then (D4-4)."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from sqlmodel import Session

from activities.persistence import absences as store
from activities.persistence.credit_tables import AbsenceRow
from activities.persistence.party_tables import UserRow
from api.customer_card import today_of
from api.deps import Caller, Db, Now, Once
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import Comment, Day, Out, Page, Short, Strict, example
from domain.errors import ForbiddenError
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/absences", tags=["service"])

FOR_OTHERS = frozenset({Role.HEAD, Role.DIRECTOR, Role.ADMIN})


class AbsenceIn(Strict):
    model_config = example(**{"user": "head", "deputy": "director", "from": "2026-12-01", "to": "2026-12-14"})

    user: Short = Field(description="Логин или id. / Login or id.")
    deputy: Short
    from_: Day = Field(alias="from")
    to: Day
    reason: Comment | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "AbsenceIn":
        if self.to < self.from_:
            raise PydanticCustomError("bad_period", "ends before it begins")
        return self


class PersonOut(Out):
    id: UUID
    login: str
    name: str
    role: str


class AbsenceOut(Out):
    id: UUID
    user: PersonOut
    deputy: PersonOut
    from_: date = Field(serialization_alias="from")
    to: date
    reason: str | None
    cancelled_at: datetime | None


class AbsenceList(Page):
    items: list[AbsenceOut]


@router.post(
    "", status_code=201, response_model=AbsenceOut, summary="Отметить отсутствие / Report days away",
    responses=problems(403, 422),
)  # fmt: skip
def create_absence(body: AbsenceIn, caller: Caller, once: Once, now: Now) -> JSONResponse:
    """Своё отсутствие отмечает каждый, чужое — руководитель, директор или администратор. Заместителей подряд не больше
    трёх, по кругу нельзя. / Everybody reports own days; head, director and admin those of others. At most three
    deputies in a row, never in a circle."""

    def work(session: Session) -> tuple[int, Any]:
        person = store.find_user(session, body.user, field="user")
        _check_may(caller, person.id)
        deputy = store.find_user(session, body.deputy, field="deputy")
        today = today_of(session, now)
        row = store.add_absence(
            session, person, deputy, (body.from_, body.to), caller, reason=body.reason, today=today, at=now
        )
        return 201, _json(session, row)

    return once.run(body, work).response()


@router.get("", summary="Кого нет на месте / Who is away", responses=problems(422))
def list_absences(
    caller: Caller,  # noqa: ARG001 - anybody of the company may know
    db: Db,
    now: Now,
    on: Annotated[Day | None, Query(description="День; без него — все будущие. / A day; else all to come.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> AbsenceList:
    """По первому дню. / By their first day."""
    rows = store.list_absences(db, on=on, today=today_of(db, now), after=_start(after), limit=limit + 1)
    page = rows[:limit]
    more = cursor(page[-1].from_on, page[-1].id) if len(rows) > limit else None
    return AbsenceList(items=[_out(db, row) for row in page], next=more)


@router.post(
    "/{absence_id}/cancel", response_model=AbsenceOut, summary="Отменить отсутствие / Cancel days away",
    responses=problems(403, 404),
)  # fmt: skip
def cancel_absence(absence_id: UUID, caller: Caller, once: Once, now: Now) -> JSONResponse:
    """Человек снова отвечает сам; повтор ничего не меняет. / The person answers again; a repeat changes nothing."""

    def work(session: Session) -> tuple[int, Any]:
        row = store.get_absence(session, absence_id)
        _check_may(caller, row.user_id)
        store.cancel_absence(session, row, caller, at=now)
        return 200, _json(session, row)

    return once.run(None, work).response()


def _check_may(caller: Actor, person: UUID) -> None:
    if str(person) != caller.id and caller.role not in FOR_OTHERS:
        raise ForbiddenError(role=caller.role.value, allowed=", ".join(sorted(FOR_OTHERS)))


def _out(session: Session, row: AbsenceRow) -> AbsenceOut:
    person, deputy = session.get_one(UserRow, row.user_id), session.get_one(UserRow, row.deputy_id)
    return AbsenceOut(
        id=row.id,
        user=PersonOut.model_validate(person, from_attributes=True),
        deputy=PersonOut.model_validate(deputy, from_attributes=True),
        from_=row.from_on,
        to=row.to_on,
        reason=row.reason,
        cancelled_at=row.cancelled_at,
    )


def _json(session: Session, row: AbsenceRow) -> dict[str, Any]:
    return _out(session, row).model_dump(mode="json", by_alias=True)


def _start(after: str | None) -> tuple[date, UUID] | None:
    key = read_cursor(after, 2)
    if key is None:
        return None
    try:
        return date.fromisoformat(key[0]), UUID(key[1])
    except ValueError:
        raise invalid("after", "bad_cursor") from None
