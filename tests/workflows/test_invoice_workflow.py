"""One instalment on the real server, its calendar moved by fast-forward; each story also without a cache (D10)."""

import asyncio
import time
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session
from support.company import a_customer
from support.house import BOTH_LANES, House
from support.invoices import an_invoice, invoice_input, pay, rows
from support.locks import wait_for_another_try, wait_for_waiters
from support.patience import PATIENCE, end_of
from support.temporal import fast_forward
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Replayer

from activities.handoff import HandoffActivities
from activities.persistence import disputes
from activities.persistence.disputes import NewDispute
from activities.persistence.money_tables import DunningStepRow, LegalCaseRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import OutboundRow, TaskRow
from domain.business_calendar import BusinessCalendar
from domain.dunning import InvoiceStatus, Stage
from domain.orders import WaitReason
from workflows import ids
from workflows.invoice import InvoiceWorkflow
from workflows.sandbox import workflow_runner

pytestmark = [pytest.mark.anyio, BOTH_LANES]

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
START = ALMATY.at(date(2035, 4, 2), 10)
"""A Monday far enough ahead that business time begins there."""
DUE = date(2035, 4, 18)
"""A Wednesday; -3 is Sunday 15 -> Friday 13, +3 Saturday 21 -> Monday 23."""


@pytest.fixture
def customer(house: House) -> CustomerRow:
    return a_customer(house.engine, house.company)


async def watch(
    house: House, customer: CustomerRow, *, start: datetime = START, due: date = DUE
) -> tuple[WorkflowHandle[Any, Any], str]:
    """Start the process of a new line as an order or an import does."""
    line = an_invoice(house.engine, customer, due=due, issued=date(2035, 4, 2))
    handoff = HandoffActivities(house.client, house.task_queue)
    invoice = invoice_input(customer, line, as_of=start)
    await handoff.start_invoices([invoice])
    await handoff.start_invoices([invoice])  # a repeat is the same process
    handle = house.client.get_workflow_handle_for(InvoiceWorkflow.run, ids.invoice_workflow_id(line))
    async with asyncio.timeout(PATIENCE):
        while await handle.query(InvoiceWorkflow.state) is None:
            await asyncio.sleep(0.02)
    return handle, line


def steps(house: House) -> dict[str, tuple[str, int]]:
    return {row.stage: (row.state, row.days_overdue) for row in rows(house.engine, DunningStepRow)}


def to_customer(house: House) -> list[str]:
    return [letter.subject for letter in house.letters() if letter.to == "zakup@romashka.example"]


async def test_v22_a_hundred_and_five_days_unpaid(house: House, customer: CustomerRow) -> None:
    handle, _ = await watch(house, customer)
    began = time.monotonic()
    for _ in range(7):
        assert await fast_forward(handle, timedelta(days=15))

    assert time.monotonic() - began < PATIENCE
    assert steps(house) == {
        "before_due": ("done", -5),
        "letter": ("done", 5),
        "call": ("done", 7),
        "head": ("done", 14),
        "legal": ("done", 30),
    }
    assert [subject.split(" СФ")[0] for subject in to_customer(house)] == [
        "Напоминание об оплате счёта",
        "Повторное напоминание об оплате счёта",
        "Счёт",
        "Счёт",
    ]
    assert {row.state for row in rows(house.engine, OutboundRow)} == {"done"}
    assert len({row.message_id for row in rows(house.engine, OutboundRow)}) == len(house.letters())
    assert len(rows(house.engine, LegalCaseRow)) == 1
    assert {row.kind for row in rows(house.engine, TaskRow)} >= {"call_overdue", "overdue_review", "legal_case"}
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING  # open until the money is in


async def test_letters_go_at_eleven_and_notices_at_ten(house: House, customer: CustomerRow) -> None:
    handle, _ = await watch(house, customer)
    await fast_forward(handle, timedelta(days=21, minutes=-2))  # Monday 23 April, just before 10:00
    assert [letter.to for letter in house.letters()] == ["manager@opora.local"]  # the one before the due date
    await fast_forward(handle, timedelta(minutes=10))
    assert [letter.to for letter in house.letters()] == ["manager@opora.local"] * 2
    await fast_forward(handle, timedelta(hours=1))
    assert to_customer(house) == [rows(house.engine, OutboundRow, audience="customer")[0].subject]
    assert "истёк 5 дней назад" in house.letters()[-1].text


async def test_paid_on_the_tenth_day_it_stops(house: House, customer: CustomerRow) -> None:
    handle, line = await watch(house, customer)
    await fast_forward(handle, timedelta(days=26))  # n = 10
    before = len(house.letters())
    pay(house.engine, line)
    await handle.signal(InvoiceWorkflow.payment_applied)

    assert await end_of(handle) == InvoiceStatus.SETTLED
    assert set(steps(house)) == {"before_due", "letter", "call"}
    assert len(house.letters()) == before
    assert {row.state for row in rows(house.engine, TaskRow)} == {"cancelled"}
    history = await handle.fetch_history()
    replayer = Replayer(
        workflows=[InvoiceWorkflow], data_converter=house.client.data_converter, workflow_runner=workflow_runner()
    )
    await replayer.replay_workflow(history)


