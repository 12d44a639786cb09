"""The API of a running stack as many people call it at once."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from httpx2 import AsyncClient, Response
from sqlalchemy import Engine, text
from support.api import a_customer, another_bin

SKU = "CEM"
CLIENTS = 12
MOST_REPEATS = 3
"""A machine that is too slow for the storm may let a caller wait too long for one answer, as the API says it may."""
SETTLED_WITHIN = 30.0

_UNSETTLED = text("""
    SELECT count(*) FROM sales_order
     WHERE status IN ('checking', 'confirmed') AND coalesce(wait, 'null') = 'null' OR status = 'shipped'
""")


@dataclass
class Doors:
    """The API as people call it; every answer is kept by its kind.

    Attributes:
        wrong: answers that nobody may get: an outage, a bug, a refusal without a code.
    """

    http: AsyncClient
    keys: dict[str, str]
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    serial: int = 0

    async def post(self, path: str, body: Any = None, *, by: str) -> Response:
        self.serial += 1
        headers = {"Authorization": f"Bearer {self.keys[by]}", "Idempotency-Key": f"storm-{self.serial:08d}"}
        answer = await self.http.post(f"/api/v1{path}", json=body, headers=headers)
        for _ in range(MOST_REPEATS):
            if answer.status_code != 503 or "Retry-After" not in answer.headers:
                break
            self.answers["asked again"] += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            answer = await self.http.post(f"/api/v1{path}", json=body, headers=headers)
        if answer.status_code < 300:
            self.answers[str(answer.status_code)] += 1
        elif answer.status_code < 500 and answer.json().get("code"):
            self.answers[answer.json()["code"]] += 1
        else:
            self.wrong.append(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def customer(self, number: int, limit: str, *, segment: str = "standard") -> tuple[str, str]:
        """A customer of the manager's; its id and tax number."""
        tax_id = another_bin(number)
        body = a_customer(name=f"ТОО «Покупатель {number}»", tax_id=tax_id, credit_limit=limit, segment=segment)
        return str((await self.post("/customers", body, by="head")).json()["id"]), tax_id

    async def receive(self, quantity: str) -> Response:
        body = {"warehouse": "main", "lines": [{"sku": SKU, "quantity": quantity}]}
        return await self.post("/stock/receipts", body, by="warehouse")

    async def quote(self, customer: str, quantity: int, *, prepayment: int = 0) -> dict[str, Any]:
        body = {
            "customer_id": customer,
            "lines": [{"sku": SKU, "quantity": str(quantity)}],
            "payment_terms": {"deferral_days": 14, "prepayment_percent": prepayment},
        }
        answer = await self.post("/orders", body, by="manager")
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def place(self, order: str) -> float:
        """How long the answer took."""
        begun = time.monotonic()
        await self.post(f"/orders/{order}/place", by="manager")
        return time.monotonic() - begun

    async def approve(self, order: str, decision: str = "approve") -> Response:
        return await self.post(f"/orders/{order}/approval", {"decision": decision, "comment": "по звонку"}, by="head")

    async def revise(self, order: str, quantity: int) -> Response:
        body = {"lines": [{"sku": SKU, "quantity": str(quantity)}], "reason": "правка"}
        return await self.post(f"/orders/{order}/revise", body, by="manager")

    async def cancel(self, order: str) -> Response:
        return await self.post(f"/orders/{order}/cancel", {"reason": "передумали"}, by="manager")

    async def pay(self, tax_id: str, amount: int, purpose: str) -> Response:
        today = time.strftime("%Y-%m-%d")
        body = {
            "external_id": f"storm-{self.serial}",
            "payer_tax_id": tax_id,
            "amount": {"amount": f"{amount}.00", "currency": "KZT"},
            "date": today,
            "purpose": purpose,
        }
        return await self.post("/payments", body, by="accountant")


async def from_many_clients(work: list[Callable[[], Awaitable[Any]]]) -> None:
    left = iter(work)

    async def client() -> None:
        for each in left:
            await each()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def settled(engine: Engine) -> None:
    """Until no order has a step of its own to take."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        with engine.connect() as connection:
            left = connection.execute(_UNSETTLED).scalar_one()
        if not left:
            return
        assert time.monotonic() < deadline, f"{left} orders do not settle"
        await asyncio.sleep(0.2)
