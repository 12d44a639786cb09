"""Values on the wire: strict on the way in, decimal strings on the way out.

Amounts, prices and quantities are accepted as strings or as JSON numbers that lose nothing; never booleans, exponents,
NaN, more decimals than the column holds, or more digits than fit it.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

from domain.money import CENT, CURRENCIES, Money
from domain.money_errors import WrongCurrencyError

_DECIMAL = re.compile(r"[+-]?\d{1,100}(\.\d{1,100})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_EMAIL = re.compile(
    r"[^@\s<>(),;:\"\\\[\]]{1,64}@(?=.{3,190}$)[^@\s<>(),;:\"\\\[\].-]+([.-]+[^@\s<>(),;:\"\\\[\].-]+)*"
)
_PHONE = re.compile(r"\+?[\d ()\-]{5,30}", re.ASCII)


class Strict(BaseModel):
    """The base of every request: unknown fields are refused, values are not guessed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, regex_engine="python-re")


def example(**body: Any) -> ConfigDict:
    """The example body of a request in the description: `model_config = example(sku=…)`."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Out(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


def _decimal(places: int, digits: int, *, zero: bool) -> Callable[[Any], Decimal]:
    limit = Decimal(10) ** (digits - places) - Decimal(1).scaleb(-places)

    def parse(value: Any) -> Decimal:
        if isinstance(value, Decimal):
            value = format(value, "f") if value.is_finite() else "NaN"
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise PydanticCustomError("not_a_number", "not a number")
        text = value.strip() if isinstance(value, str) else repr(value)
        if not _DECIMAL.fullmatch(text):
            raise PydanticCustomError("not_a_number", "not a decimal number")
        number = Decimal(text)
        exponent = number.normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > places:
            raise PydanticCustomError("too_many_decimals", "too many decimals", {"places": places})
        if abs(number) > limit:
            raise PydanticCustomError("too_large", "too large", {"limit": str(limit)})
        if number < 0:
            raise PydanticCustomError("negative" if zero else "not_positive", "out of range")
        if number == 0 and not zero:
            raise PydanticCustomError("not_positive", "must be positive")
        return number.quantize(Decimal(1).scaleb(-places))

    return parse


def _wire_number(places: int, example: str) -> WithJsonSchema:
    pattern = rf"^\d{{1,{18 - places}}}(\.\d{{1,{places}}})?$"
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number"}], "examples": [example]}
    )


AmountIn = Annotated[Decimal, BeforeValidator(_decimal(2, 18, zero=False)), _wire_number(2, "700975.00")]
"""A sum above zero, NUMERIC(18,2)."""
AmountOrZeroIn = Annotated[Decimal, BeforeValidator(_decimal(2, 18, zero=True)), _wire_number(2, "1000000.00")]
PriceIn = Annotated[Decimal, BeforeValidator(_decimal(4, 18, zero=True)), _wire_number(4, "2450.50")]
"""A price per unit, at most 4 decimals."""
RateIn = Annotated[Decimal, BeforeValidator(_decimal(6, 12, zero=False)), _wire_number(6, "5.5")]
"""An exchange rate above zero, at most 6 decimals."""
QuantityIn = Annotated[Decimal, BeforeValidator(_decimal(3, 18, zero=False)), _wire_number(3, "100")]
"""A quantity above zero, at most 3 decimals."""
QuantityOrZeroIn = Annotated[Decimal, BeforeValidator(_decimal(3, 18, zero=True)), _wire_number(3, "100")]
Percent = Annotated[Decimal, BeforeValidator(_decimal(2, 5, zero=True)), _wire_number(2, "10"), Field(le=100)]
"""A share in per cent, 0 to 100, at most 2 decimals."""
VatRateIn = Annotated[Decimal, BeforeValidator(_decimal(2, 4, zero=True)), _wire_number(2, "12")]


def _clean(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("bad_text", "control characters")
    return unicodedata.normalize("NFC", text).strip()


def _not_empty(text: str) -> str:
    if not text:
        raise PydanticCustomError("empty", "empty")
    return text


def text(longest: int, *, empty: bool = False, example: str | None = None) -> Any:
    """A bounded text without control characters, trimmed: `name: text(200)`."""
    checks: list[Any] = [Field(strict=True, max_length=longest, examples=[example] if example else None)]
    checks.append(AfterValidator(_clean))
    if not empty:
        checks.append(AfterValidator(_not_empty))
    return Annotated[str, *checks]


def _matching(pattern: re.Pattern[str], code: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise PydanticCustomError(code, "wrong form")
        return value

    return AfterValidator(check)


Short = Annotated[str, Field(strict=True, max_length=100), AfterValidator(_clean), AfterValidator(_not_empty)]
Name = Annotated[str, Field(strict=True, max_length=300), AfterValidator(_clean), AfterValidator(_not_empty)]
Comment = Annotated[str, Field(strict=True, max_length=2000), AfterValidator(_clean)]
Reason = Annotated[str, Field(strict=True, max_length=2000), AfterValidator(_clean), AfterValidator(_not_empty)]
Email = Annotated[str, Field(strict=True, max_length=254), AfterValidator(_clean), _matching(_EMAIL, "bad_email")]
Phone = Annotated[str, Field(strict=True, max_length=31), AfterValidator(_clean), _matching(_PHONE, "bad_phone")]
Sku = Annotated[
    str,
    Field(strict=True, max_length=64, examples=["CEM-M500-50"]),
    AfterValidator(_clean),
    AfterValidator(_not_empty),
    _matching(re.compile(r"[^\s/?#%\\]([^/?#%\\\r\n\t]*[^\s/?#%\\])?"), "bad_sku"),
]
Warehouse = Annotated[
    str,
    Field(strict=True, pattern=r"^[0-9A-Za-zА-Яа-яЁё_-]{1,32}$", examples=["main"]),
    AfterValidator(_clean),
]
"""An article number; it stands in addresses, so no slashes."""


def _day(value: date) -> date:
    if not 2000 <= value.year <= 2099:
        raise PydanticCustomError("bad_day", "out of range")
    return value


Day = Annotated[date, AfterValidator(_day)]
"""A day of this century."""


def _currency(value: Any) -> Any:
    if not isinstance(value, str) or value not in CURRENCIES:
        raise PydanticCustomError("wrong_currency", "unknown currency")
    return value


Currency = Annotated[Literal["RUB", "KZT"], BeforeValidator(_currency)]
Whole = Annotated[int, Field(strict=True)]
Flag = StrictBool


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount as sent: a plain decimal, or with its currency."""

    amount: Decimal
    currency: str | None = None

    def within(self, currency: str, field: str = "amount") -> Decimal:
        """The amount in `currency`.

        Raises:
            WrongCurrencyError: it was sent in another one.
        """
        if self.currency is not None and self.currency != currency:
            raise WrongCurrencyError(field=field, currency=self.currency, expected=currency)
        return self.amount


