"""Money: decimal amounts of one currency, rounded once, half up (D1-1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
CURRENCIES = ("RUB", "KZT")
LARGEST_AMOUNT = Decimal("9999999999999999.99")
"""What fits the NUMERIC(18,2) of the tables."""


def round_money(amount: Decimal) -> Decimal:
    """Round to 0.01, half up; applied once, at the end of a sum (D1-1)."""
    with localcontext() as context:
        context.prec = 60
        return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def percent_of(amount: Decimal, percent: Decimal | int) -> Decimal:
    """`percent` per cent of `amount`, rounded to 0.01."""
    return round_money(amount * Decimal(percent) / 100)


def split_pro_rata(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split `amount` by `weights` without losing a kopeck and without giving a share more than its due (V24).

    Shares are cut to 0.01; the kopecks left over go to the largest cut-off fractions, then to the heavier weights.

    Raises:
        ValueError: no weight is positive.
    """
    total = sum(weights, Decimal(0))
    if total <= 0:
        raise ValueError("at least one weight must be positive")
    with localcontext() as context:
        context.prec = 60
        exact = [amount * weight / total for weight in weights]
        shares = [share.quantize(CENT, rounding=ROUND_FLOOR) for share in exact]
        left_over = int((amount - sum(shares, ZERO)) / CENT)
    by_fraction = sorted(range(len(shares)), key=lambda i: (shares[i] - exact[i], -weights[i]))
    for index in by_fraction[:left_over]:
        shares[index] += CENT
    return shares


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with its currency, as it travels on the wire."""

    amount: Decimal
    currency: str
