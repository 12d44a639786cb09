"""Editing an order and the shipment gate through the doors: answers, refusals, who may (D6-6, D6-7, D12-2, D14)."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from support.api import bearer
from support.invoices import an_invoice
from support.shop import Shop, a_shop
from temporalio.client import Client

from activities.persistence.party_tables import CustomerRow

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def a_ready_order(shop: Shop, quantity: str = "5", **terms: Any) -> str:
    """So many of a product for 100 000 each; the limit is 1 000 000."""
    customer, sku = await shop.a_customer(**terms), await shop.a_product(price="100000.00", on_hand="100")
    order = await shop.a_quote(customer, sku, quantity)
    await shop.place(order)
    await shop.house.reaches(order, "ready")
    return order


def lines(quantity: str) -> dict[str, Any]:
    return {"lines": [{"sku": "CEM", "quantity": quantity}]}


async def refused(answer: Any) -> tuple[int, str]:
    assert answer.json()["detail"], answer.text
    return answer.status_code, answer.json()["code"]


async def test_d4_11_a_decrease_counts_at_once(shop: Shop) -> None:
    order = await a_ready_order(shop)

    answer = await shop.post(f"/orders/{order}/revise", lines("3") | {"reason": "клиент передумал"}, by="manager")

    body = answer.json()
    assert (answer.status_code, body["revision"], body["in_force"], body["decision"]) == (200, 2, True, None)
    assert body["order"]["total"]["amount"] == "300000.00"
    assert [(each["revision"], each["state"]) for each in body["order"]["revisions"]] == [
        (1, "superseded"), (2, "in_force")
    ]  # fmt: skip
    assert body["order"]["reservation"]["lines"] == [
        {
            "sku": "CEM",
            "warehouse": "main",
            "quantity": "3",
            "picking": "0",
            "backordered": "0",
            "shipped": "0",
            "closed_short": "0",
            "expected_on": None,
        }
    ]


async def test_d4_10_an_increase_that_asks_is_told_with_its_proposal(shop: Shop) -> None:
    order = await a_ready_order(shop)

    body = (await shop.post(f"/orders/{order}/revise", lines("15"), by="manager")).json()

    assert (body["in_force"], body["decision"]["outcome"], body["order"]["status"]) == (False, "approval", "ready")
    proposal = body["order"]["proposal"]
    assert (proposal["revision"], proposal["total"]["amount"]) == (2, "1500000.00")
    assert body["order"]["total"]["amount"] == "500000.00"
    approve = {"decision": "approve", "comment": "можно"}
    assert (await shop.post(f"/orders/{order}/approval", approve, by="head")).status_code == 200
    seen = await shop.get(f"/orders/{order}")
    assert (seen["total"]["amount"], seen["proposal"], seen["revision"]) == ("1500000.00", None, 2)


async def test_d6_10_a_product_keeps_its_price_and_a_new_one_comes_at_todays(shop: Shop) -> None:
    order = await a_ready_order(shop)
    await shop.a_product("NEW", price="500.00")
    changed = await shop.http.patch(
        "/api/v1/products/CEM", json={"price": "1.00"}, headers={**bearer("head"), "If-Match": '"1"'}
    )
    assert changed.status_code == 200, changed.text

    body = {"lines": [{"sku": "CEM", "quantity": "4"}, {"sku": "NEW", "quantity": "2"}]}
    order_now = (await shop.post(f"/orders/{order}/revise", body, by="manager")).json()["order"]

    assert [(line["sku"], line["line_no"], line["gross"]) for line in order_now["lines"]] == [
        ("CEM", 1, "400000.00"), ("NEW", 2, "1000.00")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "nothing_to_change"),
        (lines("5"), 422, "nothing_to_change"),
        ({"revision": 7, **lines("4")}, 412, "stale_version"),
        (lines("0"), 422, "invalid_input"),
        ({"lines": []}, 422, "invalid_input"),
        ({"lines": [{"sku": "NONE", "quantity": "1"}]}, 404, "product_not_found"),
        ({"lines": [{"sku": "CEM", "quantity": "1"}, {"sku": "CEM", "quantity": "2"}]}, 422, "duplicate_line"),
        ({"customer_id": "0"}, 422, "invalid_input"),
    ],
)
async def test_a_bad_edit_is_refused_and_changes_nothing(
    shop: Shop, body: dict[str, Any], status: int, code: str
) -> None:
    order = await a_ready_order(shop)

    assert await refused(await shop.post(f"/orders/{order}/revise", body, by="manager")) == (status, code)
    seen = await shop.get(f"/orders/{order}")
    assert (seen["revision"], seen["total"]["amount"], len(seen["revisions"])) == (1, "500000.00", 1)


async def test_d14_who_edits_an_order(shop: Shop) -> None:
    order = await a_ready_order(shop)

    for who in ("director", "accountant", "warehouse", "lawyer", "admin"):
        assert (await shop.post(f"/orders/{order}/revise", lines("4"), by=who)).status_code == 403, who
    assert (await shop.post(f"/orders/{order}/revise", lines("4"), by="manager2")).status_code == 404
    assert (await shop.post(f"/orders/{order}/revise", lines("4"), by="head")).status_code == 200


async def test_d4_11_details_change_without_a_revision(shop: Shop) -> None:
    order = await a_ready_order(shop)
    delivery = {"address": "Алматы, Абая 1", "contact_name": "Анна", "contact_phone": "+7 701 000 00 00"}

    body = (
        await shop.post(f"/orders/{order}/revise", {"delivery": delivery, "comment": "до обеда"}, by="manager")
    ).json()

    assert (body["revision"], body["order"]["delivery"], body["order"]["comment"]) == (1, delivery, "до обеда")


async def test_d6_7_after_picking_what_is_added_is_a_new_order(shop: Shop) -> None:
    order = await a_ready_order(shop)
    await shop.post(f"/orders/{order}/start-picking", by="warehouse")

    assert await refused(await shop.post(f"/orders/{order}/revise", lines("6"), by="manager")) == (
        409, "edit_after_picking"
    )  # fmt: skip


async def test_d12_2_a_closed_gate_through_the_doors(shop: Shop, engine: Engine) -> None:
    order = await a_ready_order(shop)
    await shop.post(f"/orders/{order}/start-picking", by="warehouse")
    with Session(engine) as session:
        customer = session.get_one(CustomerRow, UUID((await shop.get(f"/orders/{order}"))["customer_id"]))
    today = datetime.now(ZoneInfo("Asia/Almaty")).date()
    an_invoice(engine, customer, amount="100000.00", due=today - timedelta(days=20))

    shut = await shop.post(f"/orders/{order}/ship", by="warehouse")
    assert await refused(shut) == (409, "gate_closed")
    assert shut.json()["detail"].startswith("Отгрузка закрыта: Просрочка 100\u00a0000,00\u00a0₸, 20 дней")
    seen = await shop.get(f"/orders/{order}")
    assert (seen["status"], seen["waiting"]["reason"], seen["waiting"]["who"]) == ("picking", "gate", "head")

    answer = {"decision": "ship", "comment": "клиент заплатит завтра"}
    assert await refused(await shop.post(f"/orders/{order}/gate", {"decision": "ship"}, by="head")) == (
        422, "comment_required"
    )  # fmt: skip
    for who in ("manager", "warehouse", "accountant", "admin", "lawyer"):
        assert (await shop.post(f"/orders/{order}/gate", answer, by=who)).status_code == 403, who
    assert (await shop.post(f"/orders/{order}/gate", answer, by="head")).status_code == 200
    assert (await shop.post(f"/orders/{order}/ship", by="warehouse")).status_code == 200
    assert await refused(await shop.post(f"/orders/{order}/gate", answer, by="head")) == (409, "gate_open")
