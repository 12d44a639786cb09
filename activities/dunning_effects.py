"""What each stage of the ladder does: notices, tasks, letters and the legal case (D10)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from activities.letters import Letter, compose
from activities.persistence import legal, orders
from activities.persistence.dunning import DunningContext, context_of, debtor_email, other_debts
from activities.persistence.events import record_event
from activities.persistence.money_tables import LegalCaseRow, ScheduleLineRow
from activities.persistence.outbound import Claim, mark, plan_message, planned_siblings
from activities.persistence.party_tables import UserRow
from activities.persistence.record_tables import TaskRow
from activities.persistence.tasks import open_task, tasks_about
from domain.dunning import Stage
from domain.messages import MessageState
from domain.money import ZERO
from domain.orders import SYSTEM, Role
from domain.tasks import TaskKind
from domain.wording import document_name, notice, task_subject

LETTER_TEMPLATES = {
    Stage.LETTER: "dunning_letter",
    Stage.CALL: "dunning_call",
    Stage.HEAD: "dunning_head",
    Stage.LEGAL: "dunning_legal",
}
MERGED = tuple(LETTER_TEMPLATES[stage] for stage in (Stage.LETTER, Stage.CALL, Stage.HEAD))
"""Letters of one day to one customer become one, from mildest to gravest (D10-4)."""
MISSING_BROUGHT_BY = {"reconciliation": Role.ACCOUNTANT, "waybills": Role.ACCOUNTANT}
DAYS_FOR_DOCUMENTS = 3


def act(session: Session, context: DunningContext, stage: Stage, *, at: datetime) -> None:
    """Do what a stage does, once: every effect has a key of the line and the stage."""
    match stage:
        case Stage.BEFORE_DUE:
            _notify(session, context, _managers(session, context), "dunning_before_due", at=at)
        case Stage.LETTER:
            _notify(session, context, _managers(session, context), "dunning_letter", at=at)
            _write_letter(session, context, stage, at=at)
        case Stage.CALL:
            _task(session, context, TaskKind.CALL_OVERDUE, at=at, details=_phones(context))
            _notify(session, context, _managers(session, context), "dunning_call", at=at)
            _write_letter(session, context, stage, at=at)
        case Stage.HEAD:
            _task(session, context, TaskKind.OVERDUE_REVIEW, at=at, role=Role.HEAD, details=_summary(session, context))
            _notify(session, context, _heads(session), "dunning_head", at=at)
            _write_letter(session, context, stage, at=at)
        case Stage.LEGAL:
            _write_letter(session, context, stage, at=at)
            _hand_to_lawyer(session, context, at=at)


def letter_text(session: Session, context: DunningContext, template: str, *, at: datetime) -> Letter:
    """A letter about the line as it stands: the actual days and residue (D10-3), and what else is late (D10-4)."""
    others = [] if template == LETTER_TEMPLATES[Stage.LEGAL] else other_debts(session, context, at)
    owed = {context.invoice.currency: context.undisputed(at)}
    for debt in others:
        owed[debt.currency] = owed.get(debt.currency, ZERO) + debt.residual
    return compose(
        template, company=context.company.name, manager=context.manager, others=others, sums_owed=list(owed.items()),
        **context.words(at),
    )  # fmt: skip


def fresh_letter(session: Session, line_id: UUID, template: str, *, at: datetime) -> Letter | None:
    """The text of a planned letter at the moment of sending, or None when nothing is owed any more (D10-2), or all of
    it is disputed (D11-1)."""
    context = context_of(session, session.get_one(ScheduleLineRow, line_id))
    if not context.is_chased(at):
        return None
    return letter_text(session, context, template, at=at)


def why_withdrawn(session: Session, line_id: UUID | None, *, at: datetime) -> str:
    """Why a letter about a line is not sent: `disputed`, or `paid`."""
    line = session.get(ScheduleLineRow, line_id) if line_id else None
    return "disputed" if line is not None and context_of(session, line).rests(at) else "paid"


def merged_letter(session: Session, taken: Claim, *, at: datetime) -> Letter | None:
    """The text of a claimed letter, with the customer's other planned letters merged into it (D10-4).

    The gravest of them speaks, all debts are listed, and the others are withdrawn. A letter about the lawyer stands
    alone. None when this letter's own line is paid or disputed: the others then go by themselves.
    """
    key, template, line_id = taken.message.key, taken.message.template, taken.schedule_line_id
    if line_id is None or (own := fresh_letter(session, line_id, template, at=at)) is None:
        return None
    if template not in MERGED or taken.customer_id is None:
        return own
    gravest, text = MERGED.index(template), own
    for other in planned_siblings(session, key, taken.customer_id, MERGED):
        if other.schedule_line_id is None:
            continue
        theirs = fresh_letter(session, other.schedule_line_id, other.template, at=at)
        if theirs is not None and MERGED.index(other.template) > gravest:
            gravest, text = MERGED.index(other.template), theirs
        if theirs is None:
            mark(
                session,
                other.key,
                MessageState.CANCELLED,
                at=at,
                error=why_withdrawn(session, other.schedule_line_id, at=at),
            )
            continue
        mark(session, other.key, MessageState.CANCELLED, at=at, error=f"{legal.MERGED_INTO}{key}")
        record_event(session, "schedule_line", other.schedule_line_id, "message_merged", SYSTEM, at=at,
                     key=other.key, into=key, subject_line=other.subject)  # fmt: skip
    return text


def _write_letter(session: Session, context: DunningContext, stage: Stage, *, at: datetime) -> None:
    """Plan the letter of a stage; without an address the manager tells the customer in another way (D10-11)."""
    template = LETTER_TEMPLATES[stage]
    text = letter_text(session, context, template, at=at)
    address = debtor_email(session, context.customer.id)
    if address is None:
        _task(session, context, TaskKind.NO_EMAIL, at=at, key=f"{_key(context)}:{stage}:letter",
              details={"text": text.body})  # fmt: skip
        return
    plan_message(
        session,
        f"{_key(context)}:{stage}:letter",
        audience="customer",
        template=template,
        recipient=address,
        subject=text.subject,
        body=text.body,
        created_at=at,
        customer_id=context.customer.id,
        order_id=context.invoice.order_id,
        schedule_line_id=context.line.id,
    )


def _hand_to_lawyer(session: Session, context: DunningContext, *, at: datetime) -> None:
    case = legal.open_or_join(session, context, at=at)
    _task(session, context, TaskKind.LEGAL_CASE, at=at, role=Role.LAWYER, key=f"legal:{case.id}:{context.line.id}",
          details={"case_id": str(case.id), "case": case.number}, case=case.number)  # fmt: skip
    _ask_for_documents(session, context, case, at=at)
    people = [*orders.people_of_role(session, Role.LAWYER), *_heads(session), *_managers(session, context)]
    _notify(session, context, people, "dunning_legal", at=at, case=case.number)


def _ask_for_documents(session: Session, context: DunningContext, case: LegalCaseRow, *, at: datetime) -> None:
    """A task for each missing document (D10-10)."""
    for document in case.package["documents"]:
        if not document["missing"]:
            continue
        code = document["code"]
        _task(
            session, context, TaskKind.LEGAL_DOCUMENT, at=at, role=MISSING_BROUGHT_BY.get(code, Role.MANAGER),
            key=f"legal:{case.id}:document:{code}", days=DAYS_FOR_DOCUMENTS,
            details={"case_id": str(case.id), "document": code}, case=case.number, document=document_name(code),
        )  # fmt: skip


def _task(
    session: Session, context: DunningContext, kind: TaskKind, *, at: datetime, role: Role = Role.MANAGER,
    key: str | None = None, days: int = 1, details: dict[str, Any] | None = None, **facts: Any,
) -> None:  # fmt: skip
    """Open a task about the line. The customer's present manager gets it, the head where there is none (D10-14)."""
    if role is Role.MANAGER and context.manager is None:
        role = Role.HEAD
    words = context.words(at, **facts)
    figures = {"invoice": context.invoice.number, "residual": str(context.line.residual),
               "currency": context.invoice.currency, "days_overdue": words["days"]}  # fmt: skip
    open_task(
        session,
        key=key or f"{_key(context)}:{kind}",
        kind=kind,
        role=role,
        assignee_id=context.manager.id if role is Role.MANAGER and context.manager else None,
        subject=task_subject(kind, **words),
        words=words,
        due_at=context.calendar.after_working_days(at, days),
        created_at=at,
        customer_id=context.customer.id,
        order_id=context.invoice.order_id,
        schedule_line_id=context.line.id,
        details=figures | (details or {}),
    )


