"""What has to be bought and when it can be promised: the queue served ahead of time (D7-12, D8)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.allocation import Claim, ClaimLine, QueueTerms, Shelf, queue_order
from domain.supply import Arrival, Need, Promise, Prospect, need_of, promises, whole_on, worsened

NOW = datetime(2026, 4, 6, 5, tzinfo=UTC)
TODAY = date(2026, 4, 6)
TERMS = QueueTerms()
NEVER_LIFTED = QueueTerms(starvation_days=10_000)


def day(number: int) -> date:
    return date(2026, 4, number)


def shelf(free: str = "0", *, on_hand: str | None = None, hold_back: str = "0", sku: str = "A") -> Shelf:
    return Shelf("main", sku, Decimal(on_hand or free), Decimal(free), Decimal(hold_back))


def arrival(on: int, quantity: str, sku: str = "A") -> Arrival:
    return Arrival("main", sku, day(on), Decimal(quantity))


def line(quantity: str, *, no: int = 1, sku: str = "A", **place) -> ClaimLine:
    return ClaimLine(no, "main", sku, Decimal(quantity), **{"since": NOW, **place})


def claim(order: str, *lines: ClaimLine, vip: bool = False, whole: bool = False, minutes: int = 0) -> Claim:
    return Claim(order, vip, NOW + timedelta(minutes=minutes), whole, lines)


def prospect(shelves: Sequence[Shelf], claims: Sequence[Claim], *arrivals: Arrival, terms=TERMS) -> Prospect:
    return Prospect(shelves, claims, arrivals, terms, NOW, TODAY)


def days(of: Prospect) -> dict[str, date | None]:
    """The day of each order's first line."""
    return {order: promise.on for (order, number, _), promise in promises(of).items() if number == 1}


def need(stock: Shelf, claims: Sequence[Claim], *arrivals: Arrival) -> Need:
    found = need_of(stock, prospect([stock], claims, *arrivals))
    assert found is not None
    return found


def test_d8_1_the_queue_takes_what_is_expected_in_its_order() -> None:
    queue = [claim("b", line("5"), minutes=1), claim("a", line("10")), claim("c", line("5"), minutes=2)]
    found = days(prospect([shelf()], queue, arrival(20, "8"), arrival(10, "8")))
    assert found == {"a": day(20), "b": day(20), "c": None}
    assert days(prospect([shelf()], queue)) == {"a": None, "b": None, "c": None}


def test_d8_1_a_key_customer_is_promised_first() -> None:
    queue = [claim("a", line("5")), claim("key", line("5"), vip=True, minutes=9)]
    assert days(prospect([shelf()], queue, arrival(10, "5"))) == {"key": day(10), "a": None}


@pytest.mark.parametrize(("comes", "on"), [("11", None), ("12", day(10))])
def test_d8_2_what_is_held_back_of_a_receipt_is_promised_to_nobody_ordinary(comes: str, on: date | None) -> None:
    """10 % of what is on hand stays for key customers: of 12, the 10 may leave."""
    stock = shelf(hold_back="10")
    assert days(prospect([stock], [claim("a", line("10"))], arrival(10, comes))) == {"a": on}
    assert days(prospect([stock], [claim("a", line("10"), vip=True)], arrival(10, "10"))) == {"a": day(10)}


def test_d7_12_an_order_that_ships_whole_has_the_day_of_its_last_line() -> None:
    whole = claim("whole", line("5"), line("5", no=2, sku="B"), whole=True)
    parts = claim("parts", line("5"), line("5", no=2, sku="B"), minutes=1)
    comes = [arrival(8, "10"), arrival(15, "10", "B")]
    found = promises(prospect([shelf(), shelf(sku="B")], [whole, parts], *comes))
    assert {key[:2]: promise.on for key, promise in found.items()} == {
        ("whole", 1): day(15), ("whole", 2): day(15), ("parts", 1): day(8), ("parts", 2): day(15),
    }  # fmt: skip
    short = promises(prospect([shelf(), shelf(sku="B")], [whole], comes[0]))
    assert [promise.on for promise in short.values()] == [None, None]


