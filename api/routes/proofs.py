"""Copies of payment orders: what a customer shows before the money is here (D7-10)."""

import hashlib
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence import orders
from activities.persistence.proofs import keep_proof, proof_for, proofs_of
from activities.persistence.stock_tables import PaymentProofRow
from api.auth import require
from api.deps import Db, Engine, Now, Once
from api.openapi import known_already, problems
from api.routes.orders import Desk, Seller, visible_order
from api.schemas import Out
from domain.errors import WrongStateError
from domain.orders import Actor, Role, WaitReason
from domain.reserve_life import ProofCommand, proof_type
from workflows.order import OrderWorkflow

router = APIRouter(prefix="/api/v1/orders/{order_id}/reservation/proof-of-payment", tags=["orders"])

Reader = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.DIRECTOR, Role.ACCOUNTANT, Role.LAWYER))]
_AWAITED = {WaitReason.PAYMENT, WaitReason.LATE_PAYMENT}
_ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
_FILE = {"schema": {"type": "string", "format": "binary"}}


class ProofOut(Out):
    id: str
    content_type: str = Field(examples=["application/pdf"])
    sha256: str
    uploaded_by: str
    uploaded_at: str
    href: str = Field(description="Сам файл. / The file itself.")


class ProofList(Out):
    items: list[ProofOut]


@router.post(
    "",
    status_code=201,
    summary="Приложить копию платёжного поручения / Show a proof of payment",
    responses=problems(403, 404, 409, 413, 415, 422) | known_already(),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "Файл PDF, JPEG или PNG как есть, не больше 5 МБ. / The raw bytes of a PDF, JPEG or PNG.",
            "content": dict.fromkeys((*_ENDINGS, "application/octet-stream"), _FILE),
        }
    },
)
async def show_proof_of_payment(
    request: Request, desk: Desk, caller: Seller, engine: Engine, once: Once, now: Now
) -> JSONResponse:
    """Резерв продлевается по политике (обычно на 2 рабочих дня), один раз за срок; бухгалтер получает задачу найти
    платёж. 200, если этот файл уже есть: ничего не меняется. / The reserve lives longer by the policy, 2 working days
    by default, once per lifetime, and the accountant is asked to find the money. 200 for the same file again, which
    changes nothing."""
    content = await request.body()
    kind = proof_type(content)
    command = ProofCommand(caller, hashlib.sha256(content).hexdigest())
    await run_in_threadpool(_check_awaited, engine, desk.order_id, caller)

    def keep() -> tuple[dict[str, Any], bool]:
        with Session(engine) as session, session.begin():
            once.claim(session, command)
            row, is_new = keep_proof(session, desk.order_id, content, kind, caller, at=now)
            return _view(row).model_dump(), is_new

    proof, is_new = await run_in_threadpool(keep)
    await desk.send(OrderWorkflow.accept_proof, command, command.sha256)
    return JSONResponse({"proof": proof, "order": await desk.view()}, 201 if is_new else 200)


def _check_awaited(engine: Any, order_id: UUID, caller: Actor) -> None:
    with Session(engine) as session:
        order = visible_order(session, order_id, caller)
        wait = orders.state_of(order).wait
        if wait is None or wait.reason not in _AWAITED:
            raise WrongStateError(status=order.status, command="proof-of-payment")


@router.get(
    "", response_model=ProofList, summary="Копии платёжных поручений / Proofs of payment", responses=problems(403, 404)
)
def list_proofs_of_payment(order_id: UUID, caller: Reader, session: Db) -> ProofList:
    """Все копии по заказу, старые первыми. / Every copy of the order, oldest first."""
    visible_order(session, order_id, caller)
    return ProofList(items=[_view(row) for row in proofs_of(session, order_id)])


@router.get(
    "/{proof_id}",
    summary="Файл копии / The file of a proof",
    response_class=Response,
    responses=problems(403, 404)
    | {200: {"description": "Файл. / The file.", "content": dict.fromkeys(_ENDINGS, _FILE)}},
)
def get_proof_of_payment(order_id: UUID, proof_id: UUID, caller: Reader, session: Db) -> Response:
    """Файл, как его прислали; браузер его сохраняет, а не открывает. / The file as it came, to be saved, not shown."""
    order = visible_order(session, order_id, caller)
    row = proof_for(session, order_id, proof_id)
    name = f"proof-of-payment-{order.id}-{row.sha256[:8]}.{_ENDINGS[row.content_type]}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    return Response(row.content, media_type=row.content_type, headers=headers)


def _view(row: PaymentProofRow) -> ProofOut:
    return ProofOut(
        id=str(row.id),
        content_type=row.content_type,
        sha256=row.sha256,
        uploaded_by=str(row.uploaded_by),
        uploaded_at=row.uploaded_at.isoformat(),
        href=f"/api/v1/orders/{row.order_id}/reservation/proof-of-payment/{row.id}",
    )
