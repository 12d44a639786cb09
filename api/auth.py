"""Who calls: an API key in `Authorization: Bearer KEY`, how often, and what the caller's role may do (D14)."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, NoReturn

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from activities.persistence.callers import RateLimit, count_bad_key, identify
from activities.settings import Settings
from api.clock import Now
from domain.errors import ForbiddenError, TooManyBadKeysError, TooManyCallsError, UnauthenticatedError
from domain.orders import Actor, Role

BEARER = HTTPBearer(
    auto_error=False, scheme_name="ApiKey", description="Ключ сотрудника. / The API key of a member of staff."
)

PASSWORD_CHALLENGE = 'Basic realm="Opora", charset="UTF-8"'
"""Makes a browser ask for a name and a password."""

_STILL_TRUE = timedelta(minutes=1)
"""A body may take longer to come; whose key was taken away meanwhile is asked again."""


def key_hash(key: str) -> str:
    """What is stored of a key: keys are 256 random bits, so a plain SHA-256 is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)], now: Now
) -> Actor:
    """The person behind the key; roles are read anew for every call.

    Raises:
        UnauthenticatedError, TooManyCallsError, TooManyBadKeysError: see `person_behind`.
    """
    if credentials is None or not credentials.credentials:
        raise UnauthenticatedError  # guesses nothing and costs no statement, so it is not counted
    return person_behind(request, credentials.credentials, now=now)


def person_behind(request: Request, key: str, *, now: datetime) -> Actor:
    """The person whose key it is, their call counted once, whoever asks first.

    Raises:
        UnauthenticatedError: nobody has the key.
        TooManyCallsError: the person calls too often.
        TooManyBadKeysError: too many calls with unknown keys came from the address. Known keys still open from there:
            one broken program must not lock its office out, and 256 random bits are not found by trying.
    """
    known: _Known | None = getattr(request.state, "person_behind", None)
    if known is not None and known.key == key and now - known.at < _STILL_TRUE:
        return known.person
    engine: Engine = request.app.state.engine
    settings: Settings = request.app.state.settings
    calls = RateLimit(settings.calls_at_once, settings.calls_per_minute)
    caller = identify(engine, key_hash(key), calls, as_of=now)
    if caller is None:
        _refuse_stranger(request, now=now)
    if caller.retry_after:
        raise TooManyCallsError(retry_after=caller.retry_after)
    person = Actor(id=caller.id, name=caller.name, role=Role(caller.role))
    request.state.person_behind = _Known(key, person, now)
    return person


def admit(request: Request, *, now: datetime) -> None:
    """Let somebody of the company through, before any route.

    Raises:
        UnauthenticatedError, TooManyCallsError, TooManyBadKeysError: see `person_behind`.
    """
    sent = bearer_key(request) or basic_password(request.headers.get("authorization", ""))
    if not sent:
        raise UnauthenticatedError
    person_behind(request, sent, now=now)


def bearer_key(request: Request) -> str | None:
    """The key of a call, for those that ask for one only now and then; others depend on `authenticate`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def basic_password(header: str) -> str | None:
    """The password that a browser asked for: what `Authorization: Basic …` says after the name."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2] or None
    except (binascii.Error, ValueError):
        return None


def _refuse_stranger(request: Request, *, now: datetime) -> NoReturn:
    """Count a call with an unknown key by its address, and refuse it."""
    settings: Settings = request.app.state.settings
    bad_keys = RateLimit(settings.bad_keys_at_once, settings.bad_keys_per_minute)
    address = request.client.host if request.client else ""
    if pause := count_bad_key(request.app.state.engine, address, bad_keys, as_of=now):
        raise TooManyBadKeysError(retry_after=pause)
    raise UnauthenticatedError


@dataclass(frozen=True, slots=True)
class _Known:
    """Who a request turned out to come from, and when that was asked."""

    key: str
    person: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class Permission:
    """Lets only these roles through: `Annotated[Actor, Depends(require(Role.HEAD))]`."""

    roles: tuple[Role, ...]

    async def __call__(self, caller: Annotated[Actor, Depends(authenticate)]) -> Actor:
        if caller.role not in self.roles:
            raise ForbiddenError(role=caller.role.value, allowed=", ".join(role.value for role in self.roles))
        return caller


def require(*roles: Role) -> Permission:
    """A dependency that lets only these roles through."""
    return Permission(roles)
