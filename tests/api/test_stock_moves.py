"""Requests for another order's goods, and stock-takes, over HTTP (D8-4, D7-15)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from starlette.testclient import TestClient
from support.api import LOGINS, a_product, bearer
from support.shop import Shop, a_shop
from temporalio.client import Client

COUNTS, REQUESTS = "/api/v1/stock/counts", "/api/v1/stock/reassignments"
NOBODY = "00000000-0000-0000-0000-000000000000"
ANOTHER = "00000000-0000-0000-0000-000000000001"


def a_count(**changes: Any) -> dict[str, Any]:
    return {"lines": [{"sku": "CEM-50", "on_hand": "7"}], "reason": "Инвентаризация"} | changes


def a_request(**changes: Any) -> dict[str, Any]:
    body = {"sku": "CEM-50", "from_order_id": NOBODY, "to_order_id": ANOTHER, "quantity": "1", "reason": "Срочно"}
    return body | changes


@pytest.mark.parametrize("login", LOGINS)
def test_d14_who_counts_who_asks_who_decides(still_api: TestClient, login: str) -> None:
    def allowed(path: str, body: Any) -> bool:
        return still_api.post(path, json=body, headers=bearer(login)).status_code != 403

    assert allowed(COUNTS, a_count()) is (login in {"warehouse", "head"})
    assert allowed(REQUESTS, a_request()) is (login in {"manager", "manager2", "head"})
    assert allowed(f"{REQUESTS}/{NOBODY}/decision", {"decision": "approve"}) is (login in {"head", "director"})
    seen = still_api.get(REQUESTS, headers=bearer(login)).status_code
    assert (seen == 200) is (login in {"manager", "manager2", "head", "director"})


def test_a_count_is_told_and_counts_once_per_key(api: TestClient) -> None:
    api.post("/api/v1/products", json=a_product(), headers=bearer("head"))
    headers = bearer("warehouse", idempotency_key="count-0001")
    first = api.post(COUNTS, json=a_count(), headers=headers)
    assert first.status_code == 201, first.text
    assert first.json()["lines"] == [{"sku": "CEM-50", "before": "0", "on_hand": "7"}]
    again = api.post(COUNTS, json=a_count(), headers=headers)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    figures = api.get("/api/v1/stock/CEM-50", headers=bearer("head")).json()
    assert (figures["on_hand"], figures["free"]) == ("7", "7")
    zero = api.post(COUNTS, json=a_count(lines=[{"sku": "CEM-50", "on_hand": "0"}]), headers=bearer("head"))
    assert zero.json()["lines"] == [{"sku": "CEM-50", "before": "7", "on_hand": "0"}]
    event = api.get("/api/v1/journal?subject=stock_count", headers=bearer("head")).json()["items"][0]
    assert event["text"].startswith("Остатки на складе main пересчитаны.")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"lines": [{"sku": "CEM-50", "on_hand": "-1"}]}, 422, "invalid_input"),
        ({"lines": [{"sku": "CEM-50", "on_hand": "0.0001"}]}, 422, "invalid_input"),
        ({"lines": []}, 422, "invalid_input"),
        ({"reason": ""}, 422, "invalid_input"),
        ({"warehouse": "нет такого!"}, 422, "invalid_input"),
        ({"lines": [{"sku": "CEM-50", "on_hand": "1"}, {"sku": "CEM-50", "on_hand": "2"}]}, 422, "duplicate_line"),
        ({"lines": [{"sku": "NO", "on_hand": "1"}]}, 404, "product_not_found"),
    ],
)
def test_bad_counts(api: TestClient, changes: dict[str, Any], status: int, code: str) -> None:
    api.post("/api/v1/products", json=a_product(), headers=bearer("head"))
    answer = api.post(COUNTS, json=a_count(**changes), headers=bearer("warehouse"))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert api.get("/api/v1/stock/CEM-50", headers=bearer("head")).json()["on_hand"] == "0"


@pytest.mark.parametrize(
    ("changes", "status"), [({"quantity": "0"}, 422), ({"reason": " "}, 422), ({"from_order_id": "1"}, 422), ({}, 404)]
)
def test_bad_requests(still_api: TestClient, changes: dict[str, Any], status: int) -> None:
    assert still_api.post(REQUESTS, json=a_request(**changes), headers=bearer("head")).status_code == status


def test_a_rejection_says_why_and_an_unknown_request_is_not_found(still_api: TestClient) -> None:
    silent = still_api.post(f"{REQUESTS}/{NOBODY}/decision", json={"decision": "reject"}, headers=bearer("head"))
    assert silent.status_code == 422
    unknown = still_api.post(f"{REQUESTS}/{NOBODY}/decision", json={"decision": "approve"}, headers=bearer("head"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "reassignment_not_found")
    assert still_api.get(f"{REQUESTS}/{NOBODY}", headers=bearer("head")).status_code == 404


# -- the whole way, with processes behind ----------------------------------------------------------------------------


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def a_pair(shop: Shop, on_hand: str = "10", giver_of: str = "manager") -> tuple[str, str, str]:
    """An unpaid order that holds everything, and a key customer's that waits for six."""
    prepaid = {"payment_terms": {"deferral_days": 0, "prepayment_percent": 100}}
    ordinary = await shop.a_customer(manager=giver_of, **prepaid)
    vip = await shop.a_customer(name="АО «Ключевой»", segment="vip", manager="manager")
    sku = await shop.a_product(on_hand=on_hand)
    giver = await shop.a_quote(ordinary, sku, on_hand, by=giver_of)
    await shop.place(giver, by=giver_of)
    await shop.house.reaches(giver, "awaiting_payment")
    taker = await shop.a_quote(vip, sku, "6")
    await shop.place(taker)
    await until(lambda: (shop.house.order(taker).wait or {}).get("reason") == "stock")
    return giver, taker, sku


