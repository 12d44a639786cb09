"""Groups of products that are held back for key customers alike (D8-2)."""

from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from activities.persistence.events import record_event
from activities.persistence.stock_tables import ItemGroupRow
from domain.orders import Actor
from domain.stock_errors import ItemGroupExistsError, ItemGroupNotFoundError


def all_groups(session: Session) -> list[ItemGroupRow]:
    """Every group, by its code."""
    return list(session.exec(select(ItemGroupRow).order_by(col(ItemGroupRow.code))))


def create_group(
    session: Session, code: str, name: str, hold_back_percent: Decimal | None, actor: Actor, *, at: datetime
) -> ItemGroupRow:
    """Store a group; without a share of its own it goes by the policy's.

    Raises:
        ItemGroupExistsError: the code is taken.
    """
    if session.get(ItemGroupRow, code) is not None:
        raise ItemGroupExistsError(group=code)
    row = ItemGroupRow(code=code, name=name, hold_back_percent=hold_back_percent)
    session.add(row)
    session.flush()
    record_event(session, "item_group", code, "item_group_created", actor, at=at, hold_back=_share(hold_back_percent))
    return row


def change_group(
    session: Session, code: str, fields: dict[str, Decimal | str | None], actor: Actor, *, at: datetime
) -> ItemGroupRow:
    """Change a group; what is free at this moment is handed out by the new share from the next movement on.

    Raises:
        ItemGroupNotFoundError
    """
    row = group(session, code, lock=True)
    before = row.hold_back_percent
    for name, value in fields.items():
        setattr(row, name, value)
    row.version += 1
    session.flush()
    record_event(session, "item_group", code, "item_group_changed", actor, at=at, before=_share(before),
                 hold_back=_share(row.hold_back_percent))  # fmt: skip
    return row


def group(session: Session, code: str, *, lock: bool = False) -> ItemGroupRow:
    """A group by its code.

    Raises:
        ItemGroupNotFoundError
    """
    row = session.get(ItemGroupRow, code, with_for_update=lock)
    if row is None:
        raise ItemGroupNotFoundError(group=code)
    return row


def _share(percent: Decimal | None) -> str | None:
    return None if percent is None else str(percent)
