"""Steps of an order as a whole: look again at the facts, remind somebody, let a wait run out, end it."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.late_money import money_came_late, settle_late_money
from activities.letters import compose
from activities.persistence import credit, decisions, orders
from activities.persistence.approvals import climb, open_approval
from activities.persistence.context import (
    OrderContext,
    assign,
    context_of,
    customer_email,
    notify_manager,
)
from activities.persistence.events import record_event
from activities.persistence.gate import recheck_gate
from activities.persistence.outbound import plan_message
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.picking import renew_picking, settle_goods
from activities.persistence.reconsideration import reconsider_locked
from activities.persistence.standing import (
    end_or_close_short,
    settle_invoiced,
    settle_reserved,
    tell_move,
    withdraw_proposal,
)
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationRow
from activities.persistence.tasks import cancel_tasks, has_open_task
from domain import waits
from domain.approvals import Rung, ladder
from domain.credit_release import money_to_release
from domain.errors import WrongStateError
from domain.messages import RESERVATION_REMINDER
from domain.money import ZERO
from domain.orders import (
    CANCELLABLE,
    SYSTEM,
    EndRequest,
    OnExpiry,
    OrderState,
    OrderStatus,
    OrderStep,
    Role,
    StepResult,
    Wait,
    WaitReason,
)
from domain.reservation_terms import days_left
from domain.tasks import TaskKind

_LOOKS_AT_STOCK_AND_MONEY = {
    OrderStatus.CONFIRMED,
    OrderStatus.PART_RESERVED,
    OrderStatus.AWAITING_PAYMENT,
    OrderStatus.READY,
}


class OrderActivities:
    """Steps that concern the order itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def look_again(self, order_id: str, as_of: datetime) -> StepResult:
        """Where the order stands by the facts: money in, goods allotted, invoices settled. Safe to repeat.

        With it comes the post that was planned about the order meanwhile, in transactions of others too.
        """
        with Session(self._engine) as session, session.begin():
            account = credit.lock_account_of(session, order_id)
            order = orders.lock_order(session, order_id)
            state = _look(session, account, context_of(session, order), as_of=as_of)
            session.flush()
            return StepResult(state, messages=orders.planned_messages(session, order.id))

    @activity.defn(no_thread_cancel_exception=True)
    def remind(self, step: OrderStep) -> StepResult:
        """Remind whoever the order waits for; nothing when it waits no more."""
        key = f"order:{step.order_id}:remind:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _remind(s, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def after_release(self, step: OrderStep) -> StepResult:
        """A reserve ran out: credit is free again (D7-9), the manager calls and finds the reason (D7-6)."""
        key = f"order:{step.order_id}:after-release:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _after_release(s, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def settle_late_money(self, step: OrderStep) -> StepResult:
        """An order was reserved again because of late money: when goods are missing, the money becomes an advance and
        the customer is asked what to do (D7-8). Any other order stays as it is."""
        key = f"order:{step.order_id}:late-money:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _settle_late_money(s, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def ask_cancel_acknowledgement(self, step: OrderStep) -> StepResult:
        """Goods are being picked: the warehouse must acknowledge the cancellation first (D6-8)."""
        key = f"order:{step.order_id}:cancel-asked:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _ask_cancel(s, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def end_order(self, request: EndRequest) -> StepResult:
        """End the order: commitment gone, its money an advance, open requests and tasks withdrawn (D6-8, D6-9).

        Raises:
            WrongStateError: goods have left, or the order ended otherwise before.
        """
        lapse = f":{request.only_while}:{request.as_of.isoformat()}" if request.only_while else ""
        key = f"order:{request.order_id}:end{lapse}"  # a lapse that found the order gone on ended nothing
        return run_once(self._engine, key, StepResult, lambda s: _end(s, request, key), as_of=request.as_of)


def _look(session: Session, account: CreditAccountRow, context: OrderContext, *, as_of: datetime) -> OrderState:
    order = context.order
    state = orders.state_of(order)
    reason = state.wait.reason if state.wait else None
    if reason is WaitReason.GATE:  # the goods of warehouses that have not begun may have changed meanwhile
        renew_picking(session, context, f"order:{order.id}:look-again", SYSTEM, at=as_of)
        return recheck_gate(session, account, context, SYSTEM, as_of=as_of).state
    if reason is WaitReason.SHIPMENT:  # another warehouse may have got goods meanwhile
        return settle_goods(session, context, f"order:{order.id}:look-again:{order.version}", SYSTEM, at=as_of)
    if order.status == OrderStatus.AWAITING_FINAL_PAYMENT:
        return settle_invoiced(session, context, as_of=as_of)
    reservation = session.get(ReservationRow, order.id)
    if reservation is not None and reason is WaitReason.LATE_PAYMENT:
        return money_came_late(session, context, reservation, state, at=as_of).state
    return _settled_goods(session, context, at=as_of) or state


