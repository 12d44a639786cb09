"""The local mail server's mailbox: on a local stack only, so that people see the letters that were sent."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from activities.persistence.mailbox import Mailbox
from api.deps import Settings
from api.openapi import problems
from api.schemas import Out
from domain.errors import NotFoundError

router = APIRouter(tags=["service"])


class LetterOut(Out):
    to: str
    subject: str
    text: str
    received_at: datetime


@router.get("/mail", summary="Письма местного почтового сервера / Letters of the local mail server",
            responses=problems(404))  # fmt: skip
def list_mail(settings: Settings, last: Annotated[int | None, Query(ge=1, le=100_000)] = None) -> list[LetterOut]:
    """Только на локальном стенде, новые в конце. / On a local stack only, the newest at the end."""
    if not settings.local or settings.mailbox is None:
        raise NotFoundError
    letters = Mailbox(settings.mailbox).messages(last)
    return [LetterOut(to=one.to, subject=one.subject, text=one.text, received_at=one.received_at) for one in letters]
