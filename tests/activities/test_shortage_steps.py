"""The customer's choice when goods are short, step by step on real PostgreSQL (D7-12)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, ship_picked, stock_of
from support.shortage import (
    HOUR,
    choose,
    held,
    instead,
    keep_substitutes,
    letters,
    order_row,
    questions,
    states,
    tasks,
    weigh,
)

from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence import orders
from activities.persistence.context import context_of
from activities.persistence.events import events_of
from activities.persistence.order_tables import CommitmentRow, OrderRow
from activities.persistence.queueing import unsettled
from activities.revisions import RevisionActivities
from activities.shortage_effects import ask_customer
from activities.shortages import ShortageActivities
from activities.stock import StockActivities
from api.shortage_view import shortage_view
from domain.orders import EndRequest, OpenShortage, OrderStatus, StepResult
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest
from domain.shortages import Choice, ShortageCommand, ShortageRequest
from domain.stock_errors import (
    NoShortageError,
    NoSubstitutesError,
    NotASubstituteError,
    NothingSetAsideError,
    NotMissingError,
    ShortAfterShipmentError,
)

THURSDAY = MONDAY + timedelta(days=3)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def short(engine: Engine, company: Company, *, on_hand: str = "3", quantity: str = "10", **terms) -> tuple[str, str]:
    """An order for more than there is, reserved as far as it goes; it and its product."""
    whole = terms.pop("ship_complete", False)
    hold_back = terms.pop("hold_back", "0")
    sku = a_product(engine, on_hand=on_hand, hold_back=hold_back)
    order = a_quote(
        engine, company.manager, a_customer(engine, company, **terms), sku, quantity=quantity, ship_complete=whole
    )
    decide(engine, company, order)
    reserve(engine, order)
    return order, sku


def told(engine: Engine, order: str) -> list[str]:
    with Session(engine) as session:
        events = [event.event for event in events_of(session, "order", UUID(order))]
    return [event for event in events if event.startswith(("shortage", "ships_in_parts"))]


def fit(engine: Engine, order: str, number: int, at: datetime = MONDAY) -> StepResult:
    return StockActivities(engine).fit_reserve(a_step(order, number, at=at))


def revise(engine: Engine, company: Company, order: str, number: int, **lines: str) -> None:
    wanted = tuple(RevisedLine(sku, Decimal(quantity)) for sku, quantity in lines.items())
    command = ReviseCommand(company.manager, lines=wanted)
    RevisionActivities(engine).revise_order(ReviseRequest(order, number, command, MONDAY))


def test_d7_12_a_short_order_asks_the_customer_for_three_days(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)

    (row,) = questions(engine, order)
    assert (row.state, row.asked_at, row.until) == ("open", MONDAY, THURSDAY)
    (line,) = row.lines
    assert (line["sku"], Decimal(line["missing"]), Decimal(line["reserved"])) == (sku, 7, 3)
    assert tasks(engine, order) == [
        (f"Заказ {order_row(engine, order).number}, ООО «Ромашка»: товара не хватает — узнать до 09.04.2026 10:00, "
         "что выбирает клиент", "open")
    ]  # fmt: skip
    (letter,) = letters(engine, order)
    assert letter.recipient == "zakup@romashka.example"
    for words in (f"Цемент {sku}: 7 меш", "до 09.04.2026 10:00", "подождать", "взять то, что есть", "отказаться"):
        assert words in letter.body
    assert "замену" not in letter.body
    assert told(engine, order) == ["shortage_asked"]


def test_d7_12_the_step_carries_the_question_and_a_repeat_asks_nothing_new(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="3")
    order = a_quote(engine, company.manager, a_customer(engine, company), sku, quantity="10")
    decide(engine, company, order)

    first, second = reserve(engine, order), reserve(engine, order)

    assert first.shortage == second.shortage == OpenShortage(1, THURSDAY)
    assert len(first.messages) == 2  # the manager's notice and the letter
    assert len(questions(engine, order)) == len(letters(engine, order)) == 1


def test_d7_3_the_question_is_open_until_a_working_day(engine: Engine, company: Company) -> None:
    friday = datetime(2026, 4, 10, 5, tzinfo=UTC)
    sku = a_product(engine, on_hand="0")
    order = a_quote(engine, company.manager, a_customer(engine, company), sku, now=friday - HOUR)
    decide(engine, company, order)

    asked = reserve(engine, order, at=friday).shortage  # Monday is worked: three days as they are
    assert asked == OpenShortage(1, datetime(2026, 4, 13, 5, tzinfo=UTC))
    thursday = a_quote(engine, company.manager, a_customer(engine, company), sku, now=friday - HOUR)
    decide(engine, company, thursday)
    until = reserve(engine, thursday, at=friday - timedelta(days=1)).shortage  # Sunday is not: Monday noon
    assert until == OpenShortage(1, datetime(2026, 4, 13, 7, tzinfo=UTC))


def test_an_order_that_gets_everything_is_asked_nothing(engine: Engine, company: Company) -> None:
    order, _ = short(engine, company, on_hand="10")
    assert questions(engine, order) == []
    assert letters(engine, order) == []


def test_d10_11_without_an_address_the_task_says_so(engine: Engine, company: Company) -> None:
    order, _ = short(engine, company, email=None)
    assert letters(engine, order) == []
    ((subject, state),) = tasks(engine, order)
    assert "e-mail у клиента нет" in subject
    assert state == "open"


def test_d7_12_alternatives_are_offered_with_price_and_what_this_class_may_take(
    engine: Engine, company: Company
) -> None:
    """D8-2: of 20 with 10 % held back an ordinary customer may take 18, a key customer 20."""
    sku, first, gone = (
        a_product(engine),
        a_product(engine, on_hand="20", price="900.00", hold_back=None),
        a_product(engine),
    )
    foreign = a_product(engine, on_hand="5", currency="RUB")
    keep_substitutes(engine, sku, foreign, gone, first)
    for segment, free in (("standard", 18), ("vip", 20)):
        order = a_quote(engine, company.manager, a_customer(engine, company, segment=segment), sku, quantity="4")
        decide(engine, company, order)
        reserve(engine, order)
        (line,) = questions(engine, order)[0].lines
        offered = [(each["sku"], Decimal(each["price"]), Decimal(each["free"])) for each in line["alternatives"]]
        assert offered == [(gone, 1000, 0), (first, 900, free)]
        body = letters(engine, order)[0].body
        assert f"Цемент {first} вместо «Цемент {sku}», 900,00\u00a0₸ за меш, есть {free} меш" in body
        assert gone not in body  # what is not there is no alternative today
        assert "взять то, что есть" not in body


# -- the four choices -------------------------------------------------------------------------------------------------


def test_d7_12_to_wait_is_recorded_and_nothing_else_happens(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)
    choose(engine, company, order, "wait")

    (row,) = questions(engine, order)
    assert (row.state, row.choice, row.chosen_by, row.chosen_at) == (
        "chosen", "wait", UUID(company.manager.id), MONDAY + HOUR,
    )  # fmt: skip
    assert held(engine, order) == {(sku, "reserved"): 3, (sku, "waiting"): 7}
    assert [state for _, state in tasks(engine, order)] == ["done"]
    assert told(engine, order) == ["shortage_asked", "shortage_chosen"]
    with pytest.raises(NoShortageError):
        choose(engine, company, order, "part", number=30)


def test_d7_12_a_part_is_a_smaller_order_at_once(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)
    _, revised, fitted = choose(engine, company, order, "part")

    assert revised is not None
    assert (revised.in_force, revised.decision, revised.revision) == (True, None, 2)
    assert fitted is not None
    assert (fitted.state.status, fitted.shortage) == (OrderStatus.READY, None)
    assert held(engine, order) == {(sku, "reserved"): 3}
    with Session(engine) as session:
        assert session.get_one(CommitmentRow, UUID(order)).uninvoiced == 3000
    assert states(engine, order) == [("chosen", "part")]
    assert stock_of(engine, sku) == (3, 3, 0)


def test_d7_12_lines_with_nothing_there_leave_the_order(engine: Engine, company: Company) -> None:
    there, gone = a_product(engine, on_hand="5"), a_product(engine)
    order = quote_of(engine, company, a_customer(engine, company), [(there, "5"), (gone, "2")])
    decide(engine, company, order)
    reserve(engine, order)
    choose(engine, company, order, "part")

    assert held(engine, order) == {(there, "reserved"): 5}
    assert order_row(engine, order).gross == 5000


def test_d7_12_a_part_of_nothing_is_refused_and_the_question_stays_open(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company, on_hand="0")
    with pytest.raises(NothingSetAsideError):
        choose(engine, company, order, "part")
    assert states(engine, order) == [("open", None)]
    assert held(engine, order) == {(sku, "waiting"): 10}
    choose(engine, company, order, "wait", number=30)


def test_d7_12_an_order_that_ships_whole_takes_what_is_free_for_its_class(engine: Engine, company: Company) -> None:
    """D8-2: 10 % of 8 stay for key customers, so 7 of 10; it no longer has to ship whole."""
    order, sku = short(engine, company, on_hand="8", hold_back=None, ship_complete=True)
    assert held(engine, order) == {(sku, "waiting"): 10}
    choose(engine, company, order, "part")

    assert held(engine, order) == {(sku, "reserved"): 7}
    assert (order_row(engine, order).ship_complete, order_row(engine, order).gross) == (False, 7000)
    assert told(engine, order) == ["shortage_asked", "shortage_chosen", "ships_in_parts"]


def test_d7_12_a_whole_order_takes_no_part_that_others_stand_before(engine: Engine, company: Company) -> None:
    """D8-1: what is free is for whoever waits longer; another whole order leaves it, for it cannot take it."""
    sku, rare = a_product(engine, on_hand="8"), a_product(engine)
    earlier = quote_of(engine, company, a_customer(engine, company), [(sku, "6"), (rare, "1")], ship_complete=True)
    decide(engine, company, earlier)
    reserve(engine, earlier)
    order = a_quote(engine, company.manager, a_customer(engine, company), sku, quantity="10", ship_complete=True)
    decide(engine, company, order)
    reserve(engine, order)

    weighed = weigh(engine, company, order, "part")
    assert weighed.lines == (RevisedLine(sku, Decimal(8)),)
    receipt(engine, rare, "1")  # now it can: 6 of 8 are gone
    assert weigh(engine, company, order, "part", number=30).lines == (RevisedLine(sku, Decimal(2)),)


def test_d7_12_an_alternative_takes_the_place_of_what_is_missing(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)
    other = a_product(engine, on_hand="50", price="900.00")
    keep_substitutes(engine, sku, other)
    _, revised, fitted = choose(engine, company, order, "alternative", instead(sku, other))

    assert revised is not None
    assert (revised.in_force, revised.decision) == (True, None)  # 3 × 1000 + 7 × 900: less than before
    assert fitted is not None
    assert fitted.shortage is None
    assert held(engine, order) == {(sku, "reserved"): 3, (other, "reserved"): 7}
    assert order_row(engine, order).gross == 9300
    assert states(engine, order) == [("chosen", "alternative")]


def test_d4_10_a_dearer_alternative_is_decided_again(engine: Engine, company: Company) -> None:
    """Within the limit it passes; above it the choice stands and the change waits for its approval."""
    order, sku = short(engine, company, limit="12000")
    dear = a_product(engine, on_hand="50", price="1100.00")
    keep_substitutes(engine, sku, dear)
    _, revised, _ = choose(engine, company, order, "alternative", instead(sku, dear, "9"))  # 12 900

    assert revised is not None
    assert (revised.in_force, revised.proposal is not None, revised.refit) == (False, True, False)
    assert states(engine, order) == [("chosen", "alternative")]
    assert held(engine, order) == {(sku, "reserved"): 3, (sku, "waiting"): 7}


@pytest.mark.parametrize(
    ("sku", "substitute", "error"),
    [("short", "other", NotASubstituteError), ("short", "unknown", NotASubstituteError),
     ("there", "kept", NotMissingError), ("bare", "other", NoSubstitutesError)],
)  # fmt: skip
def test_d7_12_only_a_kept_substitute_of_a_missing_product(
    engine: Engine, company: Company, sku: str, substitute: str, error: type[Exception]
) -> None:
    names = {"short": a_product(engine), "there": a_product(engine, on_hand="1"), "bare": a_product(engine)}
    names |= {"kept": a_product(engine), "other": a_product(engine), "unknown": "NO-SUCH"}
    keep_substitutes(engine, names["short"], names["kept"])
    keep_substitutes(engine, names["there"], names["kept"])
    lines = [(names[name], "1") for name in ("short", "there", "bare")]
    order = quote_of(engine, company, a_customer(engine, company), lines)
    decide(engine, company, order)
    reserve(engine, order)

    with pytest.raises(error):
        choose(engine, company, order, "alternative", instead(names[sku], names[substitute]))
    assert states(engine, order) == [("open", None)]
    assert order_row(engine, order).revision == 1


def test_d7_12_to_cancel_is_recorded_before_the_order_ends(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)
    choose(engine, company, order, "cancel")
    StockActivities(engine).free_order_stock(a_step(order, 21))
    end = EndRequest(order, OrderStatus.CANCELLED, company.manager, "", MONDAY)
    OrderActivities(engine).end_order(end)

    assert states(engine, order) == [("chosen", "cancel")]
    assert stock_of(engine, sku) == (3, 0, 0)


# -- silence, and goods that come -------------------------------------------------------------------------------------


def lapse(engine: Engine, order: str, at: datetime, number: int = 40) -> StepResult:
    return ShortageActivities(engine).lapse_shortage(a_step(order, number, at=at))


def test_d7_12_silence_means_waiting(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)

    early = lapse(engine, order, THURSDAY - timedelta(seconds=1))
    assert early.shortage == OpenShortage(1, THURSDAY)  # to be watched further
    assert states(engine, order) == [("open", None)]
    late = lapse(engine, order, THURSDAY, number=41)

    assert states(engine, order) == [("lapsed", "wait")]
    assert len(late.messages) == 1
    assert [state for _, state in tasks(engine, order)] == ["cancelled"]
    assert held(engine, order) == {(sku, "reserved"): 3, (sku, "waiting"): 7}
    assert told(engine, order) == ["shortage_asked", "shortage_lapsed"]
    with pytest.raises(NoShortageError):
        choose(engine, company, order, "part", at=THURSDAY)


def test_d7_12_an_answer_at_the_last_second_counts_and_one_at_the_end_is_too_late(
    engine: Engine, company: Company
) -> None:
    order, _ = short(engine, company)
    with pytest.raises(NoShortageError):
        choose(engine, company, order, "wait", at=THURSDAY)
    assert states(engine, order) == [("open", None)]
    choose(engine, company, order, "wait", number=30, at=THURSDAY - timedelta(seconds=1))
    assert states(engine, order) == [("chosen", "wait")]
    assert lapse(engine, order, THURSDAY).messages == ()  # the answer came first


def test_d7_12_goods_that_come_void_the_question_when_nothing_is_missing(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)
    receipt(engine, sku, "6")
    OrderActivities(engine).look_again(order, MONDAY)
    assert states(engine, order) == [("open", None)]  # one is still missing
    receipt(engine, sku, "1")
    OrderActivities(engine).look_again(order, MONDAY)

    assert states(engine, order) == [("void", None)]
    assert [state for _, state in tasks(engine, order)] == ["cancelled"]
    assert told(engine, order)[-1] == "shortage_void"
    assert lapse(engine, order, THURSDAY) == StepResult(lapse(engine, order, THURSDAY).state)


@pytest.mark.parametrize("choice", ["wait", "part", "cancel"])
def test_d7_12_a_choice_after_the_goods_came_changes_nothing(engine: Engine, company: Company, choice: str) -> None:
    """The receipt is in, and the order's process has not looked yet."""
    order, sku = short(engine, company)
    receipt(engine, sku, "7")
    weighed, revised, _ = choose(engine, company, order, choice)

    assert (weighed.refusal, revised) == ("no_shortage", None)
    assert states(engine, order) == [("void", None)]
    assert held(engine, order) == {(sku, "reserved"): 10}


