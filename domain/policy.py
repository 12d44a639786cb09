"""Business parameters of one policy version; every default is the rule book's."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class OverdueMode(StrEnum):
    """How overdue invoices weigh in the credit decision (D2-5)."""

    GRADED = "graded"
    STRICT = "strict"


class StopBasis(StrEnum):
    """What is held against the double limit (D2-3)."""

    EXPOSURE = "exposure"
    DEBT = "debt"


class StopRelease(StrEnum):
    """When a stopped order is free again (D2-14)."""

    BY_RULES = "by_rules"
    DEBT_ZERO = "debt_zero"


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
    stop_basis: StopBasis = StopBasis.EXPOSURE
    """D2-3: `debt` is the seed's literal reading, an order alone then never stops."""
    stop_release: StopRelease = StopRelease.BY_RULES
    """D2-14: `debt_zero` keeps an order stopped for debt until nothing is owed."""
    second_tier: bool = False
    """D4-1: a director decides after the head when the excess or the overdue is large."""
    second_tier_excess_percent: Decimal = Decimal(50)
    """D4-1: of the limit; more than that goes on to the director."""
    second_tier_overdue_days: int = 7
    """D4-1: an older overdue goes on to the director."""
    approval_deputy_days: int = 1
    """D4-3: working days of silence until the deputy is asked."""
    approval_next_level_days: int = 2
    """D4-3: working days of silence until the next level is asked."""
    approval_valid_days: int = 10
    """D4-12: so long an order's own excess does not close the shipment gate again."""
    gate_hold_working_days: int = 2
    """D12-2: so long goods stay picked before a closed gate."""
    stock_working_days: int = 5
    """D6-13: so often the manager is asked about a backorder."""
    picking_working_days: int = 2
    """D6-13: until somebody asks why a paid order is not picked."""
    shipment_working_days: int = 1
    """D6-13: until somebody asks why picked goods do not leave, or a cancellation is not acknowledged."""
    data_hours: int = 24
    """D12-1: nothing ships on figures older than this."""
    free_discount_percent: Decimal = Decimal(100)
    """D4-15: a deeper discount off the price list is approved first; 100 leaves prices to the manager."""
    temporary_limit_days: int = 90
    """D5-1"""
    rate_days: int = 7
    """D2-17: a decision on an older exchange rate is a person's."""
    hold_back_percent: Decimal = Decimal(10)
    """D8-2: this share of what is on hand is kept for key customers when goods run out; an item group may differ."""
    starvation_days: int = 7
    """D8-6: so long a wait lifts an ordinary customer by one class."""
    most_skips: int = 2
    """D8-5: so often others are served past an order that ships whole."""
    gathering_days: int = 7
    """D8-5: so long goods are gathered for it at most."""
    choice_days: int = 3
    """D7-12: so long the customer may choose when goods are short."""
    proof_working_days: int = 2
    """D7-10: what a copy of the payment order adds, once."""
    part_payment_days: int = 3
    """D7-11: what a payment below the required share adds, once."""
    silence_hours: int = 24
    """D7-6: what a silent source of payments adds at most, once."""
    price_grace_days: int = 5
    """D7-8: so long after the quote's validity late money still buys at its price."""
    over_delivery_percent: Decimal = Decimal(5)
    """D12-5: so much more than was ordered may leave the warehouse; more is a mistake."""
    over_delivery_notice_percent: Decimal = Decimal(1)
    """D12-5: the manager is told when the shipped sum is off by more."""

    def floor(self, amount: Decimal, currency: str) -> Decimal:
        """The residue of an item of `amount` that nobody chases (D1-11) and that releases an order (D9-7)."""
        least = self.floor_rub if currency == "RUB" else self.floor_kzt
        return max(least, amount * self.floor_percent / 100)
