"""Copies of orders: the way on from one that has ended (D6-4, D6-5)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from sqlmodel import Session

from activities.persistence import lives
from activities.persistence.order_desk import copy_order as write_copy
from activities.persistence.order_sheet import order_sheet
from activities.persistence.parties import customer_for
from api import order_commands, order_views
from api.auth import require
from api.deps import Language, Now, Once, Settings, Temporal
from api.openapi import problems
from api.routes.orders import visible_order
from domain.orders import Actor, OrderInput, Role

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Seller = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD))]


@router.post(
    "/{order_id}/copy", status_code=201, summary="Скопировать заказ / Copy", responses=problems(403, 404, 409, 422)
)
async def copy_order(
    order_id: UUID, caller: Seller, once: Once, temporal: Temporal, settings: Settings, language: Language, now: Now
) -> JSONResponse:
    """Новое предложение с теми же строками по сегодняшним ценам и условиям клиента; больше ничего не переносится. /
    A new quote with the same lines at today's prices on the customer's present terms; nothing else is taken over."""
    started: list[OrderInput] = []

    def work(session: Session) -> tuple[int, Any]:
        source = visible_order(session, order_id, caller)
        order = write_copy(session, source, customer_for(session, source.customer_id, caller), caller, at=now)
        started.append(lives.order_input(order, now=now))
        return 201, order_views.detail(session, order, order_sheet(session, order), language, now=now)

    answer = await once.run_async(None, work)
    quotes = started or await order_commands.written_before(once, answer)
    await order_commands.start_quote(temporal, settings.task_queue, quotes)
    return answer.response({"Location": f"{router.prefix}/{answer.body['id']}"})
