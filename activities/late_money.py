"""Money that came after the reserve was released (D7-8): never given back by itself, never passed over in silence."""

from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from activities.letters import compose
from activities.persistence import credit, orders, stock
from activities.persistence.context import OrderContext, assign, customer_email, notify_manager
from activities.persistence.events import record_event
from activities.persistence.outbound import plan_message
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.standing import settle_reserved
from activities.persistence.stock_tables import ReservationRow
from activities.persistence.tasks import cancel_tasks, was_opened
from domain import waits
from domain.orders import SYSTEM, OrderState, OrderStatus, Role, StepResult
from domain.reservation_terms import price_holds
from domain.tasks import TaskKind


def money_came_late(
    session: Session, context: OrderContext, reservation: ReservationRow, state: OrderState, *, at: datetime
) -> StepResult:
    """What becomes of a released order for which money has come; the account is locked. In full and while its prices
    hold, it goes back to its credit decision and then to a new reserve. Safe to repeat."""
    order = context.order
    received = credit.received_for_order(session, order.id)
    required = credit.required_prepayment(session, order)
    if received <= 0:
        return StepResult(state)
    if not waits.is_funded(required, received, context.tolerance(required)):
        _ask_for_the_rest(session, context, reservation, received, at=at)
        return StepResult(state)
    if not price_holds(order.quote_valid_until, at, context.policy.price_grace_days):
        return StepResult(state, messages=_ask_about_prices(session, context, reservation, received, at=at))
    reservation.paid_late = True
    cancel_tasks(session, at=at, order_id=order.id, kinds=_UNPAID)
    record_event(session, "order", order.id, "late_payment", SYSTEM, at=at, received=str(received))
    return StepResult(orders.set_state(order, OrderState(OrderStatus.CHECKING), at=at))


_UNPAID = (TaskKind.CALL_UNPAID, TaskKind.SHIPMENT_LATE, TaskKind.PART_PAYMENT, TaskKind.FIND_PAYMENT)
"""Work that is done when the money is in."""


def _ask_for_the_rest(
    session: Session, context: OrderContext, reservation: ReservationRow, received: Decimal, *, at: datetime
) -> None:
    """Too little came: it stays with the order, which waits for the rest until its end (D7-9)."""
    order = context.order
    key = f"order:{order.id}:late-part:{reservation.round}:{received}"
    if was_opened(session, key):
        return
    due_at = context.calendar.after_working_days(at, 1)
    cancel_tasks(session, at=at, order_id=order.id, kinds=[TaskKind.PART_PAYMENT])
    assign(session, context, TaskKind.PART_PAYMENT, key, Role.MANAGER, due_at=due_at, at=at, received=received)
    record_event(session, "order", order.id, "late_payment_part", SYSTEM, at=at, received=str(received))


def _ask_about_prices(
    session: Session, context: OrderContext, reservation: ReservationRow, received: Decimal, *, at: datetime
) -> tuple[str, ...]:
    """The prices have lapsed: what the goods cost now is for a person to say; the order does not go on by itself."""
    order = context.order
    key = f"order:{order.id}:late-price:{reservation.round}"
    if was_opened(session, key):
        return ()
    due_at = context.calendar.after_working_days(at, 1)
    cancel_tasks(session, at=at, order_id=order.id, kinds=_UNPAID)
    assign(session, context, TaskKind.LATE_PRICE, key, Role.MANAGER, due_at=due_at, at=at,
           details=_ways(context, go_on="reservation/extend"))  # fmt: skip
    record_event(session, "order", order.id, "late_payment_price", SYSTEM, at=at, received=str(received))
    told = notify_manager(session, context, key, "late_price", at=at)
    return (told, *_write(session, context, "late_price", key, received, at=at))


def settle_late_money(session: Session, context: OrderContext, key: str, *, at: datetime) -> StepResult:
    """After the new reserve: when all goods are there, the order goes on. When they are not, its money becomes the
    payer's advance, and the customer is asked: wait, change the order, or take the money back. The order keeps what it
    got and its place in the queue until they answer. The account is locked."""
    order = context.order
    reservation = session.get(ReservationRow, order.id)
    if reservation is None or not reservation.paid_late:
        return StepResult(orders.state_of(order))
    reservation.paid_late = False
    if not stock.reservation_lines(session, order.id, "waiting"):
        return StepResult(orders.state_of(order))
    returned = credit.untie_order_money(session, order.id)
    state = settle_reserved(session, context, reservation, as_of=at)
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, TaskKind.LATE_PAYMENT, key, Role.MANAGER, due_at=due_at, at=at, details=_ways(context))
    record_event(session, "order", order.id, "late_payment_short", SYSTEM, at=at, returned=str(returned))
    messages = _write(session, context, "late_payment", key, returned, at=at)
    relieved = reconsider_account(session, order.credit_account_id, at=at)
    return StepResult(state, messages=messages, relieved=relieved)


def _ways(context: OrderContext, go_on: str | None = None) -> dict[str, str]:
    """The doors of what the customer may choose; money goes back only when a person sends it. Whoever waits for goods
    has the advance tied to the order again."""
    order = context.order
    door = f"/api/v1/orders/{order.id}"
    wait = f"{door}/{go_on}" if go_on else f"/api/v1/payments?customer_id={order.customer_id}"
    return {"wait": wait, "amend": f"{door}/revise", "refund": f"{door}/cancel"}


def _write(
    session: Session, context: OrderContext, name: str, key: str, amount: Decimal, *, at: datetime
) -> tuple[str, ...]:
    """A letter to the customer, or a task for the manager to tell them."""
    order = context.order
    address = customer_email(session, order.customer_id)
    if address is None:
        due_at = context.calendar.after_working_days(at, 1)
        assign(session, context, TaskKind.NO_EMAIL_ORDER, f"{key}:no-email", Role.MANAGER, due_at=due_at, at=at)
        return ()
    text = compose(
        name, company=context.company.name, manager=orders.user(session, order.manager_id),
        **context.words(amount=amount),
    )  # fmt: skip
    return (
        plan_message(
            session, f"{key}:letter", audience="customer", template=name, recipient=address,
            customer_id=order.customer_id, order_id=order.id, subject=text.subject, body=text.body, created_at=at,
        ),
    )  # fmt: skip
