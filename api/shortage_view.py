"""The customer's choice while goods are short, as callers read it (D7-12)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from activities.persistence import orders, shortages
from activities.persistence.order_tables import OrderRow
from activities.persistence.stock_tables import ShortageRow
from api.i18n import Language, speech
from api.schemas import decimal_text
from domain.orders import ENDED, OrderStatus
from domain.shortages import Choice, ShortageState, choices
from domain.wording import choice_name


def shortage_view(session: Session, order: OrderRow, language: Language, *, now: datetime) -> dict[str, Any] | None:
    """The newest question, what can be chosen as of now, and what was; None when nothing was short, or is any more."""
    row = shortages.newest(session, order.id)
    if row is None or row.state == ShortageState.VOID:
        return None
    is_open = row.state == ShortageState.OPEN
    if is_open and (OrderStatus(order.status) in ENDED or not shortages.missing(session, order.id)):
        return None
    spoken = speech(language)
    chosen_by = orders.user(session, row.chosen_by) if row.chosen_by else None
    return {
        "state": row.state,
        "asked_at": row.asked_at.isoformat(),
        "until": row.until.isoformat(),
        "lines": [_line(line) for line in row.lines],
        "choices": [
            {"choice": choice, "text": choice_name(choice, spoken)}
            for choice in (_possible(session, order, row, now=now) if is_open else ())
        ],
        "choice": row.choice,
        "choice_text": choice_name(row.choice, spoken) if row.choice else None,
        "chosen_by": {"id": str(chosen_by.id), "name": chosen_by.name} if chosen_by else None,
        "chosen_at": row.chosen_at.isoformat() if row.chosen_at else None,
        "comment": row.comment,
    }


def _possible(session: Session, order: OrderRow, row: ShortageRow, *, now: datetime) -> tuple[Choice, ...]:
    if not shortages.may_change(session, order):
        return choices(part=False, alternative=False)
    part = any(shortages.part_there(session, order, at=now).values())
    return choices(part=part, alternative=any(line["alternatives"] for line in row.lines))


def _line(line: dict[str, Any]) -> dict[str, Any]:
    """A line as it was when the customer was asked, figures without idle zeros."""
    return {
        **line,
        "missing": decimal_text(Decimal(line["missing"])),
        "reserved": decimal_text(Decimal(line["reserved"])),
        "alternatives": [
            {**each, "price": decimal_text(Decimal(each["price"]), 2), "free": decimal_text(Decimal(each["free"]))}
            for each in line["alternatives"]
        ],
    }