def _notify(
    session: Session, context: DunningContext, people: list[UserRow], name: str, *, at: datetime, **facts: Any
) -> None:
    words = notice(name, **context.words(at, **facts))
    for person in people:
        plan_message(
            session,
            f"{_key(context)}:{name}:{person.login}",
            audience="staff",
            template=name,
            recipient=person.email,
            subject=words.subject,
            body=words.lead,
            created_at=at,
            user_id=person.id,
            customer_id=context.customer.id,
            order_id=context.invoice.order_id,
            schedule_line_id=context.line.id,
        )


def _managers(session: Session, context: DunningContext) -> list[UserRow]:
    """The customer's manager; the heads where there is none."""
    return [context.manager] if context.manager else _heads(session)


def _heads(session: Session) -> list[UserRow]:
    return list(orders.people_of_role(session, Role.HEAD))


def _phones(context: DunningContext) -> dict[str, Any]:
    return {"results": ["promise", "dispute", "no_answer", "other"], "customer": context.customer.name}


def _summary(session: Session, context: DunningContext) -> dict[str, Any]:
    """What the head should know: what was done, and what the manager left undone (D10-6)."""
    return {"tasks": [_task_line(task) for task in tasks_about(session, context.line.id)]}


def _task_line(task: TaskRow) -> dict[str, Any]:
    return {"kind": task.kind, "state": task.state, "subject": task.subject, "result": task.result,
            "comment": task.comment, "due_at": task.due_at.isoformat()}  # fmt: skip


def _key(context: DunningContext) -> str:
    return f"invoice:{context.line.id}:dunning"
