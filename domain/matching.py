"""Which orders and invoices a payment pays (D9): a pure decision on the payer's open items."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import groupby

from domain.money import ZERO, split_pro_rata
from domain.payment_references import DocumentKind, NumberKey, Reference, extract_references, number_key


class ItemKind(StrEnum):
    """What money can be applied to."""

    ORDER = "order"
    SCHEDULE_LINE = "schedule_line"


class QueueReason(StrEnum):
    """Why a payment waits for the accountant."""

    NEW = "new"
    """Recorded, not matched yet: nobody's work."""
    UNKNOWN_PAYER = "unknown_payer"
    """No customer has this tax number (D9-6)."""
    AMBIGUOUS_PAYER = "ambiguous_payer"
    """Several customers have this tax number."""
    WRONG_CURRENCY = "wrong_currency"
    """The document it names is in another currency, or nobody recorded a rate of its own (D1-1, D2-18)."""
    FOREIGN_NUMBER = "foreign_number"
    """The number in the purpose is another customer's (D9-5)."""
    SUM_CONTRADICTS = "sum_contradicts"
    """The purpose names one document, the sum is exactly another's (D9-5)."""
    NOTHING_OPEN = "nothing_open"
    """The document named in the purpose is closed or paid (D9-5)."""


@dataclass(frozen=True, slots=True)
class Name:
    """A number by which an item, or any document of ours, may be named."""

    kind: DocumentKind
    number: str


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An order or a schedule line of the payer's credit account, in the currency of the money that can go to it.

    Attributes:
        open: what it asks for by itself: the residual, or the missing prepayment.
        room: the most it may take when the payer names it; an order may be paid in full ahead of its terms.
        due_on: the due date of a schedule line; None for an order.
    """

    kind: ItemKind
    id: str
    names: tuple[Name, ...]
    open: Decimal
    room: Decimal
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document of ours, open or not, that has a number from the purpose.

    `mine`: of the payer's account; `payable`: in the currency of the payment.
    """

    name: Name
    mine: bool
    payable: bool = True


@dataclass(frozen=True, slots=True)
class Allotment:
    """A part of the payment for one item."""

    kind: ItemKind
    id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Match:
    """Where the payment goes; `advance` is what stays with the payer, `reason` sends it to the accountant."""

    allotments: tuple[Allotment, ...]
    advance: Decimal
    reason: QueueReason | None = None


def match_payment(
    amount: Decimal, purpose: str, items: Sequence[OpenItem], known: Sequence[KnownDocument] = ()
) -> Match:
    """Apply a payment of a known payer (D9-3).

    1. The number that the purpose names, if it is the payer's: his word wins even over older debt (D9-4).
    2. The one open item of exactly this sum.
    3. Due dates, earliest first, equal ones pro rata; then prepayment orders, oldest first.
    4. The rest is the payer's advance.

    A number of another customer or of a document in another currency, or one that contradicts the sum, leaves all of
    it as the payer's advance in the accountant's queue (D9-5).

    Args:
        items: every open item of the payer's credit account, orders oldest first.
        known: documents of any customer that have a number from the purpose.
    """
    references = extract_references(purpose)
    named, trouble = _named_items(references, items, known)
    if trouble is None and named and _is_the_sum_of_another(amount, named, items):
        trouble = QueueReason.SUM_CONTRADICTS
    if trouble is not None:
        return Match((), amount, trouble)
    if named:
        return spread(amount, named, by_room=True)
    exact = [item for item in items if item.open == amount]
    return spread(amount, exact if len(exact) == 1 else items, by_room=False)


def new_lines(stored: Mapping[str, int], lines: Iterable[str]) -> list[tuple[int, str]]:
    """Which lines of a statement are new money (D9-1, V25).

    A multiset: of k equal lines, max(0, k - already stored) become payments.

    Args:
        stored: how many payments there are already by identity.
        lines: identities of the statement's lines, in its order.

    Returns:
        Position in `lines` and identity of each new one. An identity with an ordinal is unique: `…-1`, `…-2`.
    """
    seen: Counter[str] = Counter()
    created = []
    for position, identity in enumerate(lines):
        seen[identity] += 1
        if seen[identity] > stored.get(identity, 0):
            created.append((position, f"{identity}-{seen[identity]}"))
    return created


def _named_items(
    references: Sequence[Reference], items: Sequence[OpenItem], known: Sequence[KnownDocument]
) -> tuple[list[OpenItem], QueueReason | None]:
    """The payer's items that the purpose names; or why it cannot be followed."""
    keys = {name: number_key(name.number) for name in {*(n for i in items for n in i.names), *(d.name for d in known)}}
    named: dict[tuple[ItemKind, str], OpenItem] = {}
    closed = foreign = other_currency = False
    for reference in references:
        found = _first_found(reference, items, keys)
        if found:
            named |= {(item.kind, item.id): item for item in found}
            continue
        documents = [d for d in known if d.name.kind in reference.kinds and reference.key.names(keys[d.name])]
        closed = closed or any(document.mine for document in documents)
        other_currency = other_currency or any(document.mine and not document.payable for document in documents)
        foreign = foreign or bool(documents and not any(document.mine for document in documents))
    if foreign:
        return [], QueueReason.FOREIGN_NUMBER
    takers = [item for item in named.values() if item.room > ZERO]
    if not takers and other_currency:
        return [], QueueReason.WRONG_CURRENCY
    if not takers and (named or closed):
        return [], QueueReason.NOTHING_OPEN
    return takers, None


def _first_found(reference: Reference, items: Sequence[OpenItem], keys: Mapping[Name, NumberKey]) -> list[OpenItem]:
    """The items of the first kind of document in which the number occurs."""
    for kind in reference.kinds:
        found = [
            item for item in items if any(name.kind is kind and reference.key.names(keys[name]) for name in item.names)
        ]
        if found:
            return found
    return []


def _is_the_sum_of_another(amount: Decimal, named: Sequence[OpenItem], items: Sequence[OpenItem]) -> bool:
    """The sum fits no reading of what is named, and is exactly one other item's: the number is a slip (D9-5)."""
    readings = {total for item in named for total in (item.open, item.room)}
    readings |= {sum((item.open for item in named), ZERO), sum((item.room for item in named), ZERO)}
    if amount in readings:
        return False
    mentioned = {(item.kind, item.id) for item in named}
    return sum(item.open == amount for item in items if (item.kind, item.id) not in mentioned) == 1


def spread(amount: Decimal, items: Sequence[OpenItem], *, by_room: bool) -> Match:
    """Due dates first, equal ones pro rata (V24), then orders in the order given.

    Args:
        by_room: the items were named, so an order may take more than it asks for.
    """
    left = amount
    allotted: list[Allotment] = []

    def take(item: OpenItem, part: Decimal) -> None:
        nonlocal left
        if part > ZERO:
            allotted.append(Allotment(item.kind, item.id, part))
            left -= part

    due = sorted(((item.due_on, item) for item in items if item.due_on is not None), key=lambda pair: pair[0])
    for _, pairs in groupby(due, key=lambda pair: pair[0]):
        group = [item for _, item in pairs]
        owed = [item.open for item in group]
        parts = owed if sum(owed, ZERO) <= left else split_pro_rata(left, owed)
        for item, part in zip(group, parts, strict=True):
            take(item, part)
    for item in items:
        if item.due_on is None:
            take(item, min(left, item.room if by_room else item.open))
    return Match(tuple(allotted), left)
