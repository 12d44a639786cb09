"""Policy versions: which parameters are in force on a day, and which a running order was decided under."""

from datetime import date
from functools import lru_cache

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from activities.persistence.tables import PolicyRow
from domain.policy import Policy

_CODEC = TypeAdapter(Policy)


def policy_in_force(session: Session, on: date) -> tuple[int, Policy]:
    """The newest version whose effective date is not after `on`, with its number."""
    query = (
        select(PolicyRow)
        .where(PolicyRow.effective_from <= on)
        .order_by(col(PolicyRow.effective_from).desc(), col(PolicyRow.version).desc())
        .limit(1)
    )
    row = session.exec(query).one()
    return row.version, _CODEC.validate_python(row.body)


def policy_version(session: Session, version: int) -> Policy:
    """The parameters of one version."""
    row = session.get(PolicyRow, version)
    if row is None:
        raise LookupError(f"policy version {version} is not stored")
    return _CODEC.validate_python(row.body)


@lru_cache
def default_body() -> dict[str, object]:
    """Version 1 as the rule book has it, JSON-ready."""
    body: dict[str, object] = _CODEC.dump_python(Policy(), mode="json")
    return body
