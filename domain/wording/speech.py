"""How figures and counted things sound: Russian as written in the sources, English through the catalogue.

A sentence is a Russian message id with named, typed figures: `Лимит превышен на {excess:money}`. The kind after the
colon says how a figure is shown: `money` (in the currency of the fact `currency`), `date`, `moment`, `quantity`,
or a counted thing (`days`, `working_days`, `hours`, `invoices`, `orders`, `lines`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from string import Formatter
from typing import Any

NBSP = "\u00a0"
MISSING = "—"
SIGNS = {"KZT": "₸", "RUB": "₽"}

_RUSSIAN_COUNTED = {
    "days": ("день", "дня", "дней"),
    "working_days": ("рабочий день", "рабочих дня", "рабочих дней"),
    "hours": ("час", "часа", "часов"),
    "invoices": ("счёт", "счёта", "счетов"),
    "orders": ("заказ", "заказа", "заказов"),
    "lines": ("строка", "строки", "строк"),
}
_ENGLISH_COUNTED = {
    "days": ("day", "days"),
    "working_days": ("working day", "working days"),
    "hours": ("hour", "hours"),
    "invoices": ("invoice", "invoices"),
    "orders": ("order", "orders"),
    "lines": ("line", "lines"),
}
_ENGLISH_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _unchanged(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Speech:
    """A language: its code, and what turns a Russian message id into its sentence."""

    code: str = "ru"
    translate: Callable[[str], str] = _unchanged

    def say(self, msgid: str, /, **facts: Any) -> str:
        """The sentence with its figures; a missing one shows as a dash, nothing here raises."""
        return _Sentences(self, facts).vformat(self.translate(msgid), (), facts)

    def counted(self, number: int, thing: str) -> str:
        """«4 дня», «21 день», «11 дней»; «1 day», «4 days»."""
        if self.code == "ru":
            return f"{number} {plural(number, *_RUSSIAN_COUNTED[thing])}"
        one, many = _ENGLISH_COUNTED[thing]
        return f"{number} {one if number == 1 else many}"

    def money(self, amount: Decimal | str, currency: str) -> str:
        """`700 975,00 ₸`; in English `700,975.00 KZT`. Spaces do not break."""
        grouped = f"{Decimal(amount):,.2f}"
        if self.code != "ru":
            return f"{grouped}{NBSP}{currency}"
        figure = grouped.replace(",", NBSP).replace(".", ",").replace("-", "−")
        return f"{figure}{NBSP}{SIGNS.get(currency, currency)}"

    def quantity(self, amount: Decimal | str) -> str:
        """A quantity without idle zeros: `12,5`."""
        figure = f"{Decimal(amount):f}"
        if "." in figure:
            figure = figure.rstrip("0").rstrip(".")
        return figure.replace(".", ",") if self.code == "ru" else figure

    def day(self, day: date) -> str:
        """`25.01.2026`; in English `25 Jan 2026`."""
        if self.code == "ru":
            return f"{day:%d.%m.%Y}"
        return f"{day.day} {_ENGLISH_MONTHS[day.month - 1]} {day.year}"

    def moment(self, instant: datetime) -> str:
        """Day and minute of an instant, on the clock it is given in."""
        return f"{self.day(instant.date())} {instant:%H:%M}"


RUSSIAN = Speech()


def plural(number: int, one: str, few: str, many: str) -> str:
    """The Russian form: 1, 21 -> one; 2..4, 22 -> few; 0, 5..20, 11, 111 -> many."""
    tail, hundred = abs(number) % 10, abs(number) % 100
    if tail == 1 and hundred != 11:
        return one
    if 2 <= tail <= 4 and not 12 <= hundred <= 14:
        return few
    return many


class _Sentences(Formatter):
    """Fills a sentence; whatever cannot be shown as asked is shown as it is."""

    def __init__(self, speech: Speech, facts: Mapping[str, Any]) -> None:
        self._speech = speech
        self._currency = str(facts.get("currency") or "")

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        value = kwargs.get(str(key))
        return MISSING if value is None or value == "" else value

    def format_field(self, value: Any, format_spec: str) -> str:
        if value == MISSING:
            return MISSING
        try:
            return self._shown(value, format_spec)
        except (ValueError, TypeError, InvalidOperation, KeyError):
            return str(value)

    def _shown(self, value: Any, kind: str) -> str:
        speech = self._speech
        match kind:
            case "money":
                return speech.money(value, self._currency)
            case "quantity":
                return speech.quantity(value)
            case "date":
                return speech.day(date.fromisoformat(value) if isinstance(value, str) else value)
            case "moment":
                return speech.moment(datetime.fromisoformat(value) if isinstance(value, str) else value)
            case "":
                return str(value)
            case _:
                return speech.counted(int(value), kind)
