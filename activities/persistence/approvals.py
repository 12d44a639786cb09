"""Approval requests: whom they go to, the open one, the newest one (D4)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from activities.persistence import orders
from activities.persistence.absences import absences_from, deputies_of
from activities.persistence.context import OrderContext, notify
from activities.persistence.events import record_event
from activities.persistence.order_tables import ApprovalRow, CreditDecisionRow, OrderRow
from activities.persistence.party_tables import UserRow
from activities.persistence.tasks import open_task
from domain.absences import stand_in
from domain.approvals import Answerer, ApprovalKind, Rung, Tier, ladder
from domain.credit import CreditDecision
from domain.orders import SYSTEM, Actor, OrderStatus, Role
from domain.tasks import TaskKind
from domain.wording import task_subject


def open_approval(session: Session, order_id: UUID) -> ApprovalRow | None:
    """The request that waits for an answer, if any, held until commit."""
    return session.exec(_open(order_id).with_for_update()).first()


def see_approval(session: Session, order_id: UUID) -> ApprovalRow | None:
    """The request that waits for an answer, for questions: nothing is locked."""
    return session.exec(_open(order_id)).first()


def _open(order_id: UUID) -> SelectOfScalar[ApprovalRow]:
    return select(ApprovalRow).where(ApprovalRow.order_id == order_id, ApprovalRow.state == "open")


def last_approval(session: Session, order_id: UUID) -> ApprovalRow | None:
    """The newest request of the order, answered or not."""
    query = select(ApprovalRow).where(ApprovalRow.order_id == order_id)
    return session.exec(query.order_by(col(ApprovalRow.id).desc()).limit(1)).first()


def newest_given(session: Session, order_id: UUID, *kinds: str) -> dict[str, ApprovalRow]:
    """The newest request of each of these kinds that was approved, by kind."""
    query = (
        select(ApprovalRow)
        .where(ApprovalRow.order_id == order_id, ApprovalRow.state == "approved", col(ApprovalRow.kind).in_(kinds))
        .order_by(col(ApprovalRow.kind), col(ApprovalRow.id).desc())
        .ext(distinct_on(col(ApprovalRow.kind)))
    )
    return {row.kind: row for row in session.exec(query)}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody who is asked, and whom they stand in for."""

    person: UserRow
    instead_of: UserRow | None = None

    def stored(self) -> dict[str, Any]:
        return {"user_id": str(self.person.id), "for_id": str(self.instead_of.id) if self.instead_of else None}


def addressees(
    session: Session, tier: Tier, region: str | None, *, barred: Collection[str], on: date
) -> list[Addressee]:
    """Whom a request goes to: the branch's heads, or the directors, each by a deputy while away; nobody who may not
    answer (D4-1, D4-4, D4-5)."""
    people = orders.people_of_role(session, Role.HEAD if tier is Tier.HEAD else Role.DIRECTOR)
    own = [person for person in people if tier is Tier.HEAD and person.region == region and region is not None]
    people = own or [person for person in people if person.region in {None, region} or tier is Tier.DIRECTOR]
    absences = absences_from(session, on)
    found: dict[UUID, Addressee] = {}
    for person in people:
        answering = stand_in(str(person.id), absences, on)
        if answering in barred:
            continue
        if answering == str(person.id):
            found[person.id] = Addressee(person)
        else:
            deputy = orders.user(session, UUID(answering))
            found.setdefault(deputy.id, Addressee(deputy, person))
    return list(found.values())


def requester_of(session: Session, order: OrderRow) -> UUID:
    """Who asked for the order as it stands: whoever placed or changed it last, else whoever created it (D4-5)."""
    query = (
        select(CreditDecisionRow.actor_id)
        .where(CreditDecisionRow.order_id == order.id, CreditDecisionRow.rule == "credit")
        .where(col(CreditDecisionRow.actor_id) != UUID(SYSTEM.id))
        .where(col(CreditDecisionRow.occasion).not_like("approval-%"))
        .order_by(col(CreditDecisionRow.id).desc())
        .limit(1)
    )
    return session.exec(query).first() or order.created_by


