"""One activity, one transaction, one business key: a repeat returns the stored result (architecture, section 4)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from activities.persistence.record_tables import StepRow
from domain.errors import DomainError

Result = TypeVar("Result")


_CODECS: dict[type[Any], TypeAdapter[Any]] = {}


def _codec(result_type: type[Any]) -> TypeAdapter[Any]:
    if result_type not in _CODECS:
        _CODECS[result_type] = TypeAdapter(result_type)
    return _CODECS[result_type]


def run_once(
    engine: Engine, key: str, result_type: type[Result], work: Callable[[Session], Result], *, as_of: datetime
) -> Result:
    """Do `work` in one transaction together with its result under `key`; on a repeat return that result.

    A twin that commits the same key at the same moment makes this attempt roll back and read the twin's result: it
    meets the twin's rows, or a state that the twin has left behind.
    """
    codec = _codec(result_type)
    try:
        with Session(engine) as session, session.begin():
            stored = session.get(StepRow, key)
            if stored is not None:
                return codec.validate_python(stored.result)  # type: ignore[no-any-return]
            result = work(session)
            session.flush()
            session.add(StepRow(key=key, result=codec.dump_python(result, mode="json"), at=as_of))
        return result
    except (IntegrityError, DomainError):
        with Session(engine) as session:
            stored = session.get(StepRow, key)
        if stored is None:
            raise
        return codec.validate_python(stored.result)  # type: ignore[no-any-return]
