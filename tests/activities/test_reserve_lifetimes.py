"""How long reserves live, on real PostgreSQL: D7-3, D7-5, D7-6, D7-10, D7-11, D7-13."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, quote_of, receipt, reserve, stock_of, tie_money

from activities.adapters.own_books import OwnBooks
from activities.fresh_payments import FreshPaymentActivities
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence.calendars import official_days
from activities.persistence.expiring import Filters, Waits, ending_reserves, waits_for
from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import PaymentRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CalendarDayRow, CustomerRow
from activities.persistence.proofs import keep_proof
from activities.persistence.receipts import receive
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.reserves import fit_lines
from activities.persistence.stock_tables import ReservationRow
from activities.revisions import RevisionActivities
from activities.stock import StockActivities
from domain.business_calendar import BusinessCalendar
from domain.errors import ExtensionUsedError, WrongStateError
from domain.orders import (
    Actor,
    ExtendCommand,
    ExtendRequest,
    LineQuantity,
    OnExpiry,
    OrderStatus,
    StepResult,
    Wait,
    WaitReason,
)
from domain.payments import PaymentDraft
from domain.reservation_terms import expiry
from domain.reserve_life import FreshRequest, KeepRequest, Payer, PaymentNews, ProofCommand, ProofRequest
from domain.revisions import ReviseCommand, ReviseRequest
from domain.stock_errors import ExtensionTooLongError, ProofNotFoundError

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
END = MONDAY + 7 * DAY
PDF = b"%PDF-1.7 payment order 17"


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def an_order(engine: Engine, company: Company, customer: CustomerRow, *, on_hand: str = "10") -> tuple[str, str]:
    """A confirmed order of ten pieces for 10 000, and what it is of."""
    sku = a_product(engine, on_hand=on_hand)
    order = quote_of(engine, company, customer, [(sku, "10")])
    decide(engine, company, order)
    return order, sku


@pytest.fixture
def unpaid(engine: Engine, company: Company) -> str:
    """A reserve that must be paid in full by Monday 13 April, 10:00."""
    order, _ = an_order(engine, company, a_customer(engine, company, prepayment_percent=100))
    assert until(reserve(engine, order)) == END
    return order


def wait_of(result: StepResult) -> Wait:
    assert result.state.wait is not None
    return result.state.wait


def until(result: StepResult) -> datetime | None:
    return wait_of(result).until


def look(engine: Engine, order: str, at: datetime) -> StepResult:
    return OrderActivities(engine).look_again(order, at)


def release(engine: Engine, order: str, at: datetime, number: int = 20) -> StepResult:
    return LifetimeActivities(engine).release_order(a_step(order, number, at=at))


def reservation(engine: Engine, order: str) -> ReservationRow:
    with Session(engine) as session:
        return session.get_one(ReservationRow, UUID(order))


def tasks(engine: Engine, order: str) -> list[tuple[str, str, str]]:
    with Session(engine) as session:
        rows = session.exec(select(TaskRow).where(TaskRow.order_id == UUID(order)).order_by(TaskRow.id))
        return [(row.kind, row.role, row.state) for row in rows]


def events(engine: Engine, order: str, name: str) -> list[dict]:
    with Session(engine) as session:
        query = text("SELECT data FROM journal WHERE subject_id = :order AND event = :name ORDER BY id")
        return [row.data for row in session.execute(query, {"order": order, "name": name})]


# -- the calendar ---------------------------------------------------------------------------------------------------


def test_d7_3_the_holidays_are_those_of_the_country() -> None:
    """Thursday 7 May is worked in Russia and not in Kazakhstan; Friday 1 and Monday 11 May are days off in both."""
    for country, zone, ends in (("RU", "Europe/Moscow", (7, 10)), ("KZ", "Asia/Almaty", (8, 12))):
        calendar = BusinessCalendar(*official_days(country), zone)
        day, hour = ends
        assert expiry(calendar.at(date(2026, 4, 30), 10), 7, calendar) == calendar.at(date(2026, 5, day), hour)
        assert expiry(calendar.at(date(2026, 4, 24), 10), 7, calendar) == calendar.at(date(2026, 5, 4), 12)
        assert expiry(calendar.at(date(2026, 5, 2), 10), 7, calendar) == calendar.at(date(2026, 5, 12), 12)


@pytest.mark.parametrize(
    ("day", "working", "ends"),
    [(13, False, datetime(2026, 4, 14, 7, tzinfo=UTC)), (12, True, END), (13, True, END)],
    ids=["its day moved off", "another day moved", "said to be worked"],
)
def test_d7_3_a_day_that_the_company_moved_counts_as_moved(
    engine: Engine, company: Company, day: int, working: bool, ends: datetime
) -> None:
    with Session(engine) as session, session.begin():
        session.add(CalendarDayRow(country="KZ", day=date(2026, 4, day), working=working, note="перенос"))
    order, _ = an_order(engine, company, a_customer(engine, company, prepayment_percent=100))

    assert until(reserve(engine, order)) == ends


def test_d7_13_a_backorder_has_no_lifetime_until_it_is_served_then_a_whole_one(
    engine: Engine, company: Company
) -> None:
    order, sku = an_order(engine, company, a_customer(engine, company, prepayment_percent=100), on_hand="0")
    waiting = wait_of(reserve(engine, order))
    assert (waiting.reason, waiting.on_expiry) == (WaitReason.STOCK, OnExpiry.TASK)
    assert reservation(engine, order).expires_at is None
    assert release(engine, order, MONDAY + 90 * DAY).state.wait == waiting

    receipt(engine, sku, "10")
    at = MONDAY + 21 * DAY
    served = wait_of(look(engine, order, at))

    assert (served.reason, served.until) == (WaitReason.PAYMENT, at + 7 * DAY)
    assert reservation(engine, order).expires_at == at + 7 * DAY


def test_d7_13_a_paid_part_that_waits_for_the_rest_is_not_released(engine: Engine, company: Company) -> None:
    order, sku = an_order(engine, company, a_customer(engine, company, prepayment_percent=100), on_hand="4")
    reserve(engine, order)
    tie_money(engine, order, "10000")
    waiting = wait_of(look(engine, order, MONDAY))
    assert (waiting.reason, waiting.on_expiry) == (WaitReason.STOCK, OnExpiry.TASK)

    assert release(engine, order, MONDAY + 90 * DAY).state.wait == waiting
    assert stock_of(engine, sku) == (4, 4, 0)


def part_then_more(engine: Engine, order: str, sku: str, quantity: str, at: datetime) -> Wait:
    """Goods come, and the order's process hears of it."""
    with Session(engine) as session, session.begin():
        receive(session, "main", [LineQuantity(sku, Decimal(quantity))], key=str(new_id()), as_of=at)
    return wait_of(look(engine, order, at))


