"""Money: payments one by one, bank statements, the accountant's queue."""

import hashlib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence import orders
from activities.persistence import payments as store
from activities.persistence.identifiers import new_id
from activities.persistence.rates import load_rates
from activities.requisites import check_tax_id
from api import payment_commands, payment_views
from api.auth import require
from api.deps import Db, Engine, Language, Now, Once, Settings, Temporal
from api.idempotency import Idempotency
from api.openapi import known_already, problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.payment_views import IN_PROGRESS, PaymentList, PaymentOut, StatementOut
from api.schemas import Comment, Day, Name, Short, Strict, SumIn
from domain.bank_statement import parse_statement
from domain.errors import InvalidTaxIdError
from domain.matching import QueueReason
from domain.money_errors import ExternalIdReusedError, WrongCurrencyError
from domain.orders import Actor, Role
from domain.payments import (
    AllocateCommand,
    ManualAllotment,
    PaymentDraft,
    PaymentInput,
    PaymentState,
    StatementInput,
)
from domain.requisites import tidy
from domain.statement_text import FARTHEST_POSTING, is_posting_day
from workflows import ids

router = APIRouter(prefix="/api/v1", tags=["payments"])

Accountant = Annotated[Actor, Depends(require(Role.ACCOUNTANT))]
Reader = Annotated[Actor, Depends(require(Role.ACCOUNTANT, Role.HEAD, Role.DIRECTOR, Role.LAWYER, Role.ADMIN))]


class PaymentIn(Strict):
    external_id: Short
    payer_tax_id: Short
    amount: SumIn
    date: Day
    purpose: Comment = ""
    payer_name: Name | None = None
    payer_account: Short | None = None
    document_number: Short | None = None


class AllotmentIn(Strict):
    """A part for one document; without an amount, as much as it may take."""

    order_id: UUID | None = None
    invoice_id: UUID | None = None
    amount: SumIn | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "AllotmentIn":
        if (self.order_id is None) == (self.invoice_id is None):
            raise PydanticCustomError("one_target", "name an order or an invoice")
        return self


class AllocateIn(Strict):
    """One document, several of them, or only whose payment it is: then it is matched like any other of his."""

    customer_id: UUID | None = None
    order_id: UUID | None = None
    invoice_id: UUID | None = None
    amount: SumIn | None = None
    allocations: Annotated[list[AllotmentIn], Field(max_length=100)] = []
    comment: Comment | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "AllocateIn":
        single = [target for target in (self.order_id, self.invoice_id) if target is not None]
        if len(single) > 1 or (single and self.allocations) or (self.amount and not single):
            raise PydanticCustomError("one_target", "name an order or an invoice")
        if not single and not self.allocations and self.customer_id is None:
            raise PydanticCustomError("one_target", "name an order, an invoice or a customer")
        return self

    def parts(self) -> list[AllotmentIn]:
        if self.order_id is None and self.invoice_id is None:
            return self.allocations
        return [AllotmentIn(order_id=self.order_id, invoice_id=self.invoice_id, amount=self.amount)]


@router.post(
    "/payments",
    status_code=201,
    response_model=PaymentOut,
    summary="Внести платёж / Record a payment",
    responses=problems(403, 409) | known_already(PaymentOut) | IN_PROGRESS,
)
async def create_payment(
    body: PaymentIn,
    caller: Accountant,
    engine: Engine,
    temporal: Temporal,
    settings: Settings,
    language: Language,
    once: Once,
    now: Now,
) -> JSONResponse:
    """The same `external_id` is one payment: 201 at first, 200 with the same payment afterwards."""
    replay = await once.recall(body)
    if replay is not None:
        return replay.response()
    known = await run_in_threadpool(_known_payment, engine, body, language)
    if known is not None and known["reason"] != QueueReason.NEW:
        return JSONResponse(known, 200)
    draft = await run_in_threadpool(_draft, engine, body, now)
    payment = PaymentInput(draft.identity, caller, now, draft=draft)
    if await payment_commands.take_payment(temporal, settings.task_queue, payment) is None:
        return _in_progress(ids.payment_workflow_id(draft.identity), external_id=body.external_id)
    answer = await run_in_threadpool(_known_payment, engine, body, language)
    if answer is None:
        raise AssertionError("a payment that was applied is there")
    headers = {"Location": f"/api/v1/payments/{answer['id']}"}
    status = 200 if known is not None else 201
    return (await once.run_async(body, lambda _session: (status, answer))).response(headers)


