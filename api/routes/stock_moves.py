"""Goods that change hands by the head's word (D8-4), and stock-takes (D7-15)."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from sqlmodel import Session

from activities.letters import compose
from activities.persistence import reassignments
from activities.persistence.catalogue import product
from activities.persistence.counts import Count, count_stock
from activities.persistence.identifiers import new_id
from activities.persistence.order_tables import OrderRow
from activities.persistence.orders import customer_of
from activities.persistence.party_tables import UserRow
from activities.persistence.stock_tables import ReassignmentRow
from api.auth import require
from api.deps import Db, Language, Now, Once, Temporal
from api.errors import refused
from api.i18n import speech
from api.idempotency import Answer
from api.nudges import nudge
from api.openapi import problems
from api.paging import After, Limit, cursor, read_id
from api.routes.orders import may_see, visible_order
from api.schemas import (
    Comment,
    Out,
    Page,
    QuantityIn,
    QuantityOrZeroIn,
    Reason,
    Sku,
    Strict,
    Warehouse,
    decimal_text,
    example,
)
from domain.errors import DomainError, DuplicateLineError
from domain.orders import Actor, Role
from domain.stock_errors import ReassignmentNotFoundError
from domain.wording import allocation, reassignment_state
from workflows.ids import order_workflow_id

router = APIRouter(prefix="/api/v1/stock", tags=["stock"])

Asker = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD))]
Reader = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.DIRECTOR))]
Decider = Annotated[Actor, Depends(require(Role.HEAD, Role.DIRECTOR))]
Stocktaker = Annotated[Actor, Depends(require(Role.WAREHOUSE, Role.HEAD))]
State = Literal["requested", "approved", "rejected", "void"]
ORDER_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


class ReassignmentIn(Strict):
    """Whose reserve, for which order, how much and why."""

    model_config = example(
        warehouse="main", sku="CEM-M500-50", from_order_id=ORDER_ID, to_order_id=ORDER_ID[:-1] + "8", quantity="20",
        reason="Ключевому клиенту нужно до пятницы",
    )  # fmt: skip

    warehouse: Warehouse = "main"
    sku: Sku
    from_order_id: UUID
    to_order_id: UUID
    quantity: QuantityIn
    reason: Reason

    def request(self) -> reassignments.NewRequest:
        return reassignments.NewRequest(
            self.warehouse, self.sku, self.from_order_id, self.to_order_id, self.quantity, self.reason
        )


class DecisionOnGoodsIn(Strict):
    decision: Literal["approve", "reject"]
    comment: Comment = ""

    @model_validator(mode="after")
    def _a_refusal_says_why(self) -> "DecisionOnGoodsIn":
        if self.decision == "reject" and not self.comment:
            raise PydanticCustomError("empty", "empty")
        return self


class PersonNamed(Out):
    id: UUID
    name: str


class OrderNamed(Out):
    id: UUID
    number: str
    customer_name: str


class GiverNamed(Out):
    """Whose goods are asked for. Of another manager's order a manager learns no number and no customer, and its id only
    where they sent it (D14)."""

    id: UUID | None
    number: str | None
    customer_name: str | None
    name: str = Field(examples=["заказ другого менеджера"])


class ReassignmentOut(Out):
    """A request for another order's goods, and its answer."""

    id: UUID
    warehouse: str
    sku: str
    product_name: str
    unit: str
    quantity: str
    from_order: GiverNamed
    to_order: OrderNamed
    reason: str
    state: str = Field(examples=["requested"], description="requested, approved, rejected, void.")
    state_name: str
    requested_by: PersonNamed
    requested_at: datetime
    decided_by: PersonNamed | None
    decided_at: datetime | None
    comment: str | None
    moved: str | None = Field(description="Сколько передано. / How much changed hands.")


class ReassignmentList(Page):
    items: list[ReassignmentOut]


class CountLineIn(Strict):
    sku: Sku
    on_hand: QuantityOrZeroIn


class CountIn(Strict):
    """What was counted: all that lies there, also what is reserved and what is being picked."""

    model_config = example(
        warehouse="main", lines=[{"sku": "CEM-M500-50", "on_hand": "97"}], reason="Плановая инвентаризация"
    )

    warehouse: Warehouse = "main"
    lines: Annotated[list[CountLineIn], Field(min_length=1, max_length=1000)]
    reason: Reason

    def figures(self) -> dict[str, Decimal]:
        """On hand by SKU.

        Raises:
            DuplicateLineError
        """
        twice = [sku for sku, times in Counter(line.sku for line in self.lines).items() if times > 1]
        if twice:
            raise DuplicateLineError(field="lines", sku=twice[0])
        return {line.sku: line.on_hand for line in self.lines}