def test_d7_13_a_part_that_awaits_payment_lives_anew_with_what_is_served(engine: Engine, company: Company) -> None:
    order, sku = an_order(engine, company, a_customer(engine, company, prepayment_percent=100), on_hand="4")
    assert until(reserve(engine, order)) == END
    later = part_then_more(engine, order, sku, "3", MONDAY + 3 * DAY)
    assert (later.reason, later.until) == (WaitReason.PAYMENT, MONDAY + 10 * DAY)
    assert until(look(engine, order, MONDAY + 5 * DAY)) == MONDAY + 10 * DAY
    assert part_then_more(engine, order, sku, "3", MONDAY + 9 * DAY).until == MONDAY + 16 * DAY


def test_d7_13_a_new_lifetime_takes_nothing_away(engine: Engine, company: Company) -> None:
    order, sku = an_order(engine, company, a_customer(engine, company, prepayment_percent=100), on_hand="4")
    reserve(engine, order)
    longer = until(extend(engine, order, company.head, days=30))

    assert part_then_more(engine, order, sku, "6", MONDAY + 2 * DAY).until == longer


def test_d7_13_what_is_added_and_there_at_once_prolongs_nothing(engine: Engine, company: Company) -> None:
    order, sku = an_order(engine, company, a_customer(engine, company, prepayment_percent=100), on_hand="20")
    reserve(engine, order)
    with Session(engine) as session, session.begin():
        fit_lines(session, UUID(order), {1: (("main", sku), Decimal(12))}, at=MONDAY + DAY)

    assert stock_of(engine, sku) == (20, 12, 0)
    assert until(look(engine, order, MONDAY + DAY)) == END


# -- orders on deferral (D7-5) --------------------------------------------------------------------------------------


def on_deferral(engine: Engine, company: Company, ship_on: date | None) -> str:
    order, _ = an_order(engine, company, a_customer(engine, company))
    with Session(engine) as session, session.begin():
        session.get_one(OrderRow, UUID(order)).ship_on = ship_on
    return order