def test_d7_17_an_order_that_ends_leaves_no_question(engine: Engine, company: Company) -> None:
    order, _ = short(engine, company)
    StockActivities(engine).free_order_stock(a_step(order, 21))
    OrderActivities(engine).end_order(EndRequest(order, OrderStatus.CANCELLED, company.manager, "x", MONDAY))
    assert states(engine, order) == [("void", None)]
    assert [state for _, state in tasks(engine, order)] == ["cancelled"]


def test_d7_9_a_release_ends_the_question_and_a_new_reserve_asks_again(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company, prepayment_percent=100)
    at = MONDAY + timedelta(days=7)
    LifetimeActivities(engine).release_order(a_step(order, 2, at=at))
    assert states(engine, order) == [("void", None)]
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE sales_order SET status = 'confirmed', wait = NULL"))
    asked = StockActivities(engine).reserve_order(a_step(order, 9, at=at))

    assert states(engine, order) == [("void", None), ("open", None)]
    assert asked.shortage == OpenShortage(9, at + timedelta(days=3))
    assert held(engine, order) == {(sku, "reserved"): 3, (sku, "waiting"): 7}


# -- asked again, or not ----------------------------------------------------------------------------------------------


def test_d7_12_an_edit_asks_again_only_about_more(engine: Engine, company: Company) -> None:
    order, sku = short(engine, company)
    revise(engine, company, order, 10, **{sku: "9"})
    assert fit(engine, order, 11).shortage == OpenShortage(1, THURSDAY)  # less is missing: the same question
    revise(engine, company, order, 12, **{sku: "11"})
    assert fit(engine, order, 13).shortage == OpenShortage(13, THURSDAY)

    assert states(engine, order) == [("void", None), ("open", None)]
    assert [state for _, state in tasks(engine, order)] == ["cancelled", "open"]
    choose(engine, company, order, "wait")
    revise(engine, company, order, 14, **{sku: "10"})
    assert fit(engine, order, 15).shortage is None  # the customer waits for these


