"""Payments and statements on the real Temporal: orders and invoices are told, nothing comes twice."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlmodel import Session, select
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House
from support.money import DAY, OWN, a_file, an_invoice
from support.patience import PATIENCE
from temporalio.client import WorkflowFailureError

from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import PaymentRow, ScheduleLineRow
from activities.persistence.payments import keep_statement
from api import payment_commands
from api.errors import refusal_in
from domain.bank_statement import parse_statement
from domain.credit_steps import PlaceCommand
from domain.payments import (
    AllocateCommand,
    ManualAllotment,
    PaymentDraft,
    PaymentInput,
    PaymentOutcome,
    PaymentState,
    StatementInput,
    StatementSummary,
)
from workflows import ids, statement
from workflows.order import OrderWorkflow
from workflows.payment import PaymentWorkflow

Answer = TypeVar("Answer")

pytestmark = [pytest.mark.anyio, BOTH_LANES]


def now() -> datetime:
    return datetime.now(UTC)


async def answered(ask: Callable[[], Awaitable[Answer | None]]) -> Answer:
    """Ask again until there is an answer, as a caller is told to who gets none at once."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if (answer := await ask()) is not None:
                return answer


async def pay(house: House, tax_id: str, amount: str, purpose: str, identity: str | None = None) -> PaymentOutcome:
    draft = PaymentDraft(
        identity=identity or f"api-{new_id()}",
        source="api",
        posted_on=DAY,
        amount=Decimal(amount),
        purpose=purpose,
        payer_tax_id=tax_id,
    )
    payment = PaymentInput(draft.identity, house.company.accountant, now(), draft=draft)
    return await answered(lambda: payment_commands.take_payment(house.client, house.task_queue, payment))


async def upload(house: House, content: bytes, upload_id: str | None = None) -> StatementSummary:
    sha = hashlib.sha256(content).hexdigest()
    with Session(house.engine) as session, session.begin():
        keep_statement(session, sha, content, by=UUID(house.company.accountant.id), at=now())
    request = StatementInput(sha, upload_id or str(new_id()), house.company.accountant, now())
    summary = await payment_commands.import_statement(house.client, house.task_queue, request)
    assert summary is not None
    return summary


async def test_a_repeat_that_comes_after_the_end_gets_the_answer_of_its_own_run(house: House) -> None:
    content = a_file(("1", "5.00", "850101300123", "x"))

    first = await upload(house, content, "upload-1")
    again = await upload(house, content, "upload-1")
    other = await upload(house, content, "upload-2")

    assert (first.payments_created, first.duplicates) == (1, 0)
    assert again == first
    assert (other.payments_created, other.duplicates) == (0, 1)


async def an_unpaid_order(house: House, customer: Any, *, price: str = "1000") -> tuple[str, str]:
    """A prepaid order with its goods set aside; its id and number."""
    sku = a_product(house.engine, price=price, on_hand="10")
    order = house.quote(customer, sku, prepayment_percent=100, deferral_days=0)
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "awaiting_payment")
    return order, house.order(order).number


