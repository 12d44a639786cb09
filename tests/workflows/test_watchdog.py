"""The watchdog on the real server: what is planted is found, what is safe is repaired, and work raises no alarm."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from support.company import a_customer, a_product
from support.house import House
from support.invoices import an_invoice, invoice_input, pay, rows
from support.patience import PATIENCE
from support.watch import a_round, found, listed, objects
from temporalio.client import Client
from temporalio.common import RetryPolicy

from activities.handoff import HandoffActivities
from activities.persistence.identifiers import new_id
from activities.persistence.order_tables import OrderRow
from activities.persistence.outbound import plan_message
from activities.persistence.record_tables import OutboundRow
from activities.persistence.watch_tables import DiscrepancyRow
from cli.doctor import _discrepancies
from domain.credit_steps import PlaceCommand
from domain.dunning import InvoiceStatus
from domain.orders import PickCommand, ShipCommand
from domain.watch import MOST_ATTEMPTS, REPAIRED, Kind, Watched
from workflows import ids, options
from workflows.invoice import InvoiceWorkflow
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.anyio


async def an_order(house: House, *, prepayment: int = 100) -> str:
    """One that waits for its money, or for picking."""
    customer = a_customer(house.engine, house.company, prepayment_percent=prepayment)
    order = house.quote(customer, a_product(house.engine, on_hand="10"))
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "awaiting_payment" if prepayment else "ready")
    return order


async def stray(house: House, process: str, argument: object = None, workflow: str = "Unknown") -> None:
    """A process started by nobody of ours."""
    await house.client.start_workflow(workflow, argument, id=process, task_queue=house.task_queue)


def a_message(house: House, key: str, *, order: str | None = None, state: str, age: timedelta) -> str:
    """One planned, or claimed, so long ago."""
    at = datetime.now(UTC) - age
    with Session(house.engine) as session, session.begin():
        plan_message(
            session, key, audience="staff", template="quote_expires", recipient="m@opora.local",
            order_id=UUID(order) if order else None, subject=key, body="Текст", created_at=at,
        )  # fmt: skip
        row = session.get_one(OutboundRow, key)
        row.state, row.claimed_at = state, at
    return key


def change(house: House, statement: str, **values: object) -> None:
    with house.engine.begin() as connection:
        connection.execute(text(statement), values)


async def test_what_is_planted_is_found_by_kind_and_repaired_where_it_is_safe(house: House) -> None:
    engine, customer = house.engine, a_customer(house.engine, house.company)
    old, day = timedelta(minutes=11), timedelta(hours=26)
    quotes = [house.quote(customer, a_product(engine, on_hand="1")) for _ in range(12)]
    lines = [an_invoice(engine, customer) for _ in range(10)]
    strays = [f"order/{new_id()}" for _ in range(4)] + [f"invoice/{new_id()}" for _ in range(3)]
    over = [house.quote(customer, a_product(engine, on_hand="1")) for _ in range(4)]
    behind = [await an_order(house) for _ in range(3)]
    idle = [await an_order(house) for _ in range(2)]
    for process in strays:
        await stray(house, process)
    for order in over:
        await house.start(order)
        change(house, "UPDATE sales_order SET status = 'expired', wait = NULL, ended_at = now() WHERE id = :id",
               id=order)  # fmt: skip
    for order in behind:
        change(house, "UPDATE sales_order SET wait = jsonb_set(wait, '{reason}', '\"picking\"'), status = 'ready' "
               "WHERE id = :id", id=order)  # fmt: skip
    for order in idle:
        change(house, "UPDATE sales_order SET wait = 'null' WHERE id = :id", id=order)
    stuck = [a_message(house, f"stuck:{i}", state="sending", age=old) for i in range(5)]
    unsent = [a_message(house, f"unsent:{i}", state="planned", age=day) for i in range(4)]
    ownerless = [a_message(house, f"over:{i}", order=str(new_order), state="planned", age=old)
                 for i, new_order in enumerate(gone(house, customer, 4))]  # fmt: skip
    for process in ("stray-1", "stray-2", "payment/nobody"):  # an input that nothing can read, a type nobody knows
        await stray(house, process, {"order": "broken"}, "OrderWorkflow")
    await listed(house.client, f"TaskQueue = '{house.task_queue}' AND TemporalReportedProblems IS NOT NULL", 10)

    outcome = await a_round(house.client, house.task_queue)

    expected = {
        Kind.NO_PROCESS: {*map(ids.order_workflow_id, quotes), *map(ids.invoice_workflow_id, lines)},
        Kind.NO_ROW: set(strays),
        Kind.OUTLIVES: set(map(ids.order_workflow_id, over)),
        Kind.BEHIND: set(map(ids.order_workflow_id, behind)),
        Kind.IDLE: set(map(ids.order_workflow_id, idle)),
        Kind.BROKEN: {*strays, "stray-1", "stray-2", "payment/nobody"},
        Kind.SENDING: set(stuck),
        Kind.UNSENT: {*unsent, *ownerless},
    }
    known = rows(engine, DiscrepancyRow)
    assert {kind: {row.object for row in known if row.kind == kind} for kind in {row.kind for row in known}} == expected
    assert sum(map(len, expected.values())) >= 50
    assert all(row.state != "suspected" for row in known)
    assert outcome.repaired == 12 + 10 + 4 + 3 + 5 + 8

    await a_round(house.client, house.task_queue)
    assert {Kind(kind) for kind in found(engine)} == set(expected) - REPAIRED
    assert {row.kind: row.repair for row in rows(engine, DiscrepancyRow, state="closed")} == {
        "no_process": "started", "behind": "told", "outlives": "told", "sending": "asked_receiver", "unsent": "sent",
    }  # fmt: skip
    planted = {*stuck, *unsent, *ownerless}  # the invoices that were started write too, in their working hours
    assert sorted(letter.subject for letter in house.letters() if letter.subject in planted) == sorted(planted)
    async with asyncio.timeout(PATIENCE):
        assert [await house.handle(order).query(OrderWorkflow.state) for order in quotes]


def gone(house: House, customer: object, count: int) -> list[str]:
    """Orders that ended before."""
    orders = [house.quote(customer, a_product(house.engine, on_hand="1")) for _ in range(count)]
    for order in orders:
        change(house, "UPDATE sales_order SET status = 'expired', wait = NULL, ended_at = now() WHERE id = :id",
               id=order)  # fmt: skip
    return orders


async def test_a_quote_without_a_process_and_a_letter_left_midway_are_put_right(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    order = house.quote(customer, a_product(house.engine, on_hand="1"))
    a_message(house, "midway", state="sending", age=timedelta(minutes=11))

    await a_round(house.client, house.task_queue, doubtful=True)
    await a_round(house.client, house.task_queue)

    assert found(house.engine) == {}
    assert (await house.handle(order).query(OrderWorkflow.state)).status == "quoted"
    assert [letter.subject for letter in house.letters()] == ["midway"]


async def test_a_step_tried_too_often_is_found_and_closes_by_itself(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of the engine does not tell of attempts: the worker writes it down."""
    monkeypatch.setitem(options.DATABASE, "retry_policy", _hasty())
    change(house, "ALTER TABLE reservation RENAME TO reservation_away")
    customer = a_customer(house.engine, house.company)
    order = house.quote(customer, a_product(house.engine, on_hand="10"))
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    async with asyncio.timeout(PATIENCE):
        while not found(house.engine, "suspected"):
            await asyncio.sleep(0.1)

    await a_round(house.client, house.task_queue)
    assert objects(house.engine, Kind.MANY_ATTEMPTS) == {f"order/{order}#reserve_order"}
    assert int(rows(house.engine, DiscrepancyRow)[0].found) >= MOST_ATTEMPTS

    change(house, "ALTER TABLE reservation_away RENAME TO reservation")
    await house.reaches(order, "ready")
    await a_round(house.client, house.task_queue)
    assert found(house.engine) == {}
    assert objects(house.engine, Kind.MANY_ATTEMPTS, "closed") == {f"order/{order}#reserve_order"}


