"""Why the goods went where they went: every run of the queue for a product (U18)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from activities.persistence import catalogue
from activities.persistence.allocation_pages import AllocationFilter, find_allocations
from api.allocation_views import allocation_list
from api.auth import require
from api.deps import Db, Language
from api.openapi import problems
from api.paging import After, Limit, cursor, read_number
from api.routes.orders import visible_order
from api.schemas import Out, Page
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/stock", tags=["stock"])

Reader = Annotated[
    Actor, Depends(require(Role.HEAD, Role.DIRECTOR, Role.WAREHOUSE, Role.BUYER, Role.MANAGER, Role.ADMIN))
]
Warehouse = Annotated[str | None, Query(max_length=32, description="Склад. / The warehouse.")]


class SubjectOut(Out):
    """What freed the goods, or asked for them; id and number are null for another manager's order."""

    kind: str = Field(description="order, receipt, opening, count, reassignment, sweep.")
    id: str | None
    number: str | None
    text: str = Field(examples=["Заказ ЗК-000017"])


class PartyOut(Out):
    """An order in the queue. Of another manager's order a manager sees class and quantity only."""

    order: UUID | None
    number: str | None
    customer: str | None
    name: str = Field(examples=["Заказ ЗК-000017"])
    class_: Literal["vip", "standard"] = Field(alias="class")
    class_text: str
    quantity: str = Field(examples=["5"])
    rule: str
    text: str


class WaitedOut(PartyOut):
    """Who waits: `quantity` is what it still waits for of `asked`."""

    asked: str = Field(examples=["10"])
    since: datetime


class AllocationOut(Out):
    """One run of the queue on one shelf, with everything that decided it."""

    id: int
    run: UUID = Field(description="Остатки, по которым решали вместе. / Joins shelves that were decided together.")
    at: datetime
    warehouse: str
    sku: str
    cause: str = Field(examples=["receipt"])
    cause_text: str
    subject: SubjectOut
    on_hand: str
    free_before: str
    free_after: str
    hold_back_percent: str
    held_back: str = Field(description="Придержано для ключевых клиентов. / Held back for key customers.")
    policy_version: int
    got: list[PartyOut]
    waited: list[WaitedOut] = Field(description="Первые в очереди. / The first of the queue.")
    waiting: int = Field(description="Сколько строк ждёт всего. / How many lines wait in all.")
    lost: list[PartyOut]


class AllocationList(Page):
    items: list[AllocationOut]


@router.get("/{sku}/allocations", summary="Кому достался товар / Who got the goods", responses=problems(403, 404))
def list_allocations(
    sku: str,
    caller: Reader,
    db: Db,
    language: Language,
    warehouse: Warehouse = None,
    order_id: UUID | None = None,
    after: After = None,
    limit: Limit = 50,
) -> AllocationList:
    """Новые первыми: кто получил, кто ждёт и по какому правилу. / Newest first: who got it, who waits, and why."""
    catalogue.product(db, sku)
    if order_id is not None:
        visible_order(db, order_id, caller)
    wanted = AllocationFilter(sku, warehouse or None, order_id)
    rows = find_allocations(db, wanted, before=read_number(after), limit=limit + 1)
    page = rows[:limit]
    items = [AllocationOut.model_validate(entry) for entry in allocation_list(db, page, caller, language)]
    return AllocationList(items=items, next=cursor(page[-1].id) if len(rows) > limit else None)
