"""The company that is measured: its people at work through the product's own doors, its goods and its customers."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx2
import psycopg

from bench.stack import MeasuredStack
from cli.local.problems import StackError
from domain.requisites import is_kz_tax_id

AT_ONCE = 12
ORDERS_PER_CUSTOMER = 20
PRODUCTS = 40
_PATIENCE = 120.0
_NOT_YET = {httpx2.codes.ACCEPTED, httpx2.codes.SERVICE_UNAVAILABLE}
_PAUSE = 0.5
_OPEN = "SELECT count(*) FROM sales_order WHERE status = 'awaiting_payment' AND wait->>'reason' = 'payment'"
_UNSENT = "SELECT count(*) FROM outbound WHERE state IN ('planned', 'sending')"


class Desk:
    """The people of the company at work over HTTP."""

    def __init__(self, stack: MeasuredStack, http: httpx2.AsyncClient) -> None:
        self._stack = stack
        self._http = http

    async def post(self, path: str, by: str, body: Any = None) -> Any:
        """Give a command, and ask again under the same key while the answer is «not yet».

        Raises:
            StackError: it was refused.
        """
        headers = {"Authorization": f"Bearer {self._stack.keys[by]}", "Idempotency-Key": f"bench-{uuid4()}"}
        while True:
            answer = await self._http.post(f"{self._stack.api}/api/v1{path}", json=body, headers=headers)
            if answer.status_code not in _NOT_YET:
                break
            await asyncio.sleep(_PAUSE)
        if not answer.is_success:
            raise StackError(f"POST {path}: {answer.status_code} {answer.text}")
        return answer.json()

    async def get(self, path: str, by: str) -> Any:
        """Read a page.

        Raises:
            StackError: it was refused.
        """
        headers = {"Authorization": f"Bearer {self._stack.keys[by]}"}
        answer = await self._http.get(f"{self._stack.api}/api/v1{path}", headers=headers)
        if not answer.is_success:
            raise StackError(f"GET {path}: {answer.status_code} {answer.text}")
        return answer.json()


async def open_reserves(stack: MeasuredStack, first: int, count: int) -> None:
    """Place so many orders beside the `first` ones; return when each holds a reserve and the house is quiet.

    Raises:
        StackError: an order was refused, or did not get its reserve.
    """
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        desk = Desk(stack, http)
        skus = await goods(desk, first, count)
        customers = [await customer(desk, bin_) for bin_ in bins(first, -(-count // ORDERS_PER_CUSTOMER))]
        turns = iter(range(count))

        async def work() -> None:
            for turn in turns:
                await _order(desk, customers[turn % len(customers)], skus[turn % len(skus)])

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    await _quiet(stack, first + count)


async def goods(desk: Desk, first: int, count: int) -> list[str]:
    """Products of their own for orders `first` and on, so many pieces of each on hand."""
    skus = [f"BENCH-{first}-{number}" for number in range(PRODUCTS)]
    for sku in skus:
        product = {"sku": sku, "name": f"Товар {sku}", "unit": "шт", "price": "1000.00", "vat_rate": "16"}
        await desk.post("/products", "head", product)
    lines = [{"sku": sku, "quantity": str(count)} for sku in skus]
    await desk.post("/stock/receipts", "warehouse", {"warehouse": "main", "lines": lines})
    return skus


async def customer(desk: Desk, bin_: str, *, limit: str = "0.00", days: int = 0) -> str:
    """A customer who pays in advance, or `days` later within a limit; its id."""
    body = {
        "name": f"ТОО «Покупатель {bin_}»",
        "country": "KZ",
        "tax_id": bin_,
        "segment": "standard",
        "currency": "KZT",
        "credit_limit": limit,
        "payment_terms": {"deferral_days": days, "prepayment_percent": 0 if days else 100},
        "contract": {"number": f"Д-{bin_}", "signed_on": "2026-01-12"},
        "contacts": [{"role": "buyer", "name": "Анна", "email": f"{bin_}@bench.example", "phone": "+7 701 111 22 33"}],
    }
    return str((await desk.post("/customers", "head", body))["id"])


async def _order(desk: Desk, customer: str, sku: str) -> None:
    quote = {"customer_id": customer, "lines": [{"sku": sku, "quantity": "1"}]}
    order = await desk.post("/orders", "manager", quote)
    await desk.post(f"/orders/{order['id']}/place", "manager")


def bins(first: int, count: int, month: str = "2103") -> list[str]:
    """БИН whose check digits hold, of companies founded in one month; there are some 90,000 of them.

    Raises:
        ValueError: there are not so many.
    """
    valid = filter(is_kz_tax_id, (f"{month}40{number:06d}" for number in range(1_000_000)))
    found = list(itertools.islice(valid, first, first + count))
    if len(found) < count:
        raise ValueError(f"there are no {first + count} numbers in {month}")
    return found


async def _quiet(stack: MeasuredStack, orders: int) -> None:
    """Wait until every order has its reserve and no letter is on its way, as long as anything still moves."""
    async with await psycopg.AsyncConnection.connect(stack.database, autocommit=True) as database:
        clock = asyncio.get_running_loop().time
        last, moved_at = await _numbers(database, (_OPEN, _UNSENT)), clock()
        while last != [orders, 0]:
            if clock() - moved_at > _PATIENCE:
                raise StackError(f"Открытых резервов {last[0]} из {orders}, неотправленных сообщений {last[1]}.")
            await asyncio.sleep(_PAUSE)
            now = await _numbers(database, (_OPEN, _UNSENT))
            if now != last:
                last, moved_at = now, clock()


async def _numbers(database: psycopg.AsyncConnection[Any], queries: Sequence[str]) -> list[int]:
    found = []
    for query in queries:
        row = await (await database.execute(query)).fetchone()
        found.append(int(row[0]) if row else 0)
    return found