async def test_money_between_the_notice_and_the_letter_stops_the_letter(house: House, customer: CustomerRow) -> None:
    handle, line = await watch(house, customer)
    await fast_forward(handle, timedelta(days=21, minutes=10))  # 10:10, the letter would go at 11:00
    pay(house.engine, line)
    await handle.signal(InvoiceWorkflow.payment_applied)

    assert await end_of(handle) == InvoiceStatus.SETTLED
    assert to_customer(house) == []


async def test_d10_2_money_that_comes_while_the_process_looks_is_seen_too(house: House, customer: CustomerRow) -> None:
    """The look that was under way has read the residue already, so there is another."""
    handle, line = await watch(house, customer)
    with house.engine.connect() as mail, mail.begin():
        mail.exec_driver_sql("LOCK TABLE outbound IN ACCESS EXCLUSIVE MODE")  # the last thing that a look reads
        await handle.signal(InvoiceWorkflow.payment_applied)
        await asyncio.to_thread(wait_for_waiters, house.engine, 1)
        await asyncio.to_thread(wait_for_another_try, house.engine)  # this one still waits when the signal is taken in
        paying = asyncio.create_task(asyncio.to_thread(pay, house.engine, line))
        await asyncio.to_thread(wait_for_waiters, house.engine, 2)
        await handle.signal(InvoiceWorkflow.payment_applied)
        await handle.query(InvoiceWorkflow.state)  # answered when it has been
    await paying

    assert await end_of(handle) == InvoiceStatus.SETTLED


async def test_a_part_payment_does_not_stop_the_ladder(house: House, customer: CustomerRow) -> None:
    handle, line = await watch(house, customer)
    await fast_forward(handle, timedelta(days=26))
    pay(house.engine, line, "1000.00")
    await handle.signal(InvoiceWorkflow.payment_applied)
    await fast_forward(handle, timedelta(days=5))

    assert steps(house)["head"] == ("done", 14)
    assert "К оплате: 1\u00a0000,00\u00a0₸" in house.letters()[-1].text


async def test_d11_1_a_debt_disputed_whole_rests_until_the_last_day_of_the_dispute(
    house: House, customer: CustomerRow
) -> None:
    handle, line = await watch(house, customer)
    await fast_forward(handle, timedelta(days=26))  # Saturday 28 April, n = 10
    contested = NewDispute(None, "недовоз", None, date(2035, 5, 12))
    with Session(house.engine) as session, session.begin():
        disputes.open_(session, UUID(line), contested, house.company.manager, at=START + timedelta(days=26))
    await handle.signal(InvoiceWorkflow.payment_applied)

    async with asyncio.timeout(PATIENCE):
        while (wait := (await handle.query(InvoiceWorkflow.state)).wait).reason is not WaitReason.DISPUTE:
            await asyncio.sleep(0.02)
    assert wait.until == ALMATY.at(date(2035, 5, 13), 0)
    await fast_forward(handle, timedelta(days=14))
    assert "head" not in steps(house)

    await fast_forward(handle, timedelta(days=2))  # Monday 14 May
    assert steps(house)["head"] == ("done", 26)


async def test_d10_5_a_late_start_acts_once(house: House, customer: CustomerRow) -> None:
    """Taken over on Tuesday 2035-05-08 at noon, n = 20."""
    handle, _ = await watch(house, customer, start=ALMATY.at(date(2035, 5, 8), 12))
    await fast_forward(handle, timedelta(minutes=1))

    assert steps(house) == {
        "before_due": ("skipped", 20),
        "letter": ("skipped", 20),
        "call": ("skipped", 20),
        "head": ("done", 20),
    }
    assert len(to_customer(house)) == 1


async def test_the_wait_is_visible(house: House, customer: CustomerRow) -> None:
    handle, _ = await watch(house, customer)
    await fast_forward(handle, timedelta(days=26))
    state = await handle.query(InvoiceWorkflow.state)
    assert state is not None
    assert (state.status, state.stage) == (InvoiceStatus.OVERDUE, Stage.CALL)

    shown = (await handle.describe()).typed_search_attributes
    assert shown[ids.STATUS] == "overdue"
    assert shown[ids.STAGE] == "call"
    assert shown[ids.WAITING] == "overdue"
    assert shown[ids.DUE_AT] == ALMATY.at(date(2035, 5, 2), 10)
    assert shown[ids.CUSTOMER] == str(customer.id)
    assert shown[ids.MANAGER] == str(customer.manager_id)
