"""Orders through the doors, with the real worker behind them: answers, refusals, repeats."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID

import pytest
from httpx2 import Response
from sqlalchemy import Engine, func
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import a_customer, a_product, bearer
from support.patience import PATIENCE, end_of
from support.shop import Shop, a_shop
from support.temporal import fast_forward
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.persistence.order_tables import CreditDecisionRow, OrderRow
from activities.persistence.receipts import receive
from api import order_commands
from api.nudges import catch_up
from api.order_schemas import OrderDecided, OrderOut, OrderPage
from domain.orders import LineQuantity

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


def count(engine: Engine, table: Any) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def refused(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["detail"]
    return answer.status_code, answer.json()["code"]


async def test_an_order_is_what_the_description_says(shop: Shop) -> None:
    """As a quote, placed, waiting and ended: what programs may rely on is there."""
    customer = await shop.a_customer()
    ready = await shop.a_quote(customer, await shop.a_product(on_hand="10"), "10")
    OrderOut.model_validate(await shop.get(f"/orders/{ready}"))
    OrderDecided.model_validate((await shop.place(ready)).json())
    stopped = await shop.a_quote(customer, "CEM", "100000")
    OrderDecided.model_validate((await shop.place(stopped)).json())
    waiting = OrderOut.model_validate(await shop.get(f"/orders/{stopped}"))
    assert waiting.waiting is not None
    await shop.post(f"/orders/{stopped}/cancel", {"reason": "не нужен"}, by="head")
    OrderOut.model_validate(await shop.get(f"/orders/{stopped}"))
    page = OrderPage.model_validate(await shop.get("/orders?limit=1"))
    assert page.next == page.items[-1].id


async def test_what_temporal_keeps_in_the_clear_says_nothing_about_people(shop: Shop) -> None:
    """Ids, search attributes and names of updates, whatever a caller puts into a key."""
    customer = await shop.a_customer(name="ТОО Тайна")
    order = await shop.a_quote(customer, await shop.a_product(on_hand="10"), "10", comment="для Анны")
    placed = await shop.place(order, idempotency_key="order-of-anna@romashka.test")
    assert placed.status_code == 200

    handle = shop.house.handle(order)
    described = await handle.describe()
    kept = [handle.id, *(str(pair.value) for pair in described.typed_search_attributes)]
    async for event in handle.fetch_history_events():
        accepted = event.workflow_execution_update_accepted_event_attributes
        kept += [event.activity_task_scheduled_event_attributes.activity_id, accepted.protocol_instance_id]
    assert any(name.startswith("place:") for name in kept)
    assert [name for name in kept if "romashka" in name or "Тайна" in name or "Анн" in name] == []


async def test_an_order_within_the_limit_goes_through_in_the_same_call(shop: Shop) -> None:
    """D2-1; the card counts it at once (D1-5)."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10")
    order = await shop.a_quote(customer, sku, "10")

    placed = (await shop.place(order)).json()

    assert placed["decision"]["outcome"] == "auto"
    card = await shop.get(f"/customers/{customer}")
    assert card["exposure"] == {"amount": "10000.00", "currency": "KZT"}
    assert card["debt"] == {"amount": "0.00", "currency": "KZT"}
    assert await shop.house.reaches(order, "ready") == "ready"
    assert (await shop.get(f"/stock/{sku}"))["reserved"] == "10"


async def test_a_repeat_starts_the_process_of_a_quote_whose_writer_was_killed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit and the start; without its process the quote would never expire (D6-1)."""
    body = {"customer_id": await shop.a_customer(), "lines": [{"sku": await shop.a_product(), "quantity": "1"}]}
    with monkeypatch.context() as killed:
        killed.setattr(order_commands, "start_quote", _nothing)
        await shop.post("/orders", body, by="manager", idempotency_key="killed-after-commit")

    order = (await shop.post("/orders", body, by="manager", idempotency_key="killed-after-commit")).json()["id"]

    assert (await shop.house.handle(order).describe()).status is WorkflowExecutionStatus.RUNNING


async def test_the_process_of_a_quote_starts_as_soon_as_temporal_answers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = AsyncMock(side_effect=[RPCError("away", RPCStatusCode.UNAVAILABLE, b""), None])
    monkeypatch.setattr(order_commands, "start_order", silent)
    answer = await shop.a_quote(await shop.a_customer(), await shop.a_product(), "1")
    assert silent.await_count == 1
    async with asyncio.timeout(PATIENCE):
        while silent.await_count < 2:
            await asyncio.sleep(0.1)
    assert silent.await_args is not None
    assert silent.await_args.args[2].order_id == answer


async def _nothing(*_: object) -> None:
    """Killed here."""


@pytest.mark.parametrize("command", ["place", "cancel"])
async def test_a_command_whose_order_has_ended_is_answered_as_before_under_its_key(shop: Shop, command: str) -> None:
    """Its caller never heard the answer, as when the API is killed; another command on the ended order is refused."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10")
    order = await shop.a_quote(customer, sku, "10")
    bodies: dict[str, Any] = {"place": None, "cancel": {"reason": "передумали"}}
    path, key = f"/orders/{order}/{command}", f"lost-answer-{command}"
    first = await shop.post(path, bodies[command], by="manager", idempotency_key=key)
    if command == "place":
        await shop.post(f"/orders/{order}/cancel", bodies["cancel"], by="manager")
    await end_of(shop.house.handle(order))

    again = await shop.post(path, bodies[command], by="manager", idempotency_key=key)

    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert _about(again) == _about(first) == order
    other = await shop.post(path, bodies[command], by="manager", idempotency_key="another-key-1")
    assert refused(other) == (409, "wrong_state")