async def until(true: Any, within: float = 30) -> None:
    async with asyncio.timeout(within):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.05)


@pytest.mark.anyio
async def test_d8_4_from_the_request_to_the_letter(shop: Shop) -> None:
    giver, taker, sku = await a_pair(shop)
    body = {"sku": sku, "from_order_id": giver, "to_order_id": taker, "quantity": "6", "reason": "Стройка стоит"}
    asked = await shop.post("/stock/reassignments", body, by="manager", idempotency_key="request-01")
    assert asked.status_code == 201, asked.text
    request = asked.json()
    assert (request["state"], request["state_name"], request["moved"]) == ("requested", "ждёт решения", None)
    twin = await shop.post("/stock/reassignments", body, by="manager", idempotency_key="request-01")
    assert twin.json() == request
    assert [one["id"] for one in (await shop.get("/stock/reassignments?state=requested"))["items"]] == [request["id"]]
    assert (await shop.get("/stock/reassignments", by="manager2"))["items"] == []
    hidden = await shop.http.get(f"/api/v1/stock/reassignments/{request['id']}", headers=bearer("manager2"))
    assert hidden.status_code == 404
    foreign = await shop.post("/stock/reassignments", body, by="manager2")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "order_not_found")
    [task] = (await shop.get("/tasks", by="head"))["items"]
    ticked = await shop.post(f"/tasks/{task['id']}/complete", {}, by="head")
    assert (ticked.status_code, ticked.json()["code"]) == (409, "task_done_by_action")

    given = await shop.post(f"/stock/reassignments/{request['id']}/decision", {"decision": "approve"}, by="head")

    assert given.status_code == 200, given.text
    assert (given.json()["state"], given.json()["moved"]) == ("approved", "6")
    await shop.house.reaches(taker, "ready")
    await shop.house.reaches(giver, "part_reserved")
    await until(lambda: any("срок поставки части товара меняется" in each.subject for each in shop.house.letters()))
    await until(lambda: any("товар передан" in each.subject for each in shop.house.letters()))
    assert (await shop.get("/tasks", by="head"))["items"] == []
    told = [event["text"] for event in (await shop.get(f"/journal?subject=order&subject_id={giver}"))["items"]]
    assert any(text.startswith("Из резерва 6 CEM передано заказу ") for text in told)
    english = await shop.get(f"/stock/reassignments/{request['id']}", accept_language="en")
    assert english["state_name"] == "given"
    again = await shop.post(f"/stock/reassignments/{request['id']}/decision", {"decision": "approve"}, by="director")
    assert (again.status_code, again.json()["code"]) == (409, "reassignment_decided")


