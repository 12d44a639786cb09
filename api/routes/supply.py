"""What has to be bought, and what is expected from suppliers."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence import expected_receipts
from activities.persistence.expected_receipts import Control, NewReceipt
from activities.persistence.stock_tables import ExpectedReceiptRow
from activities.persistence.supply import needs
from api.auth import require
from api.deps import Db, Now, Once, Settings, Temporal
from api.idempotency import Answer
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import Comment, Day, Name, QuantityIn, Reason, Short, Sku, Strict, Warehouse, example
from api.supply_commands import watch_supplies
from api.supply_views import (
    ExpectedReceiptList,
    ExpectedReceiptOut,
    NeedList,
    need_out,
    receipt_out,
    receipts_out,
)
from api.versions import IfMatch, check_version, etag
from domain.orders import Actor, LineQuantity, Role
from domain.supply_life import SupplyInput

router = APIRouter(prefix="/api/v1/supply", tags=["supply"])

Reader = Annotated[Actor, Depends(require(Role.BUYER, Role.HEAD, Role.DIRECTOR, Role.WAREHOUSE, Role.MANAGER))]
Buyer = Annotated[Actor, Depends(require(Role.BUYER, Role.HEAD))]
OfWarehouse = Annotated[str | None, Query(max_length=32, pattern=r"^[^\x00]*$", description="Склад. / The warehouse.")]
OfSku = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$", description="Артикул. / The article.")]
State = Literal["expected", "received", "cancelled"]


class ExpectedLineIn(Strict):
    sku: Sku
    quantity: QuantityIn


class ControlIn(Strict):
    """On this day the buyer gets a task with this note."""

    day: Day
    note: Short = Field(examples=["Позвонить поставщику"])


Controls = Annotated[list[ControlIn], Field(max_length=50)]


class ExpectedReceiptIn(Strict):
    """Goods ordered from a supplier: what, where and when it is expected, and on which days to check on it."""

    model_config = example(
        warehouse="main", supplier="ТОО «Цемзавод»", expected_on="2035-04-15",
        lines=[{"sku": "CEM-M500-50", "quantity": "400"}],
        controls=[{"day": "2035-04-10", "note": "Позвонить поставщику"}],
    )  # fmt: skip

    warehouse: Warehouse = "main"
    supplier: Name
    expected_on: Day
    lines: Annotated[list[ExpectedLineIn], Field(min_length=1, max_length=500)]
    controls: Controls = []
    comment: Comment | None = None


class ExpectedReceiptPatch(Strict):
    """`controls` is the whole list; days already asked about keep that."""

    model_config = example(expected_on="2035-04-20", comment="Завод на ремонте")

    expected_on: Day | None = None
    comment: Comment | None = None
    controls: Controls | None = None


class ReasonIn(Strict):
    reason: Reason


@router.get("/needs", summary="Что нужно закупить / What has to be bought", responses=problems(403))
def list_supply_needs(
    caller: Reader, db: Db, now: Now, warehouse: OfWarehouse = None, sku: OfSku = None, after: After = None,
    limit: Limit = 50,
) -> NeedList:  # fmt: skip
    """Товар, которого ждут заказы: сколько, к какому дню, что уже заказано и кто стоит в очереди. / What orders wait
    for: how much, by which day, what is ordered already, and who stands in the queue."""
    key = read_cursor(after, 2)
    start = (key[0], key[1]) if key else None
    found = needs(db, at=now, limit=limit + 1, warehouse=warehouse, sku=sku, after=start)
    page = found[:limit]
    more = cursor(*page[-1].need.shelf) if len(found) > limit else None
    return NeedList(items=[need_out(each, caller) for each in page], next=more)


@router.post(
    "/expected-receipts", status_code=201, response_model=ExpectedReceiptOut,
    summary="Заказать поставку / Expect a receipt", responses=problems(403, 404),
)  # fmt: skip
async def create_expected_receipt(
    body: ExpectedReceiptIn, caller: Buyer, once: Once, temporal: Temporal, settings: Settings, now: Now
) -> JSONResponse:
    """Заказы и предложения сразу видят новый срок; в дни контроля закупщик получает задачи. / Orders and quotes see
    the day at once; the buyer gets tasks on control dates."""

    def work(session: Session) -> tuple[int, Any]:
        new = NewReceipt(
            warehouse=body.warehouse,
            supplier=body.supplier,
            expected_on=body.expected_on,
            lines=[LineQuantity(line.sku, line.quantity) for line in body.lines],
            controls=_controls(body.controls),
            comment=body.comment,
        )
        row = expected_receipts.create_receipt(session, new, caller, at=now)
        return 201, receipt_out(session, row).model_dump(mode="json")

    answer = await once.run_async(body, work)
    await watch_supplies(temporal, settings.task_queue, [SupplyInput(answer.body["id"], now)])
    location = f"{router.prefix}/expected-receipts/{answer.body['id']}"
    return answer.response({"Location": location, **etag(answer.body["version"])})


@router.get("/expected-receipts", summary="Ожидаемые поставки / Expected receipts", responses=problems(403))
def list_expected_receipts(
    caller: Reader,  # noqa: ARG001
    db: Db,
    state: Annotated[State | None, Query(description="Состояние. / State.")] = None,
    warehouse: OfWarehouse = None,
    sku: OfSku = None,
    after: After = None,
    limit: Limit = 50,
) -> ExpectedReceiptList:
    """По дню поступления. / By the day they are expected on."""
    rows = expected_receipts.list_receipts(
        db, limit=limit + 1, state=state, warehouse=warehouse, sku=sku, after=_start(after)
    )
    page = rows[:limit]
    more = cursor(page[-1].expected_on, page[-1].id) if len(rows) > limit else None
    return ExpectedReceiptList(items=receipts_out(db, page), next=more)


@router.get("/expected-receipts/{receipt_id}", summary="Поставка / An expected receipt", responses=problems(403, 404))
def get_expected_receipt(receipt_id: UUID, caller: Reader, db: Db, response: Response) -> ExpectedReceiptOut:  # noqa: ARG001
    """Что пришло, что ещё ожидается; ETag — версия для правки. / What came and what is still expected."""
    row = expected_receipts.find_receipt(db, receipt_id)
    response.headers.update(etag(row.version))
    return receipt_out(db, row)


class ReceiptDesk:
    """Changes one expected receipt and tells its process."""

    def __init__(self, receipt_id: UUID, caller: Buyer, once: Once, temporal: Temporal, settings: Settings, now: Now):
        self.receipt_id, self.caller, self.now = receipt_id, caller, now
        self._once, self._temporal, self._queue = once, temporal, settings.task_queue

    async def change(self, body: Strict, change: Callable[[Session, ExpectedReceiptRow], None]) -> JSONResponse:
        """One transaction under the lock of the receipt; the answer is the receipt as it stands then."""

        def work(session: Session) -> tuple[int, Any]:
            row = expected_receipts.find_receipt(session, self.receipt_id, lock=True)
            change(session, row)
            session.flush()
            return 200, receipt_out(session, row).model_dump(mode="json")

        answer: Answer = await run_in_threadpool(self._once.run, body, work)
        await watch_supplies(self._temporal, self._queue, [SupplyInput(str(self.receipt_id), self.now)])
        return answer.response(etag(answer.body["version"]))


Desk = Annotated[ReceiptDesk, Depends()]


@router.patch(
    "/expected-receipts/{receipt_id}", response_model=ExpectedReceiptOut,
    summary="Изменить срок или контроль / Change its day or controls", responses=problems(403, 404, 409, 412, 428),
)  # fmt: skip
async def change_expected_receipt(body: ExpectedReceiptPatch, desk: Desk, if_match: IfMatch) -> JSONResponse:
    """О более позднем сроке узнают менеджеры заказов, которым он обещан. / A later day is told to the managers of the
    orders that were promised the earlier one."""
    if not body.model_fields_set:
        raise invalid("body", "nothing_to_change", "body")
    for field in sorted(body.model_fields_set - {"comment"}):
        if getattr(body, field) is None:
            raise invalid(field, "empty", "body")

    def change(session: Session, row: ExpectedReceiptRow) -> None:
        check_version(if_match, row.version)
        fields = {name: getattr(body, name) for name in body.model_fields_set}
        if body.controls is not None:
            fields["controls"] = _controls(body.controls)
        expected_receipts.change_receipt(session, row, fields, desk.caller, at=desk.now)

    return await desk.change(body, change)


@router.post(
    "/expected-receipts/{receipt_id}/cancel", response_model=ExpectedReceiptOut,
    summary="Отменить поставку / Cancel it", responses=problems(403, 404, 409),
)  # fmt: skip
async def cancel_expected_receipt(body: ReasonIn, desk: Desk) -> JSONResponse:
    """Что не пришло, больше не ожидается; менеджеры ждущих заказов узнают об этом. / What has not come is expected no
    more; the managers of waiting orders are told."""

    def cancel(session: Session, row: ExpectedReceiptRow) -> None:
        expected_receipts.cancel_receipt(session, row, body.reason, desk.caller, at=desk.now)

    return await desk.change(body, cancel)


def _controls(wanted: list[ControlIn]) -> list[Control]:
    return [Control(each.day, each.note) for each in wanted]


def _start(after: str | None) -> tuple[date, UUID] | None:
    key = read_cursor(after, 2)
    if key is None:
        return None
    try:
        return date.fromisoformat(key[0]), UUID(key[1])
    except ValueError:
        raise invalid("after", "bad_cursor") from None