def test_d7_12_goods_taken_in_between_are_asked_about_again(engine: Engine, company: Company) -> None:
    """The substitute was free when it was chosen; another order took it before the reserve was fitted."""
    order, sku = short(engine, company)
    other = a_product(engine, on_hand="7")
    keep_substitutes(engine, sku, other)
    weighed = weigh(engine, company, order, "alternative", instead(sku, other))
    command = ReviseCommand(company.manager, lines=weighed.lines)
    RevisionActivities(engine).revise_order(ReviseRequest(order, 21, command, MONDAY))
    rival = a_quote(engine, company.manager, a_customer(engine, company), other, quantity="5")
    decide(engine, company, rival)
    reserve(engine, rival)
    _record(engine, company, order, instead(sku, other))

    fitted = fit(engine, order, 23)

    assert fitted.shortage == OpenShortage(23, THURSDAY)
    assert held(engine, order) == {(sku, "reserved"): 3, (other, "reserved"): 2, (other, "waiting"): 5}
    assert states(engine, order) == [("chosen", "alternative"), ("open", None)]
    assert len(letters(engine, order)) == 2


def _record(engine: Engine, company: Company, order: str, *alternatives) -> None:
    command = ShortageCommand(company.manager, Choice.ALTERNATIVE, None, alternatives)
    ShortageActivities(engine).record_choice(ShortageRequest(order, 22, command, MONDAY))


