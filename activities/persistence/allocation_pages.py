"""Pages of what the queue decided about a product, newest first (U18)."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, or_, select

from activities.persistence.stock_tables import StockAllocationRow


@dataclass(frozen=True, slots=True)
class AllocationFilter:
    """What is asked for; None of a field: everything."""

    sku: str
    warehouse: str | None = None
    order_id: UUID | None = None


def find_allocations(
    session: Session, wanted: AllocationFilter, *, before: int | None, limit: int
) -> list[StockAllocationRow]:
    """Stored runs on the shelves of a product; `before` is the id of the last one already seen."""
    row = StockAllocationRow
    query = select(row).where(row.sku == wanted.sku)
    if wanted.warehouse is not None:
        query = query.where(row.warehouse == wanted.warehouse)
    if wanted.order_id is not None:
        named = [{"order_id": str(wanted.order_id)}]
        query = query.where(
            or_(
                row.subject_id == str(wanted.order_id),
                col(row.claims).contains(named),
                col(row.losses).contains(named),
            )
        )
    if before is not None:
        query = query.where(col(row.id) < before)
    return list(session.exec(query.order_by(col(row.id).desc()).limit(limit)))
