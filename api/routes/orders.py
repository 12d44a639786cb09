"""Orders: quote, place, approve, cancel, pick, ship; and what an order waits for."""

import hashlib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy import Engine as SqlEngine
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError

from activities.persistence import lives
from activities.persistence.dossier import was_asked
from activities.persistence.engine import asking
from activities.persistence.order_sheet import OrderSheet, order_and_sheet, order_sheet
from activities.persistence.order_tables import OrderRow
from activities.persistence.parties import customer_for
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from api import order_commands, order_views
from api.auth import require
from api.deps import Caller, Db, Language, Now, Once, Settings, Temporal
from api.errors import refused
from api.i18n import Language as LanguageCode
from api.idempotency import Idempotency
from api.openapi import LATER, answers, problems
from api.order_dossier import Answering
from api.order_schemas import OrderDecided, OrderOut, OrderPage
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
    Warehouse,
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
    OrderInput,
    OrderStatus,
    Role,
)
from workflows.order import OrderWorkflow

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Seller = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD))]
Canceller = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.WAREHOUSE))]


class LineIn(Strict):
    """`warehouse`: from where, when it is another than the order's own."""

    sku: Sku
    quantity: QuantityIn
    price: PriceSumIn | None = None
    warehouse: Warehouse | None = None


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
    warehouse: Warehouse = "main"


class ApprovalIn(Strict):
    decision: Verdict
    comment: Comment = ""
    revision: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None


class ReasonIn(Strict):
    reason: Reason


class ExtendIn(Strict):
    """Without `days`: for another whole lifetime. A manager asks for no more than that (D7-10)."""

    model_config = example(reason="клиент платит завтра", days=2)

    reason: Reason
    days: Annotated[Whole, Field(ge=1, le=365)] | None = None


@router.post("", status_code=201, summary="Создать предложение / Create a quote",
             responses=problems(404, 409, 422) | answers(OrderOut, 201))  # fmt: skip
async def create_order(
    body: OrderIn, caller: Seller, once: Once, temporal: Temporal, settings: Settings, language: Language, now: Now
) -> JSONResponse:
    """A priced quote, valid by the policy, 7 days by default; `place` it when the customer agrees."""
    started: list[OrderInput] = []

    def work(session: Session) -> tuple[int, Any]:
        customer = customer_for(session, body.customer_id, caller)
        order = write_quote(session, customer, _draft(body, body.currency or customer.currency), caller, now=now)
        started.append(lives.order_input(order, now=now))
        return 201, order_views.detail(session, order, order_sheet(session, order), language, now=now)

    answer = await once.run_async(body, work)
    quotes = started or await order_commands.written_before(once, answer)
    await order_commands.start_quote(temporal, settings.task_queue, quotes)
    return answer.response({"Location": f"/api/v1/orders/{answer.body['id']}"})