@pytest.mark.parametrize(
    ("ship_on", "task_on", "ends_on"),
    [(None, 9, 16), (date(2026, 4, 3), 9, 16), (date(2026, 4, 6), 9, 16), (date(2026, 4, 7), 10, 17),
     (date(2026, 4, 16), 21, 28)],
)  # fmt: skip
def test_d7_5_the_reserve_lives_by_the_planned_shipment(
    engine: Engine, company: Company, ship_on: date | None, task_on: int, ends_on: int
) -> None:
    order = on_deferral(engine, company, ship_on)
    wait = wait_of(reserve(engine, order))

    assert wait.on_expiry is OnExpiry.RELEASE
    assert wait.reminder_at == datetime(2026, 4, task_on, 7, tzinfo=UTC)
    assert wait.until == datetime(2026, 4, ends_on, 7, tzinfo=UTC)
    assert reservation(engine, order).expires_at == wait.until
    assert release(engine, order, wait.until - SECOND, 20).state.status is OrderStatus.READY
    assert wait_of(release(engine, order, wait.until, 21)).reason is WaitReason.LATE_PAYMENT


def revise_ship_on(engine: Engine, company: Company, order: str, day: int, number: int = 3) -> Wait:
    command = ReviseCommand(company.manager, ship_on=date(2026, 4, day))
    request = ReviseRequest(order, number, command, MONDAY + DAY)
    wait = RevisionActivities(engine).revise_order(request).state.wait
    assert wait is not None
    return wait


def test_d7_5_another_day_of_shipment_moves_the_task_and_the_end(engine: Engine, company: Company) -> None:
    order = on_deferral(engine, company, date(2026, 4, 7))
    before = wait_of(reserve(engine, order))

    later = revise_ship_on(engine, company, order, 13)

    assert later.since == before.since
    assert later.reminder_at == datetime(2026, 4, 16, 7, tzinfo=UTC)
    assert later.until == datetime(2026, 4, 23, 7, tzinfo=UTC) == reservation(engine, order).expires_at
    assert look(engine, order, MONDAY + 2 * DAY).state.wait == later
    assert revise_ship_on(engine, company, order, 7, 4) == before


def test_d7_5_a_new_day_takes_nothing_away_that_a_person_added(engine: Engine, company: Company) -> None:
    order = on_deferral(engine, company, date(2026, 4, 16))
    reserve(engine, order)
    longer = until(extend(engine, order, company.manager))
    assert longer == datetime(2026, 5, 5, 7, tzinfo=UTC)

    assert revise_ship_on(engine, company, order, 7).until == longer


NINTH, SIXTEENTH = datetime(2026, 4, 9, 7, tzinfo=UTC), datetime(2026, 4, 16, 7, tzinfo=UTC)


def part_on_deferral(engine: Engine, company: Company) -> tuple[str, str, Wait]:
    """Four of ten pieces are set aside; nothing must be paid before they leave."""
    order, sku = an_order(engine, company, a_customer(engine, company), on_hand="4")
    return order, sku, wait_of(reserve(engine, order))


def test_d7_5_a_part_that_waits_for_the_rest_is_asked_about_then_released(engine: Engine, company: Company) -> None:
    order, sku, wait = part_on_deferral(engine, company)
    assert (wait.reason, wait.on_expiry) == (WaitReason.STOCK, OnExpiry.RELEASE)
    assert (wait.reminder_at, wait.until, reservation(engine, order).expires_at) == (NINTH, SIXTEENTH, SIXTEENTH)

    asked = OrderActivities(engine).remind(a_step(order, 20, at=NINTH))
    assert (asked.state.wait, tasks(engine, order)[-1]) == (wait, ("stock_late", "manager", "open"))
    assert release(engine, order, SIXTEENTH - SECOND, 21).state.wait == wait
    assert stock_of(engine, sku) == (4, 4, 0)
    assert wait_of(release(engine, order, SIXTEENTH, 22)).reason is WaitReason.LATE_PAYMENT
    assert stock_of(engine, sku) == (4, 0, 0)


def test_d7_5_a_part_is_not_released_whose_rest_has_just_come(engine: Engine, company: Company) -> None:
    order, sku, _ = part_on_deferral(engine, company)
    receipt(engine, sku, "6")

    assert release(engine, order, SIXTEENTH).state.status is OrderStatus.READY
    assert stock_of(engine, sku) == (10, 10, 0)