def _hasty() -> RetryPolicy:
    pause = timedelta(milliseconds=20)
    return RetryPolicy(initial_interval=pause, backoff_coefficient=1.0, maximum_interval=pause)


async def a_look_that_fails(house: House, monkeypatch: pytest.MonkeyPatch, **preset: timedelta) -> tuple[str, str]:
    """The process of an instalment whose first step, one within its workflow task, fails: its line, and the step."""
    for name, value in {"retry_policy": _hasty(), **preset}.items():
        monkeypatch.setitem(options.OWN, name, value)
    change(house, "ALTER TABLE dispute RENAME TO dispute_away")
    customer = a_customer(house.engine, house.company)
    line = an_invoice(house.engine, customer)
    await HandoffActivities(house.client, house.task_queue).start_invoices([invoice_input(customer, line)])
    return line, f"{ids.invoice_workflow_id(line)}#look_at_invoice"


async def attempts(house: House, step: str, *, above: int) -> int:
    """How often a step was tried by what its attempts report, as soon as it is more than that."""
    async with asyncio.timeout(PATIENCE):
        while True:
            told = [int(row.found) for row in rows(house.engine, DiscrepancyRow, object=step) if row.state != "closed"]
            if told and told[0] > above:
                return told[0]
            await asyncio.sleep(0.05)


