"""Editing an order, and what becomes of picked goods before a closed shipment gate."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError

from api import order_views
from api.auth import require
from api.openapi import LATER, answers, problems
from api.order_schemas import OrderDecided
from api.routes.orders import DeliveryIn, Desk, Lines, Seller
from api.schemas import Comment, Day, Reason, Strict, Whole, example
from domain.errors import CommentRequiredError
from domain.orders import Actor, Role
from domain.revisions import ReviseCommand, RevisedLine
from domain.shipment_gate import GateCommand, GateVerdict
from workflows.order import OrderWorkflow

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Approver = Annotated[Actor, Depends(require(Role.HEAD, Role.DIRECTOR))]


class TermsChange(Strict):
    deferral_days: Annotated[Whole, Field(ge=0, le=365)] | None = None
    prepayment_percent: Annotated[Whole, Field(ge=0, le=100)] | None = None


class RevisionIn(Strict):
    """What to change; a field left out stays. `lines` are all lines that the order has afterwards; a product that it
    has already keeps its price, and its warehouse unless another is named: then it gives its reserve there back and
    joins the queue here. `revision`: the one that was edited; refused when the order has moved on."""

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


@router.post("/{order_id}/revise", summary="Изменить заказ / Revise",
             responses=problems(403, 404, 409, 412, 422) | answers(OrderDecided) | LATER)  # fmt: skip
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
                line.sku,
                line.quantity,
                line.price.within(currency, f"lines[{number}].price") if line.price else None,
                line.warehouse,
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
    """Goods stand picked and may not leave: hold them longer (by the policy, 2 working days by default), ship by
    approval, or have them put back (D12-2). A comment is required."""
    if not body.comment:
        raise CommentRequiredError(field="comment")
    await desk.send(OrderWorkflow.answer_gate, GateCommand(caller, body.decision, body.comment))
    return JSONResponse(await desk.view())