def test_d7_13_a_part_on_deferral_lives_anew_with_what_is_served(engine: Engine, company: Company) -> None:
    order, sku, _ = part_on_deferral(engine, company)
    served = part_then_more(engine, order, sku, "1", MONDAY + 7 * DAY)

    assert (served.reminder_at, served.until) == (SIXTEENTH, datetime(2026, 4, 23, 7, tzinfo=UTC))
    assert reservation(engine, order).expires_at == served.until
    assert look(engine, order, MONDAY + 8 * DAY).state.wait == served


def test_d7_5_a_part_that_was_reserved_without_an_end_gets_one(engine: Engine, company: Company) -> None:
    order, _, wait = part_on_deferral(engine, company)
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order))
        row.wait = {**(row.wait or {}), "on_expiry": "task"}

    assert look(engine, order, MONDAY).state.wait == wait


def test_d7_5_another_day_of_shipment_moves_the_end_of_a_part(engine: Engine, company: Company) -> None:
    order, _, _ = part_on_deferral(engine, company)
    later = revise_ship_on(engine, company, order, 13)
    assert (later.reason, later.reminder_at, later.until) == (
        WaitReason.STOCK, datetime(2026, 4, 16, 7, tzinfo=UTC), datetime(2026, 4, 23, 7, tzinfo=UTC),
    )  # fmt: skip


def test_d7_5_a_part_on_deferral_is_listed_once_somebody_was_asked(engine: Engine, company: Company) -> None:
    order, _, _ = part_on_deferral(engine, company)
    with Session(engine) as session:
        for at, found in ((NINTH - SECOND, []), (NINTH, [(UUID(order), Waits.STOCK)])):
            listed = ending_reserves(session, Filters(at, at, 7 * DAY), after=None, limit=9)
            assert [(each.row.id, waits_for(each.row)) for each in listed] == found


# -- extensions by people (D7-10) -----------------------------------------------------------------------------------


def extend(
    engine: Engine, order: str, actor: Actor, days: int | None = None, number: int = 10, at: datetime = MONDAY + DAY
) -> StepResult:
    request = ExtendRequest(order, number, ExtendCommand(actor, "клиент просит", days), at)
    return LifetimeActivities(engine).extend_reservation(request)


def test_d7_10_the_manager_says_for_how_long_the_head_for_longer(engine: Engine, company: Company, unpaid: str) -> None:
    with pytest.raises(ExtensionTooLongError):
        extend(engine, unpaid, company.manager, days=8, number=10)
    assert reservation(engine, unpaid).extensions == 0
    assert until(extend(engine, unpaid, company.manager, days=2, number=11)) == END + 2 * DAY
    with pytest.raises(ExtensionUsedError):
        extend(engine, unpaid, company.manager, days=1, number=12)
    assert until(extend(engine, unpaid, company.head, days=30, number=13)) == END + 32 * DAY
    assert [each["reason"] for each in events(engine, unpaid, "reservation_extended")] == ["клиент просит"] * 2


def test_d7_10_an_extension_on_a_day_off_moves_to_noon(engine: Engine, company: Company, unpaid: str) -> None:
    assert until(extend(engine, unpaid, company.manager, days=5)) == datetime(2026, 4, 20, 7, tzinfo=UTC)


def test_d7_10_nothing_is_extended_that_does_not_end(engine: Engine, company: Company, unpaid: str) -> None:
    tie_money(engine, unpaid, "10000")
    assert wait_of(look(engine, unpaid, MONDAY)).on_expiry is OnExpiry.TASK
    with pytest.raises(WrongStateError):
        extend(engine, unpaid, company.head)


# -- proof of payment (D7-10) ---------------------------------------------------------------------------------------


def show(engine: Engine, company: Company, order: str, content: bytes = PDF, number: int = 30) -> StepResult:
    at = MONDAY + DAY
    with Session(engine) as session, session.begin():
        row, _ = keep_proof(session, UUID(order), content, "application/pdf", company.manager, at=at)
        command = ProofCommand(company.manager, row.sha256)
    return LifetimeActivities(engine).accept_proof(ProofRequest(order, number, command, at))