def _about(answer: Response) -> str:
    body = answer.json()
    return str(body.get("order", body)["id"])


async def test_goods_that_come_in_reach_the_order_that_waits_for_them(shop: Shop) -> None:
    """D8: the receipt serves the queue, and the order is told."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="4")
    order = await shop.a_quote(customer, sku, "10")
    await shop.place(order)
    await shop.house.reaches(order, "part_reserved")

    received = await shop.receive(sku, "7")

    assert received.json()["served_orders"] == [order]
    await shop.house.reaches(order, "ready")
    stock = await shop.get(f"/stock/{sku}")
    assert (stock["on_hand"], stock["reserved"], stock["free"]) == ("11", "10", "1")


async def test_goods_that_came_while_nobody_could_tell_are_told_at_the_next_start(shop: Shop, engine: Engine) -> None:
    """The API was killed between the commit of a receipt and the nudge."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="4")
    order = await shop.a_quote(customer, sku, "10")
    await shop.place(order)
    await shop.house.reaches(order, "part_reserved")
    with Session(engine) as session, session.begin():
        lines = [LineQuantity(sku, Decimal(6))]
        assert receive(session, "main", lines, key="killed", as_of=datetime.now(UTC)) == [UUID(order)]
    assert shop.house.status(order) == "part_reserved"

    await catch_up(engine, shop.house.client)

    await shop.house.reaches(order, "ready")


async def test_a_higher_limit_releases_a_stopped_order(shop: Shop) -> None:
    """D2-12, D2-13, D5-4"""
    customer, sku = await shop.a_customer(credit_limit="1000.00"), await shop.a_product(on_hand="10")
    order = await shop.a_quote(customer, sku, "5")
    assert (await shop.place(order)).json()["decision"]["outcome"] == "stop"
    assert (await shop.get(f"/customers/{customer}"))["pending_exposure"]["amount"] == "5000.00"

    raised = await shop.http.patch(
        f"/api/v1/customers/{customer}", json={"credit_limit": "5000.00"}, headers=bearer("head", if_match='"1"')
    )

    assert raised.status_code == 200, raised.text
    await shop.house.reaches(order, "ready")


async def test_an_approval_needs_another_person_and_is_given_once(shop: Shop) -> None:
    """D4-5, D4-8"""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="2000")
    order = await shop.a_quote(customer, sku, "1500", by="head")
    assert (await shop.place(order, by="head")).json()["decision"]["outcome"] == "approval"
    approve = {"decision": "approve", "comment": "Клиент надёжный"}

    assert refused(await shop.post(f"/orders/{order}/approval", approve, by="manager")) == (403, "forbidden")
    assert refused(await shop.post(f"/orders/{order}/approval", approve, by="head")) == (409, "own_approval")
    without_reason = await shop.post(f"/orders/{order}/approval", {"decision": "reject"}, by="director")
    assert without_reason.status_code == 422
    assert (await shop.post(f"/orders/{order}/approval", approve, by="director")).status_code == 200
    late = await shop.post(f"/orders/{order}/approval", approve, by="director")
    assert refused(late) == (409, "already_decided")
    assert late.json()["by"] == "Мария Ан"
    almaty = datetime.fromisoformat(late.json()["at"]) + timedelta(hours=5)
    assert f"{almaty:%d.%m.%Y %H:%M}" in late.json()["detail"]


