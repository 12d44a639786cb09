"""What an approver looks at before answering (D4-2)."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

BEHAVIOUR_DAYS = 365
"""How far back payments are looked at."""


@dataclass(frozen=True, slots=True)
class PaymentBehaviour:
    """How a customer paid: instalments `paid`, of them `on_time`; days late of the others, on average and at worst."""

    paid: int
    on_time: int
    mean_days_late: Decimal
    worst_days_late: int

    @property
    def on_time_percent(self) -> int | None:
        """The share paid on time, in whole per cent; None when nothing was paid."""
        if not self.paid:
            return None
        return int((Decimal(100 * self.on_time) / self.paid).quantize(Decimal(1), ROUND_HALF_UP))
