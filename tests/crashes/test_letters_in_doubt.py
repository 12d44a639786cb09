"""A worker dies over a letter whose receiver cannot be asked: it counts as sent, and a person is told (D10-15)."""

from collections import Counter

import pytest
from support.crashes import (
    ANSWER,
    BEFORE,
    CALL,
    CALLED,
    COMMIT,
    COMMITTED,
    TAKEN,
    WRITING,
    Crashes,
    Point,
    once_at,
)
from support.facts import difference
from support.house import House
from support.invoices import rows
from support.stories import Story, tell, told_at_once
from temporalio.client import Client

from activities.persistence.record_tables import OutboundRow, TaskRow
from cli.local.postgres import Postgres

pytestmark = pytest.mark.anyio
STORY = Story("order_workflow", "d7_10_an_extended_reserve_ends_later")
CLAIMED, SENT = f"{CALL} 1", f"{CALLED} 1"
"""Between the claim and the mail server; between the mail server and the mark."""
HALFWAY, TAKEN_IN = f"{WRITING} 1", f"{TAKEN} 1"
"""Amid the talk with the mail server."""
ARRIVED = {CLAIMED: 0, HALFWAY: 0, TAKEN_IN: 1, SENT: 1}
TO_THE_CUSTOMER = 2
"""Which letter of the story that is; the others go to the staff."""
HARMLESS = (BEFORE, f"{COMMIT} 1", f"{COMMITTED} 2", ANSWER)

Seen = tuple[list[OutboundRow], Counter[str | None], list[TaskRow]]


def look(house: House) -> Seen:
    """The ledger, how often each letter arrived, and what people are asked."""
    arrived = Counter(letter.message_id for letter in house.letters())
    return rows(house.engine, OutboundRow), arrived, rows(house.engine, TaskRow, kind="message_unknown")


async def test_d10_15_a_letter_in_doubt_is_never_sent_twice(postgres_server: Postgres, client: Client) -> None:
    peace = await tell(STORY, postgres_server, client, Crashes(), letters_are_found=False, look=look)
    letters = sum(point.activity == "deliver" and point.moment == SENT for point in peace.crashes.points)
    assert letters >= 3
    points = [Point("deliver", number, moment) for number in range(1, letters + 1) for moment in (CLAIMED, SENT)]
    points += [Point("deliver", TO_THE_CUSTOMER, moment) for moment in (HALFWAY, TAKEN_IN)]

    told = await told_at_once(
        tell(STORY, postgres_server, client, Crashes(once_at(each)), letters_are_found=False, look=look)
        for each in points
    )

    lost_to_customers = set()
    for point, run in zip(points, told, strict=True):
        assert run.crashes.struck == [point]
        ledger, arrived, asked = run.seen
        [doubtful] = [row for row in ledger if row.state == "unknown"]
        assert {row.state for row in ledger if row is not doubtful} == {"done"}
        assert arrived[doubtful.message_id] == ARRIVED[point.moment]
        assert {arrived[row.message_id] for row in ledger if row is not doubtful} == {1}
        lost_to_customers |= {point.moment} if doubtful.audience == "customer" else set()
        assert [task.details["message"] for task in asked] == [doubtful.key] * (doubtful.audience == "customer")
    assert lost_to_customers == set(ARRIVED)


async def test_d10_15_a_letter_that_can_be_looked_up_arrives_once(postgres_server: Postgres, client: Client) -> None:
    told = await told_at_once(
        tell(STORY, postgres_server, client, Crashes(once_at(Point("deliver", TO_THE_CUSTOMER, moment))), look=look)
        for moment in ARRIVED
    )
    for run in told:
        assert len(run.crashes.struck) == 1
        ledger, arrived, asked = run.seen
        assert ({row.state for row in ledger}, asked) == ({"done"}, [])
        assert arrived == Counter(row.message_id for row in ledger)


async def test_d10_15_no_doubt_arises_elsewhere(postgres_server: Postgres, client: Client) -> None:
    crashes = [Crashes(), *(Crashes(once_at(Point("deliver", 1, moment))) for moment in HARMLESS)]
    peace, *told = await told_at_once(
        tell(STORY, postgres_server, client, each, letters_are_found=False, look=look) for each in crashes
    )
    for run in told:
        assert len(run.crashes.struck) == 1
        assert not difference(peace.facts, run.facts)
