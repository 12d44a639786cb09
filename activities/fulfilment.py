"""Warehouse steps of an order: picking makes the reserve hard, shipping writes the goods off, unpicking softens it."""

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import orders, stock
from activities.persistence.context import context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderRow
from activities.persistence.picking import (
    call_for_picking,
    end_questions,
    go_on_picking,
    goods_of,
    may_pick,
    picking_of,
    put_back,
    renew_tasks,
)
from activities.persistence.shipping import ship
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationLineRow
from domain.errors import WrongStateError
from domain.fulfilment import UnpickRequest
from domain.orders import OrderStatus, OrderStep, ShipRequest, StepResult, WaitReason
from domain.stock_errors import GoodsGoneError, NothingPickedError, NothingToPickError, UnpickAtGateError


class FulfilmentActivities:
    """Each locks the order; what moves goods also its stock rows (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def call_for_picking(self, step: OrderStep) -> StepResult:
        """Give each warehouse its picking task: what, how much, where, in which packs, whom to ask; once (D12-3)."""
        key = f"order:{step.order_id}:picking-task:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _call_for_picking(s, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def start_picking(self, step: OrderStep) -> StepResult:
        """Turn the reserve of one warehouse, or of all, into a hard allocation; its lifetime stops (D7-16).

        Raises:
            WrongStateError, NothingToPickError, GoodsGoneError
        """
        key = f"order:{step.order_id}:pick:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _start_picking(s, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def ship_order(self, request: ShipRequest) -> StepResult:
        """Write the goods off that leave one warehouse; what it picked but did not ship is free again (D7-14).

        Raises:
            WrongStateError, WarehouseNeededError, NothingPickedError, ShipQuantityError, ShipCompleteError,
            OverDeliveryNotFreeError
        """
        key = f"order:{request.order_id}:ship:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: ship(s, request, key), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def unpick_goods(self, request: UnpickRequest) -> StepResult:
        """Make picked goods a reserve again, because somebody asks for it; the warehouse puts them on their places.

        Raises:
            WrongStateError, UnpickAtGateError, NothingPickedError
        """
        key = f"order:{request.order_id}:unpick-asked:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: _unpick(s, request, key), as_of=request.as_of)


def _call_for_picking(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    if order.status == OrderStatus.READY:
        call_for_picking(session, context_of(session, order), key, step.actor, at=step.as_of)
    return StepResult(orders.state_of(order))


def _start_picking(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    if not may_pick(orders.state_of(order), ship_complete=order.ship_complete):
        raise WrongStateError(status=order.status, command="start-picking")
    context = context_of(session, order)
    shelves = stock.lock_shelves_of(session, order.id, "waiting", "reserved")
    goods = goods_of(session, order)
    awaited = stock.shelves_of(each.line for each in goods if each.line.state == "waiting")
    lines = _to_pick(order, [each.line for each in goods], step.warehouse)
    places = sorted({line.warehouse for line in lines})
    key = f"order:{order.id}:pick:{step.round}"
    picking = picking_of(session, context, goods)
    renew_tasks(session, context, picking, f"{key}:begun", step.actor, at=step.as_of)
    for line in lines:
        stock.move_quantity(session, shelves, line, "picking")
    picking.begin(places)
    session.flush()
    end_questions(session, order.id, at=step.as_of, waits_for=awaited)
    state = go_on_picking(session, context, picking, key, step.actor, at=step.as_of)
    record_event(session, "order", order.id, "picking_started", step.actor, at=step.as_of, warehouses=places)
    return StepResult(state)


def _to_pick(order: OrderRow, lines: list[ReservationLineRow], warehouse: str | None) -> list[ReservationLineRow]:
    """What a warehouse, or any, holds of the order to be picked.

    Raises:
        NothingToPickError: the named one holds nothing.
        WrongStateError: all that is reserved is being picked already.
        GoodsGoneError: a count or another order took goods of which this order has not heard yet (D7-15, D8-4).
    """
    reserved = [line for line in lines if line.state == "reserved"]
    waiting = any(line.state == "waiting" for line in lines)
    if order.status != OrderStatus.PICKING and (not reserved or (order.ship_complete and waiting)):
        raise GoodsGoneError
    found = [line for line in reserved if warehouse in {None, line.warehouse}]
    if not found and warehouse is not None:
        raise NothingToPickError(warehouse=warehouse)
    if not found:
        raise WrongStateError(status=order.status, command="start-picking")
    return found


def _unpick(session: Session, request: UnpickRequest, key: str) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    state, command = orders.state_of(order), request.command
    if order.status != OrderStatus.PICKING or state.wait is None:
        raise WrongStateError(status=order.status, command="unpick")
    if state.wait.reason is WaitReason.GATE:
        raise UnpickAtGateError
    if state.wait.reason is not WaitReason.SHIPMENT:
        raise WrongStateError(status="cancelling", command="unpick")
    picking = {warehouse for warehouse, _ in stock.order_shelves(session, order.id, "picking")}
    if command.warehouse is not None and command.warehouse not in picking:
        raise NothingPickedError(warehouse=command.warehouse)
    context, at = context_of(session, order), request.as_of
    state = put_back(session, context, key, command.actor, at=at, warehouse=command.warehouse, reason=command.reason)
    told = notify_manager(session, context, key, "unpick_asked", at=at, comment=command.reason)
    return StepResult(state, messages=(told,))