def _settled_goods(session: Session, context: OrderContext, *, at: datetime) -> OrderState | None:
    """Where an order stands by its goods and its money; None for one that does not stand by these."""
    order, reservation = context.order, session.get(ReservationRow, context.order.id)
    to_be_reserved = order.wait is None
    if order.status not in _LOOKS_AT_STOCK_AND_MONEY or reservation is None or to_be_reserved:
        return None
    before = orders.state_of(order)
    state = settle_reserved(session, context, reservation, as_of=at)
    tell_move(session, order, before, at=at)
    return state


def _settle_late_money(session: Session, step: OrderStep, key: str) -> StepResult:
    credit.lock_account_of(session, step.order_id)
    context = context_of(session, orders.lock_order(session, step.order_id))
    return settle_late_money(session, context, key, at=step.as_of)


def _remind(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    state = orders.state_of(order)
    wait = state.wait
    if wait is None or wait.reminder_at is None:
        return StepResult(state)
    context, at = context_of(session, order), step.as_of
    if wait.reason is WaitReason.APPROVAL:
        return _climb(session, context, wait, at=at)
    settled = _settled_goods(session, context, at=at) if wait.on_expiry is OnExpiry.TASK else None
    if settled is not None and settled != state:  # it was served, or lost goods, and nobody told it
        session.flush()
        return StepResult(settled, messages=orders.planned_messages(session, order.id))
    record_event(session, "order", order.id, "reminded", SYSTEM, at=at, waiting=wait.reason)
    if wait.on_expiry is OnExpiry.TASK:
        return _ask_about(session, context, state, wait.reason, key, at=at)
    match wait.reason:
        case WaitReason.ACCEPTANCE:
            messages = [notify_manager(session, context, key, "quote_expires", at=at, until=wait.until)]
        case WaitReason.CREDIT_STOP:
            needed = _to_release(session, context)
            assign(session, context, "credit_stop", key, Role.MANAGER, due_at=wait.until or at, at=at, needed=needed)
            messages = [notify_manager(session, context, key, "credit_stopped", at=at, needed=needed)]
        case WaitReason.PAYMENT:
            messages = _remind_customer(session, context, key, state, at=at)
        case WaitReason.PICKING | WaitReason.STOCK:
            kind, role = _LATE[wait.reason]
            assign(session, context, kind, key, role, due_at=wait.until or at, at=at)
            messages = []
        case _:
            messages = []
    return StepResult(state, messages=tuple(messages))


_LATE: dict[WaitReason, tuple[str, Role]] = {
    WaitReason.STOCK: ("stock_late", Role.MANAGER),
    WaitReason.PICKING: ("shipment_late", Role.MANAGER),
    WaitReason.SHIPMENT: ("shipment_late", Role.MANAGER),
    WaitReason.CANCEL_ACKNOWLEDGEMENT: ("cancel_late", Role.HEAD),
}
"""Who is asked, and what, when the warehouse's turn takes too long (D6-13)."""


def _ask_about(
    session: Session, context: OrderContext, state: OrderState, reason: WaitReason, key: str, *, at: datetime
) -> StepResult:
    kind, role = _LATE[reason]
    cancel_tasks(session, at=at, order_id=context.order.id, kinds=[kind])
    assign(session, context, kind, key, role, due_at=context.calendar.after_working_days(at, 1), at=at)
    state = waits.asked_again(state, at, context.policy, context.calendar)
    return StepResult(orders.set_state(context.order, state, at=at))


def _climb(session: Session, context: OrderContext, wait: Wait, *, at: datetime) -> StepResult:
    """Nobody answered: the request climbs its next rung, and the wait says when the one after comes (D4-3)."""
    order = context.order
    request = open_approval(session, order.id)
    if request is None or request.revision != order.revision:
        return StepResult(orders.state_of(order))
    messages = climb(session, context, request, at=at)
    who = Role.DIRECTOR if request.rung >= Rung.NEXT_LEVEL else Role(request.tier)
    next_at = ladder(request.opened_at, context.policy, context.calendar).next_at(at)
    state = OrderState(OrderStatus(order.status), replace(wait, who=who, reminder_at=next_at))
    return StepResult(orders.set_state(order, state, at=at), messages=messages)


def _remind_customer(
    session: Session, context: OrderContext, key: str, state: OrderState, *, at: datetime
) -> list[str]:
    """«Ваш заказ ждёт оплаты, резерв действует ещё 4 дня» (D7-4); without an address the manager calls (D10-11)."""
    order, until = context.order, state.wait.until if state.wait else None
    owed = credit.still_to_pay(session, order)
    if owed <= 0 or has_open_task(session, order.id, TaskKind.LATE_PAYMENT):
        return []  # the money is in: the process is about to hear of it, or the customer has been asked what to do
    address = customer_email(session, order.customer_id)
    if address is None:
        due_at = context.calendar.after_working_days(at, 1)
        assign(session, context, "no_email_order", key, Role.MANAGER, due_at=due_at, at=at)
        return []
    text = compose(
        RESERVATION_REMINDER, company=context.company.name, manager=orders.user(session, order.manager_id),
        **context.words(days=days_left(until or at, at), until=until or at, amount=owed),
    )  # fmt: skip
    return [
        plan_message(
            session,
            key,
            audience="customer",
            template=RESERVATION_REMINDER,
            recipient=address,
            customer_id=order.customer_id,
            order_id=order.id,
            subject=text.subject,
            body=text.body,
            created_at=at,
        )
    ]


def _after_release(session: Session, step: OrderStep, key: str) -> StepResult:
    account = credit.lock_account_of(session, step.order_id)
    order = orders.lock_order(session, step.order_id)
    context, at = context_of(session, order), step.as_of
    unpaid = credit.required_prepayment(session, order) > 0
    credit.drop_commitment(session, order.id)
    withdraw_proposal(session, order.id, at=at)
    cancel_tasks(session, at=at, order_id=order.id, kinds=[TaskKind.PICKING, TaskKind.STOCK_LATE])
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, "call_unpaid" if unpaid else "shipment_late", key, Role.MANAGER, due_at=due_at, at=at)
    messages = [notify_manager(session, context, key, "reservation_released", at=at)] if unpaid else []
    return StepResult(
        orders.state_of(order),
        messages=tuple(messages),
        relieved=reconsider_locked(session, account, at=at),
    )


