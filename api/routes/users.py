"""Who the caller is; who answers for whom, and for which branch."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from sqlmodel import Session

from activities.persistence import absences
from activities.persistence.party_tables import UserRow
from api.auth import require
from api.deps import Caller, Db, Language, Now, Once
from api.i18n import Language as LanguageCode
from api.i18n import speech
from api.openapi import problems
from api.paging import invalid
from api.schemas import Out, Short, Strict, example
from domain import wording
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/users", tags=["service"])

Admin = Annotated[Actor, Depends(require(Role.ADMIN))]


class UserOut(Out):
    id: UUID
    login: str
    name: str
    email: str
    role: str
    role_name: str
    deputy: str | None
    region: str | None


class UserPatch(Strict):
    """What to change; null takes it away, a field left out stays."""

    model_config = example(deputy="director", region="Алматы")

    deputy: Short | None = None
    region: Short | None = None


@router.get("/me", summary="Кто я / Who I am")
def get_me(caller: Caller, db: Db, language: Language) -> UserOut:
    """Сотрудник, которому принадлежит ключ. / The person behind the key."""
    return _out(db, db.get_one(UserRow, UUID(caller.id)), language)


@router.patch(
    "/{user_id}", response_model=UserOut, summary="Заместитель и филиал / Deputy and branch",
    responses=problems(403, 422),
)  # fmt: skip
def change_user(
    user_id: Short, body: UserPatch, caller: Admin, once: Once, language: Language, now: Now
) -> JSONResponse:
    """Постоянный заместитель сотрудника (D4-3) и филиал руководителя (D4-1); `user_id` — логин или id. /
    A person's standing deputy and a head's branch; `user_id` is a login or an id."""
    if not body.model_fields_set:
        raise invalid("body", "nothing_to_change", "body")

    def work(session: Session) -> tuple[int, Any]:
        person = absences.find_user(session, user_id, field="user_id")
        deputy = absences.find_user(session, body.deputy, field="deputy") if body.deputy else None
        named = frozenset(body.model_fields_set)
        absences.change_user(session, person, caller, deputy=deputy, region=body.region, named=named, at=now)
        return 200, _out(session, person, language).model_dump(mode="json")

    return once.run(body, work).response()


def _out(session: Session, user: UserRow, language: LanguageCode) -> UserOut:
    deputy = session.get(UserRow, user.deputy_id) if user.deputy_id else None
    return UserOut(
        id=user.id,
        login=user.login,
        name=user.name,
        email=user.email,
        role=user.role,
        role_name=wording.role_name(user.role, speech(language)),
        deputy=deputy.login if deputy else None,
        region=user.region,
    )
