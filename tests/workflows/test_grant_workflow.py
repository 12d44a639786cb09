"""One change of credit on the real server, its calendar moved by fast-forward; each story also without a cache (D5)."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House
from support.invoices import rows
from support.limits import approved, asked, revoked
from support.patience import PATIENCE, end_of
from support.temporal import fast_forward
from temporalio.client import WorkflowHandle
from temporalio.worker import Replayer

from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.record_tables import JournalRow, OutboundRow
from api.grant_commands import catch_up_grants, grant_input, watch_grants
from domain.business_calendar import BusinessCalendar
from domain.credit_steps import PlaceCommand
from domain.limits import GrantKind
from domain.orders import WaitReason
from workflows import ids
from workflows.grant import CreditGrantWorkflow
from workflows.order import OrderWorkflow
from workflows.sandbox import workflow_runner

pytestmark = [pytest.mark.anyio, BOTH_LANES]

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
START = ALMATY.at(date(2035, 4, 2), 12)
"""A Monday far enough ahead that business time begins there."""


@pytest.fixture
def customer(house: House) -> CustomerRow:
    return a_customer(house.engine, house.company)


def day(number: int) -> date:
    """Of April 2035; Monday is the 2nd, Friday the 6th."""
    return date(2035, 4, number)


def handle_of(house: House, grant: CreditGrantRow) -> WorkflowHandle[Any, Any]:
    return house.client.get_workflow_handle_for(CreditGrantWorkflow.run, ids.grant_workflow_id(str(grant.id)))


async def watched(house: House, grant: CreditGrantRow, *, now: datetime = START) -> WorkflowHandle[Any, Any]:
    """Start its process, or tell the one that runs, as the doors do after the commit."""
    await watch_grants(house.client, house.task_queue, [grant_input(grant, now=now)])
    return handle_of(house, grant)


async def waits_for(handle: WorkflowHandle[Any, Any], reason: WaitReason) -> datetime | None:
    """Until when it waits for this."""
    async with asyncio.timeout(PATIENCE):
        while True:
            outlook = await handle.query(CreditGrantWorkflow.outlook)
            if outlook is not None and outlook.wait is not None and outlook.wait.reason is reason:
                return outlook.wait.until
            await asyncio.sleep(0.02)


def events(house: House) -> list[str]:
    return [row.event for row in rows(house.engine, JournalRow) if row.event.startswith("grant_")]


async def test_d5_1_a_temporary_limit_from_request_to_end(house: House, customer: CustomerRow) -> None:
    """Asked on Monday for Wednesday through Friday the 13th."""
    engine, company = house.engine, house.company
    grant = asked(
        engine, company, customer, GrantKind.TEMPORARY, amount="2000000", since=day(4), until=day(13), at=START
    )
    handle = await watched(house, grant)
    assert await waits_for(handle, WaitReason.APPROVAL) is None
    approved(engine, company, grant, at=START)
    await watched(house, grant)
    assert await waits_for(handle, WaitReason.LIMIT_START) == ALMATY.at(day(4), 0)
    shown = (await handle.describe()).typed_search_attributes
    assert (shown[ids.STATUS], shown[ids.WAITING]) == ("scheduled", "limit_start")
    assert shown[ids.CUSTOMER] == str(customer.id)

    await fast_forward(handle, timedelta(days=1, hours=12))  # Wednesday, midnight
    assert events(house)[-1] == "grant_begun"
    await fast_forward(handle, timedelta(days=8, hours=9, minutes=50))  # Thursday the 12th, before ten
    assert events(house)[-1] == "grant_begun"
    await fast_forward(handle, timedelta(minutes=20))
    assert events(house)[-1] == "grant_warned"
    assert await waits_for(handle, WaitReason.LIMIT_END) == ALMATY.at(day(14), 0)

    assert not await fast_forward(handle, timedelta(days=1, hours=14))
    assert await end_of(handle) == "ended"
    assert events(house) == ["grant_requested", "grant_approved", "grant_begun", "grant_warned", "grant_ended"]
    assert [(letter.to, letter.subject) for letter in house.letters()] == [
        ("head@opora.local", "ООО «Ромашка»: решить об изменении лимита"),
        ("manager@opora.local", "ООО «Ромашка»: временный лимит"),
        ("manager@opora.local", "ООО «Ромашка»: временный лимит заканчивается"),
    ]
    assert {row.state for row in rows(engine, OutboundRow)} == {"done"}
    replayer = Replayer(
        workflows=[CreditGrantWorkflow], data_converter=house.client.data_converter, workflow_runner=workflow_runner()
    )
    await replayer.replay_workflow(await handle.fetch_history())


async def test_d5_4_a_scheduled_limit_sets_a_waiting_order_free_on_its_day(house: House, customer: CustomerRow) -> None:
    engine, company = house.engine, house.company
    order = house.quote(customer, a_product(engine, price="1500000.00", on_hand="1"), prepayment_percent=0)
    await house.command(order, OrderWorkflow.place, PlaceCommand(company.manager))
    await house.reaches(order, "awaiting_approval")
    grant = asked(engine, company, customer, GrantKind.BASE, amount="3000000", since=day(4), at=START)
    approved(engine, company, grant, at=START)
    handle = await watched(house, grant)
    await waits_for(handle, WaitReason.LIMIT_START)
    assert house.status(order) == "awaiting_approval"

    assert not await fast_forward(handle, timedelta(days=1, hours=12))

    assert await end_of(handle) == "in_force"
    assert rows(engine, CreditAccountRow)[0].base_limit == 3_000_000
    await house.reaches(order, "ready")


async def test_a_revoked_limit_ends_its_process(house: House, customer: CustomerRow) -> None:
    engine, company = house.engine, house.company
    grant = asked(engine, company, customer, GrantKind.UNLIMITED, until=day(13), at=START)
    approved(engine, company, grant, at=START)
    handle = await watched(house, grant)
    await waits_for(handle, WaitReason.LIMIT_END)
    revoked(engine, company, grant, at=START + timedelta(hours=1))
    await watched(house, grant)

    assert await end_of(handle) == "revoked"
    assert house.letters()[-1].subject == "ООО «Ромашка»: изменение лимита отозвано"


async def test_a_base_limit_of_today_needs_no_watching(house: House, customer: CustomerRow) -> None:
    engine, company = house.engine, house.company
    grant = asked(engine, company, customer, GrantKind.BASE, amount="3000000", at=START)
    approved(engine, company, grant, at=START)
    handle = await watched(house, grant)
    assert await end_of(handle) == "in_force"
    await watched(house, grant)  # one that has ended is left alone
    assert events(house) == ["grant_requested", "grant_approved", "grant_begun"]


async def test_what_nobody_could_start_is_started_at_the_next_start(house: House, customer: CustomerRow) -> None:
    """The API was killed between its commit and the start of the process."""
    engine, company = house.engine, house.company
    grant = asked(engine, company, customer, GrantKind.TEMPORARY, amount="2000000", until=day(13), at=START)
    approved(engine, company, grant, at=START)
    await catch_up_grants(engine, house.client, house.task_queue)
    handle = handle_of(house, grant)
    assert await waits_for(handle, WaitReason.LIMIT_END) == ALMATY.at(day(12), 10)
    await handle.terminate()
