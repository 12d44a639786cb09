"""Orders over several warehouses through the doors: answers, refusals, who may (D7-14, D12, D14)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.api import a_product
from support.patience import PATIENCE
from support.shop import Shop, a_shop
from temporalio.client import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def receive(shop: Shop, warehouse: str, sku: str, quantity: str) -> None:
    body = {"warehouse": warehouse, "lines": [{"sku": sku, "quantity": quantity}]}
    assert (await shop.post("/stock/receipts", body, by="warehouse")).status_code == 201


async def an_order(shop: Shop, **changes: Any) -> str:
    """85 bags of cement from `main` and 3 of gypsum from `north`; ready."""
    customer = await shop.a_customer()
    await shop.a_product("CEM", on_hand="100")
    await shop.a_product("GYP")
    await receive(shop, "north", "GYP", "10")
    lines = [{"sku": "CEM", "quantity": "85"}, {"sku": "GYP", "quantity": "3", "warehouse": "north"}]
    answer = await shop.post("/orders", {"customer_id": customer, "lines": lines} | changes, by="manager")
    assert answer.status_code == 201, answer.text
    order = str(answer.json()["id"])
    await shop.place(order)
    await shop.house.reaches(order, "ready")
    return order


async def command(shop: Shop, order: str, name: str, body: Any = None, *, by: str = "warehouse") -> tuple[int, Any]:
    """Status, and the code of the refusal or the order."""
    answer = await shop.post(f"/orders/{order}/{name}", body, by=by)
    found = answer.json()
    if answer.status_code >= 400:
        assert found["detail"], found
        return answer.status_code, found["code"]
    return answer.status_code, found


async def test_d12_3_the_warehouse_reads_what_to_pick_in_packs(shop: Shop) -> None:
    customer = await shop.a_customer()
    await shop.a_product("GYP")
    packed = a_product(sku="CEM", item_group="to-the-last", pack={"name": "поддон", "size": "40"})
    assert (await shop.post("/products", packed, by="head")).status_code == 201
    await receive(shop, "main", "CEM", "100")
    delivery = {"address": "Алматы, Абая 1", "contact_name": "Вера", "contact_phone": "+77012223344"}
    order = await shop.a_quote(customer, "CEM", "85", delivery=delivery, comment="днём", ship_on="2031-04-08")
    await shop.place(order)
    await shop.house.reaches(order, "ready")
    async with asyncio.timeout(PATIENCE):
        while not (tasks := (await shop.get("/tasks", by="warehouse"))["items"]):
            await asyncio.sleep(0.05)

    details = tasks[0]["details"]

    packs = {"name": "поддон", "size": "40", "whole": 2, "loose": "5", "text": "2 поддона по 40 меш + 5 меш"}
    assert details["lines"] == [
        {"sku": "CEM", "name": "Цемент М500", "unit": "меш", "quantity": "85", "packs": packs}
    ]  # fmt: skip
    assert (details["delivery"], details["pickup"], details["comment"], details["ship_on"]) == (
        "Алматы, Абая 1", False, "днём", "2031-04-08")  # fmt: skip
    assert details["contact"] == {"name": "Вера", "phone": "+77012223344"}
    in_english = (await shop.get("/tasks", by="warehouse", Accept_Language="en"))["items"][0]
    assert in_english["details"]["lines"][0]["packs"]["text"] == "поддон × 2 of 40 меш + 5 меш"


async def test_an_order_shows_each_line_where_it_lies(shop: Shop) -> None:
    order = await an_order(shop)

    view = await shop.get(f"/orders/{order}")

    assert view["warehouse"] == "main"
    assert [(line["sku"], line["warehouse"]) for line in view["lines"]] == [("CEM", "main"), ("GYP", "north")]
    assert view["reservation"]["lines"] == [
        {"sku": "CEM", "warehouse": "main", "quantity": "85", "picking": "0", "backordered": "0", "shipped": "0",
         "closed_short": "0", "expected_on": None},
        {"sku": "GYP", "warehouse": "north", "quantity": "3", "picking": "0", "backordered": "0", "shipped": "0",
         "closed_short": "0", "expected_on": None},
    ]  # fmt: skip


async def test_d12_4_each_warehouse_picks_and_ships_its_part(shop: Shop) -> None:
    order = await an_order(shop)
    assert await command(shop, order, "start-picking", {"warehouse": "south"}) == (409, "nothing_to_pick")
    status, view = await command(shop, order, "start-picking", {"warehouse": "north"})
    assert (status, view["status"]) == (200, "picking")
    assert [line["picking"] for line in view["reservation"]["lines"]] == ["0", "3"]
    assert (await command(shop, order, "start-picking"))[0] == 200
    assert await command(shop, order, "ship") == (409, "warehouse_needed")
    assert await command(shop, order, "ship", {"warehouse": "south"}) == (409, "nothing_picked")

    _, view = await command(shop, order, "ship", {"warehouse": "north"})

    assert (view["status"], view["waiting"]["reason"]) == ("picking", "shipment")
    assert [invoice["amount"]["amount"] for invoice in view["invoices"]] == ["3000.00"]
    _, view = await command(shop, order, "ship", {"lines": [{"sku": "CEM", "quantity": "85"}]})
    assert (view["status"], len(view["invoices"])) == ("awaiting_final_payment", 2)


async def test_d12_2_the_warehouse_or_the_head_puts_back(shop: Shop) -> None:
    order = await an_order(shop)
    body = {"reason": "машина не пришла", "warehouse": "north"}
    assert await command(shop, order, "unpick", body) == (409, "wrong_state")
    await command(shop, order, "start-picking")
    assert await command(shop, order, "unpick", body, by="manager") == (403, "forbidden")
    assert (await command(shop, order, "unpick", {"reason": ""}))[0] == 422

    _, view = await command(shop, order, "unpick", body)
    assert [line["picking"] for line in view["reservation"]["lines"]] == ["85", "0"]
    assert await command(shop, order, "unpick", body) == (409, "nothing_picked")
    _, view = await command(shop, order, "unpick", {"reason": "не сегодня"}, by="head")

    assert view["status"] == "ready"
    told = [event["data"] for event in view["journal"] if event["event"] == "unpicked"]
    assert [(data["warehouse"], data["reason"]) for data in told] == [
        ("north", "машина не пришла"), ("main", "не сегодня")]  # fmt: skip
    subjects = {task["subject"] for task in (await shop.get("/tasks", by="warehouse"))["items"]}
    assert f"Вернуть на место собранное по заказу {view['number']}, склад north" in subjects


async def test_d7_14_the_manager_closes_the_rest_short(shop: Shop) -> None:
    order = await an_order(shop)
    body = {"reason": "клиенту хватит", "lines": ["GYP"]}
    assert await command(shop, order, "close-short", body, by="warehouse") == (403, "forbidden")
    assert await command(shop, order, "close-short", body, by="manager") == (409, "not_shipped_yet")
    await command(shop, order, "start-picking", {"warehouse": "main"})
    await command(shop, order, "ship")
    assert await command(shop, order, "close-short", body | {"lines": ["CEM"]}, by="head") == (409, "nothing_to_close")

    _, view = await command(shop, order, "close-short", body, by="manager")

    assert view["status"] == "awaiting_final_payment"
    assert [line["closed_short"] for line in view["reservation"]["lines"]] == ["0", "3"]
    assert (await shop.get("/stock/GYP"))["free"] == "10"
    card = await shop.get(f"/customers/{view['customer_id']}")
    assert card["exposure"]["amount"] == "85000.00"


async def test_d12_5_five_per_cent_more_may_leave(shop: Shop) -> None:
    order = await an_order(shop)
    await command(shop, order, "start-picking", {"warehouse": "main"})
    more = {"lines": [{"sku": "CEM", "quantity": "89.251"}]}
    assert await command(shop, order, "ship", more) == (409, "ship_quantity")

    _, view = await command(shop, order, "ship", {"lines": [{"sku": "CEM", "quantity": "89.25"}]})

    assert [invoice["amount"]["amount"] for invoice in view["invoices"]] == ["89250.00"]
    assert view["status"] == "ready"
    assert "over_delivered" in [event["event"] for event in view["journal"]]


async def test_d6_6_a_revision_moves_a_line_and_a_copy_keeps_it(shop: Shop) -> None:
    order = await an_order(shop)
    await receive(shop, "north", "CEM", "85")
    lines = [{"sku": "CEM", "quantity": "85", "warehouse": "north"}, {"sku": "GYP", "quantity": "3"}]
    unknown = [lines[0] | {"warehouse": "nroth"}, lines[1]]
    assert await command(shop, order, "revise", {"lines": unknown}, by="manager") == (404, "warehouse_not_found")

    _, revised = await command(shop, order, "revise", {"lines": lines}, by="manager")

    assert [line["warehouse"] for line in revised["order"]["lines"]] == ["north", "north"]
    assert [line["warehouse"] for line in revised["order"]["reservation"]["lines"]] == ["north", "north"]
    copied = await shop.post(f"/orders/{order}/copy", {}, by="manager")
    assert [line["warehouse"] for line in copied.json()["lines"]] == ["north", "north"]


@pytest.mark.parametrize("warehouse", ["", "a b", "a/b", "x" * 33, "\u0000", 5, "main\n\n"])
async def test_a_warehouse_has_a_plain_name(shop: Shop, warehouse: Any) -> None:
    customer = await shop.a_customer()
    await shop.a_product("CEM", on_hand="1")
    body = {"customer_id": customer, "lines": [{"sku": "CEM", "quantity": "1", "warehouse": warehouse}]}
    assert (await shop.post("/orders", body, by="manager")).status_code in {400, 422}
    answer = await shop.post("/orders", {**body, "lines": [{"sku": "CEM", "quantity": "1"}], "warehouse": "nowhere"},
                             by="manager")  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (404, "warehouse_not_found")