# -- part of the goods has left ---------------------------------------------------------------------------------------


def test_d6_7_once_a_part_has_left_the_rest_is_waited_for_or_cancelled(engine: Engine, company: Company) -> None:
    there, sku = a_product(engine, on_hand="2"), a_product(engine)
    other = a_product(engine, on_hand="9")
    keep_substitutes(engine, sku, other)
    order = quote_of(engine, company, a_customer(engine, company), [(there, "2"), (sku, "4")])
    decide(engine, company, order)
    reserve(engine, order)
    assert offered(engine, order) == ["wait", "part", "alternative", "cancel"]
    pick(engine, company, order)
    assert offered(engine, order) == ["wait", "cancel"]
    ship_picked(engine, company, order)

    assert offered(engine, order) == ["wait", "cancel"]
    for number, choice in enumerate(("part", "alternative"), 60):
        chosen = [instead(sku, other)] if choice == "alternative" else []
        with pytest.raises(ShortAfterShipmentError):
            weigh(engine, company, order, choice, *chosen, number=number)
    assert states(engine, order) == [("open", None)]
    with Session(engine) as session, session.begin():
        context = context_of(session, orders.lock_order(session, order))
        ask_customer(session, context, 70, at=MONDAY + HOUR, anew=True)
    letter = letters(engine, order)[-1].body
    assert "подождать" in letter
    assert "взять то, что есть" not in letter
    assert f"Цемент {other} вместо" not in letter
    choose(engine, company, order, "wait", number=80)
    assert states(engine, order)[-1] == ("chosen", "wait")


