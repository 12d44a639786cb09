"""Long lives of a queue: whatever comes in, leaves and lapses, in whatever order (D7-12, D8-1…D8-6)."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.allocation import Claim, ClaimLine, QueueTerms, Rule, Shelf, ShelfKey, allocate, counts_as_vip

BEGIN = datetime(2026, 4, 6, 5, tzinfo=UTC)
TERMS = QueueTerms()
SHELVES: list[ShelfKey] = [("main", "A"), ("main", "B"), ("north", "A")]
HOLD_BACK = {"A": Decimal(10), "B": Decimal(0)}


@dataclass
class Line:
    """What an order waits for on one shelf, and what it holds there."""

    shelf: ShelfKey
    waiting: int
    since: datetime
    held: int = 0
    skips: int = 0
    gathering_since: datetime | None = None


@dataclass
class Order:
    vip: bool
    whole: bool
    confirmed_at: datetime
    lines: list[Line] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        return any(line.waiting for line in self.lines)

    @property
    def gathers(self) -> bool:
        return any(line.waiting and line.gathering_since for line in self.lines)

    def claim(self, name: str) -> Claim:
        """As the queue sees it: what it waits for, and what is gathered for it."""
        lines = tuple(
            ClaimLine(number, *line.shelf, Decimal(line.waiting), line.since, skips=line.skips,
                      gathering_since=line.gathering_since if line.waiting else None,
                      gathered=Decimal(line.held if self.gathers else 0))
            for number, line in enumerate(self.lines) if line.waiting or (self.gathers and line.held)
        )  # fmt: skip
        return Claim(name, self.vip, self.confirmed_at, self.whole, lines)


class Queue(RuleBasedStateMachine):
    """Three shelves, decided together after everything that happens."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.serial = BEGIN, 0
        self.on_hand: Counter[ShelfKey] = Counter()
        self.orders: dict[str, Order] = {}

    def shelf(self, key: ShelfKey) -> Shelf:
        held = sum(line.held for order in self.orders.values() for line in order.lines if line.shelf == key)
        on_hand = self.on_hand[key]
        return Shelf(*key, Decimal(on_hand), Decimal(on_hand - held), HOLD_BACK[key[1]])

    def look(self) -> tuple[list[Shelf], list[Claim]]:
        shelves = [self.shelf(key) for key in SHELVES]
        return shelves, [order.claim(name) for name, order in self.orders.items() if order.waits]

    def serve(self) -> None:
        shelves, claims = self.look()
        allotted = allocate(shelves, claims, TERMS, self.now)
        self.check_classes(shelves, claims, allotted)
        for part in allotted:
            line = self.orders[part.order_id].lines[part.line.line_no]
            line.waiting -= int(part.given)
            line.held += int(part.given)
            line.skips, line.gathering_since = part.skips, part.gathering_since

    def check_classes(self, shelves, claims, allotted) -> None:
        """D8-1, D8-2: nobody ordinary before a key customer, nor out of what is kept for them."""
        key_customers = {claim.order_id for claim in claims if counts_as_vip(claim, TERMS, self.now)}
        for shelf in shelves:
            parts = [part for part in allotted if part.line.shelf == shelf.key]
            given = sum(part.given for part in parts)
            assert given <= shelf.free
            if not any(part.given > 0 and part.order_id not in key_customers for part in parts):
                continue
            assert shelf.free - given >= shelf.held_back
            for part in parts:
                if part.order_id in key_customers and 0 <= part.given < part.line.quantity:
                    assert part.rule is Rule.WHOLE_ONLY

    # -- what happens ---------------------------------------------------------------------------------------------

    @initialize(a=st.integers(0, 30), b=st.integers(0, 30))
    def stock_up(self, a: int, b: int) -> None:
        self.on_hand.update({SHELVES[0]: a, SHELVES[1]: b})

    @rule(
        vip=st.booleans(),
        whole=st.booleans(),
        wanted=st.dictionaries(st.sampled_from(SHELVES), st.integers(1, 20), min_size=1),
        ago=st.integers(0, 3),
    )
    def order(self, vip: bool, whole: bool, wanted: dict[ShelfKey, int], ago: int) -> None:
        self.serial += 1
        lines = [Line(shelf, quantity, self.now) for shelf, quantity in wanted.items()]
        self.orders[f"{self.serial:03}"] = Order(vip, whole, self.now - timedelta(hours=ago), lines)
        self.serve()

    @rule(shelf=st.sampled_from(SHELVES), quantity=st.integers(1, 25))
    def receive(self, shelf: ShelfKey, quantity: int) -> None:
        self.on_hand[shelf] += quantity
        self.serve()

    @precondition(lambda self: self.orders)
    @rule(which=st.integers(0, 100))
    def end(self, which: int) -> None:
        del self.orders[sorted(self.orders)[which % len(self.orders)]]
        self.serve()

    @precondition(lambda self: any(line.held for order in self.orders.values() for line in order.lines))
    @rule(which=st.integers(0, 100))
    def ship(self, which: int) -> None:
        holding = [order for order in self.orders.values() if not order.whole or not order.waits]
        held = [line for order in holding for line in order.lines if line.held]
        if held:
            line = held[which % len(held)]
            self.on_hand[line.shelf] -= line.held
            line.held = 0
        self.serve()

    @rule(hours=st.sampled_from([1, 20, 24, 100, 168]))
    def pass_time(self, hours: int) -> None:
        """And the sweep comes by."""
        self.now += timedelta(hours=hours)
        self.serve()

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_promised_twice(self) -> None:
        assert all(self.shelf(key).free >= 0 for key in SHELVES)
        assert all(line.waiting >= 0 <= line.held for order in self.orders.values() for line in order.lines)

    @invariant()
    def nobody_is_passed_over(self) -> None:
        """Served again at once, nobody gets anything, unless goods begin to be gathered (D8-5)."""
        shelves, claims = self.look()
        for part in allocate(shelves, claims, TERMS, self.now):
            assert part.given == 0 or (part.rule is Rule.GATHERING and part.line.gathering_since is None)

    @invariant()
    def a_whole_order_holds_all_or_nothing_unless_goods_are_gathered_for_it(self) -> None:
        for order in self.orders.values():
            if order.whole and order.waits and not order.gathers:
                assert not any(line.held for line in order.lines)

    @invariant()
    def a_whole_order_is_passed_over_twice_and_gathers_for_a_week_at_most(self) -> None:
        for order in self.orders.values():
            for line in order.lines:
                assert line.skips <= TERMS.most_skips
                if line.waiting and line.gathering_since is not None:
                    assert self.now - line.gathering_since < timedelta(days=TERMS.gathering_days)

    def teardown(self) -> None:
        """Everybody is served in the end, once enough has come in and a week has passed for the last of them."""
        for key in SHELVES:
            self.on_hand[key] += 100_000
        self.serve()
        assert not any(order.waits for order in self.orders.values())


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=40, stateful_step_count=30)
