"""What has to be bought, ordered, expected and received, through the doors of a whole house."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Engine
from support.api import bearer
from support.patience import end_of
from support.shop import API, Shop, a_shop
from temporalio.client import Client

from workflows import ids
from workflows.supply import SupplyWorkflow

pytestmark = pytest.mark.anyio

RECEIPTS = "/supply/expected-receipts"


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


def a_receipt(**changes: Any) -> dict[str, Any]:
    body = {"supplier": "Цемзавод", "expected_on": "2035-04-15", "lines": [{"sku": "CEM", "quantity": "10"}]}
    return body | changes


async def ordered(shop: Shop, **changes: Any) -> dict[str, Any]:
    answer = await shop.post(RECEIPTS, a_receipt(**changes), by="buyer")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def patched(shop: Shop, receipt: dict[str, Any], body: dict[str, Any], version: int | str = "*") -> Response:
    return await shop.http.patch(
        f"{API}{RECEIPTS}/{receipt['id']}", json=body, headers=bearer("buyer", if_match=str(version))
    )


async def received(shop: Shop, receipt: str, quantity: str, **changes: Any) -> Response:
    body = {"warehouse": "main", "expected_receipt_id": receipt, "lines": [{"sku": "CEM", "quantity": quantity}]}
    return await shop.post("/stock/receipts", body | changes, by="warehouse")


async def a_waiting_order(shop: Shop, quantity: str = "10") -> str:
    order = await shop.a_quote(await shop.a_customer(), "CEM", quantity)
    assert (await shop.place(order)).status_code == 200
    await shop.house.asks_for_goods(order)
    return order


async def test_a_need_becomes_a_delivery_and_the_delivery_serves_the_order(shop: Shop) -> None:
    await shop.a_product(on_hand="3")
    order = await a_waiting_order(shop)
    [need] = (await shop.get("/supply/needs", by="buyer"))["items"]
    figures = ("waiting", "expected", "covered", "quantity", "to_order")
    assert (need["warehouse"], need["sku"], *(need[name] for name in figures)) == (
        "main",
        "CEM",
        "7",
        "0",
        "0",
        "7",
        "7",
    )
    assert [(each["order_id"], each["expected_on"]) for each in need["orders"]] == [(order, None)]

    receipt = await ordered(shop, controls=[{"day": "2035-04-10", "note": "Позвонить"}], comment="Срочно")
    assert (receipt["state"], receipt["lines"][0]["left"], receipt["version"]) == ("expected", "10", 1)
    assert receipt["controls"] == [{"day": "2035-04-10", "note": "Позвонить", "asked_at": None}]
    view = await shop.get(f"/orders/{order}")
    assert [(line["backordered"], line["expected_on"]) for line in view["reservation"]["lines"]] == [
        ("7", "2035-04-15")
    ]
    assert view["availability"] is None
    assert (await shop.get("/stock/CEM"))["expected"] == [
        {"expected_on": "2035-04-15", "warehouse": "main", "quantity": "10"}
    ]
    told = await shop.get(f"/orders/{order}/why")
    assert "Товар ожидается 15.04.2035." in told["text"]
    in_english = await shop.get(f"/orders/{order}/why", accept_language="en")
    assert "The goods are expected on 15 Apr 2035." in in_english["text"]

    answer = await received(shop, receipt["id"], "8")
    assert (answer.status_code, answer.json()["served_orders"]) == (201, [order]), answer.text
    assert (await shop.get(f"{RECEIPTS}/{receipt['id']}"))["lines"][0]["left"] == "2"
    assert (await received(shop, receipt["id"], "2")).json()["expected_receipt_id"] == receipt["id"]
    after = await shop.get(f"{RECEIPTS}/{receipt['id']}")
    assert (after["state"], after["lines"][0]["received"]) == ("received", "10")
    handle = shop.house.client.get_workflow_handle_for(SupplyWorkflow.run, ids.supply_workflow_id(receipt["id"]))
    assert await end_of(handle) == "received"
    assert (await shop.get("/supply/needs"))["items"] == []
    await shop.house.reaches(order, "ready")


async def test_a_quote_says_whether_and_when_it_can_be_bought(shop: Shop) -> None:
    await shop.a_product(on_hand="100", group=None)
    await ordered(shop)
    ordinary = await shop.a_quote(await shop.a_customer(), "CEM", "95")
    assert (await shop.get(f"/orders/{ordinary}"))["availability"] == [
        {"sku": "CEM", "available": "90", "missing": "5", "expected_on": "2035-04-15"}
    ]
    key = await shop.a_quote(await shop.a_customer(segment="vip"), "CEM", "95")
    assert (await shop.get(f"/orders/{key}"))["availability"] == [
        {"sku": "CEM", "available": "95", "missing": "0", "expected_on": None}
    ]


async def test_a_delivery_is_edited_by_version_and_ends_once(shop: Shop) -> None:
    await shop.a_product()
    receipt = await ordered(shop)
    moved = await patched(shop, receipt, {"expected_on": "2035-04-20"}, receipt["version"])
    assert (moved.status_code, moved.headers["ETag"], moved.json()["expected_on"]) == (200, '"2"', "2035-04-20")
    stale = await patched(shop, receipt, {"comment": "x"}, receipt["version"])
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    unversioned = await shop.http.patch(
        f"{API}{RECEIPTS}/{receipt['id']}", json={"comment": "x"}, headers=bearer("buyer")
    )
    assert unversioned.status_code == 428
    for body in ({}, {"expected_on": None}, {"controls": None}, {"expected_on": "2020-01-01"}):
        assert (await patched(shop, receipt, body)).status_code == 422, body
    assert (await patched(shop, receipt, {"comment": None})).status_code == 200

    path = f"{RECEIPTS}/{receipt['id']}/cancel"
    over = await shop.post(path, {"reason": "Завод встал"}, by="head")
    assert (over.status_code, over.json()["state"]) == (200, "cancelled")
    again = await shop.post(path, {"reason": "Завод встал"}, by="head")
    assert (again.status_code, again.json()["code"]) == (409, "expected_receipt_ended")
    assert again.json()["detail"] == f"Поставка {receipt['number']} уже отменена. Обновите список поставок."
    assert (await patched(shop, receipt, {"comment": "x"})).status_code == 409


async def test_a_receipt_on_a_wrong_delivery_changes_nothing(shop: Shop) -> None:
    await shop.a_product()
    await shop.a_product("SAND")
    receipt = await ordered(shop)
    nobodys = "00000000-0000-0000-0000-000000000000"
    sand = {"lines": [{"sku": "SAND", "quantity": "1"}]}
    for answer, status, code in (
        (await received(shop, nobodys, "1"), 404, "expected_receipt_not_found"),
        (await received(shop, receipt["id"], "1", warehouse="east"), 409, "expected_elsewhere"),
        (await received(shop, receipt["id"], "1", **sand), 409, "not_expected"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await shop.get("/stock/CEM"))["on_hand"] == "0"
    assert (await shop.get(f"{RECEIPTS}/{receipt['id']}"))["lines"][0]["received"] == "0"


async def test_the_same_order_sent_twice_is_one_delivery(shop: Shop) -> None:
    await shop.a_product()
    first = await shop.post(RECEIPTS, a_receipt(), by="buyer", idempotency_key="order-of-cement")
    again = await shop.post(RECEIPTS, a_receipt(), by="buyer", idempotency_key="order-of-cement")
    assert first.json() == again.json()
    for _ in range(2):
        body = {"expected_receipt_id": first.json()["id"], "lines": [{"sku": "CEM", "quantity": "4"}]}
        answer = await shop.post("/stock/receipts", body, by="warehouse", idempotency_key="truck-1-of-4")
        assert answer.status_code == 201
    assert (await shop.get(f"{RECEIPTS}/{first.json()['id']}"))["lines"][0]["received"] == "4"


async def test_deliveries_come_in_pages_by_their_day(shop: Shop) -> None:
    await shop.a_product()
    await shop.a_product("SAND")
    late = await ordered(shop, expected_on="2035-06-01")
    soon = await ordered(shop, expected_on="2035-05-01")
    sand = await ordered(shop, expected_on="2035-05-15", lines=[{"sku": "SAND", "quantity": "1"}], warehouse="east")
    await shop.post(f"{RECEIPTS}/{late['id']}/cancel", {"reason": "нет"}, by="buyer")

    async def listed(query: str) -> list[str]:
        return [each["id"] for each in (await shop.get(f"{RECEIPTS}?{query}", by="warehouse"))["items"]]

    first = await shop.get(f"{RECEIPTS}?limit=2", by="manager")
    rest = await shop.get(f"{RECEIPTS}?limit=2&after={first['next']}")
    assert [each["id"] for each in [*first["items"], *rest["items"]]] == [soon["id"], sand["id"], late["id"]]
    assert rest["next"] is None
    assert await listed("state=expected") == [soon["id"], sand["id"]]
    assert await listed("sku=SAND") == [sand["id"]]
    assert await listed("warehouse=main") == [soon["id"], late["id"]]


async def test_d14_a_manager_reads_the_names_of_own_orders_only(shop: Shop) -> None:
    await shop.a_product()
    order = await a_waiting_order(shop)
    seen = {}
    for login in ("manager", "manager2", "buyer"):
        [need] = (await shop.get("/supply/needs", by=login))["items"]
        seen[login] = ([each["order_id"] for each in need["orders"]], need["orders_waiting"], need["waiting"])
    assert seen == {"manager": ([order], 1, "10"), "manager2": ([], 1, "10"), "buyer": ([order], 1, "10")}
