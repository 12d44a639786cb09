"""Exchange rates through the doors, and an order in roubles from quote to money (D2-17, D2-18)."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, func, select
from starlette.testclient import TestClient
from support.api import a_customer, a_product, bearer
from support.shop import Shop, a_shop
from temporalio.client import Client

from activities.persistence.credit_tables import ExchangeRateRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.record_tables import JournalRow

RATES = "/api/v1/exchange-rates"


def today() -> date:
    """The day of the selling company, which is in Almaty."""
    return datetime.now(ZoneInfo("Asia/Almaty")).date()


def a_rate(**changes: Any) -> dict[str, Any]:
    return {"currency": "RUB", "base": "KZT", "day": today().isoformat(), "rate": "5.50", **changes}


def count(engine: Engine, table: Any) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


# -- recording ------------------------------------------------------------------------------------------------------


def test_a_rate_is_recorded_corrected_and_listed(api: TestClient, engine: Engine) -> None:
    first = api.post(RATES, json=a_rate(rate="55"), headers=bearer("accountant"))
    corrected = api.post(RATES, json=a_rate(), headers=bearer("admin"))
    again = api.post(RATES, json=a_rate(), headers=bearer("accountant"))

    assert [answer.status_code for answer in (first, corrected, again)] == [201, 200, 200], corrected.text
    assert corrected.json() | {"recorded_at": ""} == {
        "currency": "RUB", "base": "KZT", "day": today().isoformat(), "rate": "5.50", "recorded_at": "",
        "freed_orders": [],
    }  # fmt: skip
    with Session(engine) as session:
        query = select(JournalRow.event).where(JournalRow.subject == "exchange_rate").order_by(JournalRow.id)  # type: ignore[arg-type]
        assert session.exec(query).all() == ["rate_recorded", "rate_corrected"]
    yesterday = (today() - timedelta(days=1)).isoformat()
    api.post(RATES, json=a_rate(day=yesterday, rate="0.181818", currency="KZT", base="RUB"), headers=bearer("admin"))
    page = api.get(f"{RATES}?limit=1", headers=bearer("manager")).json()
    rest = api.get(f"{RATES}?after={page['next']}", headers=bearer("manager")).json()
    assert [each["rate"] for each in (*page["items"], *rest["items"])] == ["5.50", "0.181818"]
    assert rest["next"] is None
    only = api.get(f"{RATES}?currency=KZT&base=RUB", headers=bearer("manager")).json()
    assert [each["day"] for each in only["items"]] == [yesterday]


def test_a_key_holds_one_rate(api: TestClient, engine: Engine) -> None:
    key = {"idempotency_key": "rate-of-today"}
    first = api.post(RATES, json=a_rate(), headers=bearer("accountant", **key))
    again = api.post(RATES, json=a_rate(), headers=bearer("accountant", **key))
    other = api.post(RATES, json=a_rate(rate="6"), headers=bearer("accountant", **key))

    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (201, 201, "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert count(engine, ExchangeRateRow) == 1


@pytest.mark.parametrize(
    ("who", "changes", "expected"),
    [
        pytest.param("manager", {}, (403, "forbidden"), id="D14 a manager"),
        pytest.param("head", {}, (403, "forbidden"), id="D14 the head"),
        pytest.param("accountant", {"rate": "0"}, (422, "invalid_input"), id="zero"),
        pytest.param("accountant", {"rate": "-5.5"}, (422, "invalid_input"), id="negative"),
        pytest.param("accountant", {"rate": "0.0000001"}, (422, "invalid_input"), id="seven decimals"),
        pytest.param("accountant", {"rate": "1000000"}, (422, "invalid_input"), id="too large"),
        pytest.param("accountant", {"currency": "USD"}, (422, "invalid_input"), id="unknown currency"),
        pytest.param("accountant", {"currency": "KZT"}, (422, "invalid_input"), id="against itself"),
        pytest.param("accountant", {"day": "2099-01-01"}, (422, "rate_date"), id="a far day"),
    ],
)
def test_a_bad_rate_is_refused_and_nothing_is_written(
    still_api: TestClient, still_engine: Engine, who: str, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = still_api.post(RATES, json=a_rate(**changes), headers=bearer(who))

    assert (answer.status_code, answer.json()["code"]) == expected
    assert answer.json()["detail"]
    assert count(still_engine, ExchangeRateRow) == 0


# -- quotes ---------------------------------------------------------------------------------------------------------


def test_a_quote_names_its_currency_and_needs_a_rate(api: TestClient, engine: Engine) -> None:
    customer = api.post("/api/v1/customers", json=a_customer(), headers=bearer("head")).json()["id"]
    api.post("/api/v1/products", json=a_product(sku="CEM"), headers=bearer("head"))
    api.post("/api/v1/products", json=a_product(sku="KZ", currency="KZT"), headers=bearer("head"))

    def quote(sku: str = "CEM", **line: Any) -> Any:
        body = {"customer_id": customer, "currency": "RUB", "lines": [{"sku": sku, "quantity": "1", **line}]}
        return api.post("/api/v1/orders", json=body, headers=bearer("manager"))

    unknown = quote()
    assert (unknown.status_code, unknown.json()["code"]) == (422, "rate_unknown")
    assert unknown.json()["detail"] == "Курса RUB к KZT нет: попросите бухгалтера внести его и повторите."
    assert count(engine, OrderRow) == 0

    api.post(RATES, json=a_rate(), headers=bearer("accountant"))
    assert quote().json()["total"] == {"amount": "2450.50", "currency": "RUB"}
    assert quote("KZ").json()["code"] == "wrong_currency"
    assert quote("KZ", price={"amount": "500.00", "currency": "KZT"}).json()["code"] == "wrong_currency"
    assert quote("KZ", price={"amount": "500.00", "currency": "RUB"}).json()["total"]["amount"] == "500.00"


# -- the story ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def a_rouble_order(shop: Shop) -> tuple[str, str, str, str]:
    """A quote of 100 000 roubles for a customer in tenge: customer, his tax number, order, its number."""
    customer, sku = await shop.a_customer(), await shop.a_product(price="100000.00", on_hand="10")
    order = await shop.a_quote(customer, sku, "1", currency="RUB")
    payer = (await shop.get(f"/customers/{customer}"))["tax_id"]
    return customer, payer, order, (await shop.get(f"/orders/{order}"))["number"]


@pytest.mark.anyio
async def test_an_order_in_roubles_from_quote_to_money(shop: Shop) -> None:
    await shop.post("/exchange-rates", a_rate(), by="accountant")
    customer, payer, order, number = await a_rouble_order(shop)

    placed = (await shop.place(order)).json()
    assert placed["decision"]["exposure"] == {"amount": "550000.00", "currency": "KZT"}
    assert placed["order"]["total"] == {"amount": "100000.00", "currency": "RUB"}
    assert placed["order"]["decision"]["rates"] == [
        {"currency": "RUB", "base": "KZT", "day": today().isoformat(), "rate": "5.5"}
    ]
    await shop.house.reaches(order, "ready")
    await shop.post("/exchange-rates", a_rate(rate="6"), by="accountant")
    assert (await shop.get(f"/customers/{customer}"))["exposure"]["amount"] == "550000.00", "committed at 5.50"

    await shop.post(f"/orders/{order}/start-picking", by="warehouse")
    await shop.post(f"/orders/{order}/ship", by="warehouse")
    await shop.house.reaches(order, "awaiting_final_payment")
    card = await shop.get(f"/customers/{customer}")
    assert card["debt"] == {"amount": "600000.00", "currency": "KZT"}, "a claim follows the rate"
    assert card["last_shipment"]["amount"] == {"amount": "100000.00", "currency": "RUB"}
    assert card["nearest_payment"]["amount"] == {"amount": "100000.00", "currency": "RUB"}

    body = {"external_id": "rub-1", "payer_tax_id": payer, "amount": {"amount": "100000.00", "currency": "RUB"},
            "date": today().isoformat(), "purpose": f"Оплата заказа {number}"}  # fmt: skip
    paid = await shop.post("/payments", body, by="accountant")
    assert (paid.status_code, paid.json()["state"]) == (201, "matched"), paid.text
    await shop.house.reaches(order, "closed")
    assert (await shop.get(f"/customers/{customer}"))["debt"]["amount"] == "0.00"


@pytest.mark.anyio
async def test_a_recent_rate_moves_the_order_that_waited_for_it_on(shop: Shop) -> None:
    old = (today() - timedelta(days=8)).isoformat()
    await shop.post("/exchange-rates", a_rate(day=old), by="accountant")
    _, _, order, _ = await a_rouble_order(shop)
    decision = (await shop.place(order)).json()["decision"]
    assert (decision["outcome"], [each["code"] for each in decision["reasons"]]) == ("approval", ["NO_RATE"])
    assert decision["reasons"][0]["text"] == "Нет свежего курса валюты: нужно согласование руководителя."
    why = await shop.get(f"/orders/{order}/why", by="manager")
    assert why["needed"] == {"amount": "550000.00", "currency": "KZT"}

    recorded = await shop.post("/exchange-rates", a_rate(), by="accountant")

    assert recorded.json()["freed_orders"] == [order]
    await shop.house.reaches(order, "ready")


@pytest.mark.anyio
async def test_money_in_a_currency_without_a_rate_is_refused_at_the_door(shop: Shop) -> None:
    payer = (await shop.get(f"/customers/{await shop.a_customer()}"))["tax_id"]
    body = {"external_id": "rub-1", "payer_tax_id": payer, "amount": {"amount": "10.00", "currency": "RUB"},
            "date": today().isoformat(), "purpose": "Оплата"}  # fmt: skip
    refused = await shop.post("/payments", body, by="accountant")
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_currency")

    await shop.post("/exchange-rates", a_rate(), by="accountant")
    taken = await shop.post("/payments", body, by="accountant")
    assert taken.json()["unallocated"] == {"amount": "10.00", "currency": "RUB"}
