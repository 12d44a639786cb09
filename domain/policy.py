"""Business parameters of one policy version; every default is the rule book's."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class OverdueMode(StrEnum):
    """How overdue invoices weigh in the credit decision (D2-5)."""

    GRADED = "graded"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a company may tune. Days are calendar days unless the name says otherwise."""

    quote_days: int = 7
    """D6-1"""
    stop_ratio: Decimal = Decimal(2)
    """D2-3: exposure above this multiple of the limit stops the order."""
    watch_ratio: Decimal = Decimal("0.9")
    """D2-9"""
    overdue_mode: OverdueMode = OverdueMode.GRADED
    """D2-5"""
    overdue_pass_days: int = 3
    overdue_stop_days: int = 14
    overdue_legal_days: int = 30
    floor_rub: Decimal = Decimal(100)
    """D1-11, D9-7: a residue up to max(floor, 0.1%) is not overdue."""
    floor_kzt: Decimal = Decimal(500)
    floor_percent: Decimal = Decimal("0.1")
    approval_working_days: int = 3
    """D4-3: silence rejects after so many working days."""
    approval_reminder_hours: int = 4
    """D4-3: working hours until the approver is reminded."""
    stop_reminder_days: int = 7
    """D2-15"""
    stop_cancel_days: int = 14
    """D2-15"""
    reservation_days: int = 7
    """D7-2: 3, 7 or 14."""
    deferral_reserve_working_days: int = 3
    """D7-5"""
    late_payment_days: int = 14
    """D7-9"""
    dunning_days: tuple[int, int, int, int, int] = (-3, 3, 7, 14, 30)
    """D10: notice before the date, letter, call, head of sales, lawyer; calendar days from the due date."""
    legal_after_letter_working_days: int = 3
    """D10-5: a lawyer takes over only so long after the first letter."""
    internal_hour: int = 10
    """D10-1: notices and tasks for staff, seller's local time."""
    client_hour: int = 11
    """D10-1: letters to customers, customer's local time."""

    def floor(self, amount: Decimal, currency: str) -> Decimal:
        """The residue of an item of `amount` that nobody chases (D1-11) and that releases an order (D9-7)."""
        least = self.floor_rub if currency == "RUB" else self.floor_kzt
        return max(least, amount * self.floor_percent / 100)
