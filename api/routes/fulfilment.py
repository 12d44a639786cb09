"""The warehouse's part of an order: pick, ship, put back; and closing short what will not be delivered."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field

from api.auth import require
from api.openapi import answers, problems
from api.order_schemas import OrderOut
from api.routes.orders import Desk, Seller
from api.schemas import QuantityIn, Reason, Sku, Strict, Warehouse, example
from domain.fulfilment import CloseShortCommand, UnpickCommand
from domain.orders import Actor, LineQuantity, PickCommand, Role, ShipCommand
from workflows.order import OrderWorkflow

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Storekeeper = Annotated[Actor, Depends(require(Role.WAREHOUSE))]
Unpicker = Annotated[Actor, Depends(require(Role.WAREHOUSE, Role.HEAD))]


class PickIn(Strict):
    """`warehouse`: whose lines; all that are reserved when none is named."""

    model_config = example(warehouse="main")

    warehouse: Warehouse | None = None


class ShipLineIn(Strict):
    sku: Sku
    quantity: QuantityIn


class ShipIn(Strict):
    """`warehouse` has to be named while goods of several stand picked; one shipment leaves one warehouse."""

    model_config = example(warehouse="main", lines=[{"sku": "CEM-M500-50", "quantity": "100"}])

    lines: Annotated[list[ShipLineIn], Field(max_length=500)] = []
    warehouse: Warehouse | None = None


class UnpickIn(Strict):
    """`warehouse`: whose picked goods go back; those of all when none is named."""

    model_config = example(reason="машина не пришла", warehouse="main")

    reason: Reason
    warehouse: Warehouse | None = None


class CloseShortIn(Strict):
    """`lines`: products of which nothing more is to be delivered; all of the order when none is named."""

    model_config = example(lines=["CEM-M500-50"], reason="клиент взял у другого")

    reason: Reason
    lines: Annotated[list[Sku], Field(max_length=500)] = []


@router.post("/{order_id}/start-picking", summary="Начать комплектацию / Start picking",
             responses=problems(404, 409, 422) | answers(OrderOut))  # fmt: skip
async def start_picking(desk: Desk, caller: Storekeeper, body: PickIn | None = None) -> JSONResponse:
    """Резерв закрепляется, его срок больше не идёт (D7-16); второй склад может начать, пока первый комплектует. /
    The reserve becomes hard, its lifetime stops. A second warehouse may start while the first is picking."""
    await desk.send(OrderWorkflow.start_picking, PickCommand(caller, body.warehouse if body else None))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/ship", summary="Отгрузить / Ship", responses=problems(404, 409, 422) | answers(OrderOut))
async def ship_order(desk: Desk, caller: Storekeeper, body: ShipIn | None = None) -> JSONResponse:
    """Списывает товар и выставляет счёт; без `lines` уходит всё собранное. Чуть больше собранного отгрузить можно,
    если строка этим завершается, а товар свободен (D12-5). / Write the goods off and invoice them; without `lines`,
    all that was picked. A little more than was picked may leave when it completes a line and lies free."""
    body = body or ShipIn()
    lines = tuple(LineQuantity(line.sku, line.quantity) for line in body.lines)
    await desk.send(OrderWorkflow.ship, ShipCommand(caller, lines, body.warehouse))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/unpick", summary="Разобрать собранное / Put picked goods back",
             responses=problems(403, 404, 409, 422) | answers(OrderOut))  # fmt: skip
async def unpick_order(desk: Desk, body: UnpickIn, caller: Unpicker) -> JSONResponse:
    """Собранное снова становится резервом, склад получает новую задачу на комплектацию. Если отгрузка закрыта, решает
    руководитель: `POST /orders/{id}/gate` (D12-2). / Picked goods become a reserve again, and the warehouse gets its
    picking task anew. Before a closed gate the head decides instead."""
    await desk.send(OrderWorkflow.unpick, UnpickCommand(caller, body.reason, body.warehouse))
    return JSONResponse(await desk.view())


@router.post("/{order_id}/close-short", summary="Закрыть остаток / Close short",
             responses=problems(403, 404, 409, 422) | answers(OrderOut))  # fmt: skip
async def close_order_short(desk: Desk, body: CloseShortIn, caller: Seller) -> JSONResponse:
    """Несобранный остаток частично отгруженного заказа не поставят: он сразу свободен (D7-14) и больше не занимает
    кредит клиента. Заказ, из которого ничего не ушло, изменяют или отменяют. / What of a partly shipped order is not
    picked yet will not be delivered: it is free at once, and no longer counts on the customer's credit. An order of
    which nothing has left is revised or cancelled instead."""
    await desk.send(OrderWorkflow.close_short, CloseShortCommand(caller, body.reason, tuple(body.lines)))
    return JSONResponse(await desk.view())
