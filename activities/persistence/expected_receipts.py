"""Goods ordered from suppliers: expected on a day, controlled on the way, counted when they come in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from activities.persistence.calendars import company_calendar
from activities.persistence.events import record_event
from activities.persistence.identifiers import next_number
from activities.persistence.receipts import check_products
from activities.persistence.stock_tables import ControlDateRow, ExpectedLineRow, ExpectedReceiptRow
from activities.persistence.supply import promised_days
from activities.persistence.supply_notices import tell_later, tell_never
from activities.persistence.tasks import finish_tasks
from domain.allocation import ShelfKey
from domain.errors import DuplicateLineError
from domain.orders import Actor, LineQuantity
from domain.stock_errors import (
    DayPassedError,
    DuplicateDayError,
    ExpectedElsewhereError,
    ExpectedReceiptEndedError,
    ExpectedReceiptNotFoundError,
    NotExpectedError,
)
from domain.supply_life import SupplyState
from domain.tasks import TaskKind

SUBJECT = "expected_receipt"


@dataclass(frozen=True, slots=True)
class Control:
    """A day on which the buyer makes sure that the goods are on their way, and what to look at."""

    day: date
    note: str


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """What is expected, from whom, where and when."""

    warehouse: str
    supplier: str
    expected_on: date
    lines: Sequence[LineQuantity]
    controls: Sequence[Control] = ()
    comment: str | None = None


def create_receipt(session: Session, new: NewReceipt, actor: Actor, *, at: datetime) -> ExpectedReceiptRow:
    """Store what was ordered from a supplier.

    Raises:
        ProductNotFoundError, DuplicateLineError, DuplicateDayError
        DayPassedError: it is expected, or to be controlled, before today.
    """
    today = company_calendar(session).day_of(at)
    skus = [line.sku for line in new.lines]
    for number, sku in enumerate(skus):
        if sku in skus[:number]:
            raise DuplicateLineError(field=f"lines[{number}].sku", sku=sku)
    check_products(session, skus)
    _check_day(new.expected_on, today, field="expected_on")
    row = ExpectedReceiptRow(
        number=f"ПС-{next_number(session, SUBJECT):06d}",
        warehouse=new.warehouse,
        supplier=new.supplier,
        expected_on=new.expected_on,
        state=SupplyState.EXPECTED,
        comment=new.comment,
        created_by=UUID(actor.id),
        created_at=at,
    )
    session.add(row)
    session.flush()
    session.add_all(ExpectedLineRow(receipt_id=row.id, sku=line.sku, quantity=line.quantity) for line in new.lines)
    _set_controls(session, row, new.controls, today=today)
    record_event(session, SUBJECT, row.id, "supply_ordered", actor, at=at, supplier=row.supplier,
                 expected_on=row.expected_on.isoformat(), warehouse=row.warehouse,
                 lines=[{"sku": line.sku, "quantity": str(line.quantity)} for line in new.lines])  # fmt: skip
    session.flush()
    return row


def find_receipt(session: Session, receipt_id: UUID, *, lock: bool = False) -> ExpectedReceiptRow:
    """An expected receipt; locked before any stock row.

    Raises:
        ExpectedReceiptNotFoundError
    """
    row = session.get(ExpectedReceiptRow, receipt_id, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise ExpectedReceiptNotFoundError
    return row


def lines_of(session: Session, receipts: Iterable[UUID]) -> dict[UUID, list[ExpectedLineRow]]:
    """The lines of some receipts, by SKU."""
    ids = list(receipts)
    found: dict[UUID, list[ExpectedLineRow]] = {each: [] for each in ids}
    query = select(ExpectedLineRow).where(col(ExpectedLineRow.receipt_id).in_(ids)).order_by(col(ExpectedLineRow.sku))
    for line in session.exec(query):
        found[line.receipt_id].append(line)
    return found


def controls_of(session: Session, receipts: Iterable[UUID]) -> dict[UUID, list[ControlDateRow]]:
    """The control dates of some receipts, by day."""
    ids = list(receipts)
    found: dict[UUID, list[ControlDateRow]] = {each: [] for each in ids}
    query = select(ControlDateRow).where(col(ControlDateRow.receipt_id).in_(ids)).order_by(col(ControlDateRow.day))
    for control in session.exec(query):
        found[control.receipt_id].append(control)
    return found


def list_receipts(
    session: Session,
    *,
    limit: int,
    state: str | None = None,
    warehouse: str | None = None,
    sku: str | None = None,
    after: tuple[date, UUID] | None = None,
) -> list[ExpectedReceiptRow]:
    """Expected receipts by their day; `after` is the last one already seen."""
    query = select(ExpectedReceiptRow)
    if state is not None:
        query = query.where(ExpectedReceiptRow.state == state)
    if warehouse is not None:
        query = query.where(ExpectedReceiptRow.warehouse == warehouse)
    if sku is not None:
        named = select(ExpectedLineRow.receipt_id).where(ExpectedLineRow.sku == sku)
        query = query.where(col(ExpectedReceiptRow.id).in_(named))
    if after is not None:
        query = query.where(tuple_(col(ExpectedReceiptRow.expected_on), col(ExpectedReceiptRow.id)) > after)
    return list(
        session.exec(query.order_by(col(ExpectedReceiptRow.expected_on), col(ExpectedReceiptRow.id)).limit(limit))
    )


def change_receipt(
    session: Session, row: ExpectedReceiptRow, fields: Mapping[str, Any], actor: Actor, *, at: datetime
) -> None:
    """Give a locked receipt another day, comment or control dates. Managers whose orders were promised earlier hear
    of a later day.

    Raises:
        ExpectedReceiptEndedError, DuplicateDayError
        DayPassedError: a new day is before today.
    """
    check_expected(row)
    today = company_calendar(session).day_of(at)
    shelves = owed_shelves(session, row)
    before = promised_days(session, shelves, at=at)
    changes: dict[str, Any] = {}
    if "controls" in fields:
        changes |= _set_controls(session, row, fields["controls"], today=today)
    for name in sorted({"expected_on", "comment"} & set(fields)):
        old, new = getattr(row, name), fields[name]
        if old != new:
            if name == "expected_on":
                _check_day(new, today, field=name)
            changes[name] = {"from": _plain(old), "to": _plain(new)}
            setattr(row, name, new)
    if not changes:
        return
    row.version += 1
    session.add(row)
    record_event(session, SUBJECT, row.id, "supply_changed", actor, at=at, changes=changes)
    if "expected_on" in changes:
        _finish(session, row, actor, TaskKind.SUPPLY_LATE, at=at)
        tell_later(session, row, before, promised_days(session, shelves, at=at), at=at)


def cancel_receipt(session: Session, row: ExpectedReceiptRow, reason: str, actor: Actor, *, at: datetime) -> None:
    """What has not come of a locked receipt will not come; managers of orders that were promised it are told.

    Raises:
        ExpectedReceiptEndedError
    """
    check_expected(row)
    shelves = owed_shelves(session, row)
    before = promised_days(session, shelves, at=at)
    _end(session, row, SupplyState.CANCELLED, actor, at=at)
    record_event(session, SUBJECT, row.id, "supply_cancelled", actor, at=at, reason=reason)
    tell_never(session, row, before, promised_days(session, shelves, at=at), at=at)


def count_in(
    session: Session, receipt_id: UUID, warehouse: str, came: Iterable[LineQuantity], actor: Actor, *, at: datetime
) -> None:
    """Count goods that came in on the lines of an expected receipt; it is received when every line is fully in.

    More than was ordered may come; the rest of a part stays expected, and products beside the order are not counted.

    Raises:
        ExpectedReceiptNotFoundError, ExpectedReceiptEndedError, ExpectedElsewhereError, NotExpectedError
    """
    row = find_receipt(session, receipt_id, lock=True)
    check_expected(row)
    if row.warehouse != warehouse:
        raise ExpectedElsewhereError(number=row.number, warehouse=row.warehouse)
    lines = {line.sku: line for line in lines_of(session, [row.id])[row.id]}
    counted: dict[str, Decimal] = {}
    for each in came:
        if each.sku in lines:
            lines[each.sku].received += each.quantity
            counted[each.sku] = counted.get(each.sku, Decimal(0)) + each.quantity
    if not counted:
        raise NotExpectedError(number=row.number)
    session.flush()
    whole = all(line.received >= line.quantity for line in lines.values())
    told = [{"sku": sku, "quantity": str(quantity)} for sku, quantity in counted.items()]
    record_event(session, SUBJECT, row.id, "supply_received" if whole else "supply_part_received", actor, at=at,
                 lines=told)  # fmt: skip
    if whole:
        _end(session, row, SupplyState.RECEIVED, actor, at=at)
    else:
        row.version += 1
        session.add(row)


def check_expected(row: ExpectedReceiptRow) -> None:
    """Refuse a receipt that is over.

    Raises:
        ExpectedReceiptEndedError
    """
    if row.state != SupplyState.EXPECTED:
        raise ExpectedReceiptEndedError(number=row.number, state=row.state)


def _end(session: Session, row: ExpectedReceiptRow, state: SupplyState, actor: Actor, *, at: datetime) -> None:
    row.state, row.ended_at = state, at
    row.version += 1
    session.add(row)
    session.flush()
    for kind in (TaskKind.SUPPLY_CONTROL, TaskKind.SUPPLY_LATE):
        _finish(session, row, actor, kind, at=at)


def _finish(session: Session, row: ExpectedReceiptRow, actor: Actor, kind: TaskKind, *, at: datetime) -> None:
    finish_tasks(session, kind, actor, at=at, about={"receipt_id": str(row.id)})


def owed_shelves(session: Session, row: ExpectedReceiptRow) -> set[ShelfKey]:
    """The shelves whose goods have not all come."""
    return {(row.warehouse, line.sku) for line in lines_of(session, [row.id])[row.id] if line.received < line.quantity}


def _set_controls(
    session: Session, row: ExpectedReceiptRow, wanted: Sequence[Control], *, today: date
) -> dict[str, Any]:
    """Replace the control dates; a day that stays keeps whether it was asked about. What changed, for the journal."""
    known = {control.day: control for control in controls_of(session, [row.id])[row.id]}
    days = [control.day for control in wanted]
    for number, control in enumerate(wanted):
        if control.day in days[:number]:
            raise DuplicateDayError(field=f"controls[{number}].day", day=control.day.isoformat())
        if control.day not in known:
            _check_day(control.day, today, field=f"controls[{number}].day")
    before = ", ".join(_control(day, each.note) for day, each in known.items())
    for day in known.keys() - set(days):
        session.delete(known[day])
    for control in wanted:
        if control.day in known:
            known[control.day].note = control.note
        else:
            session.add(ControlDateRow(receipt_id=row.id, day=control.day, note=control.note))
    session.flush()
    after = ", ".join(_control(control.day, control.note) for control in sorted(wanted, key=lambda each: each.day))
    return {} if before == after else {"controls": {"from": before or None, "to": after or None}}


def _control(day: date, note: str) -> str:
    return f"{day.isoformat()} {note}"


def _check_day(day: date, today: date, *, field: str) -> None:
    if day < today:
        raise DayPassedError(field=field, day=day.isoformat())


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def unfinished(session: Session, *, now: datetime) -> list[UUID]:
    """Receipts whose process has something to do: expected ones, and those of the last day whose end it may have
    missed."""
    row = ExpectedReceiptRow
    lately = col(row.ended_at) > now - timedelta(days=1)
    query = select(row.id).where((col(row.state) == SupplyState.EXPECTED) | lately).order_by(col(row.id))
    return list(session.exec(query))
