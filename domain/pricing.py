"""Prices and VAT of a quote: rounded once per line, VAT inside the price (docs/pricing.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.money import ZERO, round_money


@dataclass(frozen=True, slots=True)
class Amounts:
    """Net + VAT = gross, all rounded to 0.01."""

    net: Decimal
    vat: Decimal
    gross: Decimal


def price_line(quantity: Decimal, price: Decimal, vat_rate: Decimal) -> Amounts:
    """Amounts of one line; `price` per unit includes VAT at `vat_rate` per cent.

    Gross is quantity x price, half up to 0.01; VAT is `gross x rate / (100 + rate)`, half up; net is the rest.
    """
    gross = round_money(quantity * price)
    vat = round_money(gross * vat_rate / (100 + vat_rate))
    return Amounts(net=gross - vat, vat=vat, gross=gross)


def total(lines: Iterable[Amounts]) -> Amounts:
    """Document totals: sums of the rounded lines, never rounded again."""
    net, vat, gross = ZERO, ZERO, ZERO
    for line in lines:
        net, vat, gross = net + line.net, vat + line.vat, gross + line.gross
    return Amounts(net, vat, gross)