def test_d8_5_goods_gathered_too_long_are_promised_to_the_next() -> None:
    """What is gathered goes back on the seventh day: a receipt of that day finds it free again."""
    gathering = line("5", skips=2, gathering_since=NOW, gathered=Decimal(5))
    queue = [claim("whole", gathering, whole=True), claim("next", line("5"), minutes=1)]
    stock = shelf(on_hand="5")
    assert days(prospect([stock], queue, arrival(12, "1"))) == {"whole": None, "next": None}
    assert days(prospect([stock], queue, arrival(13, "1"))) == {"whole": None, "next": day(13)}


def test_d8_5_goods_gathered_for_a_whole_order_leave_with_the_last_of_them() -> None:
    whole = claim("whole", line("5", skips=2), line("5", no=2, sku="B", skips=2), whole=True)
    found = promises(prospect([shelf(), shelf(sku="B")], [whole], arrival(8, "5"), arrival(10, "5", "B")))
    assert [promise.on for promise in found.values()] == [day(10), day(10)]


def test_d8_6_who_will_have_waited_long_enough_by_then_comes_before_key_customers() -> None:
    queue = [claim("a", line("5")), claim("key", line("5"), vip=True, minutes=9)]
    assert days(prospect([shelf()], queue, arrival(12, "5"))) == {"key": day(12), "a": None}
    assert days(prospect([shelf()], queue, arrival(13, "5"))) == {"key": None, "a": day(13)}


def test_a_receipt_whose_day_has_passed_promises_nothing() -> None:
    queue = [claim("a", line("5"))]
    assert days(prospect([shelf()], queue, arrival(5, "5"))) == {"a": None}
    assert days(prospect([shelf()], queue, arrival(6, "5"))) == {"a": TODAY}
    assert need(shelf(), queue, arrival(5, "5")).to_order == 0


def test_somebody_new_is_told_what_is_there_and_when_the_rest_is() -> None:
    queue = [claim("new", line("10"), minutes=5)]
    found = promises(prospect([shelf("8", on_hand="8", hold_back="25")], queue, arrival(10, "10")))
    assert found == {("new", 1, "main"): Promise(Decimal(6), day(10))}
    assert promises(prospect([shelf("10")], queue)) == {("new", 1, "main"): Promise(Decimal(10), TODAY)}


def test_whole_on_is_the_latest_day_if_all_are_known() -> None:
    assert whole_on([day(8), day(15)]) == day(15)
    assert whole_on([day(8), None]) is None
    assert whole_on([]) is None


def test_only_who_was_promised_can_be_let_down() -> None:
    before = {("a", 1, "m"): day(8), ("b", 1, "m"): None, ("c", 1, "m"): day(8), ("c", 2, "m"): day(9)}
    after = {("a", 1, "m"): day(8), ("b", 1, "m"): None, ("c", 1, "m"): None, ("c", 2, "m"): day(9)}
    assert worsened(before, after) == {"c": None}
    assert worsened(before, after | {("c", 1, "m"): day(10)}) == {"c": day(10)}
    assert worsened(before, after | {("c", 1, "m"): day(7)}) == {}


def test_d8_2_held_back_goods_cover_no_ordinary_need() -> None:
    stock = shelf("10", on_hand="100", hold_back="10")
    ordinary = need(stock, [claim("a", line("5"))])
    assert (ordinary.waiting, ordinary.covered, ordinary.missing, ordinary.to_order) == (5, 0, 5, 6)
    assert need(stock, [claim("a", line("5"), vip=True)]).to_order == 0


def test_d7_12_goods_that_wait_for_the_rest_of_a_whole_order_are_not_needed_again() -> None:
    whole = [claim("whole", line("5"), line("5", no=2, sku="B"), whole=True)]
    shelves = [shelf("5"), shelf(sku="B")]
    found = [need_of(each, prospect(shelves, whole)) for each in shelves]
    assert [each and each.to_order for each in found] == [0, 5]
    assert need_of(shelf(sku="C"), prospect(shelves, whole)) is None
    half = need(shelf(), [claim("whole", line("10"), whole=True)], arrival(10, "4"))
    assert (half.covered, half.missing, half.to_order) == (4, 6, 6)


