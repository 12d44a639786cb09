"""Orders: quote, place, approve, cancel, pick, ship; and what an order waits for."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from temporalio.client import RPCTimeoutOrCancelledError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from activities.persistence import revisions
from activities.persistence.parties import customer_for
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from activities.persistence.tables import OrderRow
from api import order_commands, order_views
from api.auth import require
from api.deps import Caller, Db, Engine, Language, Now, Once, Settings, Temporal
from api.errors import refused
from api.openapi import problems
from api.order_why import why
from api.schemas import (
    Comment,
    Currency,
    Day,
    Flag,
    Name,
    Phone,
    PriceSumIn,
    QuantityIn,
    Reason,
    Sku,
    Strict,
    Whole,
    example,
)
from domain.credit_steps import ApprovalCommand, PlaceCommand, Verdict
from domain.errors import CommentRequiredError, OrderNotFoundError
from domain.orders import (
    ENDED,
    Actor,
    CancelCommand,
    ExtendCommand,
    LineQuantity,
    OrderInput,
    OrderStatus,
    PickCommand,
    Role,
    ShipCommand,
)
from domain.revisions import ReviseCommand, RevisedLine
from domain.shipment_gate import GateCommand, GateVerdict
from workflows.order import OrderWorkflow

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Seller = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD))]
Approver = Annotated[Actor, Depends(require(Role.HEAD, Role.DIRECTOR))]
Storekeeper = Annotated[Actor, Depends(require(Role.WAREHOUSE))]
Canceller = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.WAREHOUSE))]


class LineIn(Strict):
    sku: Sku
    quantity: QuantityIn
    price: PriceSumIn | None = None


class TermsIn(Strict):
    deferral_days: Annotated[Whole, Field(ge=0, le=365)]
    prepayment_percent: Annotated[Whole, Field(ge=0, le=100)] = 0


class DeliveryIn(Strict):
    """Where goods go; without it the customer collects them."""

    address: Name
    contact_name: Name | None = None
    contact_phone: Phone | None = None


Lines = Annotated[list[LineIn], Field(min_length=1, max_length=500)]


class OrderIn(Strict):
    """Prices are in `currency`, the customer's own unless another is named; then its rate has to be known (D2-18)."""

    customer_id: UUID
    lines: Lines
    currency: Currency | None = None
    payment_terms: TermsIn | None = None
    ship_complete: Flag = False
    comment: Comment | None = None
    delivery: DeliveryIn | None = None
    ship_on: Day | None = None


class TermsChange(Strict):
    deferral_days: Annotated[Whole, Field(ge=0, le=365)] | None = None
    prepayment_percent: Annotated[Whole, Field(ge=0, le=100)] | None = None


class RevisionIn(Strict):
    """What to change; a field left out stays. `lines` are all lines that the order has afterwards; a product that it
    has already keeps its price. `revision`: the one that was edited; refused when the order has moved on."""

    model_config = example(
        lines=[{"sku": "CEM-50", "quantity": "120"}],
        payment_terms={"prepayment_percent": 100},
        reason="клиент уменьшает заказ",
        revision=1,
    )

    lines: Lines | None = None
    payment_terms: TermsChange | None = None
    comment: Comment | None = None
    delivery: DeliveryIn | None = None
    ship_on: Day | None = None
    reason: Reason | None = None
    revision: Annotated[Whole, Field(ge=1)] | None = None


class GateIn(Strict):
    decision: GateVerdict
    comment: Comment = ""


class ApprovalIn(Strict):
    decision: Verdict
    comment: Comment = ""


class ReasonIn(Strict):
    reason: Reason


class ShipLineIn(Strict):
    sku: Sku
    quantity: QuantityIn


class ShipIn(Strict):
    lines: Annotated[list[ShipLineIn], Field(max_length=500)] = []


