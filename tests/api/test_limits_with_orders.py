"""A larger limit, a lifted stop, a contract: the order that waited goes on by itself (D2-13)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.shop import Shop, a_shop
from temporalio.client import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def test_a_temporary_limit_from_request_to_reserved_goods(shop: Shop) -> None:
    """D5-1, D5-4: those who decide are written to, and so is whoever asked."""
    customer, sku = await shop.a_customer(manager="manager"), await shop.a_product(price="1500000", on_hand="1")
    order = await shop.a_quote(customer, sku, "1")
    assert (await shop.place(order)).json()["decision"]["outcome"] == "approval"
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    body = {"kind": "temporary", "amount": "2000000.00", "valid_to": until, "reason": "Сезон"}
    asked = await shop.post(f"/customers/{customer}/limit-changes", body, by="manager")
    assert asked.status_code == 201, asked.text

    given = await shop.post(f"/limit-changes/{asked.json()['id']}/decision", {"decision": "approve"}, by="head")

    assert given.status_code == 200, given.text
    await shop.house.reaches(order, "ready")


async def test_a_lifted_stop_lets_the_order_go_on(shop: Shop) -> None:
    """D2-8, D2-13"""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="1")
    stopped = await shop.post(f"/customers/{customer}/trade-stop", {"reason": "Проверка"}, by="accountant")
    assert stopped.status_code == 200, stopped.text
    order = await shop.a_quote(customer, sku, "1")
    assert (await shop.place(order)).json()["decision"]["outcome"] == "stop"
    lifted = await shop.post(f"/customers/{customer}/trade-stop/lift", {"reason": "Проверили"}, by="head")
    assert lifted.status_code == 200, lifted.text
    await shop.house.reaches(order, "ready")


async def test_a_contract_lets_the_order_go_on(shop: Shop) -> None:
    """D2-6"""
    customer, sku = await shop.a_customer(contract=None, manager="manager"), await shop.a_product(on_hand="1")
    order = await shop.a_quote(customer, sku, "1")
    decision = (await shop.place(order)).json()["decision"]
    assert [reason["code"] for reason in decision["reasons"]] == ["NO_CONTRACT"]
    contract = {"number": "Д-1", "signed_on": "2026-01-12"}
    assert (await shop.post(f"/customers/{customer}/contracts", contract, by="manager")).status_code == 201
    await shop.house.reaches(order, "ready")
