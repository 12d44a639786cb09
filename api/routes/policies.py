"""Policy versions: who proposes, who publishes, and what a candidate would change (D14, U3, U15)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlmodel import Session, col, select

from activities.persistence import policy_versions
from activities.persistence.party_tables import PolicyRow, UserRow
from activities.persistence.policies import policy_from, policy_in_force
from api.auth import authenticate, require
from api.customer_card import today_of
from api.deps import Db, Engine, Language, Now, Once
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.policy_preview import Preview, preview
from api.schemas import Comment, Out, Page, Reason, Strict, example
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/policies", tags=["policies"])

Proposer = Annotated[Actor, Depends(require(Role.ADMIN))]
Publisher = Annotated[Actor, Depends(require(Role.DIRECTOR))]
Version = Annotated[int, Path(ge=1, le=2_000_000_000)]


def _day(value: date) -> date:
    if not 2000 <= value.year <= 2099:
        raise PydanticCustomError("bad_day", "out of range")
    return value


Day = Annotated[date, AfterValidator(_day)]
Changes = Annotated[dict[str, Any], Field(max_length=50, examples=[{"stop_ratio": "1.5", "overdue_stop_days": 10}])]


class PolicyIn(Strict):
    """What to change in the newest published version, and from which day."""

    model_config = example(
        effective_from="2027-01-11", changes={"stop_ratio": "1.5", "overdue_stop_days": 10}, comment="Меньше риска"
    )

    effective_from: Day
    changes: Changes
    comment: Reason


class PolicyDecisionIn(Strict):
    """The director's answer; a rejection says why."""

    model_config = example(decision="approve", comment="Согласовано")

    decision: Literal["approve", "reject"]
    comment: Comment = ""


class PreviewIn(Strict):
    """A candidate, and the days of stored decisions to replay it over; the last 90 unless told otherwise."""

    model_config = example(changes={"stop_ratio": "1.5"}, **{"from": "2026-01-01", "to": "2026-03-31"})

    changes: Changes
    from_: Day | None = Field(default=None, alias="from")
    to: Day | None = None


class PolicyOut(Out):
    """One version. `in_force`: new quotes are under it today. `changes`: against the version it was built on."""

    version: int
    state: Literal["proposed", "published", "rejected"]
    effective_from: date
    in_force: bool
    body: dict[str, Any]
    changes: dict[str, Any]
    comment: str | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


class PolicyList(Page):
    items: list[PolicyOut]


@router.get("", summary="Версии политики / Policy versions", dependencies=[Depends(authenticate)])
def list_policies(db: Db, now: Now, after: After = None, limit: Limit = 50) -> PolicyList:
    """Все версии, новые первыми: предложенные, утверждённые и отклонённые. / Every version, newest first."""
    rows = policy_versions.policy_versions(db, before=_start(after), limit=limit + 1)
    page = rows[:limit]
    more = cursor(page[-1].version) if len(rows) > limit else None
    return PolicyList(items=_outs(db, page, today_of(db, now)), next=more)


@router.get(
    "/{version}",
    summary="Версия политики / A policy version",
    responses=problems(404),
    dependencies=[Depends(authenticate)],
)
def get_policy(version: Version, db: Db, now: Now) -> PolicyOut:
    """Все параметры версии и чем она отличается от прежней. / Every figure, and what differs from the one before."""
    return _outs(db, [policy_versions.policy_row(db, version)], today_of(db, now))[0]


@router.post(
    "", status_code=201, response_model=PolicyOut, summary="Предложить версию / Propose a version",
    responses=problems(403),
)  # fmt: skip
def propose_policy(body: PolicyIn, caller: Proposer, once: Once, now: Now) -> JSONResponse:
    """Администратор предлагает изменения к последней утверждённой версии; действует она после утверждения директором. /
    The admin proposes changes of the newest published version; it counts once the director publishes it."""

    def work(session: Session) -> tuple[int, Any]:
        today = today_of(session, now)
        row = policy_versions.propose_policy(
            session, body.changes, caller, effective_from=body.effective_from, comment=body.comment, today=today, at=now
        )
        return 201, _outs(session, [row], today)[0].model_dump(mode="json")

    answer = once.run(body, work)
    return answer.response({"Location": f"{router.prefix}/{answer.body['version']}"})


@router.post(
    "/{version}/decision", response_model=PolicyOut, summary="Утвердить или отклонить / Publish or reject",
    responses=problems(403, 404, 409),
)  # fmt: skip
def decide_policy(version: Version, body: PolicyDecisionIn, caller: Publisher, once: Once, now: Now) -> JSONResponse:
    """Решает директор, и не тот, кто предложил. Уже идущие заказы остаются на своей версии. /
    The director decides, and never the one who proposed. Orders under way keep their version."""
    if body.decision == "reject" and not body.comment:
        raise invalid("comment", "empty", "body")

    def work(session: Session) -> tuple[int, Any]:
        today = today_of(session, now)
        publish = body.decision == "approve"
        row = policy_versions.decide_policy(
            session, version, caller, publish=publish, comment=body.comment, today=today, at=now
        )
        return 200, _outs(session, [row], today)[0].model_dump(mode="json")

    return once.run(body, work).response()


@router.post(
    "/preview",
    summary="Что изменит политика / What a policy would change",
    responses=problems(403),
    dependencies=[Depends(require(Role.ADMIN, Role.DIRECTOR, Role.HEAD))],
)
def preview_policy(body: PreviewIn, engine: Engine, language: Language, now: Now) -> Preview:
    """Какие заказы в работе получили бы другое решение и что было бы за период: ничего не меняет. /
    Which live orders would get another outcome, and what the period would have been; changes nothing."""
    if body.from_ and body.to and body.to < body.from_:
        raise invalid("to", "bad_period", "body")
    return preview(engine, body.changes, language, since=body.from_, until=body.to, now=now)


def _start(after: str | None) -> int | None:
    key = read_cursor(after, 1)
    if key is None:
        return None
    if not (key[0].isascii() and key[0].isdigit() and len(key[0]) < 10):
        raise invalid("after", "bad_cursor")
    return int(key[0])


def _outs(session: Session, rows: list[PolicyRow], today: date) -> list[PolicyOut]:
    in_force, _ = policy_in_force(session, today)
    names = _names(session, rows)
    return [
        PolicyOut(
            version=row.version,
            state=row.state,  # type: ignore[arg-type]
            effective_from=row.effective_from,
            in_force=row.version == in_force,
            body=policy_versions.policy_body(policy_from(row.body)),
            changes=_changes(session, row),
            comment=row.comment,
            proposed_by=names.get(row.created_by, row.created_by),
            proposed_at=row.created_at,
            decided_by=names.get(row.decided_by, row.decided_by) if row.decided_by else None,
            decided_at=row.decided_at,
        )
        for row in rows
    ]


def _changes(session: Session, row: PolicyRow) -> dict[str, Any]:
    base = policy_versions.base_of(session, row)
    return {} if base is None else policy_versions.difference(base.body, row.body)


def _names(session: Session, rows: list[PolicyRow]) -> dict[str, str]:
    """Who proposed and decided, by the ids in the rows; migrations are «opora»."""
    ids = {_uuid(person) for row in rows for person in (row.created_by, row.decided_by)} - {None}
    people = session.exec(select(UserRow).where(col(UserRow.id).in_(ids)))
    return {str(person.id): person.name for person in people}


def _uuid(person: str | None) -> UUID | None:
    try:
        return UUID(person) if person else None
    except ValueError:
        return None