@router.post("", status_code=201, summary="Создать предложение / Create a quote", responses=problems(404, 409, 422))
async def create_order(
    body: OrderIn, caller: Seller, once: Once, temporal: Temporal, settings: Settings, language: Language, now: Now
) -> JSONResponse:
    """A priced quote, valid for 7 days; `place` it when the customer agrees."""
    started: list[OrderInput] = []

    def work(session: Session) -> tuple[int, Any]:
        customer = customer_for(session, body.customer_id, caller)
        order = write_quote(session, customer, _draft(body, body.currency or customer.currency), caller, now=now)
        started.append(order_commands.order_input(order, now=now))
        return 201, order_views.detail(session, order, language)

    answer = await once.run_async(body, work)
    for order in started:
        try:
            await order_commands.start_order(temporal, settings.task_queue, order)
        except (RPCError, RPCTimeoutOrCancelledError, RuntimeError):
            # The quote stands; its workflow starts with the first command or the next sweep.
            break
    return answer.response({"Location": f"/api/v1/orders/{answer.body['id']}"})


def _draft(body: OrderIn, currency: str) -> QuoteDraft:
    lines = [
        QuoteLine(
            line.sku, line.quantity, line.price.within(currency, f"lines[{number}].price") if line.price else None
        )
        for number, line in enumerate(body.lines)
    ]
    terms = body.payment_terms
    return QuoteDraft(
        lines=lines,
        currency=currency,
        deferral_days=terms.deferral_days if terms else None,
        prepayment_percent=terms.prepayment_percent if terms else None,
        ship_complete=body.ship_complete,
        comment=body.comment,
        delivery_address=body.delivery.address if body.delivery else None,
        contact_name=body.delivery.contact_name if body.delivery else None,
        contact_phone=body.delivery.contact_phone if body.delivery else None,
        ship_on=body.ship_on,
    )


class OrderDesk:
    """One caller's dealings with one order: sees only what the caller may see, sends commands to its workflow."""

    def __init__(
        self,
        order_id: UUID,
        caller: Caller,
        engine: Engine,
        temporal: Temporal,
        settings: Settings,
        language: Language,
        now: Now,
        once: Once,
    ) -> None:
        self.order_id = order_id
        self.caller = caller
        self.language = language
        self._engine = engine
        self._temporal = temporal
        self._task_queue = settings.task_queue
        self._now = now
        self._once = once

    async def send(self, update: Any, argument: Any, update_id: str | None = None) -> Any:
        """Send a command; the caller's `Idempotency-Key`, or `update_id`, tells a repeat from a new one."""
        order = await run_in_threadpool(self._input)
        key = self._once.key
        if key:
            await run_in_threadpool(self._once.claim, argument)
        name = f"{self.caller.id}:{key}" if key else update_id or f"{self._now.isoformat()}:{self.caller.id}"
        return await order_commands.command(
            self._temporal,
            self._engine,
            self._task_queue,
            order,
            update,
            argument,
            update_id=f"{update.__name__}:{name}",
        )

    async def view(self) -> dict[str, Any]:
        """The order as it stands now."""
        return await run_in_threadpool(self._view)

    async def revision(self) -> int:
        """The order's present revision, while it can still be placed.

        Raises:
            DomainError: the order has ended; the refusal says how.
        """

        def read() -> int:
            with Session(self._engine) as session:
                order = visible_order(session, self.order_id, self.caller)
                if order.status in ENDED:
                    raise order_commands.why_ended(self._engine, self.order_id, "place")
                return order.revision

        return await run_in_threadpool(read)

    def _input(self) -> OrderInput:
        with Session(self._engine) as session:
            order = visible_order(session, self.order_id, self.caller)
            proposal = revisions.open_proposal(session, order, as_of=self._now)
            return order_commands.order_input(order, now=self._now, proposal=proposal)

    def _view(self) -> dict[str, Any]:
        with Session(self._engine) as session:
            return order_views.detail(session, visible_order(session, self.order_id, self.caller), self.language)


