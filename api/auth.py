"""Who calls: an API key in `Authorization: Bearer KEY`, and what the caller's role may do (D14)."""

import hashlib
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine
from sqlmodel import Session, select

from activities.persistence.tables import UserRow
from domain.errors import ForbiddenError, UnauthenticatedError
from domain.orders import Actor, Role

_BEARER = HTTPBearer(
    auto_error=False, scheme_name="ApiKey", description="Ключ сотрудника. / The API key of a member of staff."
)


def key_hash(key: str) -> str:
    """What is stored of a key: keys are 256 random bits, so a plain SHA-256 is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Actor:
    """The person behind the key; roles are read anew for every call."""
    if credentials is None or not credentials.credentials:
        raise UnauthenticatedError
    engine: Engine = request.app.state.engine
    with Session(engine) as session:
        user = session.exec(select(UserRow).where(UserRow.key_hash == key_hash(credentials.credentials))).first()
    if user is None:
        raise UnauthenticatedError
    return Actor(id=str(user.id), name=user.name, role=Role(user.role))


def require(*roles: Role) -> Callable[[Actor], Actor]:
    """A dependency that lets only these roles through: `Annotated[Actor, Depends(require(Role.HEAD))]`."""

    def permitted(caller: Annotated[Actor, Depends(authenticate)]) -> Actor:
        if caller.role not in roles:
            raise ForbiddenError(role=caller.role.value, allowed=", ".join(role.value for role in roles))
        return caller

    return permitted