def test_d7_10_a_proof_gives_two_working_days_once_and_the_accountant_a_task(
    engine: Engine, company: Company, unpaid: str
) -> None:
    shown = wait_of(show(engine, company, unpaid))
    assert shown.until == END + 2 * DAY == reservation(engine, unpaid).expires_at
    assert shown.reminder_at is None  # nobody is reminded who has shown that the money is under way
    assert tasks(engine, unpaid) == [("find_payment", "accountant", "open")]

    again = show(engine, company, unpaid, number=31)
    assert (wait_of(again), tasks(engine, unpaid)) == (shown, [("find_payment", "accountant", "open")])
    another = show(engine, company, unpaid, PDF + b"18", number=32)
    assert wait_of(another) == shown
    assert tasks(engine, unpaid) == [("find_payment", "accountant", "open")] * 2
    assert wait_of(look(engine, unpaid, MONDAY + 2 * DAY)) == shown
    assert len(events(engine, unpaid, "proof_received")) == 2
    assert [each["cause"] for each in events(engine, unpaid, "reservation_extended")] == ["proof"]

    tie_money(engine, unpaid, "10000")
    look(engine, unpaid, MONDAY + 3 * DAY)
    assert tasks(engine, unpaid) == [("find_payment", "accountant", "cancelled")] * 2


def test_d7_10_a_new_lifetime_may_be_prolonged_by_a_new_proof(engine: Engine, company: Company, unpaid: str) -> None:
    show(engine, company, unpaid)
    release(engine, unpaid, END + 2 * DAY)
    extend(engine, unpaid, company.manager, number=11, at=END + 3 * DAY)
    with Session(engine) as session, session.begin():
        session.get_one(OrderRow, UUID(unpaid)).status = "confirmed"
    ends = until(StockActivities(engine).reserve_order(a_step(unpaid, 12, at=END + 3 * DAY)))
    assert ends is not None

    assert wait_of(show(engine, company, unpaid, number=33)).until == ends  # the same file again
    assert until(show(engine, company, unpaid, PDF + b"18", number=34)) > ends


def test_d7_10_a_file_that_nobody_stored_proves_nothing(engine: Engine, company: Company, unpaid: str) -> None:
    request = ProofRequest(unpaid, 30, ProofCommand(company.manager, "0" * 64), MONDAY)
    with pytest.raises(ProofNotFoundError):
        LifetimeActivities(engine).accept_proof(request)


# -- part of the money (D7-11) --------------------------------------------------------------------------------------


def test_d7_11_a_part_gives_three_days_once_and_ships_nothing(engine: Engine, company: Company, unpaid: str) -> None:
    tie_money(engine, unpaid, "4000")
    part = look(engine, unpaid, MONDAY + DAY)

    assert (part.state.status, until(part)) == (OrderStatus.AWAITING_PAYMENT, END + 3 * DAY)
    assert tasks(engine, unpaid) == [("part_payment", "manager", "open")]
    [told] = events(engine, unpaid, "reservation_extended")
    assert (told["cause"], told["received"]) == ("part_payment", "4000.00")

    tie_money(engine, unpaid, "5499.99")  # still 500.01 short, and 500 may be
    assert until(look(engine, unpaid, MONDAY + 2 * DAY)) == END + 3 * DAY
    assert len(tasks(engine, unpaid)) == 1

    tie_money(engine, unpaid, "0.01")  # enough: D9-7
    assert look(engine, unpaid, MONDAY + 3 * DAY).state.status is OrderStatus.READY
    assert tasks(engine, unpaid) == [("part_payment", "manager", "cancelled")]


def test_d7_11_a_part_that_comes_at_the_end_itself_counts(engine: Engine, unpaid: str) -> None:
    tie_money(engine, unpaid, "1")

    assert until(release(engine, unpaid, END, 20)) == END + 3 * DAY
    assert wait_of(release(engine, unpaid, END + 3 * DAY - SECOND, 21)).reason is WaitReason.PAYMENT
    assert wait_of(release(engine, unpaid, END + 3 * DAY, 22)).reason is WaitReason.LATE_PAYMENT


# -- the last look (D7-6) -------------------------------------------------------------------------------------------


def keep(engine: Engine, order: str, news: PaymentNews, at: datetime, number: int = 40) -> StepResult:
    return LifetimeActivities(engine).keep_reserve(KeepRequest(order, number, news, at))


def notices(engine: Engine, order: str) -> list[tuple[str, str]]:
    with Session(engine) as session:
        rows = session.exec(select(OutboundRow).where(OutboundRow.order_id == UUID(order)))
        return sorted((row.template, row.recipient) for row in rows if row.template != "order_reserved")