def barred_from(session: Session, requester: UUID, owner: UUID, *, on: date) -> tuple[str, ...]:
    """Requester, owner and their deputies: nobody of them answers (D4-5)."""
    people = tuple(dict.fromkeys((requester, owner)))
    return (*map(str, people), *sorted(deputies_of(session, people, on) - set(map(str, people))))


def barred_by(session: Session, row: ApprovalRow, *, on: date) -> tuple[str, ...]:
    """Who may not answer this request (D4-5)."""
    return barred_from(session, row.requested_by, row.owner_id, on=on)


@dataclass(frozen=True, slots=True)
class Asked:
    """An open request with the people who may not answer it, and the messages about it."""

    row: ApprovalRow
    barred: tuple[str, ...]
    messages: tuple[str, ...]


def ask(
    session: Session,
    context: OrderContext,
    decision: CreditDecision,
    *,
    actor: Actor,
    at: datetime,
    kind: ApprovalKind = ApprovalKind.CREDIT,
    tier: Tier = Tier.HEAD,
    revision: int | None = None,
    asked_at: datetime | None = None,
) -> Asked:
    """Open a request bound to order, revision and ceiling (D4-6), give the task to whoever decides and tell them.

    A head's request that no head may answer goes to the director at once. `asked_at`: when silence began to count,
    for a request that takes the place of another.
    """
    order = context.order
    requester = UUID(actor.id) if actor.id != SYSTEM.id else requester_of(session, order)
    today = context.today(at)
    barred = barred_from(session, requester, order.manager_id, on=today)
    people = addressees(session, tier, context.customer.region, barred=barred, on=today)
    if not people and tier is Tier.HEAD:
        tier = Tier.DIRECTOR
        people = addressees(session, tier, context.customer.region, barred=barred, on=today)
    revision = order.revision if revision is None else revision
    times = ladder(asked_at or at, context.policy, context.calendar)
    row = ApprovalRow(
        order_id=order.id,
        revision=revision,
        round=next_round(session, order.id, revision),
        ceiling=decision.exposure,
        requested_by=requester,
        owner_id=order.manager_id,
        state="open",
        opened_at=asked_at or at,
        deadline=times.expires_at,
        kind=kind,
        tier=tier,
        rung=times.due(at),
        addressees=[each.stored() for each in people],
        reasons=[reason.code for reason in decision.reasons],
    )
    session.add(row)
    session.flush()
    details = {"ceiling": str(decision.exposure), "limit": str(decision.limit), "excess": str(decision.excess)}
    messages = call_on(session, context, row, people, "approval_asked", at=at, details=details)
    return Asked(row, barred, messages)


def call_on(
    session: Session,
    context: OrderContext,
    row: ApprovalRow,
    people: Sequence[Addressee],
    notice: str,
    *,
    at: datetime,
    details: dict[str, Any] | None = None,
) -> tuple[str, ...]:
    """Give each of these people the task to answer, and the notice; returns the keys of the notices."""
    key = request_key(row)
    words = context.words(until=row.deadline)
    messages = []
    for each in people:
        open_task(
            session,
            key=f"{key}:{each.person.login}",
            kind=TaskKind.APPROVAL,
            role=Role(each.person.role),
            assignee_id=each.person.id,
            subject=task_subject("approval", **words),
            words=words,
            due_at=row.deadline,
            created_at=at,
            customer_id=context.order.customer_id,
            order_id=context.order.id,
            details=details,
        )
        instead = {"instead_of": each.instead_of.name} if each.instead_of else {}
        messages.append(
            notify(session, context, each.person, f"{key}:{notice}", notice, at=at, until=row.deadline, **instead)
        )
    return tuple(messages)


def request_key(row: ApprovalRow) -> str:
    return f"order:{row.order_id}:approval:{row.revision}:{row.round}"


