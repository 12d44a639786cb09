"""The store of tasks: each is opened once per business key."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.events import record_event
from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import PaymentRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.record_tables import TaskRow
from activities.persistence.stock_tables import ReassignmentRow, ShortageRow
from domain.limits import GrantState
from domain.orders import Actor, Role
from domain.payments import PaymentState
from domain.reassignment import ReassignmentState
from domain.shortages import ShortageState
from domain.tasks import (
    ACTION_ENDS,
    TaskClosedError,
    TaskKind,
    TaskNotFoundError,
    check_not_done_by_action,
    check_result,
    may_complete,
)

WORDS = "words"
"""Where `details` keeps the figures of a task's subject."""


def open_task(
    session: Session,
    *,
    key: str,
    kind: str,
    role: Role,
    subject: str,
    due_at: datetime,
    created_at: datetime,
    assignee_id: UUID | None = None,
    customer_id: UUID | None = None,
    order_id: UUID | None = None,
    schedule_line_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
    words: Mapping[str, Any] | None = None,
) -> UUID:
    """Open a task, or find the one already opened under `key`; a repeat changes nothing.

    Args:
        key: from business, `order:{id}:released:{round}`.
        assignee_id: the person; None gives it to anybody of `role`.
        details: JSON-ready figures and links for the screen.
        words: figures of the subject, kept so that it can be said in another language.
    """
    added = session.execute(
        insert(TaskRow)
        .values(
            id=new_id(),
            key=key,
            kind=str(kind),
            role=str(role),
            assignee_id=assignee_id,
            customer_id=customer_id,
            order_id=order_id,
            schedule_line_id=schedule_line_id,
            subject=subject,
            details={**(details or {}), WORDS: {name: _plain(word) for name, word in (words or {}).items()}},
            state="open",
            due_at=due_at,
            created_at=created_at,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(col(TaskRow.id))
    ).scalar_one_or_none()
    return added or session.exec(select(TaskRow.id).where(TaskRow.key == key)).one()


def _plain(word: Any) -> Any:
    """A figure as JSON carries it; `domain.wording` reads it back."""
    return word.isoformat() if isinstance(word, date) else word if isinstance(word, int | None) else str(word)


def complete_task(
    session: Session, task_id: UUID, actor: Actor, result: str | None, comment: str | None, *, at: datetime
) -> TaskRow:
    """Finish a task on behalf of a person; the first one wins.

    Raises:
        TaskNotFoundError: there is none, or it is somebody else's.
        TaskClosedError, TaskDoneByActionError, CallResultRequiredError
    """
    task = session.get(TaskRow, task_id, with_for_update=True)
    if task is None or not _may_complete(task, actor):
        raise TaskNotFoundError
    if task.state != "open":
        raise TaskClosedError(state=task.state)
    _check_not_done_by_action(session, task)
    check_result(task.kind, result)
    task.state, task.result, task.comment = "done", result, comment
    task.completed_by, task.completed_at = UUID(actor.id), at
    session.add(task)
    record_event(
        session, "task", task.id, "task_completed", actor, at=at, kind=task.kind, result=result, comment=comment
    )
    return task


def _check_not_done_by_action(session: Session, task: TaskRow) -> None:
    """See `domain.tasks.check_not_done_by_action`."""
    if task.kind == TaskKind.PAYMENT_QUEUE:
        payment = session.get(PaymentRow, UUID(task.details["payment_id"]))
        awaited = payment is not None and payment.state == PaymentState.UNMATCHED
        check_not_done_by_action(task.kind, task.details["payment_id"], awaited=awaited)
    elif task.kind == TaskKind.LIMIT_CHANGE:
        grant = session.get(CreditGrantRow, UUID(task.details["grant_id"]))
        awaited = grant is not None and grant.state == GrantState.REQUESTED
        check_not_done_by_action(task.kind, task.details["grant_id"], awaited=awaited)
    elif task.kind == TaskKind.REASSIGNMENT:
        asked = session.get(ReassignmentRow, UUID(task.details["reassignment_id"]))
        awaited = asked is not None and asked.state == ReassignmentState.REQUESTED
        check_not_done_by_action(task.kind, task.details["reassignment_id"], awaited=awaited)
    elif task.kind == TaskKind.RESTORE_LIMIT:
        account = session.get_one(CreditAccountRow, UUID(task.details["account_id"]))
        check_not_done_by_action(task.kind, str(task.customer_id), awaited=account.suspended)
    elif task.kind == TaskKind.SHORTAGE_CHOICE:
        question = session.get(ShortageRow, (task.order_id, task.details["round"]))
        awaited = question is not None and question.state == ShortageState.OPEN
        check_not_done_by_action(task.kind, str(task.order_id), awaited=awaited)
    elif task.order_id is not None:
        order = session.get_one(OrderRow, task.order_id)
        reason = (order.wait or {}).get("reason")
        awaited = reason in ACTION_ENDS.get(task.kind, frozenset())
        check_not_done_by_action(task.kind, str(order.id), awaited=awaited)


def finish_tasks(
    session: Session, kind: str, actor: Actor, *, at: datetime, about: Mapping[str, str], comment: str | None = None
) -> None:
    """Close the open tasks of a kind whose `details` carry `about`: the action they asked for is done."""
    statement = (
        update(TaskRow)
        .where(col(TaskRow.state) == "open", col(TaskRow.kind) == str(kind), col(TaskRow.details).contains(dict(about)))
        .values(state="done", completed_by=UUID(actor.id), completed_at=at, comment=comment)
    )
    session.execute(statement)


def withdraw_tasks(session: Session, kind: str, *, at: datetime, about: Mapping[str, str]) -> None:
    """Withdraw the open tasks of a kind whose `details` carry `about`: there is nothing to decide any more."""
    statement = (
        update(TaskRow)
        .where(col(TaskRow.state) == "open", col(TaskRow.kind) == str(kind), col(TaskRow.details).contains(dict(about)))
        .values(state="cancelled", completed_at=at)
    )
    session.execute(statement)


def was_opened(session: Session, key: str) -> bool:
    """Whether a task was opened under this key, whatever became of it."""
    return session.exec(select(TaskRow.id).where(TaskRow.key == key)).first() is not None


def has_open_task(session: Session, order_id: UUID, kind: str) -> bool:
    """Whether somebody has this kind of work about an order already."""
    query = select(TaskRow.id).where(TaskRow.order_id == order_id, TaskRow.kind == str(kind), TaskRow.state == "open")
    return session.exec(query.limit(1)).first() is not None


def tasks_given(session: Session, order_id: UUID, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The tasks of a kind about an order, whatever became of them, oldest first: their state, and their `details` as
    they were given."""
    query = select(TaskRow.state, TaskRow.details).where(TaskRow.order_id == order_id, TaskRow.kind == str(kind))
    found = session.exec(query.order_by(col(TaskRow.id)))
    return [(state, {name: told for name, told in details.items() if name != WORDS}) for state, details in found]


def is_asked(session: Session, kind: str, person: UUID, *, about: Mapping[str, str]) -> bool:
    """Whether somebody got an open task of a kind whose `details` carry `about`."""
    query = select(TaskRow.id).where(TaskRow.kind == str(kind), TaskRow.assignee_id == person, TaskRow.state == "open")
    return session.exec(query.where(col(TaskRow.details).contains(dict(about))).limit(1)).first() is not None


def cancel_tasks(
    session: Session,
    *,
    at: datetime,
    order_id: UUID | None = None,
    schedule_line_id: UUID | None = None,
    kinds: Sequence[str] | None = None,
    about: Mapping[str, str] | None = None,
) -> int:
    """Withdraw the open tasks about one order or one schedule line, all or of some kinds, or those whose `details`
    carry `about`; how many they were."""
    if (order_id is None) == (schedule_line_id is None):
        raise ValueError("name either an order or a schedule line")
    if kinds is not None and not kinds:
        return 0
    statement = (
        update(TaskRow)
        .where(col(TaskRow.state) == "open")
        .where(
            col(TaskRow.order_id) == order_id
            if order_id is not None
            else col(TaskRow.schedule_line_id) == schedule_line_id
        )
        .values(state="cancelled", completed_at=at)
        .returning(col(TaskRow.id))
    )
    if kinds is not None:
        statement = statement.where(col(TaskRow.kind).in_([str(kind) for kind in kinds]))
    if about is not None:
        statement = statement.where(col(TaskRow.details).contains(dict(about)))
    return len(session.execute(statement).all())


def tasks_for(
    session: Session, actor: Actor, *, state: str | None = "open", limit: int = 100, after: UUID | None = None
) -> list[TaskRow]:
    """Tasks of a person: assigned to them, or to anybody of their role; oldest first, keyset pages by id."""
    query = (
        select(TaskRow)
        .where(
            or_(
                col(TaskRow.assignee_id) == UUID(actor.id),
                col(TaskRow.assignee_id).is_(None) & (col(TaskRow.role) == str(actor.role)),
            )
        )
        .order_by(col(TaskRow.id))
        .limit(limit)
    )
    if state is not None:
        query = query.where(col(TaskRow.state) == state)
    if after is not None:
        query = query.where(col(TaskRow.id) > after)
    return list(session.exec(query))


def task_for(session: Session, task_id: UUID, actor: Actor) -> TaskRow:
    """A task as the caller may see it: one they may finish (D14).

    Raises:
        TaskNotFoundError: there is none, or it is somebody else's.
    """
    task = session.get(TaskRow, task_id)
    if task is None or not _may_complete(task, actor):
        raise TaskNotFoundError
    return task


def _may_complete(task: TaskRow, actor: Actor) -> bool:
    return may_complete(actor, task.role, str(task.assignee_id) if task.assignee_id else None)


def tasks_about(session: Session, schedule_line_id: UUID) -> list[TaskRow]:
    """Every task about one schedule line, oldest first."""
    query = select(TaskRow).where(TaskRow.schedule_line_id == schedule_line_id).order_by(col(TaskRow.id))
    return list(session.exec(query))
