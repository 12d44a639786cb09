"""What lowers or contests an invoice: credit notes (D1-3, D12-6) and disputes (D11-1)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy import Engine as SqlEngine
from sqlmodel import Session, select
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client

from activities.persistence import credit_notes, disputes
from activities.persistence.money_tables import InvoiceRow, ScheduleLineRow
from activities.persistence.receivables import line_for
from activities.persistence.reconsideration import orders_to_tell
from api.auth import require
from api.deps import Engine, Language, Now, Once, Temporal
from api.nudges import nudge
from api.openapi import known_already, problems
from api.routes.invoices import CreditNoteOut, InvoiceOut, invoice_out, note_out
from api.schemas import Comment, Day, Reason, Short, Strict, SumIn, example
from domain.disputes import DisputeResult
from domain.orders import Actor, Role
from workflows.ids import invoice_workflow_id, order_workflow_id

router = APIRouter(prefix="/api/v1/invoices", tags=["invoices"])

Accountant = Annotated[Actor, Depends(require(Role.ACCOUNTANT))]
Disputer = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.ACCOUNTANT, Role.LAWYER))]


class CreditNoteIn(Strict):
    model_config = example(number="КН-17", amount="50000.00", date="2026-04-20", reason="Возврат: брак")

    number: Short
    amount: SumIn
    date: Day
    reason: Reason


class DisputeIn(Strict):
    """Without `amount`: all that is owed."""

    model_config = example(amount="50000.00", reason="Недовоз", comment="Не хватает 10 мешков", until="2026-04-20")

    amount: SumIn | None = None
    reason: Reason
    comment: Comment | None = None
    until: Day = Field(description="Не больше 14 дней. / At most 14 days.")


class DisputeEndIn(Strict):
    model_config = example(result="ours", comment="Накладная подписана без замечаний")

    result: DisputeResult = Field(description="Кто прав: мы или клиент. / Who is right: we or the customer.")
    comment: Reason


@router.post(
    "/{invoice_id}/credit-notes", status_code=201, response_model=CreditNoteOut,
    summary="Провести кредит-ноту / Post a credit note",
    responses=problems(403, 404, 409, 422) | known_already(CreditNoteOut),
)  # fmt: skip
async def post_credit_note(
    invoice_id: UUID, body: CreditNoteIn, caller: Accountant, once: Once, now: Now, temporal: Temporal, engine: Engine
) -> JSONResponse:
    """Снижает остаток счёта, с последнего срока; уже оплаченное возвращается в аванс плательщика. Ждущие заказы
    пересматриваются. 200, если такая кредит-нота уже есть. / Lowers what the invoice claims, the latest due first;
    money already paid becomes the payer's advance again. Waiting orders are decided again. 200 if it is there already.
    """

    def work(session: Session) -> tuple[int, Any]:
        invoice = session.get_one(InvoiceRow, line_for(session, invoice_id, caller).invoice_id)
        amount = body.amount.within(invoice.currency, "amount")
        new = credit_notes.NewNote(body.number, amount, body.date, body.reason)
        note, is_new = credit_notes.post(session, invoice, new, caller, at=now)
        return 201 if is_new else 200, note_out(note, invoice.currency).model_dump(mode="json")

    answer = await once.run_async(body, work)
    await _tell(temporal, engine, invoice_id, caller)
    return answer.response()


@router.post(
    "/{invoice_id}/dispute", status_code=201, response_model=InvoiceOut,
    summary="Открыть спор / Open a dispute", responses=problems(403, 404, 409, 422),
)  # fmt: skip
async def open_dispute(
    invoice_id: UUID, body: DisputeIn, caller: Disputer, once: Once, language: Language, now: Now, temporal: Temporal,
    engine: Engine,
) -> JSONResponse:  # fmt: skip
    """Спорная часть не мешает отгрузкам просрочкой и не взыскивается до конца спора; в долге она остаётся. /
    The disputed part leaves the overdue gate and is not chased until the dispute ends; it still counts as debt."""

    def work(session: Session) -> tuple[int, Any]:
        line = line_for(session, invoice_id, caller)
        currency = session.get_one(InvoiceRow, line.invoice_id).currency
        amount = body.amount.within(currency, "amount") if body.amount else None
        new = disputes.NewDispute(amount, body.reason, body.comment, body.until)
        disputes.open_(session, line.id, new, caller, at=now)
        return 201, invoice_out(session, line, language, now=now).model_dump(mode="json")

    answer = await once.run_async(body, work)
    await _tell(temporal, engine, invoice_id, caller)
    return answer.response()


@router.post(
    "/{invoice_id}/dispute/close", response_model=InvoiceOut,
    summary="Закрыть спор / Close the dispute", responses=problems(403, 404, 422),
)  # fmt: skip
async def close_dispute(
    invoice_id: UUID, body: DisputeEndIn, caller: Disputer, once: Once, language: Language, now: Now,
    temporal: Temporal, engine: Engine,
) -> JSONResponse:  # fmt: skip
    """Взыскание идёт дальше по настоящему числу дней. / Collection goes on by the real number of days (D11-2)."""

    def work(session: Session) -> tuple[int, Any]:
        line = line_for(session, invoice_id, caller)
        disputes.close(session, line.id, body.result, body.comment, caller, at=now)
        return 200, invoice_out(session, line, language, now=now).model_dump(mode="json")

    answer = await once.run_async(body, work)
    await _tell(temporal, engine, invoice_id, caller)
    return answer.response()


async def _tell(temporal: Client, engine: SqlEngine, invoice_id: UUID, caller: Actor) -> None:
    """After the commit: the processes of the invoice and of its order look again, and the orders that moved on."""
    lines, order, moved = await run_in_threadpool(_touched, engine, invoice_id, caller)
    await nudge(temporal, map(invoice_workflow_id, lines), "payment_applied")
    if order is not None:
        await nudge(temporal, [order_workflow_id(order)], "payment_applied")
    await nudge(temporal, map(order_workflow_id, moved), "exposure_lowered")


def _touched(engine: SqlEngine, invoice_id: UUID, caller: Actor) -> tuple[list[str], str | None, list[str]]:
    with Session(engine) as session:
        invoice = session.get_one(InvoiceRow, line_for(session, invoice_id, caller).invoice_id)
        lines = session.exec(select(ScheduleLineRow.id).where(ScheduleLineRow.invoice_id == invoice.id)).all()
        order = str(invoice.order_id) if invoice.order_id else None
        return [str(line) for line in lines], order, orders_to_tell(session, invoice.credit_account_id)
