"""The codec endpoint of the Temporal UI: opens and seals payloads for an admin's eyes.

Whoever may call it reads everything that workflows ever said, so only the admin may. The UI of a local server has no
login and no token to pass on: the admin opens `GET /codec` in the same browser once and gives the key as a password;
with «Include cross-origin credentials» in the UI's codec settings the browser sends it along from then on.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import Base64Encoder, BaseModel, EncodedBytes, Field
from pydantic_core import PydanticCustomError
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from api.auth import BEARER, PASSWORD_CHALLENGE, basic_password, person_behind
from api.deps import Now, Temporal
from api.openapi import problems
from api.schemas import Out
from domain.errors import ForbiddenError, NotFoundError, PayloadUnreadableError, UnauthenticatedError
from domain.orders import Role

PREFIX = "/codec"
_CHALLENGE = {"WWW-Authenticate": PASSWORD_CHALLENGE}


class CodecCors:
    """ASGI middleware: lets the page of one origin call the codec, and nothing else of the API."""

    def __init__(self, app: ASGIApp, origin: str | None) -> None:
        self._app = app
        self._codec = CORSMiddleware(
            app,
            allow_origins=[origin] if origin else [],
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Namespace"],
            allow_credentials=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/")
        await (self._codec if ours else self._app)(scope, receive, send)


class _WholeBase64(Base64Encoder):
    """Pydantic's own skips what is no base64."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error:
            raise PydanticCustomError("base64_decode", "not base64") from None


Bytes = Annotated[bytes, EncodedBytes(encoder=_WholeBase64)]


class PayloadBody(BaseModel):
    """A payload as Protobuf writes it in JSON; members that newer servers add are left out."""

    metadata: dict[str, Bytes] = Field(default_factory=dict)
    data: Bytes = b""


class PayloadsBody(BaseModel):
    payloads: list[PayloadBody] = Field(default_factory=list, max_length=10_000)


class KeysOut(Out):
    """Names of the keys, never the keys. `writes` null: nothing is sealed any more, known keys are still read."""

    writes: str | None
    reads: list[str]


def admin_at_codec(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)], now: Now
) -> None:
    """The admin by key: as a bearer, or as the password a browser asks for."""
    key = credentials.credentials if credentials else basic_password(request.headers.get("authorization", ""))
    if not key:
        raise HTTPException(401, headers=_CHALLENGE)
    try:
        person = person_behind(request, key, now=now)
    except UnauthenticatedError:
        raise HTTPException(401, headers=_CHALLENGE) from None
    if person.role is not Role.ADMIN:
        raise ForbiddenError(role=person.role.value, allowed=Role.ADMIN.value)


async def _codec(temporal: Temporal) -> PayloadCodec:
    if temporal.data_converter.payload_codec is None:
        raise NotFoundError
    return temporal.data_converter.payload_codec


Codec = Annotated[PayloadCodec, Depends(_codec)]
router = APIRouter(prefix=PREFIX, tags=["service"], dependencies=[Depends(admin_at_codec)])


@router.get("", summary="Какими ключами шифруются данные процессов / The keys that payloads are sealed with",
            responses=problems(401, 403, 404, 429, 503))  # fmt: skip
def show_payload_keys(codec: Codec) -> KeysOut:
    """Только имена ключей; 404, если шифрование не включено. / Names only; 404 when nothing is sealed."""
    return KeysOut(writes=getattr(codec, "writes", None), reads=list(getattr(codec, "reads", ())))


@router.post("/decode", summary="Расшифровать для Temporal UI / Open payloads for the Temporal UI",
             responses=problems(401, 403, 404, 409, 413, 429, 503))  # fmt: skip
async def decode_payloads(codec: Codec, body: PayloadsBody) -> PayloadsBody:
    """Протокол codec server; только администратору. / The protocol of codec servers; for the admin only."""
    from workflows.cipher import PayloadKeyError  # there is a codec, so the library is loaded

    try:
        return _told(await codec.decode(_meant(body)))
    except PayloadKeyError as error:
        raise PayloadUnreadableError(key=error.key_id) from None


@router.post("/encode", summary="Зашифровать для Temporal UI / Seal payloads for the Temporal UI",
             responses=problems(401, 403, 404, 409, 413, 429, 503))  # fmt: skip
async def encode_payloads(codec: Codec, body: PayloadsBody) -> PayloadsBody:
    """Протокол codec server; только администратору. / The protocol of codec servers; for the admin only."""
    return _told(await codec.encode(_meant(body)))


def _meant(body: PayloadsBody) -> list[Payload]:
    return [Payload(metadata=each.metadata, data=each.data) for each in body.payloads]


def _told(payloads: Sequence[Payload]) -> PayloadsBody:
    return PayloadsBody.model_construct(
        payloads=[PayloadBody.model_construct(metadata=dict(each.metadata), data=each.data) for each in payloads]
    )
