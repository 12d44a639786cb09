"""Goods are short: what the customer may choose, and what becomes of the order then (D7-12)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.allocation import NOTHING
from domain.errors import DuplicateLineError, InvalidInputError
from domain.orders import Actor, LineQuantity, OrderState
from domain.revisions import RevisedLine
from domain.stock_errors import NoSubstitutesError, NotASubstituteError, NothingSetAsideError, NotMissingError


class Choice(StrEnum):
    """The four answers to a shortage."""

    WAIT = "wait"
    PART = "part"
    ALTERNATIVE = "alternative"
    CANCEL = "cancel"


class ShortageState(StrEnum):
    """Where the question stands."""

    OPEN = "open"
    CHOSEN = "chosen"
    LAPSED = "lapsed"
    """Nobody answered in time: the order waits."""
    VOID = "void"
    """Nothing is missing any more, or the order went another way."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """Take `substitute` instead of what is missing of `sku`; as much as is missing unless told otherwise."""

    sku: str
    substitute: str
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ShortageCommand:
    """What the customer chose, told by the manager or the head."""

    actor: Actor
    choice: Choice
    comment: str | None = None
    alternatives: tuple[Substitution, ...] = ()


@dataclass(frozen=True, slots=True)
class ShortageRequest:
    """Asks to weigh, or to record, a choice at a business instant."""

    order_id: str
    round: int
    command: ShortageCommand
    as_of: datetime


@dataclass(frozen=True, slots=True)
class WeighedChoice:
    """What a choice comes to. `lines`: what the order has afterwards, where it changes; `refusal`: why it is none."""

    state: OrderState
    lines: tuple[RevisedLine, ...] | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest question about an order: what it was about, by SKU, and what came of it."""

    state: ShortageState
    choice: Choice | None = None
    missing: Mapping[str, Decimal] = field(default_factory=dict)


def is_to_be_asked(missing: Mapping[str, Decimal], last: Asked | None) -> bool:
    """Whether the customer is asked about what is missing (D7-12).

    Not again about what the open question covers, or what they let wait, in words or by silence; goods that were to be
    taken now, and were taken by others in between, are asked about anew.
    """
    if last is None:
        return True
    goes_on = last.state in {ShortageState.OPEN, ShortageState.LAPSED} or last.choice in {
        Choice.WAIT,
        Choice.ALTERNATIVE,
    }
    return not goes_on or any(quantity > last.missing.get(sku, NOTHING) for sku, quantity in missing.items())


def taking_part(lines: Sequence[LineQuantity], there: Mapping[str, Decimal]) -> tuple[RevisedLine, ...]:
    """The order reduced to what is there for it, by SKU; lines of which nothing is there are dropped (D7-12).

    Raises:
        NothingSetAsideError: there is nothing at all.
    """
    part = tuple(
        RevisedLine(line.sku, min(line.quantity, there[line.sku]))
        for line in lines
        if there.get(line.sku, NOTHING) > NOTHING
    )
    if not part:
        raise NothingSetAsideError
    return part


def with_alternatives(
    lines: Sequence[LineQuantity],
    missing: Mapping[str, Decimal],
    chosen: Sequence[Substitution],
    kept: Mapping[str, Collection[str]],
    warehouses: Mapping[str, str] | None = None,
) -> tuple[RevisedLine, ...]:
    """The order with what is missing of some products replaced by substitutes (D7-12).

    Args:
        missing: what is missing, by SKU.
        kept: the substitutes kept with each product.
        warehouses: where each product of the order comes from; a substitute new to it comes from the same place.

    Raises:
        InvalidInputError: no substitute is named.
        DuplicateLineError: two for one product.
        NotMissingError, NotASubstituteError, NoSubstitutesError
    """
    if not chosen:
        raise InvalidInputError(field="alternatives")
    wanted = {line.sku: line.quantity for line in lines}
    places = dict(warehouses or {})
    for number, each in enumerate(chosen):
        if each.sku in {earlier.sku for earlier in chosen[:number]}:
            raise DuplicateLineError(field=f"alternatives[{number}].sku", sku=each.sku)
        if missing.get(each.sku, NOTHING) <= NOTHING:
            raise NotMissingError(sku=each.sku, missing=", ".join(sorted(missing)))
        _check_kept(each, kept.get(each.sku, ()))
    for each in chosen:
        wanted[each.sku] -= missing[each.sku]
        if each.sku in places:
            places.setdefault(each.substitute, places[each.sku])
        more = missing[each.sku] if each.quantity is None else each.quantity
        wanted[each.substitute] = wanted.get(each.substitute, NOTHING) + more
    return tuple(
        RevisedLine(sku, quantity, warehouse=places.get(sku)) for sku, quantity in wanted.items() if quantity > NOTHING
    )


def _check_kept(each: Substitution, kept: Collection[str]) -> None:
    if not kept:
        raise NoSubstitutesError(sku=each.sku, substitute=each.substitute)
    if each.substitute not in kept:
        raise NotASubstituteError(sku=each.sku, substitute=each.substitute, offered=", ".join(kept))


def choices(*, part: bool, alternative: bool) -> tuple[Choice, ...]:
    """What can be chosen: a part only where there is one, another product only where one is kept. Neither changes an
    order of which goods have left (D6-7)."""
    possible = {Choice.PART: part, Choice.ALTERNATIVE: alternative}
    return tuple(choice for choice in Choice if possible.get(choice, True))
