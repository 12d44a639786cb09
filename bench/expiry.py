"""Reserves that run out together: how late each is released, while other orders are reminded in the same minutes.

An end cannot be waited for here: it is a week away. The rows are given a near one, as an extension would set it, and
each order is told to look at its facts again, by the signal that every payment sends; the product does the rest.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from bench.stack import MeasuredStack
from cli.local.problems import StackError
from workflows.client import connect
from workflows.ids import order_workflow_id
from workflows.order import OrderWorkflow

Database = psycopg.AsyncConnection[Any]

AT_ONCE = 12
_LOOK_EVERY = 0.2
_NOTICE = timedelta(seconds=20)
"""How long before the first end the orders are told, beside the time it takes to tell them; a few need less."""
_LEAST_NOTICE = timedelta(seconds=4)
_PATIENCE = timedelta(minutes=10)

_OPEN = """
    SELECT id FROM sales_order
     WHERE status = 'awaiting_payment' AND wait->>'reason' = 'payment' ORDER BY number LIMIT %s
"""
_END_AT = "UPDATE reservation SET extensions = 1, expires_at = %s WHERE order_id = %s"
_REMIND_AT = """
    UPDATE reservation SET reserved_at = %s - make_interval(days => ttl_days / 2), expires_at = NULL WHERE order_id = %s
"""
_HEARD = """
    SELECT count(*) FROM sales_order
     WHERE (id = ANY(%s) AND (wait->>'until')::timestamptz < %s)
        OR (id = ANY(%s) AND (wait->>'reminder_at')::timestamptz < %s)
"""
_RELEASED = "SELECT order_id FROM reservation WHERE status = 'released' AND order_id = ANY(%s)"
_REMINDED = """
    SELECT order_id FROM outbound
     WHERE template = 'reservation_reminder' AND state = 'done' AND order_id = ANY(%s)
"""
_JOURNAL = """
    SELECT subject_id::uuid, min(at) FROM journal
     WHERE subject = 'order' AND event = 'reservation_released' AND subject_id = ANY(%s) GROUP BY subject_id
"""


@dataclass(frozen=True, slots=True)
class Expiry:
    """Seconds by which each release, and each reminder beside them, came late.

    `released`: until the released row was seen in the database, the look included; `journal`: by the instant that the
    journal keeps; `reminded`: until the letter had gone.
    """

    released: list[float]
    journal: list[float]
    reminded: list[float]
    missing: int


async def expire(stack: MeasuredStack, *, ends: int, reminders: int, window: timedelta, pace: timedelta) -> Expiry:
    """Let reserves run out and others be reminded, both spread evenly over the window.

    `pace`: what placing an order took on this machine, which is more than telling one takes.

    Raises:
        StackError: the orders did not hear of their new end before it came.
    """
    async with await psycopg.AsyncConnection.connect(stack.database, autocommit=True) as database:
        orders = [row[0] for row in await (await database.execute(_OPEN, [ends + reminders])).fetchall()]
        telling = pace * len(orders)
        begin = datetime.now(UTC) + min(_NOTICE, _LEAST_NOTICE + telling) + telling
        ending = spread(orders[:ends], begin, window)
        reminded = spread(orders[ends:], begin, window)
        await _bring_forward(database, ending, reminded)
        await _tell(stack, orders)
        await _until_heard(database, ending, reminded, begin, window)
        return await _watch(database, ending, reminded, begin + window + _PATIENCE)


def spread(orders: Sequence[UUID], begin: datetime, window: timedelta) -> dict[UUID, datetime]:
    """An instant for each, at even distances from `begin` to the end of the window."""
    return {order: begin + window * place / max(1, len(orders)) for place, order in enumerate(orders)}


async def _bring_forward(database: Database, ending: dict[UUID, datetime], reminded: dict[UUID, datetime]) -> None:
    async with database.transaction(), database.cursor() as cursor:
        await cursor.executemany(_END_AT, [(at, order) for order, at in ending.items()])
        await cursor.executemany(_REMIND_AT, [(at, order) for order, at in reminded.items()])


async def _tell(stack: MeasuredStack, orders: Sequence[UUID]) -> None:
    client = await connect(stack.temporal)
    turns = iter(orders)

    async def work() -> None:
        for order in turns:
            handle = client.get_workflow_handle(order_workflow_id(str(order)))
            await handle.signal(OrderWorkflow.payment_applied)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _until_heard(
    database: Database,
    ending: dict[UUID, datetime],
    reminded: dict[UUID, datetime],
    begin: datetime,
    window: timedelta,
) -> None:
    heard = 0
    over = begin + window
    while heard < len(ending) + len(reminded):
        if datetime.now(UTC) > begin:
            raise StackError(f"О новом сроке до его начала узнали {heard} заказов из {len(ending) + len(reminded)}.")
        await asyncio.sleep(_LOOK_EVERY)
        row = await (await database.execute(_HEARD, [list(ending), over, list(reminded), over])).fetchone()
        heard = int(row[0]) if row else 0


async def _watch(
    database: Database, ending: dict[UUID, datetime], reminded: dict[UUID, datetime], deadline: datetime
) -> Expiry:
    """Look until every reserve was released and every letter had gone; what never came counts up to the deadline."""
    released: dict[UUID, float] = {}
    letters: dict[UUID, float] = {}
    while len(released) < len(ending) or len(letters) < len(reminded):
        if time.time() > deadline.timestamp():
            break
        for query, awaited, seen in ((_RELEASED, ending, released), (_REMINDED, reminded, letters)):
            waiting = [order for order in awaited if order not in seen]
            if waiting:
                found = await (await database.execute(query, [waiting])).fetchall()
                seen |= {row[0]: time.time() - awaited[row[0]].timestamp() for row in found}
        await asyncio.sleep(_LOOK_EVERY)
    missing = [order for order in ending if order not in released]
    released |= {order: time.time() - ending[order].timestamp() for order in missing}
    rows = await (await database.execute(_JOURNAL, [[str(order) for order in ending]])).fetchall()
    journal = [(at - ending[order]).total_seconds() for order, at in rows]
    return Expiry(list(released.values()), journal, list(letters.values()), len(missing))
