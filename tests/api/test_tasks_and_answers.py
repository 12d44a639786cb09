"""Tasks that an action closes, and what people are told: why an order waits, refusals, names."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from support.api import RU_INN
from support.invoices import an_invoice
from support.patience import PATIENCE
from support.shop import Shop, a_shop
from temporalio.client import Client

from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import LegalCaseRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, LegalEntityRow
from api.validation import field_error

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def the_task(shop: Shop, kind: str, *, by: str) -> dict[str, Any]:
    """The caller's only open task of a kind, once it is there."""
    async with asyncio.timeout(PATIENCE):
        while not (tasks := [t for t in (await shop.get("/tasks", by=by))["items"] if t["kind"] == kind]):
            await asyncio.sleep(0.05)
    return tasks[0]


async def a_refusal_to_complete(shop: Shop, kind: str, *, by: str) -> dict[str, Any]:
    task = await the_task(shop, kind, by=by)
    answer = await shop.post(f"/tasks/{task['id']}/complete", {}, by=by)
    assert answer.status_code == 409, answer.text
    problem: dict[str, Any] = answer.json()
    assert (problem["code"], problem["kind"]) == ("task_done_by_action", kind)
    assert problem["action"] == f"POST {problem['link']}"
    assert problem["action"] in problem["detail"]
    assert (await the_task(shop, kind, by=by))["state"] == "open"
    return problem


async def test_an_approval_is_not_ticked_off(shop: Shop) -> None:
    """D4-2: the order waits for the answer; the answer closes the task."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="2000")
    order = await shop.a_quote(customer, sku, "1500")
    await shop.place(order)

    problem = await a_refusal_to_complete(shop, "approval", by="head")

    assert problem["link"] == f"/api/v1/orders/{order}/approval"
    assert problem["detail"].startswith("Эта задача закроется решением по заказу")
    answered = await shop.post(f"/orders/{order}/approval", {"decision": "approve", "comment": ""}, by="director")
    assert answered.status_code == 200
    assert (await shop.get("/tasks", by="head"))["items"] == []


async def test_picking_and_its_cancellation_are_not_ticked_off(shop: Shop) -> None:
    """D6-8, D12-3"""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="300")
    order = await shop.a_quote(customer, sku, "300")
    await shop.place(order)
    await shop.house.reaches(order, "ready")

    problem = await a_refusal_to_complete(shop, "picking", by="warehouse")

    assert problem["link"] == f"/api/v1/orders/{order}/ship"
    assert (await the_task(shop, "picking", by="warehouse"))["details"]["lines"][0]["quantity"] == "300"
    assert (await shop.post(f"/orders/{order}/start-picking", by="warehouse")).status_code == 200
    why = await shop.get(f"/orders/{order}/why")
    assert why["text"].startswith("Заказ комплектуется и ждёт отгрузки.")
    assert why["who_text"] == "Склад отгружает товар."
    await a_refusal_to_complete(shop, "picking", by="warehouse")
    assert (await shop.post(f"/orders/{order}/cancel", {"reason": "Передумали"}, by="head")).status_code == 200
    problem = await a_refusal_to_complete(shop, "cancel_acknowledgement", by="warehouse")
    assert problem["link"] == f"/api/v1/orders/{order}/cancel"
    ship = await shop.post(f"/orders/{order}/ship", by="warehouse")
    assert ship.json()["detail"].startswith("Заказ сейчас в состоянии «Отменяется»")
    assert (await shop.post(f"/orders/{order}/cancel", {"reason": "Вернули"}, by="warehouse")).status_code == 200
    await shop.house.reaches(order, "cancelled")
    assert (await shop.get("/tasks", by="warehouse"))["items"] == []


async def test_a_left_over_task_may_be_closed(shop: Shop, engine: Engine) -> None:
    """Nobody waits for it any more: an order without a reserve has nothing to pick."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="1")
    order = await shop.a_quote(customer, sku, "1")
    await shop.place(order)
    task = await the_task(shop, "picking", by="warehouse")
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order), with_for_update=True)
        row.wait = {**(row.wait or {}), "reason": "late_payment"}
    assert (await shop.post(f"/tasks/{task['id']}/complete", {}, by="warehouse")).status_code == 200


async def test_a_payment_is_not_ticked_off(shop: Shop) -> None:
    """D9-5"""
    body = {"date": "2026-04-01", "payer_tax_id": RU_INN, "external_id": f"bank-{uuid4()}"}
    body |= {"amount": {"amount": "500.00", "currency": "KZT"}, "purpose": "оплата"}
    paid = await shop.post("/payments", body, by="accountant")
    assert paid.status_code in {200, 201}, paid.text

    (english,) = (await shop.get("/tasks", by="accountant", accept_language="en"))["items"]
    assert english["subject"] == f"Sort out a payment of 500.00\u00a0KZT from {RU_INN}"
    problem = await a_refusal_to_complete(shop, "payment_queue", by="accountant")

    assert problem["link"] == f"/api/v1/payments/{paid.json()['id']}/allocate"
    customer = await shop.a_customer()
    order = await shop.a_quote(customer, await shop.a_product(), "1")
    too_much = await shop.post(problem["link"].removeprefix("/api/v1"),
                               {"allocations": [{"order_id": order, "amount": "500.01"}]}, by="accountant")  # fmt: skip
    assert too_much.json()["code"] == "allocation_too_large"
    assert too_much.json()["detail"].startswith("Разнести 500,01\u00a0₸ нельзя: можно не больше 500,00\u00a0₸.")
    done = await shop.post(problem["link"].removeprefix("/api/v1"), {"customer_id": customer}, by="accountant")
    assert done.status_code == 200, done.text
    assert (await shop.get("/tasks", by="accountant"))["items"] == []


