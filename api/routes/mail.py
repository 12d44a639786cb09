"""The local mail server's mailbox: on a local stack only, so that people see the letters that were sent.

Whoever sits at the machine reads it without a key. A stack may listen to the network too (`--host`): from there only
the admin does, because the letters are everybody's.
"""

import ipaddress
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request

from activities.persistence.mailbox import Mailbox
from api.auth import bearer_key, person_behind
from api.deps import Now, Settings
from api.openapi import problems
from api.schemas import Out
from domain.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from domain.orders import Role

router = APIRouter(tags=["service"])


class LetterOut(Out):
    to: str
    subject: str
    text: str
    received_at: datetime


@router.get("/mail", summary="Письма местного почтового сервера / Letters of the local mail server",
            responses=problems(401, 403, 404, 429, 503))  # fmt: skip
def list_mail(
    request: Request, settings: Settings, now: Now, last: Annotated[int | None, Query(ge=1, le=100_000)] = None
) -> list[LetterOut]:
    """Только на локальном стенде, новые в конце; по сети — только администратору. / On a local stack only, the newest
    at the end; over the network for the admin only."""
    if not settings.local or settings.mailbox is None:
        raise NotFoundError
    if not _sits_here(request):
        _check_admin(request, now)
    letters = Mailbox(settings.mailbox).messages(last)
    return [LetterOut(to=one.to, subject=one.subject, text=one.text, received_at=one.received_at) for one in letters]


def _sits_here(request: Request) -> bool:
    """Whether the call comes from this machine and names it as its host: the name of another is that of a proxy before
    us, or of a page whose author points their domain here. A proxy that neither says for whom it asks nor keeps the
    host looks like somebody who sits here: put none before a local stack."""
    return _is_loopback(request.client.host if request.client else "") and _is_loopback(_named_host(request))


def _named_host(request: Request) -> str:
    """Without the port; empty when the header is missing or makes no sense."""
    try:
        parts = urlsplit(f"//{request.headers.get('host', '')}")
        return parts.hostname or "" if parts.port is None or parts.port else ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _check_admin(request: Request, now: datetime) -> None:
    key = bearer_key(request)
    if key is None:
        raise UnauthenticatedError
    role = person_behind(request, key, now=now).role
    if role is not Role.ADMIN:
        raise ForbiddenError(role=role.value, allowed=Role.ADMIN.value)
