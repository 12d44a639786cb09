"""How many statements and transactions a database served, counted from its own log.

The wheel's PostgreSQL comes without `pg_stat_statements`, and its counters of transactions are written down late. For
the time of a count the server logs every statement; processor time is never measured meanwhile.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

_LINE = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] LOG:  (?:statement|execute [^:]*): (\w+)")
_BEGIN = {"BEGIN", "START"}
_END = {"COMMIT", "ROLLBACK"}
_HEARD = 0.3
"""Seconds until every server process has heard of the new setting, or has written its last line."""


@dataclass(frozen=True, slots=True)
class Served:
    """Statements, without those that only begin and end a transaction, and transactions."""

    statements: float
    transactions: float

    def each_of(self, orders: int) -> "Served":
        """For one of so many orders."""
        return Served(self.statements / orders, self.transactions / orders)


def served(log: Iterable[str], but: Collection[int] = ()) -> Served:
    """What the log of a PostgreSQL tells; `but`: server processes that do not count."""
    statements = transactions = 0
    inside: set[int] = set()
    for line in log:
        found = _LINE.match(line)
        if found is None or int(found[1]) in but:
            continue
        process, word = int(found[1]), found[2].upper()
        if word in _BEGIN:
            inside.add(process)
            transactions += 1
        elif word in _END and "ROLLBACK TO" not in line.upper():
            inside.discard(process)
        else:
            statements += 1
            transactions += process not in inside
    return Served(statements, transactions)


class Count:
    """What was served while the count was on; empty until it is over."""

    served = Served(0, 0)


@asynccontextmanager
async def counting(database: psycopg.AsyncConnection[Any], log: Path) -> AsyncIterator[Count]:
    """Let the server log its statements; the count leaves out this connection's own."""
    count = Count()
    await _log(database, "all")
    begun = log.stat().st_size
    try:
        yield count
    finally:
        await _log(database, "none")
    with log.open(encoding="utf-8", errors="replace") as lines:
        lines.seek(begun)
        count.served = served(lines, {database.info.backend_pid})


async def _log(database: psycopg.AsyncConnection[Any], which: str) -> None:
    await database.execute(f"ALTER SYSTEM SET log_statement = '{which}'")
    await database.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(_HEARD)