def next_round(session: Session, order_id: UUID, revision: int) -> int:
    """The number of the next request of a revision."""
    query = select(func.max(ApprovalRow.round)).where(
        ApprovalRow.order_id == order_id, ApprovalRow.revision == revision
    )
    return (session.exec(query).one() or 0) + 1


def answerer_of(session: Session, row: ApprovalRow, actor: Actor) -> Answerer:
    """The person who answers, and whether the request was addressed to them."""
    asked = any(each["user_id"] == actor.id for each in row.addressees)
    return replace(answerer(session, actor), asked=asked)


def answerer(session: Session, actor: Actor) -> Answerer:
    """The person who answers what was addressed to nobody in particular."""
    return Answerer(actor.id, actor.role, orders.user(session, UUID(actor.id)).region, asked=False)


def instead_of(row: ApprovalRow, actor: Actor) -> UUID | None:
    """Whose decision a deputy gives (D4-4); None for one's own."""
    stands_for = next((each["for_id"] for each in row.addressees if each["user_id"] == actor.id), None)
    return UUID(stands_for) if stands_for else None


def climb(session: Session, context: OrderContext, row: ApprovalRow, *, at: datetime) -> tuple[str, ...]:
    """What silence does next (D4-3): a reminder, the deputies, the next level. Only the highest rung that has come is
    climbed; without a deputy the next level is asked at once. Returns the keys of the notices."""
    times = ladder(row.opened_at, context.policy, context.calendar)
    due = times.due(at)
    if due <= row.rung:
        return ()
    record_event(session, "order", context.order.id, "reminded", SYSTEM, at=at, waiting="approval", rung=due.name)
    row.rung = due
    asked = [orders.user(session, UUID(each["user_id"])) for each in row.addressees]
    if due is Rung.REMINDED:
        return call_on(session, context, row, [Addressee(person) for person in asked], "approval_reminder", at=at)
    more = _deputies(session, row, asked, on=context.today(at)) if due is Rung.DEPUTY else []
    if not more:
        row.rung = Rung.NEXT_LEVEL
        barred = barred_by(session, row, on=context.today(at))
        directors = addressees(session, Tier.DIRECTOR, None, barred=barred, on=context.today(at))
        more = [each for each in directors if each.person.id not in {person.id for person in asked}]
    row.addressees = [*row.addressees, *(each.stored() for each in more)]
    people = more or [Addressee(person) for person in asked]
    return call_on(session, context, row, people, "approval_reminder", at=at)


def _deputies(session: Session, row: ApprovalRow, asked: Sequence[UserRow], *, on: date) -> list[Addressee]:
    """Those who answer for the people asked, besides them and besides those who may not."""
    barred, absences = barred_by(session, row, on=on), absences_from(session, on)
    found: dict[UUID, Addressee] = {}
    for person in asked:
        away = stand_in(str(person.id), absences, on)
        deputy = UUID(away) if away != str(person.id) else person.deputy_id
        if deputy is not None and str(deputy) not in barred and deputy not in {each.id for each in asked}:
            found.setdefault(deputy, Addressee(orders.user(session, deputy), person))
    return list(found.values())


def late_answer(session: Session, order_id: UUID) -> tuple[str, dict[str, str]] | None:
    """Why an answer comes too late: decided before (D4-8), expired, or cancelled (D4-9); a refusal's code and facts."""
    row, order = last_approval(session, order_id), session.get_one(OrderRow, order_id)
    if order.status == OrderStatus.CANCELLED and order.ended_at is not None:
        return "order_cancelled", {"at": order.ended_at.isoformat(), "reason": order.end_reason or ""}
    if row is not None and row.decided_by is not None and row.decided_at is not None:
        return "already_decided", {"by": str(row.decided_by), "at": row.decided_at.isoformat(), "decision": row.state}
    if row is not None and row.state == "expired":
        return "approval_expired", {"deadline": row.deadline.isoformat()}
    return None
