"""«Какие резервы пора снимать»: reserves that are about to end, for the head, the storekeeper and the manager."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from activities.persistence.expiring import Ending, Filters, Waits, ending_reserves, waits_for
from activities.persistence.policies import policy_today
from api.auth import require
from api.deps import Db, Now
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import MoneyOut, Out, Page, decimal_text, money
from domain.orders import Actor, Role
from domain.reservation_terms import days_left

router = APIRouter(prefix="/api/v1/reservations", tags=["stock"])

Reader = Annotated[Actor, Depends(require(Role.HEAD, Role.DIRECTOR, Role.WAREHOUSE, Role.MANAGER))]
Within = Annotated[
    int, Query(ge=0, le=365, description="Срок выходит за столько дней. / They end within so many days.")
]

_BY_SHIPMENT = {Waits.SHIPMENT, Waits.STOCK}
"""Reserves of deferral orders: they live by the planned shipment, and the warehouse may pick them (D7-5)."""


class OrderRef(Out):
    id: str
    number: str
    status: str
    href: str


class CustomerRef(Out):
    id: str
    name: str
    vip: bool


class HeldOut(Out):
    sku: str
    name: str
    unit: str
    quantity: str
    warehouse: str


class ExtensionsOut(Out):
    """What prolonged the reserve in this lifetime."""

    by_person: int
    by_proof: bool
    by_part_payment: bool
    by_silence: bool


class ActionOut(Out):
    action: str = Field(examples=["extend"])
    method: str = Field(examples=["POST"])
    href: str


class ReserveOut(Out):
    waits_for: Waits = Field(description="Чего ждут товары. / What the goods wait for.")
    order: OrderRef
    customer: CustomerRef
    lines: list[HeldOut]
    reserved_at: str
    age_days: int = Field(description="Полных дней в резерве. / Whole days since they were reserved.")
    expires_at: str
    days_left: int
    asked_at: str | None = Field(description="Когда об отгрузке спросили. / When somebody was asked about shipment.")
    paid: MoneyOut
    required: MoneyOut
    extensions: ExtensionsOut
    actions: list[ActionOut] = Field(description="Что вы можете сделать. / What you may do.")


class ReserveList(Page):
    items: list[ReserveOut]


@router.get(
    "", response_model=ReserveList, summary="Какие резервы пора снимать / Reserves about to end",
    responses=problems(403, 422),
)  # fmt: skip
def list_ending_reservations(
    session: Db,
    caller: Reader,
    now: Now,
    within_days: Within = 2,
    warehouse: Annotated[str | None, Query(max_length=64)] = None,
    customer_id: UUID | None = None,
    after: After = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Первым — тот, чей срок выходит раньше. Заказы с отсрочкой, об отгрузке которых уже спросили, стоят здесь до
    конца; менеджер видит свои заказы. / The first to end comes first; deferral orders of which somebody was asked
    already stand here to their end; a manager sees own orders."""
    filters = Filters(
        until=now + timedelta(days=within_days),
        now=now,
        gathering=timedelta(days=policy_today(session, now)[1].gathering_days),
        warehouse=warehouse,
        customer_id=customer_id,
        manager=UUID(caller.id) if caller.role is Role.MANAGER else None,
    )
    found = ending_reserves(session, filters, after=_read(after), limit=limit + 1)
    page = found[:limit]
    return {
        "items": [_view(each, caller, now=now) for each in page],
        "next": cursor(page[-1].row.ends_at.isoformat(), page[-1].row.id) if len(found) > limit else None,
    }


def _read(after: str | None) -> tuple[datetime, UUID] | None:
    key = read_cursor(after, 2)
    if key is None:
        return None
    try:
        at, order = datetime.fromisoformat(key[0]), UUID(key[1])
    except ValueError:
        raise invalid("after", "bad_cursor") from None
    if at.tzinfo is None:
        raise invalid("after", "bad_cursor")
    return at, order


def _view(ending: Ending, caller: Actor, *, now: datetime) -> dict[str, Any]:
    row = ending.row
    waits = waits_for(row)
    return {
        "waits_for": waits,
        "order": {
            "id": str(row.id), "number": row.number, "status": row.status, "href": f"/api/v1/orders/{row.id}",
        },
        "customer": {"id": str(row.customer_id), "name": row.customer, "vip": row.segment == "vip"},
        "lines": [
            {
                "sku": line.sku, "name": line.name, "unit": line.unit, "quantity": decimal_text(line.quantity),
                "warehouse": line.warehouse,
            }
            for line in ending.lines
        ],
        "reserved_at": row.reserved_at.isoformat(),
        "age_days": max(0, (now - row.reserved_at).days),
        "expires_at": row.ends_at.isoformat(),
        "days_left": days_left(row.ends_at, now),
        "asked_at": row.asked_at.isoformat() if waits in _BY_SHIPMENT and row.asked_at <= now else None,
        "paid": money(ending.paid, row.currency),
        "required": money(ending.required, row.currency),
        "extensions": {
            "by_person": row.extensions,
            "by_proof": row.extended_by_proof,
            "by_part_payment": row.extended_by_part_payment,
            "by_silence": row.extended_by_silence,
        },
        "actions": [{"action": name, "method": "POST", "href": href} for name, href in _actions(row, waits, caller)],
    }  # fmt: skip


def _actions(row: Any, waits: Waits, caller: Actor) -> list[tuple[str, str]]:
    """What the caller may do about a reserve now, with its doors."""
    door = f"/api/v1/orders/{row.id}"
    if caller.role is Role.WAREHOUSE:
        return [("start_picking", f"{door}/start-picking")] if waits in _BY_SHIPMENT else []
    if caller.role is Role.DIRECTOR:
        return []
    actions = []
    if waits is not Waits.GATHERING and (caller.role is Role.HEAD or not row.extensions):
        actions.append(("extend", f"{door}/reservation/extend"))
    if waits is Waits.PAYMENT:
        actions.append(("show_proof_of_payment", f"{door}/reservation/proof-of-payment"))
    return [*actions, ("revise", f"{door}/revise"), ("cancel", f"{door}/cancel")]