class CountedLine(Out):
    sku: str
    before: str
    on_hand: str


class LostGoods(Out):
    order_id: str
    sku: str
    quantity: str


class CountOut(Out):
    id: str
    warehouse: str
    lines: list[CountedLine]
    counted_at: datetime
    lost: list[LostGoods] = Field(description="У кого не хватило обещанного. / Whose promised goods were missing.")
    served_orders: list[str] = Field(description="Заказы, которым хватило товара. / Orders that got goods.")


@router.post(
    "/reassignments", status_code=201, response_model=ReassignmentOut,
    summary="Запросить резерв другого заказа / Ask for another order's goods", responses=problems(403, 404, 409),
)  # fmt: skip
async def ask_reassignment(
    body: ReassignmentIn, caller: Asker, once: Once, temporal: Temporal, language: Language, now: Now
) -> JSONResponse:
    """Для заказа ключевого клиента — у неоплаченного заказа обычного, пока тот не комплектуется; решает руководитель
    (D8-4). / For a key customer's order, from an ordinary customer's unpaid one that is not being picked; the head
    decides."""

    def ask(session: Session) -> tuple[int, Any]:
        visible_order(session, body.to_order_id, caller)
        try:
            row = reassignments.request_goods(session, body.request(), caller, at=now)
        except DomainError as refusal:
            raise _without_anothers_number(session, refusal, body.from_order_id, caller, language) from None
        return 201, _out(session, row, caller, language).model_dump(mode="json")

    answer = await once.run_async(body, ask)
    await nudge(temporal, [order_workflow_id(answer.body["to_order"]["id"])], "stock_allocated")
    return answer.response()


