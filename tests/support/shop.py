"""The whole house with its doors open: a worker behind, HTTP in front."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import Engine
from sqlmodel import Session, select
from support.api import a_customer, a_product, another_bin, app_settings, bearer, key_of
from support.house import House, a_house
from temporalio.client import Client

from activities.persistence.party_tables import UserRow
from api.app import create_app
from api.auth import key_hash

API = "/api/v1"


@dataclass
class Shop:
    """Calls as people make them; answers as they get them."""

    house: House
    http: AsyncClient
    customers: int = 0

    async def post(self, path: str, body: Any = None, *, by: str, **headers: str) -> Response:
        return await self.http.post(API + path, json=body, headers=bearer(by, **headers))

    async def get(self, path: str, *, by: str = "head", **headers: str) -> Any:
        answer = await self.http.get(API + path, headers=bearer(by, **headers))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def a_customer(self, **changes: Any) -> str:
        """A customer nobody has, with a limit of 1 000 000 and 14 days to pay; its id."""
        self.customers += 1
        body = a_customer(tax_id=another_bin(self.customers), **changes)
        answer = await self.post("/customers", body, by="head")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def a_product(
        self, sku: str = "CEM", *, price: str = "1000.00", on_hand: str | None = None, group: str | None = "to-the-last"
    ) -> str:
        """A product that is sold to the last piece, unless its group is told otherwise; None: held back by policy."""
        await self.post("/item-groups", {"code": "to-the-last", "name": "Всё", "hold_back_percent": "0"}, by="head")
        answer = await self.post("/products", a_product(sku=sku, price=price, item_group=group), by="head")
        assert answer.status_code == 201, answer.text
        if on_hand is not None:
            received = await self.receive(sku, on_hand)
            assert received.status_code == 201, received.text
        return sku

    async def receive(self, sku: str, quantity: str) -> Response:
        body = {"warehouse": "main", "lines": [{"sku": sku, "quantity": quantity}]}
        return await self.post("/stock/receipts", body, by="warehouse")

    async def a_quote(self, customer: str, sku: str, quantity: str, *, by: str = "manager", **changes: Any) -> str:
        body = {"customer_id": customer, "lines": [{"sku": sku, "quantity": quantity}]} | changes
        answer = await self.post("/orders", body, by=by)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def place(self, order: str, *, by: str = "manager", **headers: str) -> Response:
        return await self.post(f"/orders/{order}/place", by=by, **headers)


@asynccontextmanager
async def a_shop(engine: Engine, database_url: str, client: Client, task_queue: str, home: Path) -> AsyncIterator[Shop]:
    """A house whose people have keys, and its API."""
    async with a_house(engine, database_url, client, task_queue, home) as house:
        with Session(engine) as session, session.begin():
            for user in session.exec(select(UserRow)):
                user.key_hash = key_hash(key_of(user.login))
        app = create_app(app_settings(engine, task_queue=task_queue), engine=engine, temporal=client)
        transport = ASGITransport(app)
        async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://shop") as http:
            yield Shop(house, http)