def _known_payment(engine: Any, body: PaymentIn, language: Language) -> dict[str, Any] | None:
    """The payment under this `external_id`, if it is the same one.

    Raises:
        ExternalIdReusedError: it has other figures.
    """
    with Session(engine) as session:
        row = store.by_external_id(session, body.external_id)
        if row is None:
            return None
        same = (
            row.amount == body.amount.amount
            and body.amount.currency in {None, row.currency}
            and row.payer_tax_id == tidy(body.payer_tax_id)
            and row.posted_on == body.date
            and row.purpose == body.purpose
        )
        if not same:
            raise ExternalIdReusedError(external_id=body.external_id)
        return payment_views.payment(session, row, language)


def _draft(engine: Any, body: PaymentIn, now: datetime) -> PaymentDraft:
    """The payment as it is to be recorded.

    Raises:
        RequestValidationError: it is dated more than a year ahead.
        InvalidTaxIdError: no such tax number can exist, and no customer has it.
        WrongCurrencyError: the payer's account, or the company's for an unknown payer, is kept in another currency, to
            which no rate is known (D2-18).
    """
    tax_id = tidy(body.payer_tax_id)
    with Session(engine) as session:
        company = orders.legal_entity(session)
        today = now.astimezone(ZoneInfo(company.timezone)).date()
        if not is_posting_day(body.date, today):
            raise invalid("date", "less_than_equal", place="body", le=(today + FARTHEST_POSTING).isoformat())
        found = store.payers(session, tax_id)
        if not found:
            _check_tax_id(tax_id)
        currencies = {customer.currency for customer in found} or {company.currency}
        currencies |= {
            rate.currency for base in sorted(currencies) for rate in load_rates(session, base, today=today).rates
        }
    if body.amount.currency is not None and body.amount.currency not in currencies:
        raise WrongCurrencyError(field="amount", currency=body.amount.currency, expected=", ".join(sorted(currencies)))
    return PaymentDraft(
        identity=f"api-{hashlib.sha256(body.external_id.encode()).hexdigest()[:32]}",
        source="api",
        external_id=body.external_id,
        posted_on=body.date,
        amount=body.amount.amount,
        currency=body.amount.currency,
        purpose=body.purpose,
        payer_tax_id=tax_id,
        payer_name=body.payer_name,
        payer_account=body.payer_account,
        document_number=body.document_number,
    )


def _check_tax_id(value: str) -> None:
    try:
        check_tax_id("RU", value, field="payer_tax_id")
    except InvalidTaxIdError:
        check_tax_id("KZ", value, field="payer_tax_id")