@router.get("/reassignments", summary="Запросы на передачу резерва / Requests for goods", responses=problems(403))
def list_reassignments(
    caller: Reader,
    db: Db,
    language: Language,
    state: Annotated[State | None, Query(description="Состояние. / State.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> ReassignmentList:
    """Новые сначала; менеджер видит свои и о своих заказах. / Newest first; a manager sees own ones and those for own
    orders."""
    rows = reassignments.requests_for(db, _scope(caller), state, after=read_id(after), limit=limit + 1)
    page = rows[:limit]
    items = [_out(db, row, caller, language) for row in page]
    return ReassignmentList(items=items, next=cursor(page[-1].id) if len(rows) > limit else None)


@router.get(
    "/reassignments/{reassignment_id}", summary="Запрос на передачу резерва / A request for goods",
    responses=problems(403, 404),
)  # fmt: skip
def get_reassignment(reassignment_id: UUID, caller: Reader, db: Db, language: Language) -> ReassignmentOut:
    """Кто просил, у кого, для кого, кто решил. / Who asked, from whom, for whom, who decided."""
    row = reassignments.find_request(db, reassignment_id)
    mine = {row.requested_by, db.get_one(OrderRow, row.to_order_id).manager_id}
    if _scope(caller) not in {None, *mine}:
        raise ReassignmentNotFoundError
    return _out(db, row, caller, language)


@router.post(
    "/reassignments/{reassignment_id}/decision", response_model=ReassignmentOut,
    summary="Решить о передаче резерва / Decide on a request for goods", responses=problems(403, 404, 409),
)  # fmt: skip
async def decide_reassignment(
    reassignment_id: UUID,
    body: DecisionOnGoodsIn,
    caller: Decider,
    once: Once,
    temporal: Temporal,
    language: Language,
    now: Now,
) -> JSONResponse:
    """Решает не тот, кто просил, и не менеджер заказа, который получит товар. Если отдавать уже нечего, запрос
    закрывается с причиной. / Neither the requester nor the manager of the order that gets the goods decides; when
    there is nothing left to give, the request is void and says why."""

    def decide(session: Session) -> tuple[int, Any]:
        approve = body.decision == "approve"
        found = reassignments.decide_request(
            session, reassignment_id, caller, approve=approve, comment=body.comment, compose=compose, at=now
        )
        if found.refusal is not None:
            return found.refusal.status, {"code": found.refusal.code, "facts": found.refusal.facts}
        told = [str(order) for order in found.told]
        return 200, {"told": told, "answer": _out(session, found.row, caller, language).model_dump(mode="json")}

    done = await once.run_async(body, decide)
    if "code" in done.body:  # that it is void stays written
        raise refused(done.body["code"], done.body["facts"])
    await nudge(temporal, map(order_workflow_id, done.body["told"]), "stock_allocated")
    return Answer(done.status, done.body["answer"], done.replayed).response()


@router.post(
    "/counts", status_code=201, response_model=CountOut, summary="Записать инвентаризацию / Record a stock count",
    responses=problems(403, 404, 409),
)  # fmt: skip
async def create_stock_count(
    body: CountIn, caller: Stocktaker, once: Once, temporal: Temporal, now: Now
) -> JSONResponse:
    """Излишек достаётся очереди. Недостача уменьшает резервы: сначала неоплаченные, обычных клиентов, новые; собранное
    не трогается (D7-15). / A surplus goes to the queue. A shortage shrinks reserves: unpaid ones first, of ordinary
    customers, the newest; what is being picked stays."""
    answer = await once.run_async(body, lambda session: _count(session, body, caller, now))
    told = [*(lost["order_id"] for lost in answer.body["lost"]), *answer.body["served_orders"]]
    await nudge(temporal, map(order_workflow_id, dict.fromkeys(told)), "stock_allocated")
    return answer.response()


def _count(session: Session, body: CountIn, caller: Actor, now: datetime) -> tuple[int, dict[str, Any]]:
    number = new_id()
    count = Count(f"count:{number}", body.warehouse, body.figures(), body.reason)
    counted = count_stock(session, count, caller, at=now)
    return 201, {
        "id": str(number),
        "warehouse": body.warehouse,
        "lines": [
            {"sku": sku, "before": decimal_text(was), "on_hand": decimal_text(count.on_hand[sku])}
            for sku, was in counted.before.items()
        ],
        "counted_at": now.astimezone(UTC).isoformat(),
        "lost": [
            {"order_id": str(loss.order_id), "sku": loss.shelf[1], "quantity": decimal_text(loss.quantity)}
            for loss in counted.losses
        ],
        "served_orders": [str(order) for order in counted.served],
    }


def _scope(caller: Actor) -> UUID | None:
    return UUID(caller.id) if caller.role is Role.MANAGER else None


def _out(session: Session, row: ReassignmentRow, caller: Actor, language: Language) -> ReassignmentOut:
    goods = product(session, row.sku)
    return ReassignmentOut(
        id=row.id,
        warehouse=row.warehouse,
        sku=row.sku,
        product_name=goods.name,
        unit=goods.unit,
        quantity=decimal_text(row.quantity),
        from_order=_giver(session, row, caller, language),
        to_order=_order(session, row.to_order_id),
        reason=row.reason,
        state=row.state,
        state_name=reassignment_state(row.state, speech(language)),
        requested_by=_person(session, row.requested_by),
        requested_at=row.requested_at,
        decided_by=_person(session, row.decided_by) if row.decided_by else None,
        decided_at=row.decided_at,
        comment=row.comment,
        moved=None if row.moved is None else decimal_text(row.moved),
    )


def _order(session: Session, order_id: UUID) -> OrderNamed:
    row = session.get_one(OrderRow, order_id)
    return OrderNamed(id=row.id, number=row.number, customer_name=customer_of(session, row).name)


def _giver(session: Session, row: ReassignmentRow, caller: Actor, language: Language) -> GiverNamed:
    order = session.get_one(OrderRow, row.from_order_id)
    if may_see(order, caller):
        return GiverNamed(
            id=order.id, number=order.number, customer_name=customer_of(session, order).name, name=order.number
        )
    sent_by_caller = str(row.requested_by) == caller.id
    return GiverNamed(
        id=order.id if sent_by_caller else None,
        number=None,
        customer_name=None,
        name=allocation.anothers_text(speech(language)),
    )


def _without_anothers_number(
    session: Session, refusal: DomainError, giver: UUID, caller: Actor, language: Language
) -> DomainError:
    """A refusal as the caller may read it: an order they may not see is another manager's, and no more (D14)."""
    order = session.get(OrderRow, giver)
    if order is None or may_see(order, caller) or refusal.facts.get("order") != order.number:
        return refusal
    return type(refusal)(**refusal.facts | {"order": allocation.number_of_anothers(speech(language))})


def _person(session: Session, person: UUID) -> PersonNamed:
    row = session.get_one(UserRow, person)
    return PersonNamed(id=row.id, name=row.name)