@pytest.mark.anyio
async def test_d14_of_another_managers_order_a_manager_learns_no_number(shop: Shop, engine: Engine) -> None:
    giver, taker, sku = await a_pair(shop, giver_of="manager2")
    number, customer = shop.house.order(giver).number, "Ромашка"
    body = {"sku": sku, "from_order_id": giver, "to_order_id": taker, "quantity": "11", "reason": "Стройка стоит"}
    refused = await shop.post("/stock/reassignments", body, by="manager")
    assert (refused.status_code, refused.json()["order"]) == (409, "другого менеджера")
    assert "У заказа другого менеджера на этом складе зарезервировано 10" in refused.text
    assert number not in refused.text
    assert (await shop.post("/stock/reassignments", body, by="head")).json()["order"] == number

    asked = await shop.post("/stock/reassignments", body | {"quantity": "5"}, by="manager")
    anothers = {"id": giver, "number": None, "customer_name": None, "name": "заказ другого менеджера"}
    assert asked.json()["from_order"] == anothers
    for answer in (asked, await shop.http.get("/api/v1/stock/reassignments", headers=bearer("manager"))):
        assert number not in answer.text
        assert customer not in answer.text
    seen = (await shop.get(f"/stock/reassignments/{asked.json()['id']}", by="head"))["from_order"]
    assert (seen["number"], seen["name"]) == (number, number)
    assert customer in seen["customer_name"]
    other = await shop.post("/stock/reassignments", body | {"quantity": "6"}, by="head")
    assert (other.status_code, other.json()["code"]) == (409, "reassignment_exists")
    by_head = "UPDATE reassignment SET requested_by = (SELECT id FROM app_user WHERE login = 'head')"
    with engine.begin() as connection:
        connection.execute(text(by_head))
    [listed] = (await shop.get("/stock/reassignments", by="manager"))["items"]
    assert listed["from_order"] == anothers | {"id": None}


@pytest.mark.anyio
async def test_d7_15_a_count_over_http_and_a_request_that_lost_its_sense(shop: Shop) -> None:
    giver, taker, sku = await a_pair(shop)
    body = {"sku": sku, "from_order_id": giver, "to_order_id": taker, "quantity": "6", "reason": "Стройка стоит"}
    request = (await shop.post("/stock/reassignments", body, by="manager")).json()
    counted = await shop.post(
        "/stock/counts", {"lines": [{"sku": sku, "on_hand": "0"}], "reason": "Пусто"}, by="warehouse"
    )
    assert counted.status_code == 201, counted.text
    assert counted.json()["lost"] == [{"order_id": giver, "sku": sku, "quantity": "10"}]
    await shop.house.reaches(giver, "confirmed")
    assert "count_review" in [task["kind"] for task in (await shop.get("/tasks", by="head"))["items"]]

    for _ in range(2):
        void = await shop.post(
            f"/stock/reassignments/{request['id']}/decision", {"decision": "approve"}, by="head",
            idempotency_key="decision-01",
        )  # fmt: skip
        assert (void.status_code, void.json()["code"]) == (409, "reassignment_not_reserved")
        assert void.json()["reserved"] == "0"
    assert (await shop.get(f"/stock/reassignments/{request['id']}"))["state"] == "void"

    refilled = await shop.post(
        "/stock/counts", {"lines": [{"sku": sku, "on_hand": "6"}], "reason": "Нашлось"}, by="warehouse"
    )
    assert refilled.json()["served_orders"] == [taker]
    await shop.house.reaches(taker, "ready")
