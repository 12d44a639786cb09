"""A log of everything that moves goods, in the order of commit.

Triggers of the test write every changed row down in the transaction that changes it. Whoever changes a shelf or an
order holds its row until commit, so of two transactions that touch the same rows the later one logs its last change
later: told one by one, by their last entries, the transactions are one story without any race, and what was decided in
the race must be what the story says. Transactions that share no row may swap places, which no check can tell.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import Engine, text

from activities.persistence.allocations import CLAIM_LINE
from domain.allocation import (
    Claim,
    ClaimLine,
    Shelf,
    ShelfKey,
)

Row: TypeAlias = dict[str, Any]

KEYS = {
    "stock": "warehouse, sku",
    "stock_movement": "id",
    "reservation": "order_id",
    "reservation_line": "order_id, line_no, warehouse, state",
    "sales_order": "id",
    "order_line": "order_id, revision, line_no",
    "stock_allocation": "id",
    "step": "key",
}
BEFORE = "before"

_INSTALL = """
CREATE TABLE goods_log (seq bigserial PRIMARY KEY, xact text, source text, op text, row jsonb);
CREATE FUNCTION log_goods() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO goods_log (xact, source, op, row)
  VALUES (pg_current_xact_id()::text, TG_TABLE_NAME, TG_OP, to_jsonb(coalesce(NEW, OLD)));
  RETURN NULL;
END $$;
"""


def install(engine: Engine) -> None:
    """Begin the log with what is there already."""
    with engine.begin() as connection:
        connection.execute(text(_INSTALL))
        for table in KEYS:
            connection.execute(
                text(
                    f"INSERT INTO goods_log (xact, source, op, row) SELECT '{BEFORE}', '{table}', 'INSERT', "
                    f"to_jsonb(t) FROM {table} t"
                )
            )
            connection.execute(
                text(
                    f"CREATE TRIGGER goods_log AFTER INSERT OR UPDATE OR DELETE ON {table} "
                    "FOR EACH ROW EXECUTE FUNCTION log_goods()"
                )
            )


@dataclass(frozen=True)
class Run:
    """One run of the queue as it was recorded."""

    at: datetime
    shelves: list[Shelf]
    claims: list[Claim]
    given: dict[tuple[str, int, ShelfKey], Decimal]

    @classmethod
    def recorded(cls, rows: list[Row]) -> "Run":
        lines: dict[str, list[ClaimLine]] = defaultdict(list)
        heads, given = {}, {}
        for claim in (claim for row in rows for claim in row["claims"]):
            line = CLAIM_LINE.validate_python(claim["line"])
            heads[claim["order_id"]] = claim
            lines[claim["order_id"]].append(line)
            given[claim["order_id"], line.line_no, line.shelf] = Decimal(claim["given"])
        shelves = [
            Shelf(row["warehouse"], row["sku"], number(row["on_hand"]), number(row["free_before"]),
                  number(row["hold_back_percent"]))
            for row in rows
        ]  # fmt: skip
        claims = [
            Claim(order, head["vip"], datetime.fromisoformat(head["confirmed_at"]), head["ship_complete"],
                  tuple(lines[order]))
            for order, head in heads.items()
        ]  # fmt: skip
        return cls(datetime.fromisoformat(rows[0]["at"]), shelves, claims, given)


@dataclass
class Moment:
    """One committed transaction, with the reservation lines as they were before it."""

    name: str
    events: list[Any]
    before: Mapping[str, Row]

    def rows(self, *sources: str) -> list[Row]:
        return [event.row for event in self.events if event.source in sources]

    @property
    def shelves(self) -> set[ShelfKey]:
        return {(row["warehouse"], row["sku"]) for row in self.rows("stock", "reservation_line", "stock_allocation")}

    @property
    def orders(self) -> set[str]:
        return {row["order_id"] for row in self.rows("reservation", "reservation_line")} | {
            row["id"] for row in self.rows("sales_order")
        }

    @property
    def as_of(self) -> datetime | None:
        """Business time of the step."""
        stamped = self.rows("step", "stock_movement", "stock_allocation")
        return datetime.fromisoformat(stamped[-1]["at"]) if stamped else None

    def runs(self) -> Iterator[Run]:
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("stock_allocation"):
            rows[row["run"]].append(row)
        return map(Run.recorded, rows.values())

    def fits(self, order: str) -> bool:
        """Whether the step made the reserve what the revision in force wants."""
        return any(row["key"].startswith((f"order:{order}:reserve:", f"order:{order}:fit:"))
                   for row in self.rows("step"))  # fmt: skip


def number(value: Any) -> Decimal:
    """A figure of a logged row."""
    return Decimal(str(value))


_OBSERVED = text("""
    WITH promised AS (
        SELECT warehouse, sku, sum(quantity) FILTER (WHERE state = 'reserved') AS reserved,
               sum(quantity) FILTER (WHERE state = 'picking') AS picking
          FROM reservation_line GROUP BY 1, 2),
    moved AS (SELECT warehouse, sku, sum(quantity) AS on_hand FROM stock_movement GROUP BY 1, 2)
    SELECT (SELECT count(*) FROM stock LEFT JOIN promised USING (warehouse, sku) LEFT JOIN moved USING (warehouse, sku)
             WHERE (stock.on_hand, stock.reserved, stock.picking)
                   <> (coalesce(moved.on_hand, 0), coalesce(promised.reserved, 0), coalesce(promised.picking, 0))
                OR stock.reserved + stock.picking > stock.on_hand) AS astray,
           (SELECT count(*) FROM reservation_line line JOIN sales_order o ON o.id = line.order_id
             WHERE line.state IN ('waiting', 'reserved', 'picking')
               AND o.status IN ('closed', 'rejected', 'cancelled', 'expired')) AS kept
""")


def look(engine: Engine) -> dict[str, int]:
    """What anybody sees at this moment, in one snapshot and without a lock; each figure must be 0."""
    with engine.connect() as connection:
        return dict(connection.execute(_OBSERVED).one()._mapping)
