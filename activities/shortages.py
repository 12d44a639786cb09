"""The customer's answer to a shortage, and its silence (D7-12)."""

from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import orders, revisions, shortages, stock
from activities.persistence.allocations import Cause
from activities.persistence.context import context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderRow
from activities.persistence.queueing import serve_queue
from activities.persistence.standing import settle_reserved
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationRow, ShortageRow
from activities.persistence.substitutes import substitutes_of
from activities.persistence.tasks import cancel_tasks, finish_tasks
from domain.orders import SYSTEM, OpenShortage, OrderStep, StepResult
from domain.revisions import RevisedLine
from domain.shortages import (
    Choice,
    ShortageRequest,
    ShortageState,
    WeighedChoice,
    taking_part,
    with_alternatives,
)
from domain.stock_errors import NoShortageError, ShortAfterShipmentError
from domain.tasks import TaskKind

CHANGES_THE_ORDER = frozenset({Choice.PART, Choice.ALTERNATIVE})
"""These are recorded only once the revision they ask for stands, or waits for approval."""


class ShortageActivities:
    """Each locks the order; what the choice does to credit and to goods are steps of their own (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def weigh_choice(self, request: ShortageRequest) -> WeighedChoice:
        """What a choice comes to; to wait or to cancel is recorded at once, a change of the order when it is written.

        Raises:
            NoShortageError: nobody waits for it, or it came too late.
            ShortAfterShipmentError, NothingSetAsideError, NotMissingError, NotASubstituteError, NoSubstitutesError,
            DuplicateLineError
        """
        key = f"order:{request.order_id}:shortage-weighed:{request.round}"
        return run_once(self._engine, key, WeighedChoice, lambda s: _weigh(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def record_choice(self, request: ShortageRequest) -> StepResult:
        """Keep who chose what: the revision it asked for is written."""
        key = f"order:{request.order_id}:shortage-choice:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: _chosen(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def lapse_shortage(self, step: OrderStep) -> StepResult:
        """Nobody chose in time: the order waits, and the manager is told (D7-12). An answer that came first stands."""
        key = f"order:{step.order_id}:shortage-lapsed:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _lapse(s, step, key), as_of=step.as_of)


def _weigh(session: Session, request: ShortageRequest) -> WeighedChoice:
    order = orders.lock_order(session, request.order_id)
    row, command = shortages.open_row(session, order.id), request.command
    if row is None or row.until <= request.as_of:
        raise NoShortageError
    if not shortages.missing(session, order.id):
        shortages.void(session, order.id, at=request.as_of)
        return WeighedChoice(orders.state_of(order), refusal=NoShortageError.code)
    if command.choice in CHANGES_THE_ORDER:
        if orders.shipped_by_line(session, order.id):
            raise ShortAfterShipmentError
        return WeighedChoice(orders.state_of(order), _lines_after(session, order, request))
    _record(session, order, row, request)
    return WeighedChoice(orders.state_of(order))


def _lines_after(session: Session, order: OrderRow, request: ShortageRequest) -> tuple[RevisedLine, ...]:
    lines = shortages.quantities(session, order)
    if request.command.choice is Choice.PART:
        return taking_part(lines, shortages.part_there(session, order, at=request.as_of))
    missing = shortages.missing(session, order.id)
    return with_alternatives(lines, missing, request.command.alternatives, substitutes_of(session, list(missing)),
                             shortages.warehouses(session, order))  # fmt: skip


def _chosen(session: Session, request: ShortageRequest) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    row = shortages.open_row(session, order.id)
    if row is None:
        return StepResult(orders.state_of(order))
    shipped_whole = order.ship_complete
    _record(session, order, row, request)
    if shipped_whole and not order.ship_complete and revisions.proposed(session, order.id) is not None:
        return _serve_in_parts(session, order, request)
    return StepResult(orders.state_of(order))


def _serve_in_parts(session: Session, order: OrderRow, request: ShortageRequest) -> StepResult:
    """What was asked for waits for approval, and nothing fits the reserve until then: the order as it stands gets its
    part in this step."""
    context, at = context_of(session, order), request.as_of
    shelves = stock.lock_shelves_of(session, order.id, "waiting", "reserved")
    served = serve_queue(session, shelves, Cause.ORDER, order.id, at=at, today=context.today(at))
    state = settle_reserved(session, context, session.get_one(ReservationRow, order.id), as_of=at)
    return StepResult(state, served=tuple(str(other) for other in served if other != order.id))


def _record(session: Session, order: OrderRow, row: ShortageRow, request: ShortageRequest) -> None:
    command, at = request.command, request.as_of
    row.state, row.choice, row.comment = ShortageState.CHOSEN, command.choice, command.comment
    row.chosen_by, row.chosen_at = UUID(command.actor.id), at
    finish_tasks(session, TaskKind.SHORTAGE_CHOICE, command.actor, at=at, about={"order_id": str(order.id)},
                 comment=command.comment)  # fmt: skip
    substitutes = ", ".join(f"{each.sku} → {each.substitute}" for each in command.alternatives) or None
    record_event(session, "order", order.id, "shortage_chosen", command.actor, at=at, choice=command.choice,
                 comment=command.comment, substitutes=substitutes)  # fmt: skip
    if command.choice is Choice.PART and order.ship_complete:
        order.ship_complete = False  # whoever takes a part takes the rest of that part in parts too
        record_event(session, "order", order.id, "ships_in_parts", command.actor, at=at)
    order.version += 1
    session.flush()


def _lapse(session: Session, step: OrderStep, key: str) -> StepResult:
    order, at = orders.lock_order(session, step.order_id), step.as_of
    row, state = shortages.open_row(session, order.id), orders.state_of(order)
    if row is None:
        return StepResult(state)
    if row.until > at:
        return StepResult(state, shortage=OpenShortage(row.round, row.until))
    if not shortages.missing(session, order.id):
        shortages.void(session, order.id, at=at)
        return StepResult(state)
    row.state, row.choice = ShortageState.LAPSED, Choice.WAIT
    cancel_tasks(session, at=at, order_id=order.id, kinds=[TaskKind.SHORTAGE_CHOICE])
    record_event(session, "order", order.id, "shortage_lapsed", SYSTEM, at=at)
    message = notify_manager(session, context_of(session, order), key, "shortage_lapsed", at=at)
    return StepResult(state, messages=(message,))
