"""Revisions of an order: written, proposed, put in force, refused (D6-6)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, select

from activities.persistence import credit, orders
from activities.persistence.approvals import ask, barred_by, see_approval
from activities.persistence.context import OrderContext, context_of, notify_manager
from activities.persistence.credit_tables import OrderRevisionRow
from activities.persistence.decisions import Decided
from activities.persistence.events import record_event
from activities.persistence.order_tables import CommitmentRow, OrderLineRow, OrderRow
from domain.approvals import ApprovalKind, Tier, ladder
from domain.credit import CreditDecision
from domain.money import percent_of
from domain.orders import SYSTEM, Actor, OrderState, Proposal
from domain.pricing import Amounts
from domain.rates import Rate


def add_first(session: Session, order: OrderRow, actor: Actor, *, at: datetime) -> None:
    """The revision that an order begins with."""
    session.add(_row(order, order.revision, "in_force", actor, at=at))


def add_next(
    session: Session,
    order: OrderRow,
    lines: Sequence[OrderLineRow],
    total: Amounts,
    actor: Actor,
    *,
    deferral_days: int,
    prepayment_percent: int,
    reason: str | None,
    at: datetime,
) -> OrderRevisionRow:
    """Write the next revision with its lines; `put_in_force` makes the order go by it."""
    row = OrderRevisionRow(
        order_id=order.id,
        revision=_newest(session, order.id) + 1,
        state="proposed",
        deferral_days=deferral_days,
        prepayment_percent=prepayment_percent,
        net=total.net,
        vat=total.vat,
        gross=total.gross,
        reason=reason,
        changed_by=UUID(actor.id),
        changed_at=at,
    )
    session.add(row)
    for line in lines:
        line.revision = row.revision
        session.add(line)
    session.flush()
    return row


def copy_to_next(session: Session, order: OrderRow, actor: Actor, *, reason: str | None, at: datetime) -> None:
    """Open a new revision with the same lines; the old one stays as it was decided (D4-13)."""
    lines = [OrderLineRow(**line.model_dump()) for line in orders.lines_of(session, order)]
    total = Amounts(net=order.net, vat=order.vat, gross=order.gross)
    row = add_next(session, order, lines, total, actor, deferral_days=order.deferral_days,
                   prepayment_percent=order.prepayment_percent, reason=reason, at=at)  # fmt: skip
    _take_over(session, order, row, at=at)


def put_in_force(
    session: Session,
    context: OrderContext,
    revision: int,
    *,
    at: datetime,
    rate: Rate | None = None,
    keeps_clearance: bool = False,
) -> OrderState:
    """The order goes by another revision from now on; what it counts for on its account follows at once (D6-6), by the
    `rate` it was decided at, if it took a decision (D2-18). An immaterial edit keeps the lawyer's clearance (D4-11)."""
    order = context.order
    row = session.get_one(OrderRevisionRow, (order.id, revision))
    cleared = order.cleared_revision == order.revision
    _take_over(session, order, row, at=at)
    if cleared and keeps_clearance:
        order.cleared_revision = order.revision
    commitment = session.get(CommitmentRow, order.id)
    if commitment is not None:  # nothing has been invoiced: an order with goods gone is not revised (D6-7)
        commitment.uninvoiced = row.gross
        commitment.required_prepayment = percent_of(row.gross, row.prepayment_percent)
        commitment.rate = commitment.rate if rate is None else rate.rate
    record_event(session, "order", order.id, "revised", SYSTEM, at=at, revision=revision, gross=str(row.gross))
    session.flush()
    return orders.state_of(order)


def proposed(session: Session, order_id: UUID) -> OrderRevisionRow | None:
    """The revision that waits for approval, if any."""
    query = select(OrderRevisionRow).where(OrderRevisionRow.order_id == order_id, OrderRevisionRow.state == "proposed")
    return session.exec(query).first()


def terms_of(session: Session, order_id: UUID, revision: int) -> credit.Terms:
    """What a revision asks for."""
    row = session.get_one(OrderRevisionRow, (order_id, revision))
    return credit.Terms(row.gross, row.prepayment_percent, row.deferral_days)


def settle(session: Session, order_id: UUID, revision: int, state: str, *, at: datetime) -> None:
    """A proposed revision ends without coming into force."""
    row = session.get_one(OrderRevisionRow, (order_id, revision))
    row.state, row.decided_at = state, at
    session.flush()


def open_proposal(session: Session, order: OrderRow, *, as_of: datetime) -> Proposal | None:
    """The revision that waits for approval beside the one in force, as the order's process watches it."""
    request = see_approval(session, order.id)
    if request is None or request.revision == order.revision:
        return None
    context = context_of(session, order)
    times = ladder(request.opened_at, context.policy, context.calendar)
    barred = barred_by(session, request, on=context.today(as_of))
    return Proposal(request.revision, times.next_at(as_of), request.deadline, barred)


def refuse(
    session: Session, context: OrderContext, revision: int, decision: CreditDecision, *, at: datetime
) -> tuple[str, ...]:
    """A revision that credit stops: the one in force stays (D6-6); the manager is told."""
    order = context.order
    settle(session, order.id, revision, "refused", at=at)
    record_event(session, "order", order.id, "revision_refused", SYSTEM, at=at, revision=revision,
                 reasons=[reason.code for reason in decision.reasons])  # fmt: skip
    return (notify_manager(session, context, f"order:{order.id}:revision:{revision}", "revision_refused", at=at),)


def ask_for_proposal(
    session: Session,
    context: OrderContext,
    decided: Decided,
    actor: Actor,
    revision: int,
    *,
    at: datetime,
    tier: Tier = Tier.HEAD,
    kind: ApprovalKind = ApprovalKind.CREDIT,
) -> tuple[Proposal, tuple[str, ...]]:
    """Ask for approval of a revision that is not in force; the order itself goes on (D6-6)."""
    asked = ask(session, context, decided.decision, actor=actor, at=at, kind=kind, tier=tier,
                revision=revision)  # fmt: skip
    times = ladder(at, context.policy, context.calendar)
    return Proposal(revision, times.next_at(at), times.expires_at, asked.barred), asked.messages


def _take_over(session: Session, order: OrderRow, row: OrderRevisionRow, *, at: datetime) -> None:
    current = session.get(OrderRevisionRow, (order.id, order.revision))
    if current is not None:
        current.state = "superseded"
        session.flush()
    row.state, row.decided_at = "in_force", at
    order.revision = row.revision
    order.net, order.vat, order.gross = row.net, row.vat, row.gross
    order.deferral_days, order.prepayment_percent = row.deferral_days, row.prepayment_percent
    order.version += 1
    session.flush()


def _row(order: OrderRow, revision: int, state: str, actor: Actor, *, at: datetime) -> OrderRevisionRow:
    return OrderRevisionRow(
        order_id=order.id,
        revision=revision,
        state=state,
        deferral_days=order.deferral_days,
        prepayment_percent=order.prepayment_percent,
        net=order.net,
        vat=order.vat,
        gross=order.gross,
        changed_by=UUID(actor.id),
        changed_at=at,
        decided_at=at,
    )


def _newest(session: Session, order_id: UUID) -> int:
    query = select(func.max(OrderRevisionRow.revision)).where(OrderRevisionRow.order_id == order_id)
    return session.exec(query).one() or 0