async def closes(house: House, step: str) -> None:
    """Rounds follow one another until nothing is open; it was."""
    async with asyncio.timeout(PATIENCE):
        while found(house.engine):
            await a_round(house.client, house.task_queue)
    assert step in objects(house.engine, Kind.OWN_STEP, "closed")


BY_TIMERS = {"local_retry_threshold": timedelta(milliseconds=1), "start_to_close_timeout": timedelta(seconds=1)}
"""Each pause leaves the workflow task, as the long ones of a real step do."""


async def test_a_step_within_a_workflow_task_is_found_while_it_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine knows no attempts of such a step, so the finding stands as long as they report."""
    line, step = await a_look_that_fails(house, monkeypatch, **BY_TIMERS)
    tried = await attempts(house, step, above=MOST_ATTEMPTS - 1)
    for _ in range(2):
        await a_round(house.client, house.task_queue)
        assert objects(house.engine, Kind.OWN_STEP) == {step}
        tried = await attempts(house, step, above=tried)
        await asyncio.sleep(options.longest_silence(options.OWN).total_seconds())
    [(good, said)] = _discrepancies(house.engine)
    assert not good
    assert step in said

    change(house, "ALTER TABLE dispute_away RENAME TO dispute")
    await closes(house, step)
    state = await house.client.get_workflow_handle(ids.invoice_workflow_id(line)).query(InvoiceWorkflow.state)
    assert state.status is not InvoiceStatus.SETTLED  # its process goes on


async def test_a_step_within_a_workflow_task_is_over_with_its_process(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However lately it was tried: the debt is paid, and somebody ends the process amid its attempts."""
    line, step = await a_look_that_fails(
        house, monkeypatch, **BY_TIMERS | {"start_to_close_timeout": timedelta(hours=1)}
    )
    await attempts(house, step, above=MOST_ATTEMPTS)
    await a_round(house.client, house.task_queue)
    assert objects(house.engine, Kind.OWN_STEP) == {step}

    pay(house.engine, line)
    await house.client.get_workflow_handle(ids.invoice_workflow_id(line)).terminate("by an admin")
    await closes(house, step)
    change(house, "ALTER TABLE dispute_away RENAME TO dispute")


async def test_work_under_load_raises_no_alarm(house: House) -> None:
    """Orders run from quote to invoice while rounds follow one another, with a grace of a second instead of two
    minutes."""

    async def one() -> None:
        order = await an_order(house, prepayment=0)
        await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse),
                            update_id=f"pick-{order}")  # fmt: skip
        await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse), update_id=f"ship-{order}")

    async def shift() -> None:
        for _ in range(3):
            await asyncio.gather(*(one() for _ in range(4)))

    working = asyncio.create_task(shift())
    rounds: list[Watched] = []
    while not working.done():
        rounds.append(await a_round(house.client, house.task_queue))
    await working
    rounds.append(await a_round(house.client, house.task_queue))
    assert rounds
    assert set(rounds) == {Watched()}
    assert rows(house.engine, DiscrepancyRow) == []
    assert len(rows(house.engine, OrderRow)) == 12


async def test_a_queue_without_a_worker_is_found(engine: Engine, client: Client, task_queue: str) -> None:
    from activities.persistence.discrepancies import lasting
    from activities.watchdog import WatchActivities
    from domain.watch import Look

    look = Look(datetime.now(UTC), f"{task_queue}-mail")
    looked = await WatchActivities(engine, client, task_queue).hold_against_processes(look)
    assert looked.open == 2
    with Session(engine) as session:
        assert {row.object for row in lasting(session, [Kind.NO_WORKER])} == {task_queue, f"{task_queue}-mail"}