def offered(engine: Engine, order: str) -> list[str]:
    with Session(engine) as session:
        view = shortage_view(session, session.get_one(OrderRow, UUID(order)), "ru", now=MONDAY + HOUR)
    assert view is not None
    return [each["choice"] for each in view["choices"]]


# -- a part that waits for its approval, and where a substitute comes from ---------------------------------------------


def test_d7_12_a_whole_order_gets_its_part_while_the_change_waits_for_approval(
    engine: Engine, company: Company
) -> None:
    """Whatever waits for approval, the order as it stands ships in parts from the choice on."""
    order, sku = short(engine, company, on_hand="8", hold_back="0", ship_complete=True, limit="12000")
    assert held(engine, order) == {(sku, "waiting"): 10}
    revise(engine, company, order, 10, **{sku: "20"})
    command = ShortageCommand(company.manager, Choice.PART)
    served = ShortageActivities(engine).record_choice(ShortageRequest(order, 11, command, MONDAY + HOUR))

    assert served.state.status is OrderStatus.PART_RESERVED
    assert order_row(engine, order).ship_complete is False
    assert held(engine, order) == {(sku, "reserved"): 8, (sku, "waiting"): 2}
    assert order_row(engine, order).status == "part_reserved"
    assert unsettled_of(engine, sku) == []


def unsettled_of(engine: Engine, sku: str) -> list:
    with Session(engine) as session:
        return unsettled(session, [("main", sku)], at=MONDAY + HOUR)


def test_d7_12_a_substitute_comes_from_the_warehouse_of_the_short_line(engine: Engine, company: Company) -> None:
    sku, there = a_product(engine), a_product(engine, on_hand="1")
    other = a_product(engine, on_hand="50", price="900.00")
    receipt(engine, other, "7", "north")
    keep_substitutes(engine, sku, other)
    order = quote_of(engine, company, a_customer(engine, company), [(sku, "4", "north"), (there, "1")])
    decide(engine, company, order)
    reserve(engine, order)

    (line,) = questions(engine, order)[0].lines
    assert [Decimal(each["free"]) for each in line["alternatives"]] == [7]
    choose(engine, company, order, "alternative", instead(sku, other))
    assert stock_of(engine, other, "north") == (7, 4, 0)
    assert stock_of(engine, other) == (50, 0, 0)