def test_d7_6_silence_keeps_a_reserve_for_a_day_once(engine: Engine, unpaid: str) -> None:
    assert wait_of(keep(engine, unpaid, PaymentNews.SILENT, END - SECOND, 40)).until == END
    assert until(keep(engine, unpaid, PaymentNews.SILENT, END, 41)) == END + DAY
    assert notices(engine, unpaid) == [("reservation_kept_silent", "manager@opora.local")]
    assert reservation(engine, unpaid).extended_by_silence

    assert wait_of(release(engine, unpaid, END + DAY - SECOND, 20)).reason is WaitReason.PAYMENT
    assert until(keep(engine, unpaid, PaymentNews.SILENT, END + DAY, 42)) == END + DAY
    assert wait_of(release(engine, unpaid, END + DAY, 21)).reason is WaitReason.LATE_PAYMENT


def test_d7_6_queued_money_keeps_it_too_and_the_accountant_is_told(engine: Engine, unpaid: str) -> None:
    assert until(keep(engine, unpaid, PaymentNews.QUEUED, END)) == END + DAY
    assert notices(engine, unpaid) == [
        ("payment_awaited", "accountant@opora.local"), ("reservation_kept_queued", "manager@opora.local"),
    ]  # fmt: skip


def test_d7_6_money_that_came_meanwhile_needs_no_day_more(engine: Engine, unpaid: str) -> None:
    tie_money(engine, unpaid, "10000")

    assert keep(engine, unpaid, PaymentNews.SILENT, END).state.status is OrderStatus.READY
    assert not reservation(engine, unpaid).extended_by_silence


class Bank:
    """A source of payments that tells of what it is given."""

    def __init__(self, *told: PaymentDraft) -> None:
        self._told = told
        self.asked: list[tuple[Payer, datetime]] = []

    def fresh_payments(self, payer: Payer, since: datetime) -> Sequence[PaymentDraft]:
        self.asked.append((payer, since))
        return self._told


def queued(engine: Engine, tax_id: str, *, at: datetime, state: str = "unmatched", identity: str = "") -> None:
    with Session(engine) as session, session.begin():
        session.add(
            PaymentRow(
                identity=identity or str(new_id()), source="test", posted_on=at.date(), amount=Decimal(10_000),
                currency="KZT", purpose="", payer_tax_id=tax_id, state=state, reason="contradiction",
                unallocated=Decimal(10_000), recorded_at=at,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "state", "mine", "waits"),
    [
        (MONDAY, "unmatched", True, True),
        (MONDAY - SECOND, "unmatched", True, False),
        (MONDAY, "unmatched", False, False),
        (MONDAY, "matched", True, False),
    ],
    ids=["since it was placed", "before it was placed", "another payer's", "matched"],
)
def test_d7_6_money_in_the_accountants_queue_is_not_known_yet(
    engine: Engine, unpaid: str, at: datetime, state: str, mine: bool, waits: bool
) -> None:
    with Session(engine) as session:
        tax_id = session.exec(select(CustomerRow)).one().tax_id
    queued(engine, tax_id if mine else "000000000000", at=at, state=state)

    fresh = FreshPaymentActivities(engine, OwnBooks()).ask_for_payments(FreshRequest(unpaid, END))

    assert (fresh.queued, fresh.brought) == (waits, ())


def test_d7_6_the_source_is_asked_for_the_payers_money_and_what_we_know_is_left_out(
    engine: Engine, unpaid: str
) -> None:
    with Session(engine) as session:
        customer = session.exec(select(CustomerRow)).one()
    known, new = (
        PaymentDraft(identity, "1c", MONDAY.date(), Decimal(5), "", payer_tax_id=customer.tax_id)
        for identity in ("known", "new")
    )
    queued(engine, customer.tax_id, at=MONDAY - DAY, identity="known")
    bank = Bank(known, new)

    fresh = FreshPaymentActivities(engine, bank).ask_for_payments(FreshRequest(unpaid, END))

    assert fresh.brought == (new,)
    assert bank.asked == [(Payer(customer.tax_id, "KZ", customer.name), MONDAY)]


def test_the_list_of_ending_reserves_asks_as_much_for_many_as_for_one(engine: Engine, company: Company) -> None:
    asked: list[str] = []

    def queries() -> tuple[int, int]:
        with Session(engine) as session:
            event.listen(engine, "before_cursor_execute", count)
            found = ending_reserves(session, Filters(END, MONDAY, 7 * DAY), after=None, limit=50)
            event.remove(engine, "before_cursor_execute", count)
        return len(found), len(asked)

    def count(*call: Any) -> None:
        asked.append(call[2])

    customer = a_customer(engine, company, prepayment_percent=100)
    for _ in range(2):
        reserve(engine, an_order(engine, company, customer)[0])
        found, before = queries()
    assert (found, before) == (2, 6)
