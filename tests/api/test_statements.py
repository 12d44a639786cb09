"""What a request may ask of the database: each statement costs every order, so none comes back unseen."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import Engine, event
from support.api import app_settings
from support.shop import Shop, a_shop
from temporalio.client import Client

from activities.persistence.engine import make_engine
from api.app import create_app

pytestmark = pytest.mark.anyio

KEY = "statements-are-counted"


@pytest.fixture
def doors(database_url: str) -> Iterator[Engine]:
    """The connections of the API: the worker has its own."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
async def shop(
    engine: Engine, doors: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        app = create_app(app_settings(doors, task_queue=task_queue))
        app.state.engine, app.state.temporal = doors, client
        async with AsyncClient(transport=ASGITransport(app), base_url="http://shop") as http:
            yield replace(open_shop, http=http)


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent meanwhile, with those that begin and end transactions."""
    seen: list[str] = []

    def spoken(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        seen.append(" ".join(sql.split()))

    def ended(connection: Any) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            seen.extend(["BEGIN", "COMMIT or ROLLBACK"])

    listeners: dict[str, Callable[..., None]] = {"before_cursor_execute": spoken, "commit": ended, "rollback": ended}
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield seen
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


async def test_a_whole_order_costs_no_more_statements_than_it_has_to(shop: Shop, doors: Engine) -> None:
    customer = await shop.a_customer()
    sku = await shop.a_product(on_hand="10")
    body = {"customer_id": customer, "lines": [{"sku": sku, "quantity": "10"}]}

    with counted(doors) as quoted:
        answer = await shop.post("/orders", body, by="manager", idempotency_key=KEY)
    assert answer.status_code == 201
    order = answer.json()["id"]
    spent = {"": quoted}
    for step, by in (("place", "manager"), ("start-picking", "warehouse"), ("ship", "warehouse")):
        with counted(doors) as spent[step]:
            answer = await shop.post(f"/orders/{order}/{step}", by=by, idempotency_key=KEY)
        assert answer.status_code == 200, answer.text
    with counted(doors) as read:
        await shop.get(f"/orders/{order}")

    assert len(quoted) <= 18, quoted
    for step in ("place", "start-picking", "ship"):
        assert len(spent[step]) <= 4, spent[step]
    assert len(read) <= 4, read
