"""A step and its result are one transaction: a process that dies between them has done nothing (U5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select
from support.company import MONDAY

from activities.persistence.record_tables import DocumentCounterRow, StepRow
from activities.persistence.steps import run_once


class KilledError(BaseException):
    """The process dies here."""


@contextmanager
def dying_at(engine: Engine, statement: str) -> Iterator[None]:
    """Whoever comes to a statement that begins like this dies before it."""

    def die(connection: Any, cursor: Any, sql: str, *_: Any) -> None:
        if sql.startswith(statement):
            raise KilledError

    event.listen(engine, "before_cursor_execute", die)
    yield
    event.remove(engine, "before_cursor_execute", die)


def count_up(session: Session) -> int:
    row = session.get(DocumentCounterRow, "test") or DocumentCounterRow(series="test", last=0)
    row.last += 1
    session.add(row)
    return row.last


def step(engine: Engine) -> int:
    return run_once(engine, "order:1:step:1", int, count_up, as_of=MONDAY)


def counted(engine: Engine) -> list[int]:
    with Session(engine) as session:
        return list(session.exec(select(DocumentCounterRow.last).where(DocumentCounterRow.series == "test")))


def test_u5_killed_before_its_result_is_kept_a_step_has_done_nothing(engine: Engine) -> None:
    with dying_at(engine, "INSERT INTO step"), pytest.raises(KilledError):
        step(engine)
    assert counted(engine) == []

    assert (step(engine), step(engine)) == (1, 1)
    assert counted(engine) == [1]


def test_u5_killed_before_its_work_is_written_a_step_keeps_no_result(engine: Engine) -> None:
    with dying_at(engine, "INSERT INTO document_counter"), pytest.raises(KilledError):
        step(engine)
    with Session(engine) as session:
        assert session.exec(select(StepRow)).all() == []

    assert step(engine) == 1
