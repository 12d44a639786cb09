"""What does not agree between the database, its processes and its letters: for the administrator."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from activities.persistence.discrepancies import page_of
from activities.persistence.freezing import lasting
from activities.persistence.watch_tables import DiscrepancyRow
from api.auth import require
from api.deps import Db, Language
from api.i18n import speech
from api.openapi import problems
from api.paging import After, Limit, cursor, read_id
from api.schemas import Out, Page
from domain.orders import Role
from domain.wording import Speech
from domain.wording.watch import discrepancy_text

router = APIRouter(prefix="/api/v1/discrepancies", tags=["service"])

Admin = Depends(require(Role.ADMIN))


class DiscrepancyState(StrEnum):
    SUSPECTED = "suspected"
    OPEN = "open"
    CLOSED = "closed"


class DiscrepancyOut(Out):
    """`repair`: what the watchdog did about it by itself, `repairs` how often."""

    id: UUID
    kind: str
    object: str
    text: str
    expected: str
    found: str
    state: DiscrepancyState
    first_seen: datetime
    last_seen: datetime
    closed_at: datetime | None
    repair: str | None
    repairs: int


class DiscrepancyList(Page):
    """`frozen_since`: since when nothing leaves the house; null while letters go."""

    items: list[DiscrepancyOut]
    frozen_since: datetime | None


@router.get("", summary="Расхождения / Discrepancies", responses=problems(403), dependencies=[Admin])
def list_discrepancies(
    db: Db,
    language: Language,
    state: Annotated[DiscrepancyState, Query(description="Какие. / Which ones.")] = DiscrepancyState.OPEN,
    after: After = None,
    limit: Limit = 50,
) -> DiscrepancyList:
    """Что не сходится между базой, процессами и письмами; старые первыми. / What does not agree, oldest first."""
    rows = page_of(db, state, after=read_id(after), limit=limit + 1)
    page = rows[:limit]
    return DiscrepancyList(
        items=[_view(row, speech(language)) for row in page],
        next=cursor(page[-1].id) if len(rows) > limit else None,
        frozen_since=min((freeze.frozen_at for freeze in lasting(db)), default=None),
    )


def _view(row: DiscrepancyRow, spoken: Speech) -> DiscrepancyOut:
    return DiscrepancyOut(
        id=row.id,
        kind=row.kind,
        object=row.object,
        text=discrepancy_text(row.kind, spoken, object=row.object, expected=row.expected, found=row.found),
        expected=row.expected,
        found=row.found,
        state=DiscrepancyState(row.state),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        closed_at=row.closed_at,
        repair=row.repair,
        repairs=row.repairs,
    )