async def test_a_payment_moves_the_order_it_names_on(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    order, number = await an_unpaid_order(house, customer)
    outcome = await pay(house, customer.tax_id, "1000", f"Оплата заказа {number}")
    assert outcome.order_ids == (order,)
    assert await house.reaches(order, "ready") == "ready"


async def test_a_statement_pays_an_order_and_a_second_upload_changes_nothing(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    order, number = await an_unpaid_order(house, customer)
    content = a_file(
        ("1", "1000", customer.tax_id, f"по счету {number}"),
        (order, "5", "940140000385", "кто это"),
        ("3", "x", "1", "2"),
    )
    first = await upload(house, content)
    assert await house.reaches(order, "ready") == "ready"
    second = await upload(house, content)
    assert (first.payments_created, first.duplicates, first.matched, first.unmatched) == (2, 0, 1, 1)
    assert (second.payments_created, second.duplicates, second.matched, second.unmatched) == (0, 2, 0, 0)
    assert [(each.line, each.code) for each in first.rejected] == [(19, "bad_amount")]
    assert first.rejected == second.rejected


async def test_one_file_uploaded_by_four_at_once_is_imported_once(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    line = an_invoice(house.engine, customer, "A", "1000")
    content = a_file(*((str(number), "10", customer.tax_id, "Оплата") for number in range(12)))
    answers = await asyncio.gather(*(upload(house, content) for _ in range(4)))
    assert sorted(answer.payments_created for answer in answers) == [0, 0, 0, 12]
    assert sum(answer.matched for answer in answers) == 12
    with Session(house.engine) as session:
        assert len(session.exec(select(PaymentRow)).all()) == 12
        assert session.get_one(ScheduleLineRow, UUID(line)).residual == Decimal(880)


async def test_a_payment_that_an_interrupted_upload_still_matches_is_left_to_it(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    content = a_file(("1", "10", customer.tax_id, "Оплата"), ("2", "20", customer.tax_id, "Оплата"))
    one = f"{parse_statement(content, {OWN}).documents[0].identity()}-1"
    payment = PaymentInput(one, house.company.accountant, now())
    stuck = await house.client.start_workflow(
        PaymentWorkflow.run, payment, id=ids.payment_workflow_id(one), task_queue=f"{house.task_queue}-gone"
    )

    first = await upload(house, content)
    assert (first.payments_created, first.matched, first.unmatched) == (2, 1, 0)

    await stuck.terminate()
    again = await upload(house, content)
    assert (again.payments_created, again.matched, again.unmatched) == (0, 1, 0)


async def test_a_long_file_goes_on_page_by_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "PAGE", 4)
    customer = a_customer(house.engine, house.company)
    answer = await upload(house, a_file(*((str(number), "10", customer.tax_id, "Оплата") for number in range(8))))
    assert (answer.payments_created, answer.matched) == (8, 8)


async def test_one_payment_told_by_four_at_once_is_one(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    line = an_invoice(house.engine, customer, "A", "1000")
    told = [pay(house, customer.tax_id, "10", "Оплата", identity="api-same") for _ in range(4)]
    outcomes = await asyncio.gather(*told)
    assert len({outcome.payment_id for outcome in outcomes}) == 1
    with Session(house.engine) as session:
        assert session.get_one(ScheduleLineRow, UUID(line)).residual == Decimal(990)


async def test_the_accountant_lifts_a_payment_from_the_queue_and_the_order_goes_on(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    order, _ = await an_unpaid_order(house, customer)
    queued = await pay(house, "940140000385", "1000", "за ООО Ромашка")
    assert queued.state is PaymentState.UNMATCHED
    too_much = ManualAllotment(order_id=order, amount=Decimal("1000.01"))
    command = AllocateCommand(queued.payment_id, "1", house.company.accountant, now(), allotments=(too_much,))
    with pytest.raises(WorkflowFailureError) as refusal:
        await payment_commands.allocate(house.client, house.task_queue, command)
    refused = {"amount": "1000.01", "room": "1000.00", "currency": "KZT"}
    assert refusal_in(refusal.value.cause) == ("allocation_too_large", refused)

    whole = AllocateCommand(
        queued.payment_id, "2", house.company.accountant, now(), allotments=(ManualAllotment(order_id=order),)
    )
    outcome = await answered(lambda: payment_commands.allocate(house.client, house.task_queue, whole))
    assert outcome.state is PaymentState.MATCHED
    assert await house.reaches(order, "ready") == "ready"


async def test_a_payment_releases_a_stopped_order(house: House) -> None:
    """D2-12, D2-13: money lifts a STOP by itself."""
    customer = a_customer(house.engine, house.company, limit="1000.00")
    an_invoice(house.engine, customer, "A", "3000", due="2099-01-01")
    order = house.quote(customer, a_product(house.engine, price="500", on_hand="1"))
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    assert await house.reaches(order, "stopped") == "stopped"
    await pay(house, customer.tax_id, "2600", "Оплата")
    assert await house.reaches(order, "ready", "reserved") in {"ready", "reserved"}
