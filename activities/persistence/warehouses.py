"""Warehouses have no table of their own: one exists where goods lie, have lain, or are expected."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlmodel import Session

from domain.stock_errors import WarehouseNotFoundError

MAIN = "main"
"""The warehouse that every company has, before anything has lain there."""

_UNKNOWN = text("""
    SELECT wanted.name FROM unnest(CAST(:names AS text[])) AS wanted (name)
     WHERE NOT EXISTS (SELECT 1 FROM stock WHERE warehouse = wanted.name)
       AND NOT EXISTS (SELECT 1 FROM expected_receipt WHERE warehouse = wanted.name)
     ORDER BY wanted.name LIMIT 1
""")


def check_warehouses(session: Session, names: Iterable[str]) -> None:
    """Refuse a warehouse that never held anything: an order there would wait for ever because of a slip of the pen.

    Raises:
        WarehouseNotFoundError
    """
    wanted = sorted(set(names) - {MAIN})
    if not wanted:
        return
    unknown = session.execute(_UNKNOWN, {"names": wanted}).scalar()
    if unknown is not None:
        raise WarehouseNotFoundError(warehouse=unknown)