async def test_a_stopped_order_cannot_simply_be_approved(shop: Shop) -> None:
    """D2-12"""
    customer, sku = await shop.a_customer(credit_limit="1000.00"), await shop.a_product()
    order = await shop.a_quote(customer, sku, "5")
    await shop.place(order)
    answer = await shop.post(f"/orders/{order}/approval", {"decision": "approve", "comment": ""}, by="head")
    assert refused(answer) == (409, "stop_not_approvable")


async def test_commands_in_another_state_are_refused(shop: Shop) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10")
    order = await shop.a_quote(customer, sku, "1")

    assert refused(await shop.post(f"/orders/{order}/ship", by="warehouse")) == (409, "wrong_state")
    assert refused(await shop.post(f"/orders/{order}/start-picking", by="warehouse")) == (409, "wrong_state")
    assert refused(await shop.post(f"/orders/{order}/start-picking", by="manager")) == (403, "forbidden")
    assert (await shop.place(order)).status_code == 200
    await shop.house.reaches(order, "ready")
    assert (await shop.post(f"/orders/{order}/cancel", {"reason": "Передумали"}, by="manager")).status_code == 200
    ended = await shop.post(f"/orders/{order}/cancel", {"reason": "Ещё раз"}, by="manager")
    assert refused(ended) == (409, "wrong_state")
    assert "Отменён" in ended.json()["detail"]
    assert refused(await shop.place(order, idempotency_key="another-key")) == (409, "wrong_state")


async def test_an_expired_quote_is_not_placed(shop: Shop, engine: Engine) -> None:
    """D6-1"""
    customer, sku = await shop.a_customer(), await shop.a_product()
    order = await shop.a_quote(customer, sku, "1")
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order))
        row.quote_valid_until = datetime.now(UTC) - timedelta(minutes=1)
    assert refused(await shop.place(order)) == (409, "quote_expired")


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        ([{"sku": "NONE", "quantity": "1"}], 404, "product_not_found"),
        ([{"sku": "CEM", "quantity": "0"}], 422, "not_positive"),
        ([{"sku": "CEM", "quantity": "-1"}], 422, "not_positive"),
        ([{"sku": "CEM", "quantity": "0.0001"}], 422, "too_many_decimals"),
        ([{"sku": "CEM", "quantity": "1" * 40}], 422, "too_large"),
        ([{"sku": "CEM", "quantity": "1", "price": "9" * 40}], 422, "too_large"),
        ([{"sku": "CEM", "quantity": "1", "price": "1.00001"}], 422, "too_many_decimals"),
        ([{"sku": "CEM", "quantity": "1", "price": "-1"}], 422, "negative"),
        ([{"sku": "CEM", "quantity": "1", "price": {"amount": "1", "currency": "RUB"}}], 422, "wrong_currency"),
        ([{"sku": "CEM", "quantity": "999999999999999", "price": "99999999999999"}], 422, None),
        ([{"sku": "CEM", "quantity": "1", "price": "0"}], 422, None),
        ([{"sku": "CEM", "quantity": "1"}] * 2, 422, None),
        ([], 422, "too_short"),
        ([{"sku": "CEM"}], 422, "missing"),
        ([{"sku": "CEM", "quantity": True}], 422, "not_a_number"),
        ("CEM", 422, "list_type"),
    ],
    ids=range(16),
)
async def test_bad_orders_are_refused_and_nothing_is_written(
    still_api: TestClient, still_engine: Engine, lines: Any, status: int, code: str | None
) -> None:
    still_api.post("/api/v1/customers", json=a_customer(), headers=bearer("head"))
    still_api.post("/api/v1/products", json=a_product(sku="CEM"), headers=bearer("head"))
    customer = still_api.get("/api/v1/customers", headers=bearer("head")).json()["items"][0]["id"]

    answer = still_api.post("/api/v1/orders", json={"customer_id": customer, "lines": lines}, headers=bearer("manager"))

    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert code is None or code in {problem["code"], *(error["code"] for error in problem.get("errors", []))}
    assert problem["detail"]
    assert count(still_engine, OrderRow) == 0


async def test_orders_of_strangers_are_refused(shop: Shop) -> None:
    """D14: another manager's customer and order are not found."""
    sku = await shop.a_product()
    customer = await shop.a_customer(manager="manager")
    body = {"customer_id": customer, "lines": [{"sku": sku, "quantity": "1"}]}
    assert refused(await shop.post("/orders", body, by="manager2")) == (404, "customer_not_found")
    assert refused(await shop.post("/orders", body, by="accountant")) == (403, "forbidden")
    nobody = body | {"customer_id": "00000000-0000-0000-0000-000000000000"}
    assert refused(await shop.post("/orders", nobody, by="manager")) == (404, "customer_not_found")
    order = await shop.a_quote(customer, sku, "1")
    assert refused(await shop.place(order, by="manager2")) == (404, "order_not_found")
    unknown = "00000000-0000-0000-0000-000000000000"
    assert refused(await shop.place(unknown)) == (404, "order_not_found")
    assert refused(await shop.place("not-an-id")) == (422, "invalid_input")


