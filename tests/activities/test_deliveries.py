"""Each message at most once, whatever dies on the way (D10-15); no letter about a paid debt (D10-2)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from support.company import MONDAY, Company, a_company, a_customer
from support.invoices import DUE, an_invoice, pay, rows
from support.mail import RecordingMailer

from activities.adapters.errors import OutcomeUnknownError, PermanentError, TransientError
from activities.dunning import DunningActivities
from activities.notifications import NotificationActivities
from activities.persistence.calendars import load_calendar
from activities.persistence.outbound import plan_message
from activities.persistence.tables import CustomerRow, OutboundRow, TaskRow
from domain.dunning import DunningLook
from domain.messages import Message, MessageState

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
