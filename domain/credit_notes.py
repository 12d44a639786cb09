"""Credit notes: what a note lowers, instalment by instalment, and what it gives back (D1-3, D12-6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.money import ZERO
from domain.money_errors import CreditNoteTooLargeError


@dataclass(frozen=True, slots=True)
class Instalment:
    """A schedule line as a note meets it: what is still owed, and what was paid of it."""

    id: str
    due_date: date
    residual: Decimal
    paid: Decimal


@dataclass(frozen=True, slots=True)
class Lowered:
    """What a note does to one instalment: `owed` less to pay, `freed` of the money it took."""

    id: str
    owed: Decimal
    freed: Decimal


def spread_note(
    amount: Decimal, instalments: Sequence[Instalment], *, left: Decimal, currency: str
) -> tuple[Lowered, ...]:
    """Lower what is owed, the latest due first; what was paid already goes back to the payer, again from the latest
    (D1-3). Together exactly `amount`.

    Args:
        left: gross of the invoice less the notes before this one.

    Raises:
        CreditNoteTooLargeError: more than the invoice has left.
    """
    room = min(left, sum((each.residual + each.paid for each in instalments), ZERO))
    if amount > room:
        raise CreditNoteTooLargeError(field="amount", room=str(room), currency=currency)
    latest_first = sorted(instalments, key=lambda each: (each.due_date, each.id), reverse=True)
    owed: dict[str, Decimal] = {}
    for each in latest_first:
        owed[each.id] = min(amount, each.residual)
        amount -= owed[each.id]
    lowered = []
    for each in latest_first:
        freed = min(amount, each.paid)
        amount -= freed
        if owed[each.id] or freed:
            lowered.append(Lowered(each.id, owed[each.id], freed))
    return tuple(lowered)