def _draft(body: OrderIn, currency: str) -> QuoteDraft:
    lines = [
        QuoteLine(
            line.sku,
            line.quantity,
            line.price.within(currency, f"lines[{number}].price") if line.price else None,
            line.warehouse,
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
        warehouse=body.warehouse,
    )


class OrderDesk:
    """One caller's dealings with one order: sees only what the caller may see, sends commands to its workflow."""

    def __init__(
        self,
        order_id: UUID,
        caller: Actor,
        engine: SqlEngine,
        temporal: Client,
        task_queue: str,
        language: LanguageCode,
        now: datetime,
        once: Idempotency,
    ) -> None:
        self.order_id = order_id
        self.caller = caller
        self.language = language
        self._engine = engine
        self._temporal = temporal
        self._task_queue = task_queue
        self._now = now
        self._once = once

    async def send(
        self, update: Any, argument: Any, update_id: str | None = None, *, once_a_revision: bool = False
    ) -> Any:
        """Send a command; the caller's `Idempotency-Key` tells a repeat from a new one, or else `update_id`, or the
        revision.

        Raises:
            DomainError: the caller does not see the order, used the key for something else, or sends a command of once
                a revision to an order that has ended; the refusal says how.
        """
        order, revision = await run_in_threadpool(self._claim, update, argument, once_a_revision)
        if key := self._once.key:
            name = f"{self.caller.id}:{_digest(key)}"
        else:
            otherwise = f"revision-{revision}" if once_a_revision else f"{self._now.isoformat()}:{self.caller.id}"
            name = update_id or otherwise
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

    def _claim(self, update: Any, argument: Any, once_a_revision: bool) -> tuple[OrderInput, int]:
        """What the order's process starts from, and its revision; the key belongs to the command from now on."""
        with asking(self._engine) as session:
            found = lives.order_and_beside(session, self.order_id)
            if found is None or not self._may_send(session, update, found[0]):
                raise OrderNotFoundError
            order, beside = found
            if once_a_revision and order.status in ENDED and self._once.key is None:
                raise order_commands.why_ended(session, self.order_id, update.__name__)
            beginning = lives.order_beginning(session, order, beside, now=self._now)
            self._once.claim(session, argument)
            return beginning, order.revision

    def _may_send(self, session: Session, update: Any, order: OrderRow) -> bool:
        if update is OrderWorkflow.answer_approval:
            return may_read(session, order, self.caller)
        return may_see(order, self.caller)

    def _view(self) -> dict[str, Any]:
        with asking(self._engine) as session:
            order, sheet = readable_sheet(session, self.order_id, self.caller)
            return order_views.detail(session, order, sheet, self.language, now=self._now)


async def _desk(order_id: UUID, request: Request, caller: Caller, language: Language, once: Once) -> OrderDesk:
    state = request.app.state
    return OrderDesk(order_id, caller, once.engine, state.temporal, state.settings.task_queue, language, once.now, once)


def _digest(key: str) -> str:
    """A caller's own words have no place among the ids of Temporal."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


Desk = Annotated[OrderDesk, Depends(_desk)]


def visible_order(session: Session, order_id: UUID, caller: Actor) -> OrderRow:
    """The order, if the caller may see it: a manager sees own orders, everybody else all (D14).

    Raises:
        OrderNotFoundError: there is none, or it is another manager's.
    """
    order = session.get(OrderRow, order_id)
    if order is None or not may_see(order, caller):
        raise OrderNotFoundError
    return order


def readable_order(session: Session, order_id: UUID, caller: Actor) -> OrderRow:
    """The order to look at or to answer about: a visible one, or one that the caller was asked to approve (D4-4).

    Raises:
        OrderNotFoundError
    """
    order = session.get(OrderRow, order_id)
    if order is None or not may_read(session, order, caller):
        raise OrderNotFoundError
    return order


def readable_sheet(session: Session, order_id: UUID, caller: Actor) -> tuple[OrderRow, OrderSheet]:
    """The same with everything about it.

    Raises:
        OrderNotFoundError
    """
    found = order_and_sheet(session, order_id)
    if found is None or not may_read(session, found[0], caller):
        raise OrderNotFoundError
    return found


def may_read(session: Session, order: OrderRow, caller: Actor) -> bool:
    """Whether a person may look at an order: whoever may see it, and whoever was asked to approve it (D4-4)."""
    return may_see(order, caller) or was_asked(session, order.id, caller)


def may_see(order: OrderRow, caller: Actor) -> bool:
    """Whether a manager may see an order; everybody else sees all (D14)."""
    return caller.role is not Role.MANAGER or UUID(caller.id) in {order.manager_id, order.created_by}


@router.post("/{order_id}/place", summary="Разместить / Place",
             responses=problems(404, 409, 503) | answers(OrderDecided) | LATER)  # fmt: skip
async def place_order(desk: Desk, caller: Seller) -> JSONResponse:
    """The credit decision comes in the same call: `auto`, `approval` or `stop`, with reasons and figures.

    202 without a decision when it is not there yet; the order shows it as soon as it is made.
    """
    try:
        outcome = await desk.send(OrderWorkflow.place, PlaceCommand(caller), once_a_revision=True)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return JSONResponse({"order": await desk.view(), "decision": None}, 202)
    decision = order_views.decision_view(outcome.decision, desk.language)
    return JSONResponse({"order": await desk.view(), "decision": decision})


@router.post("/{order_id}/approval", summary="Решение по согласованию / Approve",
             responses=problems(403, 404, 409) | answers(OrderOut))  # fmt: skip
async def answer_approval(desk: Desk, body: ApprovalIn, caller: Answering) -> JSONResponse:
    """Approve, reject or send back for rework; a comment is required for the last two (D4-2). `revision`: the one that
    was looked at (D4-6). By head, director, or a deputy who was asked (D4-4)."""
    if body.decision is not Verdict.APPROVE and not body.comment:
        raise CommentRequiredError(field="comment")
    command = ApprovalCommand(caller, body.decision, body.comment, body.revision)
    outcome = await desk.send(OrderWorkflow.answer_approval, command)
    if outcome.refusal:
        raise refused(outcome.refusal, outcome.facts)
    return JSONResponse(await desk.view())


@router.post("/{order_id}/cancel", summary="Отменить / Cancel",
             responses=problems(403, 404, 409) | answers(OrderOut))  # fmt: skip
async def cancel_order(desk: Desk, body: ReasonIn, caller: Canceller) -> JSONResponse:
    """By the manager until picking starts; then by the head, acknowledged by the warehouse (D6-8)."""
    await desk.send(OrderWorkflow.cancel, CancelCommand(caller, body.reason))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/reservation/extend", summary="Продлить резерв / Extend",
             responses=problems(404, 409, 422) | answers(OrderOut))  # fmt: skip
async def extend_reservation(desk: Desk, body: ExtendIn, caller: Seller) -> JSONResponse:
    """Менеджер — один раз и не больше чем на срок резерва, руководитель — дольше и чаще (D7-10). Снятый резерв
    запрашивается снова, на полный срок (D7-9). / By the manager once and up to a lifetime, further and more often by
    the head. A reserve that was released is asked for again, for a whole lifetime."""
    await desk.send(OrderWorkflow.extend_reservation, ExtendCommand(caller, body.reason, body.days))
    return JSONResponse(await desk.view())


@router.get("", summary="Заказы / Orders", responses=problems(422) | answers(OrderPage))
def list_orders(
    session: Db,
    caller: Caller,
    language: Language,
    now: Now,
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
        "items": order_views.summaries(session, page, language, now=now),
        "next": str(page[-1].id) if len(rows) > limit else None,
    }


@router.get("/{order_id}", summary="Заказ / Order", responses=problems(404) | answers(OrderOut))
def get_order(order_id: UUID, session: Db, caller: Caller, language: Language, now: Now) -> dict[str, Any]:
    """Everything about the order: state, decision, wait, reserve, invoices, payments, history."""
    order, sheet = readable_sheet(session, order_id, caller)
    return order_views.detail(session, order, sheet, language, now=now)


@router.get("/{order_id}/why", summary="Почему стоит заказ? / Why does it wait?", responses=problems(404))
def why_order_waits(order_id: UUID, session: Db, caller: Caller, language: Language, now: Now) -> dict[str, Any]:
    """In words, as of now: what is awaited and why, by which rule, until when, who can end it, what happens at the end,
    and how much money is needed (U8)."""
    return why(session, readable_order(session, order_id, caller), language, now=now)
