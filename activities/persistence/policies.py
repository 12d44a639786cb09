"""Policy versions: which parameters are in force on a day, and which a running order was decided under."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from activities.persistence.calendars import company_calendar
from activities.persistence.party_tables import PolicyRow
from domain.policy import Policy

_CODEC = TypeAdapter(Policy)


def policy_in_force(session: Session, on: date) -> tuple[int, Policy]:
    """The newest version whose effective date is not after `on`, with its number."""
    version, body = session.execute(in_force(on)).one()
    return version, policy_from(body)


def in_force(on: date) -> Any:
    """SQL: the number and the body of that version."""
    return (
        select(PolicyRow.version, PolicyRow.body)
        .where(PolicyRow.effective_from <= on, PolicyRow.state == "published")
        .order_by(col(PolicyRow.effective_from).desc(), col(PolicyRow.version).desc())
        .limit(1)
    )


def policy_today(session: Session, at: datetime) -> tuple[int, Policy]:
    """The company's policy on the business day of an instant, with its number."""
    return policy_in_force(session, company_calendar(session).day_of(at))


def policy_version(session: Session, version: int, overlay: Mapping[str, Any] | None = None) -> Policy:
    """The parameters of one version, with what a customer's own contract changes in them (D5-6)."""
    body = _known(session).get(version)
    if body is None:
        row = session.get(PolicyRow, version)
        if row is None:
            raise LookupError(f"policy version {version} is not stored")
        body = know_policy(session, version, row.body)
    return policy_from(body, overlay)


def know_policy(session: Session, version: int, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep the body of a version for the rest of the session: what was published stays as it is."""
    return _known(session).setdefault(version, body)


def _known(session: Session) -> dict[int, Mapping[str, Any]]:
    known: dict[int, Mapping[str, Any]] = session.info.setdefault("policies", {})
    return known


def policy_from(body: Mapping[str, Any], overlay: Mapping[str, Any] | None = None) -> Policy:
    """A stored body, overlaid, as a policy; a figure that it does not name is the rule book's."""
    return _CODEC.validate_python({**body, **(overlay or {})})


@lru_cache
def default_body() -> dict[str, object]:
    """Version 1 as the rule book has it, JSON-ready."""
    body: dict[str, object] = _CODEC.dump_python(Policy(), mode="json")
    return body
