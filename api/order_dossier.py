"""The approver's dossier as it is read (D4-2), and who may read it and answer."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlmodel import Session

from activities.persistence import approvals, context, dossier, rulings
from activities.persistence.decisions import recorded
from activities.persistence.order_tables import ApprovalRow, OrderRow
from activities.persistence.party_tables import CreditAccountRow, UserRow
from api import order_views
from api.deps import Caller, Db
from api.i18n import Language, speech
from api.schemas import money
from domain.approvals import ApprovalKind, Tier, check_answerer
from domain.credit import ReasonCode
from domain.credit_steps import Verdict
from domain.errors import DomainError, ForbiddenError
from domain.orders import Actor, Role
from domain.wording import dossier as words
from domain.wording import reason_text, status_name
from workflows.ids import order_workflow_id

APPROVERS = (Role.HEAD, Role.DIRECTOR)


def answering(order_id: UUID, caller: Caller, db: Db) -> Actor:
    """Head, director, or a deputy to whom a request of this order was addressed (D4-1, D4-4).

    Raises:
        ForbiddenError
    """
    if caller.role in APPROVERS or dossier.was_asked(db, order_id, caller):
        return caller
    raise ForbiddenError(role=caller.role.value, allowed=", ".join(APPROVERS))


Answering = Annotated[Actor, Depends(answering)]


def view(session: Session, order: OrderRow, caller: Actor, language: Language, *, now: datetime) -> dict[str, Any]:
    """The open request, the figures and reasons behind it, the customer's payments, other orders, earlier requests."""
    surroundings = context.context_of(session, order)
    today = surroundings.today(now)
    currency = session.get_one(CreditAccountRow, order.credit_account_id).currency
    requests = dossier.requests_of(session, order.id)
    asking = next((each for each in requests if each.state == "open"), None)
    barred = approvals.barred_by(session, asking, on=today) if asking else ()
    people = dossier.people_of(session, requests, barred)
    return {
        "order": order_views.summaries(session, [order], language, now=now)[0],
        "customer_name": surroundings.customer.name,
        "request": _request(asking, order, people, barred, language, currency=currency) if asking else None,
        "decision": _decision(session, surroundings, asking, language) if asking else None,
        "may_answer": asking is not None and _may_answer(session, asking, surroundings, caller, barred),
        "answers": _answers(language) if asking else [],
        "payment_behaviour": _behaviour(session, surroundings, now, language),
        "pending_orders": [_pending(each, language) for each in dossier.other_pending(session, order)],
        "history": [_answered(each, currency, people, language) for each in requests if each is not asking],
    }


def _request(
    row: ApprovalRow,
    order: OrderRow,
    people: dict[UUID, UserRow],
    barred: tuple[str, ...],
    language: Language,
    *,
    currency: str,
) -> dict[str, Any]:
    return _common(row, currency, people, language) | {
        "in_force": row.revision == order.revision,
        "deadline": row.deadline.isoformat(),
        "rung": row.rung,
        "addressees": [_addressee(each, people, language) for each in row.addressees],
        "barred": [_person(people[UUID(each)]) for each in barred],
    }


def _answered(row: ApprovalRow, currency: str, people: dict[UUID, UserRow], language: Language) -> dict[str, Any]:
    """A request that waits no more."""
    return _common(row, currency, people, language) | {
        "decided_by": _person(people[row.decided_by]) if row.decided_by else None,
        "decided_for": _person(people[row.decided_for]) if row.decided_for else None,
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
        "comment": row.comment,
    }


def _common(row: ApprovalRow, currency: str, people: dict[UUID, UserRow], language: Language) -> dict[str, Any]:
    spoken = speech(language)
    return {
        "id": str(row.id),
        "kind": row.kind,
        "text": words.request_name(row.kind, spoken),
        "tier": row.tier,
        "revision": row.revision,
        "state": row.state,
        "state_text": words.request_state(row.state, spoken),
        "ceiling": money(row.ceiling, currency),
        "reasons": row.reasons,
        "opened_at": row.opened_at.isoformat(),
        "requested_by": _person(people[row.requested_by]),
    }


def _addressee(stored: dict[str, Any], people: dict[UUID, UserRow], language: Language) -> dict[str, Any]:
    person = people[UUID(stored["user_id"])]
    absent = people[UUID(stored["for_id"])] if stored.get("for_id") else None
    text = words.addressee_text(person.name, absent.name if absent else None, speech(language))
    return _person(person) | {"instead_of": _person(absent) if absent else None, "text": text}


def _person(person: UserRow) -> dict[str, str]:
    return {"id": str(person.id), "login": person.login, "name": person.name, "role": person.role}


def _decision(
    session: Session, surroundings: context.OrderContext, asking: ApprovalRow, language: Language
) -> dict[str, Any] | None:
    """The figures and reasons in words; a price that is asked about comes first (D4-15)."""
    row = dossier.decision_behind(session, asking)
    if row is None:
        return None
    shown = order_views.stored_decision(row, language)
    if asking.kind == ApprovalKind.PRICE:
        _, _, policy = recorded(session, row)
        price = rulings.price_to_approve(session, surroundings, policy, asking.revision)
        if price is not None:
            told = {"code": price.code, "outcome": price.outcome, "figures": price.figures}
            text = reason_text(ReasonCode.DISCOUNT, speech(language), **price.figures)
            shown["reasons"] = [told | {"text": text}, *shown["reasons"]]
    return shown


def _may_answer(
    session: Session,
    asking: ApprovalRow,
    surroundings: context.OrderContext,
    caller: Actor,
    barred: tuple[str, ...],
) -> bool:
    try:
        check_answerer(
            approvals.answerer_of(session, asking, caller),
            tier=Tier(asking.tier),
            barred=barred,
            customer_region=surroundings.customer.region,
            revision=asking.revision,
            seen_revision=None,
        )
    except DomainError:
        return False
    return True


def _answers(language: Language) -> list[dict[str, Any]]:
    """Three buttons; two of them want a comment (D4-2)."""
    return [
        {
            "decision": verdict,
            "text": words.answer_name(verdict, speech(language)),
            "comment_required": verdict is not Verdict.APPROVE,
        }
        for verdict in Verdict
    ]


def _behaviour(
    session: Session, surroundings: context.OrderContext, now: datetime, language: Language
) -> dict[str, Any]:
    found = dossier.behaviour_of(session, surroundings.customer.id, today=surroundings.today(now))
    text = words.behaviour_text(
        found.paid, found.on_time_percent, found.mean_days_late, found.worst_days_late, speech(language)
    )
    return {
        "invoices_paid": found.paid,
        "on_time": found.on_time,
        "on_time_percent": found.on_time_percent,
        "mean_days_late": str(found.mean_days_late),
        "worst_days_late": found.worst_days_late,
        "text": text,
    }


def _pending(order: dossier.PendingOrder, language: Language) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "number": order.number,
        "status": order.status,
        "status_text": status_name(order.status, speech(language)),
        "customer_name": order.customer,
        "total": money(order.gross, order.currency),
        "credit": money(order.credit, order.currency),
        "workflow_id": order_workflow_id(str(order.id)),
    }