@router.get("/payments", response_model=PaymentList, summary="Платежи / Payments", responses=problems(403))
def list_payments(
    _caller: Reader,
    db: Db,
    language: Language,
    state: Annotated[PaymentState | None, Query(description="`unmatched`: очередь бухгалтера. / The queue.")] = None,
    customer_id: UUID | None = None,
    after: After = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Oldest first, in pages."""
    key = read_cursor(after, 1)
    rows = store.list_payments(
        db, state=state, customer_id=customer_id, after=_uuid(key[0]) if key else None, limit=limit + 1
    )
    page = rows[:limit]
    more = cursor(page[-1].id) if len(rows) > limit else None
    return {"items": payment_views.payments(db, page, language), "next": more}


@router.get(
    "/payments/{payment_id}", response_model=PaymentOut, summary="Платёж / A payment", responses=problems(403, 404)
)
def get_payment(payment_id: UUID, _caller: Reader, db: Db, language: Language) -> dict[str, Any]:
    """The payment and what it pays."""
    return payment_views.payment(db, store.get_payment(db, payment_id), language)


@router.post(
    "/payments/{payment_id}/allocate",
    response_model=PaymentOut,
    summary="Разнести платёж / Allocate a payment",
    responses=problems(403, 404, 409) | IN_PROGRESS,
)
async def allocate_payment(
    payment_id: UUID,
    body: AllocateIn,
    caller: Accountant,
    engine: Engine,
    temporal: Temporal,
    settings: Settings,
    language: Language,
    once: Once,
) -> JSONResponse:
    """The accountant says whose money it is and what it pays (D9-5, D9-6)."""
    known = await once.recall(body)
    if known is not None:
        return known.response()
    command = await run_in_threadpool(_command, engine, payment_id, body, once, caller)
    if await payment_commands.allocate(temporal, settings.task_queue, command) is None:
        return _in_progress(ids.manual_allocation_workflow_id(str(payment_id), command.key))

    def view(session: Session) -> tuple[int, Any]:
        return 200, payment_views.payment(session, store.get_payment(session, payment_id), language)

    return (await once.run_async(body, view)).response()


def _command(engine: Any, payment_id: UUID, body: AllocateIn, once: Idempotency, caller: Actor) -> AllocateCommand:
    with Session(engine) as session:
        currency = store.get_payment(session, payment_id).currency
    key = hashlib.sha256(f"{once.scope} {once.key}".encode()).hexdigest()[:32] if once.key else str(new_id())
    return AllocateCommand(
        payment_id=str(payment_id),
        key=key,
        actor=caller,
        as_of=once.now,
        customer_id=str(body.customer_id) if body.customer_id else None,
        allotments=tuple(
            ManualAllotment(
                order_id=str(part.order_id) if part.order_id else None,
                invoice_id=str(part.invoice_id) if part.invoice_id else None,
                amount=part.amount.within(currency) if part.amount else None,
            )
            for part in body.parts()
        ),
    )


@router.post(
    "/bank-statements",
    response_model=StatementOut,
    summary="Загрузить выписку / Upload a bank statement",
    responses=problems(403) | IN_PROGRESS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "Файл 1CClientBankExchange как есть. / The raw bytes of a 1CClientBankExchange file.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload_bank_statement(
    request: Request,
    caller: Accountant,
    engine: Engine,
    temporal: Temporal,
    settings: Settings,
    language: Language,
    once: Once,
    now: Now,
) -> JSONResponse:
    """Each line of the file becomes one payment, however often and in however many files it comes (D9-1)."""
    content = await request.body()
    known = await once.recall(content)
    if known is not None:
        return known.response()
    await run_in_threadpool(parse_statement, content)
    sha256 = hashlib.sha256(content).hexdigest()
    await run_in_threadpool(_keep, engine, sha256, content, caller, now)
    key = hashlib.sha256(f"{once.scope} {once.key}".encode()).hexdigest()[:32] if once.key else str(new_id())
    upload = StatementInput(sha256, key, caller, now)
    summary = await payment_commands.import_statement(temporal, settings.task_queue, upload)
    if summary is None:
        return _in_progress(ids.statement_workflow_id(sha256), sha256=sha256)
    answer = payment_views.statement(sha256, summary, language)
    return (await once.run_async(content, lambda _session: (200, answer))).response()


@router.get(
    "/bank-statements/{sha256}",
    response_model=StatementOut,
    summary="Итог выписки / What came of a statement",
    responses=problems(403, 404) | IN_PROGRESS,
)
def get_bank_statement(sha256: str, _caller: Reader, db: Db, language: Language) -> Any:
    """The answer of the first upload, by the SHA-256 of the file; 202 while it is being worked on."""
    row = store.get_statement(db, sha256)
    answer = payment_views.stored_statement(row, language)
    return answer or _in_progress(ids.statement_workflow_id(sha256), sha256=sha256)


def _keep(engine: Any, sha256: str, content: bytes, caller: Actor, now: Any) -> None:
    with Session(engine) as session, session.begin():
        store.keep_statement(session, sha256, content, by=UUID(caller.id), at=now)


def _in_progress(workflow_id: str, **facts: str) -> JSONResponse:
    """Taken and safe; the answer is not there yet."""
    return JSONResponse({"status": "processing", "workflow_id": workflow_id, **facts}, 202)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise invalid("after", "bad_cursor") from None
