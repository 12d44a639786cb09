"""Stock: what came in, and what is there."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session

from activities.persistence import catalogue
from activities.persistence.events import record_event
from activities.persistence.expected_receipts import count_in
from activities.persistence.identifiers import new_id
from activities.persistence.receipts import receive
from activities.persistence.stock_tables import StockRow
from activities.persistence.supply import arrivals_of
from api.auth import require
from api.deps import Caller, Db, Now, Once, Settings, Temporal
from api.nudges import nudge
from api.openapi import problems
from api.schemas import Out, QuantityIn, Sku, Strict, Warehouse, decimal_text, example
from api.supply_commands import watch_supplies
from domain.orders import Actor, LineQuantity, Role
from domain.supply_life import SupplyInput
from workflows.ids import order_workflow_id

router = APIRouter(prefix="/api/v1/stock", tags=["stock"])

Receiver = Annotated[Actor, Depends(require(Role.WAREHOUSE, Role.HEAD, Role.ADMIN))]


class ReceiptLineIn(Strict):
    sku: Sku
    quantity: QuantityIn


class ReceiptIn(Strict):
    """Goods that came in."""

    model_config = example(warehouse="main", lines=[{"sku": "CEM-M500-50", "quantity": "100"}])

    warehouse: Warehouse = "main"
    expected_receipt_id: UUID | None = None
    lines: Annotated[list[ReceiptLineIn], Field(min_length=1, max_length=1000)]


class ReceiptLineOut(Out):
    sku: str
    quantity: str


class ReceiptOut(Out):
    id: str
    warehouse: str
    expected_receipt_id: str | None = Field(
        description="Поставка, в счёт которой принято. / The delivery it counts on."
    )
    lines: list[ReceiptLineOut]
    received_at: datetime
    served_orders: list[str] = Field(description="Заказы, которым хватило товара. / Orders that got goods.")


class StockFigures(Out):
    on_hand: str = Field(examples=["100"])
    reserved: str = Field(examples=["85"])
    picking: str = Field(examples=["0"])
    free: str = Field(examples=["15"])


class WarehouseStock(StockFigures):
    warehouse: str


class ExpectedOut(Out):
    expected_on: date
    warehouse: str
    quantity: str = Field(examples=["100"])


class StockOut(StockFigures):
    sku: str
    name: str
    unit: str
    warehouses: list[WarehouseStock]
    expected: list[ExpectedOut] = Field(description="Ожидается от поставщиков, по дням. / From suppliers, by day.")


@router.post(
    "/receipts", status_code=201, response_model=ReceiptOut, summary="Оприходовать товар / Receive goods",
    responses=problems(403, 404, 409),
)  # fmt: skip
async def create_stock_receipt(
    body: ReceiptIn, caller: Receiver, once: Once, temporal: Temporal, settings: Settings, now: Now
) -> JSONResponse:
    """Товар попадает на склад и сразу достаётся заказам, которые его ждут. Поставка `expected_receipt_id` считается
    принятой, когда пришли все её строки. / Goods go to stock, then to the queue; the delivery they came with is
    received when all its lines are in."""
    answer = await once.run_async(body, lambda session: _receive(session, body, caller, now))
    if body.expected_receipt_id is not None:
        watched = SupplyInput(str(body.expected_receipt_id), now)
        await watch_supplies(temporal, settings.task_queue, [watched])
    await nudge(temporal, map(order_workflow_id, answer.body["served_orders"]), "stock_allocated")
    return answer.response()


def _receive(session: Session, body: ReceiptIn, caller: Actor, now: datetime) -> tuple[int, dict[str, Any]]:
    receipt = str(new_id())
    lines = [LineQuantity(line.sku, line.quantity) for line in body.lines]
    expected = body.expected_receipt_id
    if expected is not None:
        count_in(session, expected, body.warehouse, lines, caller, at=now)
    served = receive(session, body.warehouse, lines, key=f"receipt:{receipt}", as_of=now)
    sent = [{"sku": line.sku, "quantity": decimal_text(line.quantity)} for line in body.lines]
    record_event(
        session, "stock_receipt", receipt, "stock_received", caller, at=now, warehouse=body.warehouse, lines=sent,
        expected_receipt_id=str(expected) if expected else None,
    )  # fmt: skip
    return 201, {
        "id": receipt,
        "warehouse": body.warehouse,
        "expected_receipt_id": str(expected) if expected else None,
        "lines": sent,
        "received_at": now.astimezone(UTC).isoformat(),
        "served_orders": [str(order) for order in served],
    }


@router.get("/{sku}", summary="Остатки товара / Stock of a product", responses=problems(404))
def get_stock(sku: str, _caller: Caller, db: Db) -> StockOut:
    """Всего и по складам: на складе = свободно + зарезервировано + комплектуется. / In total and per warehouse."""
    product = catalogue.product(db, sku)
    rows = catalogue.stock_of(db, sku)
    return StockOut(
        sku=product.sku,
        name=product.name,
        unit=product.unit,
        warehouses=[WarehouseStock(warehouse=row.warehouse, **_figures([row])) for row in rows],
        expected=[
            ExpectedOut(expected_on=each.on, warehouse=each.warehouse, quantity=decimal_text(each.quantity))
            for each in arrivals_of(db, sku)
        ],
        **_figures(rows),
    )


def _figures(rows: list[StockRow]) -> dict[str, str]:
    on_hand = sum((row.on_hand for row in rows), Decimal(0))
    reserved = sum((row.reserved for row in rows), Decimal(0))
    picking = sum((row.picking for row in rows), Decimal(0))
    return {
        "on_hand": decimal_text(on_hand),
        "reserved": decimal_text(reserved),
        "picking": decimal_text(picking),
        "free": decimal_text(on_hand - reserved - picking),
    }
