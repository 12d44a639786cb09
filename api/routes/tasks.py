"""Work for people, and the notices they got."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session

from activities.persistence import legal
from activities.persistence.outbound import notices_for
from activities.persistence.party_tables import UserRow
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.record_tables import TaskRow
from activities.persistence.tasks import WORDS, complete_task, task_for, tasks_for
from api.deps import Caller, Db, Language, Now, Once, Temporal
from api.i18n import speech
from api.nudges import nudge
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import Comment, Out, Page, Short, Strict, decimal_text
from domain.orders import Actor
from domain.packing import Packs
from domain.tasks import TaskKind
from domain.wording import Speech, letters, packs_text, task_name, task_subject
from workflows.ids import invoice_workflow_id, order_workflow_id

QUANTITIES = {"quantity", "ordered", "shipped", "missing", "reserved"}

router = APIRouter(prefix="/api/v1", tags=["tasks"])


class PersonOut(Out):
    id: UUID
    login: str
    name: str


class TaskOut(Out):
    id: UUID
    kind: str
    kind_name: str
    subject: str
    role: str
    assignee: PersonOut | None
    state: str
    due_at: datetime
    created_at: datetime
    result: str | None
    comment: str | None
    completed_at: datetime | None
    links: dict[str, str]
    details: dict[str, Any]


class TaskList(Page):
    items: list[TaskOut]


class CompletionIn(Strict):
    result: Annotated[
        Short | None,
        Field(description="Итог; для звонка должнику: promise, dispute, no_answer, other. / The outcome."),
    ] = None
    comment: Comment | None = None


class NoticeOut(Out):
    id: str
    subject: str
    text: str
    state: str
    created_at: datetime
    links: dict[str, str]


class NoticeList(Out):
    items: list[NoticeOut]


@router.get("/tasks", summary="Мои задачи / My tasks", responses=problems(422))
def list_tasks(
    caller: Caller, db: Db, language: Language,
    state: Literal["open", "done", "cancelled", "all"] = "open",
    after: After = None,
    limit: Limit = 100,
) -> TaskList:  # fmt: skip
    """Порученные вам и общие для вашей роли, старые сначала. / Yours and your role's, oldest first."""
    rows = tasks_for(db, caller, state=None if state == "all" else state, limit=limit + 1, after=_start(after))
    page = rows[:limit]
    more = cursor(page[-1].id) if len(rows) > limit else None
    return TaskList(items=[_task(db, row, speech(language)) for row in page], next=more)


@router.get("/tasks/{task_id}", summary="Задача / A task", responses=problems(404))
def get_task(task_id: UUID, caller: Caller, db: Db, language: Language) -> TaskOut:
    """Задача, которую вы можете выполнить. / A task that you may finish."""
    return _task(db, task_for(db, task_id, caller), speech(language))


@router.post(
    "/tasks/{task_id}/complete", response_model=TaskOut, summary="Выполнить задачу / Complete a task",
    responses=problems(403, 404, 409),
)  # fmt: skip
async def complete(
    task_id: UUID, body: CompletionIn, caller: Caller, once: Once, language: Language, now: Now, temporal: Temporal
) -> JSONResponse:
    """Первый закрывает; звонок должнику — только с результатом. Согласование, комплектацию, подтверждение отмены и
    разнесение платежа закрывает само действие. / The first one finishes it; a call to a debtor only with its result.
    An approval, a picking, a cancellation and a payment to sort out are closed by the action itself."""
    waiting: list[str] = []

    def work(session: Session) -> tuple[int, Any]:
        task = complete_task(session, task_id, caller, body.result, body.comment or None, at=now)
        waiting.extend(_freed_by(session, task, caller, now))
        return 200, _task(session, task, speech(language)).model_dump(mode="json")

    answer = await once.run_async(body, work)
    await nudge(temporal, map(order_workflow_id, waiting), "exposure_lowered")
    return answer.response()


@router.get("/notices", summary="Мои уведомления / My notices")
def list_notices(caller: Caller, db: Db, limit: Limit = 100) -> NoticeList:
    """Новые сначала; то же ушло вам по почте. / Newest first; the same went to you by e-mail."""
    rows = notices_for(db, UUID(caller.id), limit=limit)
    return NoticeList(
        items=[
            NoticeOut(
                id=row.key, subject=row.subject, text=row.body, state=row.state, created_at=row.created_at,
                links=_links(row.customer_id, row.order_id, row.schedule_line_id),
            )
            for row in rows
        ]
    )  # fmt: skip


def _freed_by(session: Session, task: TaskRow, caller: Actor, now: datetime) -> list[str]:
    """A lawyer who finishes the work on a paid case closes it: the orders that are then decided again (D2-13)."""
    if task.kind != TaskKind.LEGAL_CASE or task.schedule_line_id is None:
        return []
    account = legal.close_if_paid(session, task.schedule_line_id, caller, at=now)
    return list(reconsider_account(session, account, at=now)) if account else []


def _task(session: Session, row: TaskRow, spoken: Speech) -> TaskOut:
    person = session.get(UserRow, row.assignee_id) if row.assignee_id else None
    return TaskOut(
        id=row.id,
        kind=row.kind,
        kind_name=task_name(row.kind, spoken),
        subject=_subject(row, spoken),
        role=row.role,
        assignee=PersonOut(id=person.id, login=person.login, name=person.name) if person else None,
        state=row.state,
        due_at=row.due_at,
        created_at=row.created_at,
        result=row.result,
        comment=row.comment,
        completed_at=row.completed_at,
        links=_links(row.customer_id, row.order_id, row.schedule_line_id),
        details=_details(row, spoken),
    )


def _details(row: TaskRow, spoken: Speech) -> dict[str, Any]:
    """Figures and links for the screen; quantities without idle zeros, and what they are in packs."""
    details = {name: value for name, value in row.details.items() if name != WORDS}
    if "lines" in details:
        details["lines"] = [
            line
            | {name: decimal_text(Decimal(line[name])) for name in line if name in QUANTITIES}
            | ({"packs": _packs(line, spoken)} if line.get("packs") else {})
            for line in details["lines"]
        ]
    return details


def _packs(line: dict[str, Any], spoken: Speech) -> dict[str, Any]:
    stored = line["packs"]
    packs = Packs(stored["name"], Decimal(stored["size"]), stored["whole"], Decimal(stored["loose"]))
    return {
        "name": packs.name,
        "size": decimal_text(packs.size),
        "whole": packs.whole,
        "loose": decimal_text(packs.loose),
        "text": packs_text(packs, line["unit"], spoken),
    }


def _subject(row: TaskRow, spoken: Speech) -> str:
    """The subject as it was written, or said again in the caller's language."""
    words = row.details.get(WORDS)
    if spoken.code == "ru" or not words or row.kind not in letters.TASKS:
        return row.subject
    return task_subject(row.kind, spoken, **words)


def _links(customer_id: UUID | None, order_id: UUID | None, line_id: UUID | None) -> dict[str, str]:
    links = {}
    if customer_id is not None:
        links["customer"] = f"/api/v1/customers/{customer_id}"
    if order_id is not None:
        links["order"] = f"/api/v1/orders/{order_id}"
        links["order_workflow"] = order_workflow_id(str(order_id))
    if line_id is not None:
        links["invoice"] = f"/api/v1/invoices/{line_id}"
        links["invoice_workflow"] = invoice_workflow_id(str(line_id))
    return links


def _start(after: str | None) -> UUID | None:
    key = read_cursor(after, 1)
    try:
        return UUID(key[0]) if key else None
    except ValueError:
        raise invalid("after", "bad_cursor") from None
