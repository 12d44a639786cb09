"""What a payment's purpose names: numbers of orders, invoices and shipments in any spelling that payers use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class DocumentKind(StrEnum):
    """What a number in a purpose, or in our books, is the number of."""

    ORDER = "order"
    INVOICE = "invoice"
    SHIPMENT = "shipment"


SERIES = {DocumentKind.ORDER: "ЗК", DocumentKind.INVOICE: "СФ", DocumentKind.SHIPMENT: "РН"}
"""The prefixes of our own numbers."""

_LOOK_ALIKES = str.maketrans("АВЕКМНОРСТУХЗ", "ABEKMHOPCTYX3")
_DASHES = r"\-–—−"
_NUMBER_SIGN = r"(?P<sign>№+|N[oº]?\.?|#|ном(?:ер)?\.?)?\s*"
_ID = rf"(?=[^\s,;]*\d)[0-9A-Za-zА-Яа-яЁё][0-9A-Za-zА-Яа-яЁё/\\._{_DASHES}]*"
_DATED = r"(?:\s*(?:от|dated|дат\.?)\s*\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\s*(?:г(?:\.|ода|\b)?)?)?"
_KIND = (
    r"(?P<kind>сч[её]т(?:а|у|ам|ов|ы)?(?:\s+на\s+оплату|-фактур[аеы]|-договор[ау]?)?|сч\.?(?:\s*ф\.?)?|с[/-]ф"
    r"|инвойс\w*|төлем\s+шоты|заказ(?:а|у|ам|ов|ы)?(?:\s+(?:клиента|покупателя))?"
    r"|договор[ау]?|дог\.?|контракт[ау]?|упд|накладн\w+)"
)
_REFERENCE = re.compile(rf"(?<!\w){_KIND}\s*{_NUMBER_SIGN}(?P<number>{_ID}){_DATED}", re.IGNORECASE)
_NEXT = re.compile(rf"\s*(?:[,;+]|и\b)\s*(?:№+\s*)?(?P<number>{_ID}){_DATED}", re.IGNORECASE)
_OURS = re.compile(
    rf"(?<![\w{_DASHES}])(?:[З3]К|[З3]K|[СC]Ф|[РP][НH])(?:[{_DASHES}]\d{{1,9}}|\d{{4,9}})(?!\d)", re.IGNORECASE
)
_CONTRACT = re.compile(r"догов|дог\b|дог\.|контракт", re.IGNORECASE)
_PLURAL = re.compile(r"(?:ам|ов|ы)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumberKey:
    """A document number without what people leave out: letters of its series, zeros, dashes, alphabet."""

    prefix: str
    rest: str

    def names(self, other: "NumberKey") -> bool:
        """Whether this number, as a payer wrote it, may mean that document: a series left out matches any."""
        return self.rest == other.rest and self.prefix in {"", other.prefix}


@dataclass(frozen=True, slots=True)
class Reference:
    """A number in a purpose, the kinds of document it may belong to in the order to try, and how it was written."""

    kinds: tuple[DocumentKind, ...]
    key: NumberKey
    text: str

    def stored_numbers(self) -> tuple[str, ...]:
        """The numbers under which our books may hold it."""
        if not self.key.rest.isdigit() or len(self.key.rest) > 9:
            return (self.text,)
        return (self.text, *(f"{SERIES[kind]}-{int(self.key.rest):06d}" for kind in self.kinds))


def number_key(text: str) -> NumberKey:
    """`УТ-000123` is `123` of the series УТ; Cyrillic and Latin look-alikes are one letter."""
    compact = re.sub(rf"[\s_{_DASHES}]", "", text.upper().replace("Ё", "Е")).translate(_LOOK_ALIKES).strip("./\\")
    for series in SERIES.values():
        prefix = series.translate(_LOOK_ALIKES)
        if compact.startswith(prefix) and compact[len(prefix) :].isdigit():
            return NumberKey(prefix, compact[len(prefix) :].lstrip("0") or "0")
    letters = re.match(r"[^\W\d]*", compact)
    prefix = letters[0] if letters else ""
    return NumberKey(prefix, compact[len(prefix) :].lstrip("0") or "0")


def extract_references(purpose: str) -> tuple[Reference, ...]:
    """Every order, invoice or shipment that the purpose names, once each, in the order of the text.

    Numbers of contracts are no references: money is owed by documents, not by contracts.
    """
    found: dict[tuple[tuple[DocumentKind, ...], NumberKey], Reference] = {}
    for kind, number in _named(purpose):
        key = number_key(number)
        if key.rest == "0":
            continue
        reference = Reference(_kinds(kind, key), key, number.strip("./\\"))
        found.setdefault((reference.kinds, key), reference)
    return tuple(found.values())


def _named(purpose: str) -> Iterator[tuple[str, str]]:
    """Pairs of the word before a number and the number."""
    taken: list[tuple[int, int]] = []
    for match in _REFERENCE.finditer(purpose):
        kind, end = match["kind"], match.end()
        numbers = [match["number"]]
        listed = len(match["sign"] or "") > 1 or bool(_PLURAL.search(kind))
        while following := _NEXT.match(purpose, end):
            if not listed and not _OURS.match(following["number"]):
                break
            numbers.append(following["number"])
            end = following.end()
        taken.append((match.start(), end))
        if not _CONTRACT.match(kind):
            yield from ((kind, number) for number in numbers)
    for match in _OURS.finditer(purpose):
        if not any(start <= match.start() < end for start, end in taken):
            yield "", match[0]


def _kinds(word: str, key: NumberKey) -> tuple[DocumentKind, ...]:
    """The series decides; without one the word does. «Счёт» may also mean an order: it is invoiced on shipment."""
    for kind, series in SERIES.items():
        if key.prefix == series.translate(_LOOK_ALIKES):
            return (kind,)
    folded = word.casefold()
    if folded.startswith("заказ"):
        return (DocumentKind.ORDER,)
    if folded.startswith(("упд", "наклад")):
        return (DocumentKind.SHIPMENT, DocumentKind.INVOICE)
    return (DocumentKind.INVOICE, DocumentKind.ORDER)
