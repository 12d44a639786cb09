"""The ground the other tests stand on: a fresh database each, a clock that can be moved."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from support.patience import end_of
from support.temporal import fast_forward
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.persistence.party_tables import PolicyRow


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_has_its_own_migrated_database(engine: Engine, attempt: int) -> None:
    with Session(engine) as session, session.begin():
        assert session.get(PolicyRow, 1) is not None
        assert session.get(PolicyRow, 99) is None
        session.add(
            PolicyRow(
                version=99, effective_from=date(2026, 1, 1), body={}, created_by="test", created_at=datetime.now(UTC)
            )
        )
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM policy")).scalar_one() == 4


_rung: list[str] = []


@activity.defn
def ring(name: str) -> None:
    _rung.append(name)


@workflow.defn
class Ladder:
    def __init__(self) -> None:
        self.paid = False

    @workflow.run
    async def run(self, name: str) -> str:
        for day in (3, 7, 14, 30):
            try:
                await workflow.wait_condition(lambda: self.paid, timeout=timedelta(days=day))
                return f"paid before {day}"
            except TimeoutError:
                await workflow.execute_activity(ring, f"{name}:{day}", start_to_close_timeout=timedelta(seconds=5))
        return "lawyer"

    @workflow.signal
    def pay(self) -> None:
        self.paid = True


@pytest.mark.anyio
async def test_fast_forward_returns_when_due_work_is_done(client: Client, task_queue: str) -> None:
    name = str(uuid4())
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[Ladder],
        activities=[ring],
        activity_executor=ThreadPoolExecutor(2),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await client.start_workflow(Ladder.run, name, id=f"ladder/{name}", task_queue=task_queue)
        assert await fast_forward(handle, timedelta(days=3))
        assert f"{name}:3" in _rung
        assert await fast_forward(handle, timedelta(days=6, hours=23))
        assert f"{name}:7" not in _rung
        assert await fast_forward(handle, timedelta(hours=1))
        assert f"{name}:7" in _rung
        await handle.signal(Ladder.pay)
        assert await end_of(handle) == "paid before 14"
