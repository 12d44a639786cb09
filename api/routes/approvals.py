"""What an approver looks at (D4-2), and the lawyer's word on a prepaid order (D2-8)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from sqlalchemy import Engine as SqlEngine
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence import dossier, order_desk
from activities.persistence.order_sheet import order_sheet
from activities.persistence.orders import account_of_order
from activities.persistence.reconsideration import orders_to_tell
from api import order_dossier, order_views
from api.auth import require
from api.deps import Caller, Db, Engine, Language, Now, Once, Temporal
from api.nudges import nudge
from api.openapi import problems
from api.routes.orders import readable_order
from api.schemas import Reason, Strict
from domain.errors import ForbiddenError
from domain.orders import Actor, Role
from workflows.ids import order_workflow_id

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

Lawyer = Annotated[Actor, Depends(require(Role.LAWYER))]


class ClearanceIn(Strict):
    comment: Reason


@router.get("/{order_id}/approval", summary="Досье согласующего / The approver's dossier", responses=problems(403, 404))
def get_approval(order_id: UUID, session: Db, caller: Caller, language: Language, now: Now) -> dict[str, Any]:
    """Открытый запрос, цифры и причины, как клиент платит, другие заказы счёта, прежние запросы. / The open request,
    figures and reasons, how the customer pays, other orders of the account, earlier requests."""
    order = readable_order(session, order_id, caller)
    if not dossier.may_read(order, caller, asked=dossier.was_asked(session, order_id, caller)):
        raise ForbiddenError(role=caller.role.value, allowed=", ".join((Role.MANAGER, *order_dossier.APPROVERS)))
    return order_dossier.view(session, order, caller, language, now=now)


@router.post(
    "/{order_id}/legal-clearance", summary="Разрешить предоплаченный заказ / Clear a prepaid order",
    responses=problems(403, 404, 409),
)  # fmt: skip
async def clear_legal_stop(
    order_id: UUID, body: ClearanceIn, caller: Lawyer, once: Once, temporal: Temporal, engine: Engine,
    language: Language, now: Now,
) -> JSONResponse:  # fmt: skip
    """Юрист пропускает заказ с полной предоплатой, хотя по долгу открыто дело. / The lawyer lets a fully prepaid order
    pass although a case is open."""

    def work(session: Session) -> tuple[int, Any]:
        order = order_desk.clear_legal_stop(session, order_id, body.comment, caller, at=now)
        return 200, order_views.detail(session, order, order_sheet(session, order), language, now=now)

    answer = await once.run_async(body, work)
    moved = await run_in_threadpool(_moved, engine, order_id)
    await nudge(temporal, map(order_workflow_id, moved), "exposure_lowered")
    return answer.response()


def _moved(engine: SqlEngine, order_id: UUID) -> list[str]:
    with Session(engine) as session:
        return orders_to_tell(session, account_of_order(session, order_id))
