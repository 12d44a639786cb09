"""Who the caller is."""

from uuid import UUID

from fastapi import APIRouter

from activities.persistence.tables import UserRow
from api.deps import Caller, Db, Language
from api.i18n import speech
from api.schemas import Out
from domain import wording

router = APIRouter(prefix="/api/v1/users", tags=["service"])


class UserOut(Out):
    id: UUID
    login: str
    name: str
    email: str
    role: str
    role_name: str


@router.get("/me", summary="Кто я / Who I am")
def get_me(caller: Caller, db: Db, language: Language) -> UserOut:
    """Сотрудник, которому принадлежит ключ. / The person behind the key."""
    user = db.get_one(UserRow, UUID(caller.id))
    return UserOut(
        id=user.id,
        login=user.login,
        name=user.name,
        email=user.email,
        role=user.role,
        role_name=wording.role_name(user.role, speech(language)),
    )