def test_a_need_names_who_waits_in_queue_order() -> None:
    queue = [claim("a", line("5")), claim("key", line("2.5"), vip=True, minutes=9)]
    found = need(shelf(), queue, arrival(10, "3"))
    assert found.queue == (("key", Decimal("2.5")), ("a", Decimal(5)))
    assert (found.waiting, found.expected, found.covered, found.to_order) == (
        Decimal("7.5"), 3, Decimal("2.5"), Decimal("4.5"),
    )  # fmt: skip


patient = settings(suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""
ASKED = st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.booleans(), st.integers(0, 2)), max_size=8)
COMING = st.lists(st.tuples(st.integers(4, 20), st.integers(1, 25)), max_size=5)


def some_claims(asked: list[tuple[int, bool, bool, int]], *, wholes: bool) -> list[Claim]:
    return [
        claim(f"{n:02}", line(str(quantity), skips=skips), vip=vip, whole=whole and wholes, minutes=n)
        for n, (quantity, vip, whole, skips) in enumerate(asked)
    ]


@patient
@given(ASKED, COMING, st.integers(0, 30), st.integers(0, 40))
def test_no_more_is_promised_by_a_day_than_is_there_by_then(
    asked: list[tuple[int, bool, bool, int]], coming: list[tuple[int, int]], free: int, held: int
) -> None:
    claims = some_claims(asked, wholes=True)
    arrivals = [arrival(on, str(quantity)) for on, quantity in coming]
    stock = shelf(str(free), on_hand=str(free + 10), hold_back=str(held))
    found = days(prospect([stock], claims, *arrivals))
    assert set(found) == {each.order_id for each in claims}
    for last in range(6, 21):
        promised = sum(each.lines[0].quantity for each in claims if (on := found[each.order_id]) and on <= day(last))
        there = free + sum(each.quantity for each in arrivals if TODAY <= each.on <= day(last))
        assert promised <= there


@patient
@given(ASKED, COMING, st.integers(0, 30), st.integers(0, 40))
def test_nobody_ahead_is_promised_later_than_somebody_behind_who_needs_no_less(
    asked: list[tuple[int, bool, bool, int]], coming: list[tuple[int, int]], free: int, held: int
) -> None:
    claims = queue_order(some_claims(asked, wholes=False), NEVER_LIFTED, NOW)
    arrivals = [arrival(on, str(quantity)) for on, quantity in coming]
    stock = shelf(str(free), on_hand=str(free + 10), hold_back=str(held))
    found = days(prospect([stock], claims, *arrivals, terms=NEVER_LIFTED))
    more = days(prospect([stock], claims, *arrivals, arrival(9, "7"), terms=NEVER_LIFTED))
    latest = date.max
    for place, ahead in enumerate(claims):
        mine = found[ahead.order_id] or latest
        assert (more[ahead.order_id] or latest) <= mine
        for behind in claims[place + 1 :]:
            if behind.lines[0].quantity >= ahead.lines[0].quantity:
                assert mine <= (found[behind.order_id] or latest)


@patient
@given(ASKED.filter(bool), COMING, st.integers(0, 30), st.integers(0, 40))
def test_what_is_to_be_ordered_serves_everybody_and_not_a_piece_more(
    asked: list[tuple[int, bool, bool, int]], coming: list[tuple[int, int]], free: int, held: int
) -> None:
    claims = some_claims(asked, wholes=True)
    arrivals = [arrival(on, str(quantity)) for on, quantity in coming]
    stock = shelf(str(free), on_hand=str(free + 10), hold_back=str(held))
    found = need(stock, claims, *arrivals)
    assert 0 <= found.covered <= found.waiting
    assert (found.missing == 0) == (found.to_order == 0)
    if found.to_order > 0:
        assert need(stock, claims, *arrivals, arrival(9, str(found.to_order))).missing == 0
    if found.to_order > 1:
        assert need(stock, claims, *arrivals, arrival(9, str(found.to_order - 1))).missing > 0