Desk = Annotated[OrderDesk, Depends()]


def visible_order(session: Session, order_id: UUID, caller: Actor) -> OrderRow:
    """The order, if the caller may see it: a manager sees own orders, everybody else all (D14).

    Raises:
        OrderNotFoundError: there is none, or it is another manager's.
    """
    order = session.get(OrderRow, order_id)
    if order is None or not _may_see(order, caller):
        raise OrderNotFoundError
    return order


def _may_see(order: OrderRow, caller: Actor) -> bool:
    return caller.role is not Role.MANAGER or UUID(caller.id) in {order.manager_id, order.created_by}


@router.post("/{order_id}/place", summary="Разместить / Place", responses=problems(404, 409, 503))
async def place_order(desk: Desk, caller: Seller) -> JSONResponse:
    """The credit decision comes in the same call: `auto`, `approval` or `stop`, with reasons and figures.

    202 without a decision when it is not there yet; the order shows it as soon as it is made.
    """
    revision = await desk.revision()
    try:
        outcome = await desk.send(OrderWorkflow.place, PlaceCommand(caller), f"revision-{revision}")
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return JSONResponse({"order": await desk.view(), "decision": None}, 202)
    decision = order_views.decision_view(outcome.decision, desk.language)
    return JSONResponse({"order": await desk.view(), "decision": decision})


@router.post("/{order_id}/approval", summary="Решение по согласованию / Approve", responses=problems(403, 404, 409))
async def answer_approval(desk: Desk, body: ApprovalIn, caller: Approver) -> JSONResponse:
    """Approve, reject or send back for rework; a comment is required for the last two (D4-2)."""
    if body.decision is not Verdict.APPROVE and not body.comment:
        raise CommentRequiredError(field="comment")
    outcome = await desk.send(OrderWorkflow.answer_approval, ApprovalCommand(caller, body.decision, body.comment))
    if outcome.refusal:
        raise refused(outcome.refusal, outcome.facts)
    return JSONResponse(await desk.view())


@router.post("/{order_id}/revise", summary="Изменить заказ / Revise", responses=problems(403, 404, 409, 412, 422))
async def revise_order(desk: Desk, body: RevisionIn, caller: Seller) -> JSONResponse:
    """A new revision, until picking starts (D6-6). What raises exposure is decided again (D4-10): when it does not pass
    at once, the old revision stays in force; anything else counts at once and leaves an approval alone (D4-11).

    `in_force` says whether the order goes by the new revision now; 202 without a decision when it is not there yet.
    """
    order = await desk.view()
    command = _revision(body, caller, order["total"]["currency"])
    try:
        outcome = await desk.send(OrderWorkflow.revise, command)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return JSONResponse({"order": await desk.view(), "decision": None}, 202)
    decision = order_views.decision_view(outcome.decision, desk.language) if outcome.decision else None
    return JSONResponse(
        {
            "order": await desk.view(),
            "revision": outcome.revision,
            "in_force": outcome.in_force,
            "decision": decision,
        }
    )


def _revision(body: RevisionIn, caller: Actor, currency: str) -> ReviseCommand:
    lines = None
    if body.lines is not None:
        lines = tuple(
            RevisedLine(
                line.sku, line.quantity, line.price.within(currency, f"lines[{number}].price") if line.price else None
            )
            for number, line in enumerate(body.lines)
        )
    terms, delivery = body.payment_terms, body.delivery
    return ReviseCommand(
        actor=caller,
        lines=lines,
        deferral_days=terms.deferral_days if terms else None,
        prepayment_percent=terms.prepayment_percent if terms else None,
        comment=body.comment,
        delivery_address=delivery.address if delivery else None,
        contact_name=delivery.contact_name if delivery else None,
        contact_phone=delivery.contact_phone if delivery else None,
        ship_on=body.ship_on,
        reason=body.reason,
        revision=body.revision,
    )


