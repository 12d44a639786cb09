"""Goods are short: what the customer chooses (D7-12)."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError

from api.openapi import LATER, answers, problems
from api.order_schemas import OrderOut
from api.routes.orders import Desk, Seller
from api.schemas import Comment, QuantityIn, Sku, Strict, example
from domain.errors import InvalidInputError
from domain.shortages import Choice, ShortageCommand, Substitution
from workflows.order import OrderWorkflow

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])


class SubstitutionIn(Strict):
    """Instead of what is missing of `sku`; without a quantity, as much as is missing."""

    sku: Sku
    substitute: Sku
    quantity: QuantityIn | None = None


class ShortageIn(Strict):
    """`alternatives` only with the choice `alternative`: a product each that is kept as a substitute."""

    model_config = example(
        choice="alternative",
        alternatives=[{"sku": "CEM-M500-50", "substitute": "CEM-M400-50"}],
        comment="клиент согласен на М400",
    )

    choice: Choice
    comment: Comment | None = None
    alternatives: Annotated[list[SubstitutionIn], Field(max_length=500)] = []


@router.post("/{order_id}/shortage", summary="Выбор клиента: товара не хватает / What the customer chooses",
             responses=problems(403, 404, 409, 422) | answers(OrderOut) | LATER)  # fmt: skip
async def choose_on_shortage(desk: Desk, body: ShortageIn, caller: Seller) -> JSONResponse:
    """Ждать, взять то, что есть, взять замену или отменить; нет ответа в срок (по политике, обычно 3 дня) — заказ ждёт.

    Часть — это меньший заказ сразу. Замена идёт по цене прайс-листа, и если с ней заказ дороже, решение по нему
    принимается заново: пока замену согласуют, выбор остаётся в силе, а чего он ждёт, видно в `proposal`. 202, пока
    ответа нет. /
    Wait, take the part that is there, take a substitute, or cancel; no answer in time (by the policy, 3 days by
    default) means waiting.

    A part is a smaller order at once. A substitute comes at the price list's price and is decided again where it makes
    the order dearer: when that has to be approved, the choice stands and `proposal` shows what waits. 202 while the
    answer is not there yet.
    """
    if bool(body.alternatives) is not (body.choice is Choice.ALTERNATIVE):
        raise InvalidInputError(field="alternatives")
    alternatives = tuple(Substitution(each.sku, each.substitute, each.quantity) for each in body.alternatives)
    command = ShortageCommand(caller, body.choice, body.comment or None, alternatives)
    try:
        await desk.send(OrderWorkflow.choose_on_shortage, command)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return JSONResponse(await desk.view(), 202)
    return JSONResponse(await desk.view())
