"""Products and opening stock, as an import states them."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ARRAY, String, any_, literal, text
from sqlmodel import col, select

from activities.persistence import stock
from activities.persistence.import_task import Import, ImportRefusedError, change
from activities.persistence.parties import name_key
from activities.persistence.tables import ProductRow, StockMovementRow, StockRow
from domain.import_records import ProductRecord, StockRecord
from domain.import_sheets import ON_HAND, PRODUCTS, RowProblem
from domain.orders import LineQuantity

KIND = "opening"
BATCH = 1_000
"""Stock rows locked by one statement; a statement takes 65,535 parameters at most."""


def write_products(task: Import, products: list[ProductRecord]) -> None:
    """Products by SKU; orders and quotes keep the price they were made at (D6-10)."""
    skus = literal([record.sku for record in products], ARRAY(String))
    stored = {row.sku: row for row in task.session.exec(select(ProductRow).where(col(ProductRow.sku) == any_(skus)))}
    for record in products:
        row = stored.get(record.sku)
        if row is None:
            task.session.add(_new_product(task, record))
            task.journal("product", record.sku, "product_created", price=str(record.price))
            task.count("products", "created")
            continue
        changes = change(
            row,
            name=record.name,
            unit=record.unit,
            price=record.price,
            currency=record.currency,
            vat_rate=record.vat_rate,
            cost=record.cost,
        )
        if not changes:
            task.count("products", "unchanged")
            continue
        row.name_key = name_key(row.name)
        row.version += 1
        task.count("products", "updated")
        task.journal("product", record.sku, "product_changed", changes=changes)
    task.session.flush()


def _new_product(task: Import, record: ProductRecord) -> ProductRow:
    return ProductRow(
        sku=record.sku,
        name=record.name,
        name_key=name_key(record.name),
        unit=record.unit,
        price=record.price,
        currency=record.currency or task.company.currency,
        vat_rate=record.vat_rate,
        cost=record.cost,
    )


def write_stock(task: Import, records: list[StockRecord]) -> None:
    """Take opening balances over, warehouse by warehouse in the order of the locks (D3-6).

    A balance may be corrected by a later file until the first other movement of the goods; after that the
    product's stock is kept here, and the file's figure is only said to be left aside.

    Raises:
        ImportRefusedError: a correction would leave less than is promised to orders.
    """
    by_warehouse: dict[str, list[StockRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda one: (one.warehouse, one.sku)):
        by_warehouse[record.warehouse].append(record)
    problems: list[RowProblem] = []
    for warehouse, lines in by_warehouse.items():
        for start in range(0, len(lines), BATCH):
            problems += _write_batch(task, warehouse, lines[start : start + BATCH])
    if problems:
        raise ImportRefusedError(problems)


@dataclass(frozen=True, slots=True)
class _Moved:
    """What has moved a stock row so far: opening entries and their sum, and anything else."""

    entries: int = 0
    opening: Decimal = Decimal(0)
    others: int = 0


def _write_batch(task: Import, warehouse: str, records: list[StockRecord]) -> list[RowProblem]:
    skus = [record.sku for record in records]
    rows = stock.lock_stock(task.session, warehouse, skus)
    moved = _moved(task, warehouse, skus)
    problems: list[RowProblem] = []
    first: list[LineQuantity] = []
    for record in records:
        so_far = moved.get(record.sku, _Moved())
        if so_far.entries and so_far.opening == record.quantity:
            task.count("stock", "unchanged")
        elif so_far.others:
            task.count("stock", "unchanged")
            task.written.notices.append(_kept(record, rows[record.sku].on_hand))
        elif not so_far.entries:
            task.count("stock", "created")
            first.append(LineQuantity(record.sku, record.quantity))
        else:
            problem = _correct(task, record, rows[record.sku], so_far)
            task.count("stock", "updated")
            problems += [problem] if problem else []
    if first:
        task.written.served_orders.update(
            stock.receive(task.session, warehouse, first, key="import", as_of=task.as_of, kind=KIND)
        )
    return problems


def _moved(task: Import, warehouse: str, skus: list[str]) -> dict[str, _Moved]:
    query = text("""
        SELECT sku, count(*) FILTER (WHERE kind = :kind) AS entries,
               coalesce(sum(quantity) FILTER (WHERE kind = :kind), 0) AS opening,
               count(*) FILTER (WHERE kind <> :kind) AS others
          FROM stock_movement WHERE warehouse = :warehouse AND sku = ANY(:skus) GROUP BY sku
    """)
    found = task.session.execute(query, {"kind": KIND, "warehouse": warehouse, "skus": skus})
    return {row.sku: _Moved(row.entries, row.opening, row.others) for row in found}


def _correct(task: Import, record: StockRecord, row: StockRow, so_far: _Moved) -> RowProblem | None:
    difference = record.quantity - so_far.opening
    promised = row.reserved + row.picking
    if row.on_hand + difference < promised:
        words = f"остаток {record.quantity} меньше уже обещанного заказам ({promised}): сначала снимите резервы"
        return RowProblem(PRODUCTS.title, record.line, None, "stock_below_promised", words, ON_HAND.title)
    key = f"import:{so_far.entries}"
    if difference > 0:
        line = LineQuantity(record.sku, difference)
        served = stock.receive(task.session, record.warehouse, [line], key=key, as_of=task.as_of, kind=KIND)
        task.written.served_orders.update(served)
    else:
        row.on_hand += difference
        movement = StockMovementRow(
            key=f"{key}:{record.warehouse}:{record.sku}",
            warehouse=record.warehouse,
            sku=record.sku,
            kind=KIND,
            quantity=difference,
            at=task.as_of,
        )
        task.session.add(movement)
    task.journal("product", record.sku, "opening_stock_corrected", warehouse=record.warehouse,
                 before=str(so_far.opening), after=str(record.quantity))  # fmt: skip
    return None


def _kept(record: StockRecord, on_hand: Decimal) -> RowProblem:
    words = (
        f"товар «{record.sku}» на складе «{record.warehouse}» уже двигался: начальный остаток не принят, "
        f"сейчас на складе {on_hand}; приход заводится отдельно"
    )
    return RowProblem(PRODUCTS.title, record.line, None, "stock_kept", words, ON_HAND.title)