def _sum(parse: Callable[[Any], Decimal]) -> Callable[[Any], Sum]:
    def check(value: Any) -> Sum:
        if isinstance(value, Sum):
            return value
        if isinstance(value, dict):
            if set(value) != {"amount", "currency"}:
                raise PydanticCustomError("not_a_number", "not money")
            return Sum(parse(value["amount"]), _currency(value["currency"]))
        return Sum(parse(value))

    return check


def _wire_sum(places: int, example: str) -> WithJsonSchema:
    number = {"type": "string", "pattern": rf"^\d{{1,{18 - places}}}(\.\d{{1,{places}}})?$"}
    money = {
        "type": "object",
        "required": ["amount", "currency"],
        "properties": {"amount": number, "currency": {"enum": list(CURRENCIES)}},
    }
    return WithJsonSchema({"anyOf": [number, {"type": "number"}, money], "examples": [example]})


SumIn = Annotated[Sum, BeforeValidator(_sum(_decimal(2, 18, zero=False))), _wire_sum(2, "700975.00")]
"""A sum above zero: `"700975.00"` or `{"amount": "700975.00", "currency": "KZT"}`."""
SumOrZeroIn = Annotated[Sum, BeforeValidator(_sum(_decimal(2, 18, zero=True))), _wire_sum(2, "1000000.00")]
PriceSumIn = Annotated[Sum, BeforeValidator(_sum(_decimal(4, 18, zero=True))), _wire_sum(4, "2450.50")]


class MoneyOut(Out):
    """Money on the wire."""

    amount: str = Field(examples=["700975.00"])
    currency: str = Field(examples=["KZT"])

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> "MoneyOut":
        return cls(amount=format(amount.quantize(CENT), "f"), currency=currency)

    @classmethod
    def from_money(cls, money: Money) -> "MoneyOut":
        return cls.of(money.amount, money.currency)


def money(amount: Decimal, currency: str) -> dict[str, str]:
    """`{"amount": "700975.00", "currency": "KZT"}`."""
    return {"amount": format(amount.quantize(CENT), "f"), "currency": currency}


def decimal_text(number: Decimal, least_places: int = 0) -> str:
    """A quantity or price without trailing zeros: `100`, `12.5`; prices keep at least 2 decimals."""
    text_ = format(number.normalize(), "f")
    whole, _, fraction = text_.partition(".")
    fraction = fraction.ljust(least_places, "0")
    return f"{whole}.{fraction}" if fraction else whole


class Page(Out):
    """The tail of a list: where the next page starts, or null at the end."""

    next: str | None = Field(
        default=None, description="Значение `after` следующей страницы. / `after` of the next page."
    )
