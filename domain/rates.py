"""Official exchange rates: money of another currency as a credit account counts it (D1-1, D2-17, D2-18)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from domain.money import round_money
from domain.money_errors import RateUnknownError


@dataclass(frozen=True, slots=True)
class Rate:
    """The official price of one unit of `currency` in `base`, set for `day`; on the day of its use `age` days old."""

    currency: str
    base: str
    day: date
    rate: Decimal
    age: int = 0

    def convert(self, amount: Decimal) -> Decimal:
        """An amount of one item in `base`, rounded half up, once (D1-1)."""
        with localcontext() as context:
            context.prec = 60
            return round_money(amount * self.rate)


@dataclass(frozen=True, slots=True)
class DayRates:
    """The newest rates into `base` that are known on a day, one per currency (D2-17)."""

    base: str
    rates: tuple[Rate, ...] = ()

    def knows(self, currency: str) -> bool:
        """Whether money of this currency has a value in `base`."""
        return currency == self.base or any(rate.currency == currency for rate in self.rates)

    def of(self, currency: str) -> Rate | None:
        """The rate that values this currency; None for `base` itself.

        Raises:
            RateUnknownError: there is none, of whatever day.
        """
        if currency == self.base:
            return None
        for rate in self.rates:
            if rate.currency == currency:
                return rate
        raise RateUnknownError(field="currency", currency=currency, base=self.base)

    def convert(self, amount: Decimal, currency: str) -> Decimal:
        """An amount of one item in `base` (D1-1)."""
        rate = self.of(currency)
        return amount if rate is None else rate.convert(amount)
