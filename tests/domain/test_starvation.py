"""D8-6 as a bound: whatever key customers order, whoever waits is served in time."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.allocation import NOTHING, Claim, ClaimLine, QueueTerms, Shelf, allocate

START = datetime(2026, 4, 6, 5, tzinfo=UTC)
DAY = timedelta(days=1)
HORIZON = 60
ORDINARY = "ordinary"


@dataclass
class Shop:
    """One shelf with its queue: goods come in every day, and the queue is served with them."""

    terms: QueueTerms
    held_back: Decimal
    free: Decimal = NOTHING
    queue: dict[str, Claim] = field(default_factory=dict)

    def wants(self, name: str, quantity: int, day: int, *, vip: bool, whole: bool) -> None:
        at = START + day * DAY + len(self.queue) * timedelta(microseconds=1)
        line = ClaimLine(1, "main", "A", Decimal(quantity), at)
        self.queue[name] = Claim(name, vip, at, whole, (line,))

    @property
    def asked(self) -> Decimal:
        """All that the queue still needs, with what is being gathered for it."""
        return sum((part.lines[0].quantity + part.lines[0].gathered for part in self.queue.values()), NOTHING)

    def serve(self, day: int) -> None:
        """What is given leaves at once, but for what is gathered."""
        gathered = sum((claim.lines[0].gathered for claim in self.queue.values()), NOTHING)
        shelf = Shelf("main", "A", self.free + gathered, self.free, self.held_back)
        for part in allocate([shelf], self.queue.values(), self.terms, START + day * DAY):
            claim, line = self.queue[part.order_id], part.line
            self.free -= part.given
            left = line.quantity - part.given
            if left == 0:
                del self.queue[part.order_id]
                continue
            on_the_heap = line.gathered + part.given if part.gathering_since or part.given < 0 else NOTHING
            self.queue[part.order_id] = replace(
                claim,
                lines=(
                    replace(line, quantity=left, gathered=on_the_heap, skips=part.skips,
                            gathering_since=part.gathering_since),
                ),
            )  # fmt: skip


def days_until_served(seed: int, rate: int, terms: QueueTerms, *, demand: int) -> tuple[int, int]:
    """How long an ordinary order waited in a random market, and the bound that was stated for it beforehand.

    At least `rate` comes in a day; key customers order up to `demand` times as much. The bound: the days of the lift,
    the days goods may be gathered for another, and as many days as it takes to bring in what stands in the queue
    already and the order itself.
    """
    dice = Random(seed)
    shop = Shop(terms, Decimal(dice.choice([0, 10, 50])))
    arrives, bound = dice.randrange(20), HORIZON
    for day in range(arrives + 2 * HORIZON):
        for number in range(demand):
            quantity = dice.randint(1, 2 * rate)
            shop.wants(f"vip-{day:03}-{number}", quantity, day, vip=True, whole=dice.random() < 0.3)
        if day == arrives:
            quantity = dice.randint(1, 2 * rate)
            days = (shop.asked + quantity) / rate
            bound = terms.starvation_days + terms.gathering_days + int(days.to_integral_value(ROUND_CEILING)) + 1
            shop.wants(ORDINARY, quantity, day, vip=False, whole=False)
        shop.free += rate + dice.choice([0, 0, 1])
        shop.serve(day)
        if day >= arrives and ORDINARY not in shop.queue:
            return day - arrives, bound
    return 2 * HORIZON, bound


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.integers(1, 8), st.integers(0, 3))
def test_d8_6_an_ordinary_order_is_served_within_its_bound_whatever_key_customers_order(
    seed: int, rate: int, demand: int
) -> None:
    waited, bound = days_until_served(seed, rate, QueueTerms(), demand=demand)
    assert waited <= bound


def test_d8_6_without_the_lift_it_would_starve() -> None:
    """The market is hard enough to tell: the same orders without D8-6 are not served in time."""
    never = QueueTerms(starvation_days=10_000)
    waited = [days_until_served(seed, 5, never, demand=3)[0] for seed in range(20)]
    assert sum(days == 2 * HORIZON for days in waited) > 10
