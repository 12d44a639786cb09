"""What the values on the wire accept, and what they refuse."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api import schemas
from api.bodies import check_json
from api.schemas import AmountIn, AmountOrZeroIn, Email, Name, Phone, PriceIn, QuantityIn, Sku, Sum, SumIn
from domain.money_errors import WrongCurrencyError


def code_of(kind: Any, value: Any) -> str | None:
    """The kind of the mistake, or None when the value is taken."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["type"]
    return None


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("700975.00", "700975.00"),
        ("0.01", "0.01"),
        ("5", "5.00"),
        ("12.50", "12.50"),
        ("12.5000", "12.50"),
        (1000000, "1000000.00"),
        (12.1, "12.10"),
        (" 7.00 ", "7.00"),
        ("9999999999999999.99", "9999999999999999.99"),
    ],
)
def test_amounts_that_are_taken(value: Any, amount: str) -> None:
    assert TypeAdapter(AmountIn).validate_python(value) == Decimal(amount)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("0", "not_positive"),
        ("0.00", "not_positive"),
        ("-1", "not_positive"),
        ("0.001", "too_many_decimals"),
        ("10000000000000000.00", "too_large"),
        ("1" * 40, "too_large"),
        (10**40, "too_large"),
        ("1e5", "not_a_number"),
        (1e300, "not_a_number"),
        ("NaN", "not_a_number"),
        ("Infinity", "not_a_number"),
        (float("nan"), "not_a_number"),
        ("1 000", "not_a_number"),
        ("1,5", "not_a_number"),
        ("0x10", "not_a_number"),
        ("1_000", "not_a_number"),
        ("١٢", "not_a_number"),
        ("", "not_a_number"),
        (True, "not_a_number"),
        (None, "not_a_number"),
        ([], "not_a_number"),
        ({}, "not_a_number"),
        (0.1 + 0.2, "too_many_decimals"),
    ],
)
def test_amounts_that_are_refused(value: Any, code: str) -> None:
    assert code_of(AmountIn, value) == code


def test_zero_is_an_amount_where_zero_means_something() -> None:
    assert code_of(AmountOrZeroIn, "0") is None
    assert code_of(AmountOrZeroIn, "-0.01") == "negative"


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        (PriceIn, "2450.1234", None),
        (PriceIn, "0", None),
        (PriceIn, "2450.12345", "too_many_decimals"),
        (PriceIn, "-1", "negative"),
        (PriceIn, "99999999999999.9999", None),
        (PriceIn, "100000000000000", "too_large"),
        (QuantityIn, "0.001", None),
        (QuantityIn, "0", "not_positive"),
        (QuantityIn, "-5", "not_positive"),
        (QuantityIn, "1.0001", "too_many_decimals"),
        (QuantityIn, "1000000000000000", "too_large"),
        (Name, "  ТОО «Ромашка»  ", None),
        (Name, "   ", "empty"),
        (Name, "", "empty"),
        (Name, "а\x00б", "bad_text"),
        (Name, "а\ud800", "string_unicode"),
        (Name, "x" * 301, "string_too_long"),
        (Name, 5, "string_type"),
        (Sku, "CEM-50/1", "bad_sku"),
        (Sku, "Цемент М500", None),
        (Email, "a@b", "bad_email"),
        (Email, "a b@c.kz", "bad_email"),
        (Email, "a@c.kz\r\nBcc: x@y.kz", "bad_email"),
        (Email, "анна@почта.рф", None),
        (Email, "anna@romashka.kz", None),
        (Phone, "+7 (701) 111-22-33", None),
        (Phone, "звоните", "bad_phone"),
    ],
)
def test_fields(kind: Any, value: Any, code: str | None) -> None:
    assert code_of(kind, value) == code


def test_a_sum_may_name_its_currency() -> None:
    taken = TypeAdapter(SumIn).validate_python({"amount": "5.00", "currency": "KZT"})
    assert taken == Sum(Decimal("5.00"), "KZT")
    assert taken.within("KZT") == Decimal("5.00")
    with pytest.raises(WrongCurrencyError):
        taken.within("RUB")
    assert TypeAdapter(SumIn).validate_python("5.00").within("RUB") == Decimal("5.00")
    assert code_of(SumIn, {"amount": "5.00", "currency": "USD"}) == "wrong_currency"
    assert code_of(SumIn, {"amount": "5.00"}) == "not_a_number"


@pytest.mark.parametrize(
    ("number", "places", "text"),
    [("100.000", 0, "100"), ("12.500", 0, "12.5"), ("0.000", 0, "0"), ("2450.5000", 2, "2450.50"), ("7", 2, "7.00"),
     ("1200", 0, "1200"), ("1.2345", 2, "1.2345")],
)  # fmt: skip
def test_decimals_go_out_without_idle_zeros(number: str, places: int, text: str) -> None:
    assert schemas.decimal_text(Decimal(number), places) == text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a": "1.10", "b": [1.5, -2, true, null]}', None),
        ('{"имя": "«Ромашка»"}'.encode(), None),
        (rb'{"a": "\u0416"}', None),
        (rb'{"a": "\ud83d\ude00"}', None),
        (rb'{"a": "c:\\u0000"}', None),
        (b"{", "malformed_json"),
        (b'{"a": 1} {}', "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b'{"a": "\x00"}', "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (rb'{"a": "\u0000"}', "bad_text"),
        (rb'{"\u0000": 1}', "bad_text"),
        (rb'{"a": "\ud800"}', "bad_text"),
        (rb'{"a": ["\uDC00"]}', "bad_text"),
        (b'{"a": NaN}', "number_not_exact"),
        (b'{"a": -Infinity}', "number_not_exact"),
        (b'{"a": 1e999}', "number_not_exact"),
        (b'{"a": 0.1000000000000000055511151231257827}', "number_not_exact"),
        (b'{"a": 123456789012345678.25}', "number_not_exact"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number_not_exact"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
    ],
)
def test_json_that_means_one_thing_only(body: bytes, code: str | None) -> None:
    assert check_json(body) == code