def _to_release(session: Session, context: OrderContext) -> Decimal:
    """How much money would move a stopped order on, by its last decision."""
    row = decisions.last_decision(session, context.order.id)
    if row is None:
        return ZERO
    decision, facts, policy = decisions.recorded(session, row)
    return money_to_release([reason.code for reason in decision.reasons], facts, policy)


def _ask_cancel(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    if order.status != OrderStatus.PICKING:
        raise WrongStateError(status=order.status, command="cancel")
    context, at = context_of(session, order), step.as_of
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, "cancel_acknowledgement", key, Role.WAREHOUSE, due_at=due_at, at=at)
    record_event(session, "order", order.id, "cancel_asked", step.actor, at=at)
    return StepResult(orders.set_state(order, waits.cancel_asked(at, context.policy, context.calendar), at=at))


def _end(session: Session, request: EndRequest, key: str) -> StepResult:
    account = credit.lock_account_of(session, request.order_id)
    order = orders.lock_order(session, request.order_id)
    if request.only_while is not None and order.status != request.only_while:
        return StepResult(orders.state_of(order))
    if order.status not in CANCELLABLE:
        raise WrongStateError(status=order.status, command="cancel")
    context, at = context_of(session, order), request.as_of
    before = orders.state_of(order)
    state, returned = end_or_close_short(session, context, request.status, request.actor, request.reason, at=at)
    if state.status is request.status:
        record_event(session, "order", order.id, request.status, request.actor, at=at, reason=request.reason,
                     money_returned_to_advance=str(returned))  # fmt: skip
    if request.actor.id == SYSTEM.id and before.wait is not None and before.wait.reason in _LAPSES_WITH_A_TASK:
        due_at = context.calendar.after_working_days(at, 1)
        assign(session, context, _LAPSES_WITH_A_TASK[before.wait.reason], key, Role.MANAGER, due_at=due_at, at=at)
    relieved = reconsider_locked(session, account, at=at)
    return StepResult(state, messages=orders.last_messages(session, order), relieved=relieved)


_LAPSES_WITH_A_TASK = {WaitReason.CREDIT_STOP: "stop_cancelled", WaitReason.LATE_PAYMENT: "order_lapsed"}
