"""Cells of an imported table: from what a person typed to a value, or to the reason why not.

A spreadsheet keeps numbers as binary floats of 15 significant digits, drops leading zeros and turns text into
dates; each reader below says which of these it met. Empty cells are `None` everywhere.
"""

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from domain.money import LARGEST_AMOUNT

Cell = str | int | float | bool | date | datetime | time | timedelta | None

LONGEST_TEXT = 300
LARGEST_QUANTITY = Decimal("999999999999.999")
LARGEST_PRICE = Decimal("9999999999.9999")
EARLIEST, LATEST = date(1990, 1, 1), date(2100, 12, 31)

_SPACES = re.compile(r"[\s\u00a0\u2007\u202f\ufeff]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NUMBER = re.compile(r"[-−]?\d+(?:[.,]\d+)?", re.ASCII)
_DAY_RU = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_DAY_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00)?)?", re.ASCII)
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]+\.[^\s@,;<>\".]{2,}")
_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#Н/Д", "#ЗНАЧ!", "#ССЫЛКА!"})
_EXACT_DIGITS = 15


class CellError(Exception):
    """A cell holds no such value. `code` is stable, `text` is for people."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(code)


def shown(cell: Cell) -> str:
    """The cell as a report quotes it: short and on one line."""
    text = str(cell)
    if isinstance(cell, date):
        text = cell.strftime("%d.%m.%Y")
    elif isinstance(cell, float):
        text = format(cell, f".{_EXACT_DIGITS}g").replace(".", ",")
    text = _CONTROL.sub("?", _SPACES.sub(" ", text)).strip()
    return f"«{text if len(text) <= 40 else text[:39] + '…'}»"


def is_blank(cell: Cell) -> bool:
    """Nothing was typed."""
    return cell is None or (isinstance(cell, str) and not _SPACES.sub("", cell))


def read_text(cell: Cell) -> str | None:
    """Words: a name, a region. Numbers are taken as they are shown."""
    return _text(cell, "текст")


def read_code(cell: Cell) -> str | None:
    """A number that is a name: a document number, an SKU, an ИНН, a telephone."""
    return _text(cell, "номер")


def read_email(cell: Cell) -> str | None:
    """One e-mail address."""
    text = read_text(cell)
    if text is not None and not _EMAIL.fullmatch(text):
        raise CellError("bad_email", f"{shown(text)} — не адрес электронной почты; нужен один адрес вида name@firm.kz")
    return text


def read_amount(cell: Cell) -> Decimal | None:
    """Money, at most two places, never negative (D1-1)."""
    return _number(cell, places=2, largest=LARGEST_AMOUNT, what="сумма")


def read_price(cell: Cell) -> Decimal | None:
    """A price per unit, at most four places, never negative."""
    return _number(cell, places=4, largest=LARGEST_PRICE, what="цена")


def read_quantity(cell: Cell) -> Decimal | None:
    """A quantity, at most three places, never negative."""
    return _number(cell, places=3, largest=LARGEST_QUANTITY, what="количество")


def read_whole(cell: Cell, largest: int) -> int | None:
    """A whole number from 0 to `largest`."""
    value = _number(cell, places=0, largest=Decimal(largest), what="число")
    return None if value is None else int(value)


def read_vat_rate(cell: Cell) -> Decimal | None:
    """A VAT rate in per cent: 16, «16%», «без НДС», or the 0.16 that a percentage cell holds."""
    if isinstance(cell, str):
        bare = _SPACES.sub("", cell).casefold()
        if bare in {"безндс", "novat"}:
            return Decimal(0)
        cell = bare.removesuffix("%")
    is_share = isinstance(cell, float) and 0 < cell < 1
    rate = _number(cell, places=4 if is_share else 2, largest=Decimal(99), what="ставка НДС")
    if rate is None or not is_share:
        return rate
    return (rate * 100).quantize(Decimal("0.01"))


def read_day(cell: Cell) -> date | None:
    """A date: a date cell, or text like 25.01.2026 or 2026-01-25."""
    if is_blank(cell):
        return None
    if isinstance(cell, datetime):
        day = cell.date()
    elif isinstance(cell, date):
        day = cell
    elif isinstance(cell, str):
        day = _day_from_text(cell)
    else:
        raise CellError("not_a_date", f"{shown(cell)} — не дата; задайте ячейке формат даты, например 25.01.2026")
    if not EARLIEST <= day <= LATEST:
        raise CellError("date_out_of_range", f"дата {day:%d.%m.%Y} не похожа на дату документа: проверьте год")
    return day


def _day_from_text(text: str) -> date:
    bare = text.strip()
    russian, iso = _DAY_RU.fullmatch(bare), _DAY_ISO.fullmatch(bare)
    try:
        if russian:
            return date(int(russian[3]), int(russian[2]), int(russian[1]))
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
    except ValueError:
        pass
    raise CellError("not_a_date", f"{shown(text)} — не дата; напишите её как 25.01.2026")


def _text(cell: Cell, what: str) -> str | None:
    if is_blank(cell):
        return None
    if isinstance(cell, str):
        return _clean(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise CellError(
            "wrong_type", f"{shown(cell)} — не {what}: задайте ячейке текстовый формат и введите значение заново"
        )
    if abs(cell) >= 10**_EXACT_DIGITS:
        raise CellError(
            "digits_lost",
            "в ячейке число длиннее 15 цифр, таблица хранит его неточно: задайте текстовый формат и введите заново",
        )
    return format(cell, f".{_EXACT_DIGITS}g")


def _clean(text: str) -> str:
    if _CONTROL.search(text):
        raise CellError("bad_characters", "в тексте есть управляющие символы: удалите их и введите значение заново")
    bare = _SPACES.sub(" ", text).strip()
    _refuse_formula(bare)
    if len(bare) > LONGEST_TEXT:
        raise CellError("too_long", f"текст длиннее {LONGEST_TEXT} знаков: сократите его")
    return bare


def _refuse_formula(text: str) -> None:
    if text.startswith("="):
        raise CellError("formula", f"в ячейке формула текстом {shown(text)}: вставьте её значение")
    if text.upper() in _ERRORS:
        raise CellError(
            "formula_error", f"в ячейке ошибка формулы {shown(text)}: исправьте формулу или вставьте значение"
        )


def _number(cell: Cell, *, places: int, largest: Decimal, what: str) -> Decimal | None:
    if is_blank(cell):
        return None
    value = _decimal(cell, what)
    if value < 0:
        raise CellError("negative", f"{what} {shown(cell)} меньше нуля")
    if value > largest:
        raise CellError("too_large", f"{what} {shown(cell)} больше допустимого ({_grouped(largest)})")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -places:
        limit = f"не больше {places} знаков после запятой" if places else "целое число"
        raise CellError("too_many_places", f"{what} {shown(cell)}: нужно {limit}; округлите значение")
    return value.quantize(Decimal(1).scaleb(-places))


def _decimal(cell: Cell, what: str) -> Decimal:
    if isinstance(cell, str):
        _refuse_formula(cell.strip())
        bare = _SPACES.sub("", cell)
        if _NUMBER.fullmatch(bare):
            return Decimal(bare.replace(",", ".").replace("−", "-"))
    elif isinstance(cell, int | float) and not isinstance(cell, bool):
        return Decimal(format(cell, f".{_EXACT_DIGITS}g"))
    raise CellError("not_a_number", f"{shown(cell)} — не {what}; нужно число вида 1234,56")


def _grouped(value: Decimal) -> str:
    return f"{value:,}".replace(",", " ").replace(".", ",")