async def test_d14_a_manager_lists_own_orders_and_those_entered_for_others(shop: Shop) -> None:
    sku = await shop.a_product()
    mine, other = await shop.a_customer(manager="manager"), await shop.a_customer(manager="manager2")
    own = await shop.a_quote(mine, sku, "1")
    entered = await shop.a_quote(mine, sku, "1", by="head")
    foreign = await shop.a_quote(other, sku, "1", by="manager2")

    async def listed(by: str) -> list[str]:
        return [item["id"] for item in (await shop.get("/orders", by=by))["items"]]

    assert await listed("manager") == [entered, own]
    assert await listed("manager2") == [foreign]
    assert await listed("head") == [foreign, entered, own]


async def test_sixteen_quotes_under_one_key_are_one_order(shop: Shop, engine: Engine) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product()
    body = {"customer_id": customer, "lines": [{"sku": sku, "quantity": "1"}]}

    answers = await asyncio.gather(
        *(shop.post("/orders", body, by="manager", idempotency_key="one-order-1") for _ in range(16))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert count(engine, OrderRow) == 1


async def test_eight_placings_under_one_key_are_one_decision(shop: Shop, engine: Engine) -> None:
    """D3-5, D3-8"""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="5")
    order = await shop.a_quote(customer, sku, "5")

    answers = await asyncio.gather(*(shop.place(order, idempotency_key="place-me-1") for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["decision"]["outcome"] for answer in answers} == {"auto"}
    assert count(engine, CreditDecisionRow) == 1


async def test_a_key_that_was_used_for_another_answer_is_refused(shop: Shop) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="2000")
    order = await shop.a_quote(customer, sku, "1500")
    await shop.place(order)
    reject = {"decision": "reject", "comment": "Нет"}
    approve = {"decision": "approve", "comment": ""}
    path, key = f"/orders/{order}/approval", "answer-0001"

    first = await shop.post(path, reject, by="head", idempotency_key=key)
    again = await shop.post(path, reject, by="head", idempotency_key=key)
    other = await shop.post(path, approve, by="head", idempotency_key=key)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["status"] == again.json()["status"] == "rejected"
    assert refused(other) == (422, "idempotency_key_reused")


async def test_without_temporal_a_quote_is_taken_and_a_placing_asks_to_try_again(api: TestClient) -> None:
    """The API answers while Temporal is away, and says so where it cannot."""
    customer = api.post("/api/v1/customers", json=a_customer(), headers=bearer("head")).json()["id"]
    api.post("/api/v1/products", json=a_product(sku="CEM"), headers=bearer("head"))
    body = {"customer_id": customer, "lines": [{"sku": "CEM", "quantity": "1"}]}
    quote = api.post("/api/v1/orders", json=body, headers=bearer("manager"))
    assert quote.status_code == 201, quote.text

    placed = api.post(f"/api/v1/orders/{quote.json()['id']}/place", headers=bearer("manager"))

    assert refused(placed) == (503, "temporarily_unavailable")
    assert placed.headers["Retry-After"]
    shown = api.get(f"/api/v1/orders/{quote.json()['id']}", headers=bearer("manager")).json()
    assert shown["status"] == "quoted"


async def test_u14_an_answer_after_the_end_says_how_it_ended(shop: Shop) -> None:
    """D4-9: the order was cancelled, or silence rejected it."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="9000")
    approve = {"decision": "approve", "comment": "можно"}
    cancelled, lapsed = [await shop.a_quote(customer, sku, "1500") for _ in range(2)]
    for order in (cancelled, lapsed):
        assert (await shop.place(order)).json()["decision"]["outcome"] == "approval"
    assert (await shop.post(f"/orders/{cancelled}/cancel", {"reason": "передумал"}, by="manager")).status_code == 200
    await fast_forward(shop.house.handle(lapsed), timedelta(days=7))
    await shop.house.reaches(lapsed, "rejected")

    assert refused(await shop.post(f"/orders/{cancelled}/approval", approve, by="head")) == (409, "order_cancelled")
    assert refused(await shop.post(f"/orders/{lapsed}/approval", approve, by="head")) == (409, "approval_expired")
