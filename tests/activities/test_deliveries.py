"""Each message at most once, whatever dies on the way (D10-15); no letter about a paid debt (D10-2)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, quote_of, reserve, tie_money
from support.invoices import DUE, an_invoice, pay, rows
from support.mail import RecordingMailer

from activities.adapters.errors import OutcomeUnknownError, PermanentError, TransientError
from activities.dunning import DunningActivities
from activities.notifications import NotificationActivities
from activities.orders import OrderActivities
from activities.persistence.calendars import load_calendar
from activities.persistence.events import events_of
from activities.persistence.outbound import plan_message
from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import OutboundRow, TaskRow
from domain.dunning import DunningLook
from domain.messages import Message, MessageState
from domain.orders import EndRequest, OrderStatus

LATER = MONDAY + timedelta(hours=1)


class KilledError(BaseException):
    """The process dies here."""


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def customer(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company)


def plan(engine: Engine, customer: CustomerRow, *keys: str) -> list[str]:
    with Session(engine) as session, session.begin():
        return [
            plan_message(
                session, key, audience="customer", template="reservation_reminder", recipient="a@romashka.example",
                subject="Заказ ждёт оплаты", body="…", created_at=MONDAY, customer_id=customer.id,
            )
            for key in keys
        ]  # fmt: skip


def fail(error: BaseException) -> Callable[[Message], None]:
    def raise_it(message: Message) -> None:
        raise error

    return raise_it


def state(engine: Engine, key: str) -> str:
    return rows(engine, OutboundRow, key=key)[0].state


def test_a_message_is_sent_and_marked(engine: Engine, customer: CustomerRow) -> None:
    mailer = RecordingMailer()
    activities = NotificationActivities(engine, mailer)
    keys = plan(engine, customer, "k:1", "k:2")

    first = activities.deliver(keys, LATER)
    again = activities.deliver(keys, LATER)

    assert [delivery.state for delivery in first] == [MessageState.DONE] * 2
    assert first == again
    assert [message.key for message in mailer.sent] == keys
    assert rows(engine, OutboundRow, key="k:1")[0].done_at == LATER


def test_the_same_key_planned_twice_is_one_message(engine: Engine, customer: CustomerRow) -> None:
    plan(engine, customer, "k:1", "k:1")
    assert len(rows(engine, OutboundRow)) == 1


def test_two_deliveries_at_once_send_one_letter(engine: Engine, customer: CustomerRow) -> None:
    started = threading.Event()

    def slow(message: Message) -> None:
        started.set()
        time.sleep(0.3)

    mailer = RecordingMailer(before=slow)
    activities = NotificationActivities(engine, mailer, mailer)
    keys = plan(engine, customer, "k:1")
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(activities.deliver, keys, LATER)
        started.wait()
        others = [pool.submit(activities.deliver, keys, LATER) for _ in range(3)]
        results = [future.result() for future in (first, *others)]

    assert len(mailer.sent) == 1
    assert all(result[0].state is MessageState.DONE for result in results)


def test_killed_between_sending_and_marking_the_letter_is_found_in_the_mailbox(
    engine: Engine, customer: CustomerRow
) -> None:
    mailer = RecordingMailer(after=fail(KilledError()))
    activities = NotificationActivities(engine, mailer, mailer)
    keys = plan(engine, customer, "k:1")
    with pytest.raises(KilledError):
        activities.deliver(keys, LATER)
    assert state(engine, "k:1") == "sending"

    mailer.after = None
    assert activities.deliver(keys, LATER)[0].state is MessageState.DONE
    assert len(mailer.sent) == 1


def test_killed_before_sending_the_letter_goes_once(engine: Engine, customer: CustomerRow) -> None:
    mailer = RecordingMailer(before=fail(KilledError()))
    activities = NotificationActivities(engine, mailer, mailer)
    keys = plan(engine, customer, "k:1")
    with pytest.raises(KilledError):
        activities.deliver(keys, LATER)

    mailer.before = None
    assert activities.deliver(keys, LATER)[0].state is MessageState.DONE
    assert len(mailer.sent) == 1


def test_where_nobody_can_be_asked_it_counts_as_sent_and_a_person_is_told(
    engine: Engine, customer: CustomerRow, company: Company
) -> None:
    mailer = RecordingMailer(after=fail(KilledError()))
    activities = NotificationActivities(engine, mailer)
    keys = plan(engine, customer, "k:1")
    with pytest.raises(KilledError):
        activities.deliver(keys, LATER)

    mailer.after = None
    for _ in range(2):
        assert activities.deliver(keys, LATER)[0].state is MessageState.UNKNOWN
    assert len(mailer.sent) == 1
    (task,) = rows(engine, TaskRow)
    assert (task.kind, str(task.assignee_id)) == ("message_unknown", company.manager.id)
    assert "Заказ ждёт оплаты" in task.subject


def test_a_broken_line_is_looked_up_before_it_is_repeated(engine: Engine, customer: CustomerRow) -> None:
    mailer = RecordingMailer(after=fail(OutcomeUnknownError("connection lost")))
    activities = NotificationActivities(engine, mailer, mailer)
    keys = plan(engine, customer, "k:1")
    with pytest.raises(TransientError):
        activities.deliver(keys, LATER)

    assert activities.deliver(keys, LATER)[0].state is MessageState.DONE
    assert len(mailer.sent) == 1


def test_a_letter_that_cannot_go_now_holds_up_no_other(engine: Engine, customer: CustomerRow) -> None:
    def only_second(message: Message) -> None:
        if message.key == "k:1":
            raise TransientError("451 later")

    mailer = RecordingMailer(before=only_second)
    activities = NotificationActivities(engine, mailer)
    keys = plan(engine, customer, "k:1", "k:2")
    with pytest.raises(TransientError, match="451 later"):
        activities.deliver(keys, LATER)
    assert (state(engine, "k:1"), state(engine, "k:2")) == ("planned", "done")

    activities.give_up(keys, LATER)
    assert state(engine, "k:1") == "failed"
    assert [task.kind for task in rows(engine, TaskRow)] == ["message_failed"]


def test_a_refused_letter_becomes_a_task(engine: Engine, customer: CustomerRow) -> None:
    activities = NotificationActivities(engine, RecordingMailer(before=fail(PermanentError("550 no such user"))))
    keys = plan(engine, customer, "k:1")

    assert activities.deliver(keys, LATER)[0].state is MessageState.FAILED
    assert [task.kind for task in rows(engine, TaskRow)] == ["message_failed"]
    assert rows(engine, OutboundRow)[0].error == "550 no such user"


def test_d10_2_no_letter_about_a_paid_debt(engine: Engine, customer: CustomerRow) -> None:
    line, mailer = an_invoice(engine, customer), RecordingMailer()
    with Session(engine) as session:
        calendar = load_calendar(session, "KZ", "Asia/Almaty")
    ten = calendar.at(DUE + timedelta(days=7), 10)
    keys = DunningActivities(engine).look_at_invoice(DunningLook(line, ten)).letters
    pay(engine, line, "400.00")  # below the floor

    (delivery,) = NotificationActivities(engine, mailer).deliver(list(keys), ten + timedelta(hours=1))
    assert delivery.state is MessageState.CANCELLED
    assert mailer.sent == []


@pytest.mark.parametrize("over", ["paid", "cancelled"])
def test_d7_4_no_reminder_of_a_reserve_that_waits_for_no_money(engine: Engine, company: Company, over: str) -> None:
    customer, mailer = a_customer(engine, company, prepayment_percent=100), RecordingMailer()
    orders = OrderActivities(engine)
    reminded: dict[str, list[str]] = {}
    for name in ("awaited", "over"):
        order = quote_of(engine, company, customer, [(a_product(engine, on_hand="10"), "10")])
        decide(engine, company, order)
        reserve(engine, order)
        reminded[order] = list(orders.remind(a_step(order, 3, at=MONDAY + timedelta(days=3))).messages)
        assert len(reminded[order]) == 1, name
    if over == "paid":
        tie_money(engine, order, "10000")
    else:
        orders.end_order(EndRequest(order, OrderStatus.CANCELLED, company.manager, "передумали", LATER))

    post = NotificationActivities(engine, mailer)
    states = [each.state for keys in reminded.values() for each in post.deliver(keys, LATER)]
    assert states == [MessageState.DONE, MessageState.CANCELLED]
    assert len(mailer.sent) == 1
    with Session(engine) as session:
        told = [each.data["error"] for each in events_of(session, "order", order) if each.event == "message_cancelled"]
    assert told == ["not_awaited"]


def test_d10_3_a_letter_shows_the_residue_and_the_days_of_its_sending(engine: Engine, customer: CustomerRow) -> None:
    line, mailer = an_invoice(engine, customer), RecordingMailer()
    with Session(engine) as session:
        calendar = load_calendar(session, "KZ", "Asia/Almaty")
    ten = calendar.at(DUE + timedelta(days=7), 10)
    keys = DunningActivities(engine).look_at_invoice(DunningLook(line, ten)).letters
    pay(engine, line, "10000.00")

    NotificationActivities(engine, mailer).deliver(list(keys), ten + timedelta(days=1))
    (letter,) = mailer.sent
    assert "К оплате: 10\u00a0000,00\u00a0₸" in letter.body
    assert "8 дней назад" in letter.body
    assert rows(engine, OutboundRow, audience="customer")[0].body == letter.body


def letters_at(engine: Engine, lines: list[str], n: int) -> list[str]:
    """Keys of the letters that the lines plan on their `n`-th overdue day."""
    with Session(engine) as session:
        ten = load_calendar(session, "KZ", "Asia/Almaty").at(DUE + timedelta(days=n), 10)
    looks = [DunningActivities(engine).look_at_invoice(DunningLook(line, ten)) for line in lines]
    return [key for state in looks for key in state.letters]


def test_d10_4_letters_of_one_day_become_one_and_the_gravest_speaks(engine: Engine, customer: CustomerRow) -> None:
    mild = an_invoice(engine, customer, due=DUE + timedelta(days=7), amount="1000.00")
    grave = an_invoice(engine, customer, amount="2000.00")
    not_late = an_invoice(engine, customer, due=DUE + timedelta(days=60))
    mailer = RecordingMailer()
    activities = NotificationActivities(engine, mailer)
    mild_key, grave_key = letters_at(engine, [mild, grave], 14)

    at = MONDAY + timedelta(days=30)
    assert activities.deliver([mild_key], at)[0].state is MessageState.DONE
    assert activities.deliver([grave_key], at)[0].state is MessageState.CANCELLED
    (letter,) = mailer.sent
    assert "Отгрузки в долг приостановлены" in letter.body
    assert "1\u00a0000,00\u00a0₸" in letter.body
    assert "Всего к оплате: 3\u00a0000,00\u00a0₸" in letter.body
    assert rows(engine, OutboundRow, key=grave_key)[0].error == f"merged:{mild_key}"
    assert not_late not in letter.body


def test_d10_4_two_processes_at_once_write_one_letter(engine: Engine, customer: CustomerRow) -> None:
    lines = [an_invoice(engine, customer) for _ in range(4)]
    mailer = RecordingMailer(before=lambda _: time.sleep(0.05))
    activities = NotificationActivities(engine, mailer)
    keys = letters_at(engine, lines, 7)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda key: activities.deliver([key], LATER)[0].state, keys))
    assert sorted(results) == [MessageState.CANCELLED] * 3 + [MessageState.DONE]
    assert len(mailer.sent) == 1


def test_d10_4_the_letter_about_the_lawyer_stands_alone(engine: Engine, customer: CustomerRow) -> None:
    first = an_invoice(engine, customer)
    letters_at(engine, [first], 7)
    later = an_invoice(engine, customer, due=DUE + timedelta(days=23))
    mailer = RecordingMailer()
    activities = NotificationActivities(engine, mailer)
    activities.deliver(letters_at(engine, [first], 14), MONDAY + timedelta(days=23))
    keys = letters_at(engine, [first, later], 30)

    assert [each.state for each in activities.deliver(keys, MONDAY + timedelta(days=39))] == [MessageState.DONE] * 2
    assert "юридический отдел" in mailer.sent[-2].body
    assert "Всего к оплате" not in mailer.sent[-2].body


def test_d10_4_a_paid_line_leaves_the_others_their_letter(engine: Engine, customer: CustomerRow) -> None:
    paid, owed = an_invoice(engine, customer), an_invoice(engine, customer)
    mailer = RecordingMailer()
    activities = NotificationActivities(engine, mailer)
    keys = letters_at(engine, [paid, owed], 7)
    pay(engine, paid)

    assert [each.state for each in activities.deliver(keys, LATER)] == [MessageState.CANCELLED, MessageState.DONE]
    assert "Также" not in mailer.sent[0].body


def test_d10_1_letters_go_by_the_customers_clock(engine: Engine, company: Company) -> None:
    abroad = a_customer(engine, company, name="ООО «Волга»")
    with Session(engine) as session, session.begin():
        session.get_one(CustomerRow, abroad.id).country = "RU"
    with Session(engine) as session:
        almaty = load_calendar(session, "KZ", "Asia/Almaty")
        moscow = load_calendar(session, "RU", "Europe/Moscow")
    day = DUE + timedelta(days=7)
    state = DunningActivities(engine).look_at_invoice(DunningLook(an_invoice(engine, abroad), almaty.at(day, 10)))
    assert state.letters_at == moscow.at(day, 11)
