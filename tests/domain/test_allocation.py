"""Who gets the goods: the queue, the hold-back, orders that ship whole, starvation (D7-12, D7-18, D8, V26)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.allocation import Allotment, Claim, ClaimLine, QueueTerms, Rule, Shelf, allocate, queue_order

NOW = datetime(2026, 4, 6, 5, tzinfo=UTC)
TERMS = QueueTerms()
DAY = timedelta(days=1)


def shelf(free: str, *, on_hand: str | None = None, hold_back: str = "0", sku: str = "A") -> Shelf:
    return Shelf("main", sku, Decimal(on_hand or free), Decimal(free), Decimal(hold_back))


def line(quantity: str, *, no: int = 1, sku: str = "A", since: datetime = NOW, **place) -> ClaimLine:
    return ClaimLine(no, "main", sku, Decimal(quantity), since, **place)


def claim(
    order: str, *lines: ClaimLine, vip: bool = False, after: timedelta = timedelta(0), whole: bool = False
) -> Claim:
    return Claim(order, vip, NOW + after, whole, lines)


def got(allotted: list[Allotment]) -> dict[str, str]:
    return {part.order_id: str(part.given) for part in allotted}


def rules(allotted: list[Allotment]) -> dict[str, Rule]:
    return {part.order_id: part.rule for part in allotted}


def order_of(*claims: Claim, at: datetime = NOW) -> list[str]:
    return [each.order_id for each in queue_order(claims, TERMS, at)]


def test_d7_12_what_there_is_is_given_and_the_rest_waits() -> None:
    [first, second] = allocate(
        [shelf("7"), shelf("5", sku="B")], [claim("a", line("10"), line("5", no=2, sku="B"))], TERMS, NOW
    )
    assert (first.given, first.rule) == (7, Rule.RAN_OUT)
    assert (second.given, second.rule) == (5, Rule.IN_TURN)


@pytest.mark.parametrize(("free", "given_"), [("9.999", "0"), ("10", "10")])
def test_d7_12_an_order_that_ships_whole_takes_all_or_nothing(free: str, given_: str) -> None:
    large = claim("large", line("10"), line("5", no=2, sku="B"), whole=True)
    parts = allocate([shelf(free), shelf("5", sku="B")], [large], TERMS, NOW)
    assert [str(part.given) for part in parts] == [given_, "5" if given_ == "10" else "0"]


@pytest.mark.parametrize("free", ["0", "-3"])
def test_d7_18_no_stock_gives_nothing(free: str) -> None:
    [part] = allocate([shelf(free, on_hand="0")], [claim("a", line("1"))], TERMS, NOW)
    assert (part.given, part.rule) == (0, Rule.RAN_OUT)


def test_d8_1_class_then_time_then_id() -> None:
    claims = [
        claim("c", line("1"), after=timedelta(hours=1)),
        claim("b", line("1")),
        claim("a", line("1")),
        claim("v", line("1"), vip=True, after=timedelta(hours=9)),
    ]
    assert order_of(*claims) == ["v", "a", "b", "c"]


def test_d8_7_equal_times_go_by_order_id_whatever_the_order_they_come_in() -> None:
    claims = [claim(name, line("1")) for name in "edcba"]
    assert order_of(*claims) == order_of(*reversed(claims)) == list("abcde")


def test_d8_1_freed_stock_goes_down_the_queue() -> None:
    allotted = allocate([shelf("6")], [claim("late", line("5"), after=DAY), claim("first", line("4"))], TERMS, NOW)
    assert got(allotted) == {"first": "4", "late": "2"}


def test_v26_the_last_tenth_is_for_key_customers() -> None:
    ordinary = claim("ordinary", line("10"))
    [first] = allocate([shelf("15", on_hand="100", hold_back="10")], [ordinary], TERMS, NOW)
    assert (first.given, first.rule) == (5, Rule.HELD_BACK)

    rest = claim("ordinary", line("5"))
    vip = claim("vip", line("10"), vip=True, after=DAY)
    allotted = allocate([shelf("10", on_hand="100", hold_back="10")], [rest, vip], TERMS, NOW)
    assert got(allotted) == {"vip": "10", "ordinary": "0"}
    assert rules(allotted) == {"vip": Rule.IN_TURN, "ordinary": Rule.RAN_OUT}


@pytest.mark.parametrize(
    ("free", "asked", "given_"),
    [
        ("11", "1", "1"),  # what stays is exactly a tenth
        ("10", "1", "0"),
        ("10.5", "0.5", "0.5"),
        ("10.4", "0.5", "0.400"),
    ],
)
def test_d8_2_exactly_a_tenth_stays(free: str, asked: str, given_: str) -> None:
    allotted = allocate([shelf(free, on_hand="100", hold_back="10")], [claim("a", line(asked))], TERMS, NOW)
    assert got(allotted) == {"a": given_}


def test_d8_2_goods_asked_for_by_the_piece_are_not_split() -> None:
    allotted = allocate([shelf("15", on_hand="15", hold_back="10")], [claim("a", line("15"))], TERMS, NOW)
    assert got(allotted) == {"a": "13"}


def test_d8_2_nothing_is_held_back_where_the_share_is_zero() -> None:
    assert got(allocate([shelf("15", hold_back="0")], [claim("a", line("15"))], TERMS, NOW)) == {"a": "15"}


def test_d8_4_whose_goods_were_taken_comes_first_of_its_class_but_behind_key_customers() -> None:
    robbed = claim("z", line("1", displaced_at=NOW), after=2 * DAY)
    assert order_of(claim("a", line("1")), robbed, claim("v", line("1"), vip=True, after=3 * DAY)) == ["v", "z", "a"]
    [first, _] = allocate([shelf("1")], [claim("a", line("1")), robbed], TERMS, NOW)
    assert (first.order_id, first.rule) == ("z", Rule.RETURNED_FIRST)


@pytest.mark.parametrize(("waited", "first"), [(7 * DAY, "old"), (7 * DAY - timedelta(seconds=1), "vip")])
def test_d8_6_a_week_of_waiting_lifts_to_the_key_customers(waited: timedelta, first: str) -> None:
    old, vip = claim("old", line("1")), claim("vip", line("1", since=NOW + DAY), vip=True, after=DAY)
    assert order_of(old, vip, at=NOW + waited)[0] == first


def test_d8_6_who_was_lifted_may_take_what_is_held_back() -> None:
    old = claim("old", line("10"))
    [part] = allocate([shelf("10", on_hand="100", hold_back="10")], [old], TERMS, NOW + 7 * DAY)
    assert (part.given, part.rule) == (10, Rule.LIFTED)


def large(skips: int = 0, quantity: str = "10", **place) -> Claim:
    return claim("large", line(quantity, skips=skips, **place), whole=True)


def test_d8_5_a_whole_order_at_the_head_is_passed_over_twice_then_goods_are_gathered() -> None:
    small = claim("small", line("2"), after=DAY)
    for skips in (0, 1):
        passed = allocate([shelf("6")], [large(skips), small], TERMS, NOW)
        assert got(passed) == {"large": "0", "small": "2"}
        assert [part.skips for part in passed if part.order_id == "large"] == [skips + 1]
    gathered = allocate([shelf("6")], [large(2), small], TERMS, NOW)
    assert got(gathered) == {"large": "6", "small": "0"}
    assert gathered[0].rule is Rule.GATHERING
    assert gathered[0].gathering_since == NOW


def test_d8_5_nobody_served_past_it_is_no_skip() -> None:
    [alone] = allocate([shelf("6")], [large()], TERMS, NOW)
    assert alone.skips == 0
    behind = allocate([shelf("6")], [claim("first", line("9")), claim("small", line("1"), after=2 * DAY),
                                     claim("large", line("10"), whole=True, after=DAY)], TERMS, NOW)  # fmt: skip
    assert [part.skips for part in behind if part.order_id == "large"] == [0]


@pytest.mark.parametrize(("days", "rule"), [(7, Rule.GATHERED_TOO_LONG), (6.99, Rule.GATHERING)])
def test_d8_5_goods_are_gathered_for_a_week_at_most(days: float, rule: Rule) -> None:
    waiting = large(2, quantity="4", gathering_since=NOW, gathered=Decimal(6))
    small = claim("small", line("5"), after=DAY)
    at = NOW + timedelta(days=days)
    small = claim("small", line("5", since=at), after=DAY)
    allotted = allocate([shelf("1")], [waiting, small], TERMS, at)
    assert rules(allotted)["large"] is rule
    expected = {"large": "-6", "small": "5"} if rule is Rule.GATHERED_TOO_LONG else {"large": "1", "small": "0"}
    assert got(allotted) == expected


def test_d8_5_what_another_gives_back_completes_it() -> None:
    stuck = [
        claim(name, line(str(10 - held), skips=2, gathering_since=NOW, gathered=Decimal(held)), whole=True, after=after)
        for name, held, after in (("first", 6, timedelta(0)), ("second", 4, DAY))
    ]
    allotted = allocate([shelf("0", on_hand="10")], stuck, TERMS, NOW + 7 * DAY)
    assert got(allotted) == {"first": "4", "second": "-4"}
    assert rules(allotted) == {"first": Rule.LIFTED, "second": Rule.GATHERED_TOO_LONG}


def test_d8_5_what_completes_it_on_the_last_day_is_not_given_away() -> None:
    waiting = large(2, quantity="4", gathering_since=NOW, gathered=Decimal(6))
    assert got(allocate([shelf("4")], [waiting], TERMS, NOW + 7 * DAY)) == {"large": "4"}


CLAIMS = st.lists(
    st.tuples(st.integers(1, 20), st.booleans(), st.booleans(), st.integers(0, 10), st.integers(0, 3)), max_size=8
)


@given(CLAIMS, st.integers(0, 60), st.integers(0, 40))
def test_what_is_given_was_there_and_what_stays_nobody_may_have(
    asked: list[tuple[int, bool, bool, int, int]], free: int, held: int
) -> None:
    claims = [
        claim(f"{n:02}", line(str(quantity), since=NOW - days * DAY, skips=skips), vip=vip, whole=whole,
              after=n * timedelta(hours=1) - days * DAY)
        for n, (quantity, vip, whole, days, skips) in enumerate(asked)
    ]  # fmt: skip
    stock = shelf(str(free), on_hand=str(free + 10), hold_back=str(held))
    allotted = allocate([stock], claims, TERMS, NOW)
    left = free - sum(part.given for part in allotted)
    assert 0 <= left <= free
    for part, each in zip(allotted, queue_order(claims, TERMS, NOW), strict=True):
        assert 0 <= part.given <= part.line.quantity
        if part.given == part.line.quantity or each.ship_complete:
            continue
        vip = part.rule is not Rule.HELD_BACK
        assert left <= 0 if vip else left - stock.held_back < 1


@given(CLAIMS, st.integers(0, 30), st.integers(0, 30))
def test_d8_6_orders_that_take_parts_fare_alike_whichever_shelves_are_decided_together(
    asked: list[tuple[int, bool, bool, int, int]], here: int, there: int
) -> None:
    def two_lines(quantity: int, days: int, skips: int) -> tuple[ClaimLine, ClaimLine]:
        there_since = NOW - skips * DAY
        return line(str(quantity), since=NOW - days * DAY), line(str(days + 1), no=2, sku="B", since=there_since)

    claims = [
        Claim(f"{n:02}", vip, NOW + timedelta(hours=n), False, two_lines(quantity, days, skips))
        for n, (quantity, vip, _, days, skips) in enumerate(asked)
    ]
    shelves = [shelf(str(here), hold_back="10"), shelf(str(there), hold_back="10", sku="B")]
    together = {(part.order_id, part.line.sku): part.given for part in allocate(shelves, claims, TERMS, NOW)}
    apart = {}
    for one in shelves:
        mine = [Claim(each.order_id, each.vip, each.confirmed_at, False,
                      tuple(part for part in each.lines if part.shelf == one.key)) for each in claims]  # fmt: skip
        apart |= {(part.order_id, part.line.sku): part.given for part in allocate([one], mine, TERMS, NOW)}
    assert together == apart


def test_d8_6_waiting_for_other_goods_lifts_nobody() -> None:
    old = claim("old", line("5", since=NOW - 7 * DAY), line("5", no=2, sku="B"), after=DAY)
    vip = claim("vip", line("5"), line("5", no=2, sku="B"), vip=True, after=2 * DAY)
    parts = allocate([shelf("5"), shelf("5", sku="B")], [old, vip], TERMS, NOW)
    assert [(part.order_id, part.line.sku) for part in parts if part.given] == [("old", "A"), ("vip", "B")]
