"""The customer's choice when goods are short, through the doors: what is shown, answered, refused (D7-12, D14, U8)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.shop import Shop, a_shop
from support.shortage import keep_substitutes
from temporalio.client import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def a_short_order(
    shop: Shop, on_hand: str | None = "3", *, group: str | None = "to-the-last", **terms: Any
) -> str:
    """Ten of CEM, of which so many are there; OTHER, of which there are 50 at 900, is its substitute."""
    customer = await shop.a_customer()
    await shop.a_product("CEM", on_hand=on_hand, group=group)
    await shop.a_product("OTHER", price="900.00", on_hand="50")
    keep_substitutes(shop.house.engine, "CEM", "OTHER")
    order = await shop.a_quote(customer, "CEM", "10", **terms)
    assert (await shop.place(order)).status_code == 200
    while (await shop.get(f"/orders/{order}"))["shortage"] is None:
        await asyncio.sleep(0.05)
    return order


async def choose(shop: Shop, order: str, choice: str, *, by: str = "manager", **body: Any) -> Any:
    return await shop.post(f"/orders/{order}/shortage", {"choice": choice, **body}, by=by)


async def test_d7_12_the_order_shows_what_is_missing_and_what_can_be_chosen(shop: Shop) -> None:
    order = await a_short_order(shop)

    shown = (await shop.get(f"/orders/{order}"))["shortage"]

    asked_at, until = shown.pop("asked_at"), shown.pop("until")
    assert asked_at < until
    assert shown == {
        "state": "open",
        "lines": [
            {
                "sku": "CEM", "name": "Цемент М500", "unit": "меш", "missing": "7", "reserved": "3",
                "alternatives": [
                    {"sku": "OTHER", "name": "Цемент М500", "unit": "меш", "price": "900.00", "free": "50"}
                ],
            }
        ],
        "choices": [
            {"choice": "wait", "text": "Ждать товара"},
            {"choice": "part", "text": "Взять то, что есть"},
            {"choice": "alternative", "text": "Взять замену"},
            {"choice": "cancel", "text": "Отказаться от заказа"},
        ],
        "choice": None, "choice_text": None, "chosen_by": None, "chosen_at": None, "comment": None,
    }  # fmt: skip


async def test_d7_12_a_part_answers_with_the_smaller_order(shop: Shop) -> None:
    order = await a_short_order(shop)

    answer = await choose(shop, order, "part", comment="остальное купят сами")

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["total"]["amount"], body["revision"]) == ("ready", "3000.00", 2)
    assert body["revisions"][1]["reason"] == "остальное купят сами"
    shown = body["shortage"]
    assert (shown["state"], shown["choice"], shown["choice_text"]) == ("chosen", "part", "Взять то, что есть")
    assert (shown["choices"], shown["comment"]) == ([], "остальное купят сами")
    assert shown["chosen_by"]["name"] == "Анна Ким"
    events = [event["event"] for event in body["journal"]]
    assert [event for event in events if event.startswith("shortage")] == ["shortage_asked", "shortage_chosen"]
    assert events.index("revised") < events.index("shortage_chosen") < events.index("reserve_fitted")


async def test_d7_12_an_alternative_comes_at_its_list_price(shop: Shop) -> None:
    order = await a_short_order(shop)
    body = (await choose(shop, order, "alternative", alternatives=[{"sku": "CEM", "substitute": "OTHER"}])).json()
    assert body["status"] == "ready", body
    assert [(line["sku"], line["quantity"], line["price"]) for line in body["lines"]] == [
        ("CEM", "3", "1000.00"), ("OTHER", "7", "900.00"),
    ]  # fmt: skip


async def test_d7_12_to_cancel_answers_with_the_ended_order(shop: Shop) -> None:
    order = await a_short_order(shop)
    body = (await choose(shop, order, "cancel", comment="не дождались")).json()
    assert (body["status"], body["end_reason"], body["shortage"]["choice"]) == ("cancelled", "не дождались", "cancel")


async def test_a_whole_order_with_nothing_free_is_offered_no_part(shop: Shop) -> None:
    order = await a_short_order(shop, None, ship_complete=True)
    shown = (await shop.get(f"/orders/{order}"))["shortage"]
    assert [each["choice"] for each in shown["choices"]] == ["wait", "alternative", "cancel"]
    await shop.receive("CEM", "4")
    shown = (await shop.get(f"/orders/{order}"))["shortage"]
    assert [each["choice"] for each in shown["choices"]] == ["wait", "part", "alternative", "cancel"]
    assert (await choose(shop, order, "part")).json()["total"]["amount"] == "4000.00"


async def test_goods_that_came_leave_nothing_to_choose(shop: Shop) -> None:
    order = await a_short_order(shop)
    await shop.receive("CEM", "7")
    await shop.house.reaches(order, "ready")
    assert (await shop.get(f"/orders/{order}"))["shortage"] is None
    answer = await choose(shop, order, "wait")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_shortage")


SWAP = [{"sku": "CEM", "substitute": "OTHER"}]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"choice": "alternative"}, 422, "invalid_input"),
        ({"choice": "alternative", "alternatives": []}, 422, "invalid_input"),
        ({"choice": "wait", "alternatives": SWAP}, 422, "invalid_input"),
        ({"choice": "nothing"}, 422, "invalid_input"),
        ({}, 422, "invalid_input"),
        ({"choice": "alternative", "alternatives": [{**SWAP[0], "quantity": "0"}]}, 422, "invalid_input"),
        ({"choice": "alternative", "alternatives": [{**SWAP[0], "quantity": "1e9"}]}, 422, "invalid_input"),
        ({"choice": "alternative", "alternatives": SWAP * 2}, 422, "duplicate_line"),
        ({"choice": "alternative", "alternatives": [{"sku": "CEM", "substitute": "CEM"}]}, 409, "not_a_substitute"),
        ({"choice": "alternative", "alternatives": [{"sku": "OTHER", "substitute": "CEM"}]}, 409, "not_missing"),
        ({"choice": "alternative", "alternatives": [{**SWAP[0], "quantity": "999999999999999"}]}, 422,
         "amount_too_large"),
        ({"choice": "alternative", "alternatives": [{**SWAP[0], "quantity": "3000"}]}, 409, "alternative_stopped"),
    ],
)  # fmt: skip
async def test_a_bad_choice_is_refused_with_a_cure_and_stays_open(
    shop: Shop, body: dict[str, Any], status: int, code: str
) -> None:
    order = await a_short_order(shop)

    answer = await shop.post(f"/orders/{order}/shortage", body, by="manager")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]
    seen = await shop.get(f"/orders/{order}")
    assert (seen["revision"], seen["total"]["amount"], seen["shortage"]["state"]) == (1, "10000.00", "open")
    assert (await choose(shop, order, "wait")).status_code == 200


async def test_nothing_set_aside_says_what_to_choose_instead(shop: Shop) -> None:
    order = await a_short_order(shop, None)
    answer = await choose(shop, order, "part")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_set_aside")
    assert "ждать, взять замену или отменить" in answer.json()["detail"]


async def test_d14_who_tells_the_choice(shop: Shop) -> None:
    order = await a_short_order(shop)
    for role, status in {"warehouse": 403, "accountant": 403, "buyer": 403, "manager2": 404, "head": 200}.items():
        assert (await choose(shop, order, "wait", by=role)).status_code == status, role


async def test_the_same_choice_under_one_key_is_made_once(shop: Shop) -> None:
    order = await a_short_order(shop)
    path, key = f"/orders/{order}/shortage", {"Idempotency-Key": "take-the-part"}
    first = await shop.post(path, {"choice": "part"}, by="manager", **key)
    again = await shop.post(path, {"choice": "part"}, by="manager", **key)
    other = await shop.post(path, {"choice": "wait"}, by="manager", **key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert again.json()["revision"] == 2


async def test_the_task_is_closed_by_the_choice_and_not_by_hand(shop: Shop) -> None:
    order = await a_short_order(shop)
    tasks = (await shop.get("/tasks", by="manager"))["items"]
    (task,) = [each for each in tasks if each["kind"] == "shortage_choice"]
    assert task["details"]["lines"][0]["missing"] == "7"

    refused = await shop.post(f"/tasks/{task['id']}/complete", {}, by="manager")
    assert (refused.status_code, refused.json()["code"]) == (409, "task_done_by_action")
    assert refused.json()["link"] == f"/api/v1/orders/{order}/shortage"
    await choose(shop, order, "wait", comment="ждём")

    done = await shop.get(f"/tasks/{task['id']}", by="manager")
    assert (done["state"], done["comment"]) == ("done", "ждём")


async def test_u8_why_tells_the_choice_and_that_the_rest_is_held_back(shop: Shop) -> None:
    """D8-2: 10 % of 5 are kept, so an ordinary customer gets 4 whole pieces of 10."""
    order = await a_short_order(shop, "5", group=None)
    told = await shop.get(f"/orders/{order}/why")
    assert "Остаток придержан для ключевых клиентов, поэтому не хватает: Цемент М500 — 6 меш." in told["text"]
    assert "Клиент выбирает до" in told["text"]
    assert {"D8-2", "D7-12"} <= set(told["rules"])

    await choose(shop, order, "wait")

    english = await shop.get(f"/orders/{order}/why", **{"Accept-Language": "en"})
    assert "What is left is held back for key customers, so this is missing: Цемент М500 (6 меш)." in english["text"]
    assert "chooses until" not in english["text"]


async def test_u8_why_tells_that_goods_are_gone(shop: Shop) -> None:
    order = await a_short_order(shop, "3")
    told = await shop.get(f"/orders/{order}/why")
    assert "Нет на складе: Цемент М500 — 7 меш." in told["text"]
    assert "придержан" not in told["text"]
