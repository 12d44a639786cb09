"""The engine's own order: what an order costs when nothing is decided, kept or told."""

from datetime import timedelta

import psycopg
from sqlalchemy import Engine, text
from temporalio import activity, workflow

STEPS = 6
"""Decide, reserve, call the warehouse, pick, ship, invoice."""
LIFETIME = timedelta(days=7)
_START_TO_CLOSE = timedelta(seconds=12)
_NOTE = text("""
    INSERT INTO bench_note (turn, times) VALUES (:turn, 1)
    ON CONFLICT (turn) DO UPDATE SET times = bench_note.times + 1
""")


def make_room_for_notes(database: str) -> None:
    """The table that `note` writes into."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_note (turn text PRIMARY KEY, times integer NOT NULL)")


class ReferenceActivities:
    """Steps that do nothing, or one trivial transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn
    def empty_step(self) -> None:
        """Nothing."""

    @activity.defn
    def note(self, turn: str) -> None:
        """One row written by one statement."""
        with self._engine.begin() as connection:
            connection.execute(_NOTE, {"turn": turn})


@workflow.defn
class ReferenceOrder:
    """Update-with-start, six empty regular activities, two signals, one timer."""

    def __init__(self) -> None:
        self._decided = False
        self._picked = False
        self._shipped = False

    @workflow.run
    async def run(self) -> None:
        await self._step()
        self._decided = True
        await self._step()
        await self._step()
        await workflow.wait_condition(lambda: self._picked, timeout=LIFETIME)
        await self._step()
        await workflow.wait_condition(lambda: self._shipped)
        await self._step()
        await self._step()

    @workflow.update
    async def place(self) -> bool:
        await workflow.wait_condition(lambda: self._decided)
        return True

    @workflow.signal
    def pick(self) -> None:
        self._picked = True

    @workflow.signal
    def ship(self) -> None:
        self._shipped = True

    async def _step(self) -> None:
        await workflow.execute_activity_method(ReferenceActivities.empty_step, start_to_close_timeout=_START_TO_CLOSE)


@workflow.defn
class ReferencePlacing:
    """An update-with-start that answers after one trivial transaction."""

    def __init__(self) -> None:
        self._noted = False

    @workflow.run
    async def run(self) -> None:
        turn = workflow.info().workflow_id
        await workflow.execute_activity_method(ReferenceActivities.note, turn, start_to_close_timeout=_START_TO_CLOSE)
        self._noted = True
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def place(self) -> bool:
        await workflow.wait_condition(lambda: self._noted)
        return True
