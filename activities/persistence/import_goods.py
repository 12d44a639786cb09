"""Products and opening stock, as an import states them."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ARRAY, String, any_, literal, text
from sqlmodel import col, select

from activities.persistence.allocations import Cause
from activities.persistence.import_task import Import, ImportRefusedError, change
from activities.persistence.parties import name_key
from activities.persistence.queueing import serve_queue
from activities.persistence.stock import Shelves, lock_shelves
from activities.persistence.stock_tables import ProductRow, StockMovementRow, StockRow
from domain.import_records import ProductRecord, StockRecord
from domain.import_sheets import ON_HAND, PRODUCTS, RowProblem

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
    shelves = lock_shelves(task.session, ((record.warehouse, record.sku) for record in records))
    problems: list[RowProblem] = []
    for warehouse, lines in by_warehouse.items():
        for start in range(0, len(lines), BATCH):
            problems += _write_batch(task, shelves, warehouse, lines[start : start + BATCH])
    if problems:
        raise ImportRefusedError(problems)


@dataclass(frozen=True, slots=True)
class _Moved:
    """What has moved a stock row so far: opening entries and their sum, and anything else."""

    entries: int = 0
    opening: Decimal = Decimal(0)
    others: int = 0


def _write_batch(task: Import, shelves: Shelves, warehouse: str, records: list[StockRecord]) -> list[RowProblem]:
    skus = [record.sku for record in records]
    moved = _moved(task, warehouse, skus)
    problems: list[RowProblem] = []
    grown: dict[str, StockRow] = {}
    for record in records:
        row, so_far = shelves[warehouse, record.sku], moved.get(record.sku, _Moved())
        difference = record.quantity - so_far.opening
        if so_far.entries and not difference:
            task.count("stock", "unchanged")
        elif so_far.others:
            task.count("stock", "unchanged")
            task.written.notices.append(_kept(record, row.on_hand))
        elif row.on_hand + difference < row.reserved + row.picking:
            problems.append(_promised(record, row))
        else:
            task.count("stock", "updated" if so_far.entries else "created")
            _move(task, record, row, so_far)
            if difference > 0:
                grown[record.sku] = row
    task.session.flush()
    _serve(task, shelves, warehouse, grown)
    return problems


def _move(task: Import, record: StockRecord, row: StockRow, so_far: _Moved) -> None:
    """Bring the opening balance to what the file says; each entry has its number in its key."""
    difference = record.quantity - so_far.opening
    row.on_hand += difference
    correction = f"{so_far.entries}:" if so_far.entries else ""
    movement = StockMovementRow(
        key=f"import:{correction}{record.warehouse}:{record.sku}",
        warehouse=record.warehouse,
        sku=record.sku,
        kind=KIND,
        quantity=difference,
        at=task.as_of,
    )
    task.session.add(movement)
    if so_far.entries:
        task.journal("product", record.sku, "opening_stock_corrected", warehouse=record.warehouse,
                     before=str(so_far.opening), after=str(record.quantity))  # fmt: skip


def _serve(task: Import, shelves: Shelves, warehouse: str, grown: dict[str, StockRow]) -> None:
    """Serve whoever waits for what has grown; in a new company nobody does."""
    queued = _queued(task, warehouse, grown)
    if queued:
        touched = serve_queue(task.session, shelves, Cause.RECEIPT, KIND, at=task.as_of)
        task.written.served_orders.update(touched)


def _queued(task: Import, warehouse: str, grown: dict[str, StockRow]) -> list[str]:
    """Those of the grown goods that orders wait for."""
    query = text("""
        SELECT DISTINCT sku FROM reservation_line
         WHERE warehouse = :warehouse AND state = 'waiting' AND sku = ANY(:skus)
    """)
    found = task.session.execute(query, {"warehouse": warehouse, "skus": list(grown)})
    return list(found.scalars())


def _moved(task: Import, warehouse: str, skus: list[str]) -> dict[str, _Moved]:
    query = text("""
        SELECT sku, count(*) FILTER (WHERE kind = :kind) AS entries,
               coalesce(sum(quantity) FILTER (WHERE kind = :kind), 0) AS opening,
               count(*) FILTER (WHERE kind <> :kind) AS others
          FROM stock_movement WHERE warehouse = :warehouse AND sku = ANY(:skus) GROUP BY sku
    """)
    found = task.session.execute(query, {"kind": KIND, "warehouse": warehouse, "skus": skus})
    return {row.sku: _Moved(row.entries, row.opening, row.others) for row in found}


def _promised(record: StockRecord, row: StockRow) -> RowProblem:
    promised = row.reserved + row.picking
    words = f"остаток {record.quantity} меньше уже обещанного заказам ({promised}): сначала снимите резервы"
    return RowProblem(PRODUCTS.title, record.line, None, "stock_below_promised", words, ON_HAND.title)


def _kept(record: StockRecord, on_hand: Decimal) -> RowProblem:
    words = (
        f"товар «{record.sku}» на складе «{record.warehouse}» уже двигался: начальный остаток не принят, "
        f"сейчас на складе {on_hand}; приход заводится отдельно"
    )
    return RowProblem(PRODUCTS.title, record.line, None, "stock_kept", words, ON_HAND.title)
