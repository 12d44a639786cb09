"""Closing short what of a partly shipped order will not be delivered: the goods first, then the credit (D7-14)."""

from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit, orders, stock
from activities.persistence.allocations import Cause, loss_of
from activities.persistence.context import context_of
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderRow
from activities.persistence.picking import settle_goods
from activities.persistence.queueing import serve_queue
from activities.persistence.reconsideration import reconsider_locked
from activities.persistence.standing import let_go, settle_invoiced, tell_move
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationLineRow, ReservationRow
from domain import waits
from domain.errors import WrongStateError
from domain.fulfilment import CLOSABLE, CloseShortRequest
from domain.orders import OrderStatus, StepResult, WaitReason
from domain.stock_errors import NothingToCloseError, NotShippedYetError


class ShortCloseActivities:
    """Two steps, as a cancellation has: order and stock rows; then account and order (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def close_lines_short(self, request: CloseShortRequest) -> StepResult:
        """Free what is reserved of the lines and drop their backorders, at once and for good (D7-14).

        Raises:
            WrongStateError, NotShippedYetError, NothingToCloseError
        """
        key = f"order:{request.order_id}:close-short:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: _close(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def settle_short_close(self, request: CloseShortRequest) -> StepResult:
        """Lower the commitment to what is still to come; with nothing to come the invoices are watched to their end."""
        key = f"order:{request.order_id}:closed-short:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: _settle(s, request, key), as_of=request.as_of)


def _close(session: Session, request: CloseShortRequest) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    state, command, at = orders.state_of(order), request.command, request.as_of
    if order.status not in CLOSABLE:
        raise WrongStateError(status=order.status, command="close-short")
    if state.wait is not None and state.wait.reason is WaitReason.CANCEL_ACKNOWLEDGEMENT:
        raise WrongStateError(status="cancelling", command="close-short")
    if not orders.shipped_by_line(session, order.id):
        raise NotShippedYetError(status=order.status)
    shelves = stock.lock_shelves_of(session, order.id, "waiting", "reserved")
    told, losses = [], []
    for line in _open_lines(session, request):
        if line.state == "reserved":
            losses.append(loss_of(line, "D7-14"))
        told.append({"sku": line.sku, "quantity": str(line.quantity)})
        stock.move_quantity(session, shelves, line, "closed")
    if not told and not _released(session, order, request):
        raise NothingToCloseError(sku=", ".join(command.skus))
    served = serve_queue(session, shelves, Cause.CLOSED_SHORT, order.id, at=at, losses=losses)
    record_event(session, "order", order.id, "short_closed", command.actor, at=at, reason=command.reason, lines=told)
    return StepResult(state, served=tuple(str(other) for other in served if other != order.id))


def _open_lines(session: Session, request: CloseShortRequest) -> list[ReservationLineRow]:
    """What of the named products is not picked yet.

    Raises:
        NothingToCloseError: one of them has nothing open.
    """
    lines = stock.reservation_lines(session, UUID(request.order_id), "waiting", "reserved")
    named = request.command.skus
    for sku in named:
        if all(line.sku != sku for line in lines):
            raise NothingToCloseError(sku=sku)
    return [line for line in lines if not named or line.sku in named]


def _released(session: Session, order: OrderRow, request: CloseShortRequest) -> bool:
    """Whether the rest went back to stock before, unpaid (D7-9): then the whole order may be given up."""
    return not request.command.skus and session.get_one(ReservationRow, order.id).status == "released"


def _settle(session: Session, request: CloseShortRequest, key: str) -> StepResult:
    account = credit.lock_account_of(session, request.order_id)
    order = orders.lock_order(session, request.order_id)
    context, actor, at = context_of(session, order), request.command.actor, request.as_of
    before = orders.state_of(order)
    if not stock.reservation_lines(session, order.id, *stock.OPEN):
        let_go(session, order, at=at)
        session.get_one(ReservationRow, order.id).status = "done"
        state = settle_invoiced(session, context, as_of=at)
        tell_move(session, order, before, actor, at=at)
        relieved = reconsider_locked(session, account, at=at)
        return StepResult(state, messages=orders.last_messages(session, order), relieved=relieved)
    credit.lower_commitment(session, order)
    state = settle_goods(session, context, key, actor, at=at)
    if state.status is OrderStatus.READY:
        state = orders.set_state(order, waits.anew(state, at), at=at)
    tell_move(session, order, before, actor, at=at)
    return StepResult(state, relieved=reconsider_locked(session, account, at=at))