@router.post("/{order_id}/gate", summary="Решение по закрытой отгрузке / At a closed gate",
             responses=problems(403, 404, 409, 422))  # fmt: skip
async def answer_gate(desk: Desk, body: GateIn, caller: Approver) -> JSONResponse:
    """Goods stand picked and may not leave: hold them for 2 more working days, ship by approval, or have them put
    back (D12-2). A comment is required."""
    if not body.comment:
        raise CommentRequiredError(field="comment")
    await desk.send(OrderWorkflow.answer_gate, GateCommand(caller, body.decision, body.comment))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/cancel", summary="Отменить / Cancel", responses=problems(403, 404, 409))
async def cancel_order(desk: Desk, body: ReasonIn, caller: Canceller) -> JSONResponse:
    """By the manager until picking starts; then by the head, acknowledged by the warehouse (D6-8)."""
    await desk.send(OrderWorkflow.cancel, CancelCommand(caller, body.reason))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/reservation/extend", summary="Продлить резерв / Extend", responses=problems(404, 409))
async def extend_reservation(desk: Desk, body: ReasonIn, caller: Seller) -> JSONResponse:
    """By the manager once, further by the head (D7-10)."""
    await desk.send(OrderWorkflow.extend_reservation, ExtendCommand(caller, body.reason))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/start-picking", summary="Начать комплектацию / Start picking", responses=problems(404, 409))
async def start_picking(desk: Desk, caller: Storekeeper) -> JSONResponse:
    """The reserve becomes hard, its lifetime stops (D7-16)."""
    await desk.send(OrderWorkflow.start_picking, PickCommand(caller))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/ship", summary="Отгрузить / Ship", responses=problems(404, 409, 422))
async def ship_order(desk: Desk, caller: Storekeeper, body: ShipIn | None = None) -> JSONResponse:
    """Write the goods off and invoice them; without `lines`, all that was picked."""
    lines = tuple(LineQuantity(line.sku, line.quantity) for line in (body.lines if body else []))
    await desk.send(OrderWorkflow.ship, ShipCommand(caller, lines))
    return JSONResponse(await desk.view())


@router.get("", summary="Заказы / Orders", responses=problems(422))
def list_orders(
    session: Db,
    caller: Caller,
    language: Language,
    status: OrderStatus | None = None,
    customer_id: UUID | None = None,
    manager: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Newest first; the next page starts `after` the last id."""
    query = select(OrderRow).order_by(col(OrderRow.id).desc()).limit(limit + 1)
    if caller.role is Role.MANAGER:
        me = UUID(caller.id)
        query = query.where((OrderRow.manager_id == me) | (OrderRow.created_by == me))
    if status is not None:
        query = query.where(OrderRow.status == status)
    if customer_id is not None:
        query = query.where(OrderRow.customer_id == customer_id)
    if manager is not None:
        query = query.where(OrderRow.manager_id == manager)
    if after is not None:
        query = query.where(OrderRow.id < after)
    rows = session.exec(query).all()
    page = rows[:limit]
    return {
        "items": [order_views.summary(order, language) for order in page],
        "next": str(page[-1].id) if len(rows) > limit else None,
    }


@router.get("/{order_id}", summary="Заказ / Order", responses=problems(404))
def get_order(order_id: UUID, session: Db, caller: Caller, language: Language) -> dict[str, Any]:
    """Everything about the order: state, decision, wait, reserve, invoices, payments, history."""
    return order_views.detail(session, visible_order(session, order_id, caller), language)


@router.get("/{order_id}/why", summary="Почему стоит заказ? / Why does it wait?", responses=problems(404))
def why_order_waits(order_id: UUID, session: Db, caller: Caller, language: Language) -> dict[str, Any]:
    """In words: what is awaited and until when, who can end it, and how much money is needed (U8)."""
    return why(session, visible_order(session, order_id, caller), language)