async def a_stop(shop: Shop, engine: Engine, *, days: int = 0, case: bool = False, ban: bool = False) -> str:
    """A placed order that stops: for an overdue debt of 275 000, a legal case, a ban, or above double the limit."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10", price="1000.00")
    with Session(engine) as session, session.begin():
        row = session.get_one(CustomerRow, UUID(customer))
        session.expunge(row)
        account = session.get_one(CreditAccountRow, row.credit_account_id)
        account.no_trade = ban
        account.stopped_at = datetime.now(UTC) if ban else None
        if case:
            session.add(
                LegalCaseRow(
                    id=new_id(), number="Д-1", customer_id=row.id, credit_account_id=account.id, state="open",
                    legal_entity_id=session.exec(select(LegalEntityRow)).one().id, opened_on=date(2026, 4, 1),
                    package={},
                )
            )  # fmt: skip
    if days:
        today = datetime.now(UTC).astimezone().date()
        an_invoice(engine, row, due=today - timedelta(days=days), issued=today - timedelta(days=days + 14))
    order = await shop.a_quote(customer, sku, "1" if days or case or ban else "2001")
    assert (await shop.place(order)).json()["decision"]["outcome"] == "stop"
    return order


async def test_why_an_overdue_debt_stops(shop: Shop, engine: Engine) -> None:
    """D2-5, D2-12: the overdue sum, and what lifts it."""
    order = await a_stop(shop, engine, days=16)
    why = await shop.get(f"/orders/{order}/why")
    assert why["needed"] == {"amount": "275000.00", "currency": "KZT"}
    assert "Остановку за просрочку снимет её оплата" in why["text"]
    assert "Деньгами остановку снимет оплата 275\u00a0000,00\u00a0₸." in why["text"]
    assert "лимит" not in why["text"]
    assert why["who"] == "customer"
    english = await shop.get(f"/orders/{order}/why", accept_language="en")
    said = english["text"].replace("Анна Ким", "").replace("СФ", "")  # names stay as they are
    assert not any("а" <= sign.lower() <= "я" for sign in said + english["who_text"])


async def test_why_a_legal_case_stops(shop: Shop, engine: Engine) -> None:
    """D2-8: only the lawyer; the limit that the case took away is not called missing."""
    order = await a_stop(shop, engine, case=True)
    why = await shop.get(f"/orders/{order}/why")
    assert (why["who"], why["who_text"]) == (
        "lawyer", "Пока дело открыто, пройдёт только заказ с полной предоплатой, и только с разрешения юриста.",
    )  # fmt: skip
    assert "лимит" not in why["text"]
    detail = await shop.get(f"/orders/{order}")
    assert [reason["code"] for reason in detail["decision"]["reasons"]] == ["LEGAL_CASE"]
    assert detail["waiting"]["who"] == "lawyer"


async def test_why_a_ban_stops(shop: Shop, engine: Engine) -> None:
    order = await a_stop(shop, engine, ban=True)
    why = await shop.get(f"/orders/{order}/why")
    assert (why["who"], why["needed"]["amount"]) == ("head", "0.00")
    assert why["who_text"] == "Запрет на торговлю снимает руководитель отдела продаж или директор."
    assert why["who_text"] in why["text"]


async def test_why_an_order_above_double_the_limit_stops(shop: Shop, engine: Engine) -> None:
    """D2-3"""
    order = await a_stop(shop, engine)
    why = await shop.get(f"/orders/{order}/why")
    assert why["needed"]["amount"] == "1000.00"
    assert "меньшая сумма заказа, предоплата или новый лимит" in why["text"]


async def test_a_refused_role_is_told_who_may(shop: Shop) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product()
    order = await shop.a_quote(customer, sku, "1")
    refused = (await shop.post(f"/orders/{order}/start-picking", by="manager")).json()
    assert refused["detail"] == "Это действие вам недоступно. Его выполняет склад."
    refused = (await shop.post("/orders", {}, by="accountant")).json()
    assert "менеджер или руководитель отдела продаж" in refused["detail"]


def test_choices_are_told_in_one_language() -> None:
    expected = "'approve', 'reject' or 'rework'"
    said = field_error("decision", "enum", "ru", expected=expected)["text"]
    assert said == "Недопустимое значение. Допустимы: approve, reject или rework."
    assert field_error("decision", "enum", "en", expected=expected)["text"].endswith("approve, reject or rework.")
    assert "3, 7 или 14" in field_error("days", "literal_error", "ru", expected="3, 7 or 14")["text"]
