"""Policy versions in steps: proposed by one person, published or rejected by another, never changed after (D14)."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.events import record_event
from activities.persistence.party_tables import PolicyRow
from activities.persistence.policies import policy_from
from domain.credit_errors import OwnPolicyError, PolicyDecidedError, PolicyNotFoundError, PolicyOutdatedError
from domain.orders import Actor
from domain.policy import Policy
from domain.policy_rules import changed_policy, check_effective

_CODEC = TypeAdapter(Policy)


def policy_body(policy: Policy) -> dict[str, Any]:
    """A policy as its row and the API show it."""
    body: dict[str, Any] = _CODEC.dump_python(policy, mode="json")
    return body


def policy_row(session: Session, version: int) -> PolicyRow:
    """One version.

    Raises:
        PolicyNotFoundError
    """
    row = session.get(PolicyRow, version) if 0 < version < 2**31 else None
    if row is None:
        raise PolicyNotFoundError
    return row


def newest_published(session: Session) -> PolicyRow:
    """The version that is, or will be, in force last: what a proposal builds on."""
    query = select(PolicyRow).where(PolicyRow.state == "published")
    return session.exec(
        query.order_by(col(PolicyRow.effective_from).desc(), col(PolicyRow.version).desc())
    ).first() or (_no_policy())


def _no_policy() -> PolicyRow:
    raise LookupError("no policy version is published: run the migrations")


def policy_versions(session: Session, *, before: int | None, limit: int) -> list[PolicyRow]:
    """Versions of every state, newest first."""
    query = select(PolicyRow).order_by(col(PolicyRow.version).desc()).limit(limit)
    if before is not None:
        query = query.where(PolicyRow.version < before)
    return list(session.exec(query))


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What differs between two bodies: `{field: {"from", "to"}}`; a figure not named is the rule book's."""
    old, new = policy_body(policy_from(before)), policy_body(policy_from(after))
    return {name: {"from": old[name], "to": new[name]} for name in new if old[name] != new[name]}


def base_of(session: Session, row: PolicyRow) -> PolicyRow | None:
    """The version that this one was built on: the last one published before it was proposed."""
    query = select(PolicyRow).where(PolicyRow.state == "published", PolicyRow.version < row.version)
    if row.decided_at is not None or row.state == "proposed":
        published_by_then = col(PolicyRow.decided_at).is_(None) | (col(PolicyRow.decided_at) <= row.created_at)
        query = query.where(published_by_then)
    return session.exec(query.order_by(col(PolicyRow.effective_from).desc(), col(PolicyRow.version).desc())).first()


def propose_policy(
    session: Session,
    changes: Mapping[str, object],
    actor: Actor,
    *,
    effective_from: date,
    comment: str,
    today: date,
    at: datetime,
) -> PolicyRow:
    """Write the next version, built on the newest published one; it counts for nothing until it is published.

    Raises:
        PolicyValueError, PolicyDateError
    """
    _take_turns(session)
    base = newest_published(session)
    policy = changed_policy(policy_from(base.body), changes)
    check_effective(effective_from, today=today, newest=base.effective_from)
    newest = policy_versions(session, before=None, limit=1)[0]
    row = PolicyRow(
        version=newest.version + 1,
        effective_from=effective_from,
        body=policy_body(policy),
        created_by=actor.id,
        created_at=at,
        state="proposed",
        comment=comment or None,
    )
    session.add(row)
    record_event(session, "policy", str(row.version), "policy_proposed", actor, at=at, policy_version=row.version,
                 effective_from=effective_from.isoformat(), changes=difference(base.body, row.body),
                 comment=comment)  # fmt: skip
    session.flush()
    return row


def decide_policy(
    session: Session, version: int, actor: Actor, *, publish: bool, comment: str, today: date, at: datetime
) -> PolicyRow:
    """Publish or reject a proposed version. Orders keep the version they were quoted under: nothing is retroactive.

    Raises:
        PolicyNotFoundError, PolicyDecidedError, OwnPolicyError
        PolicyOutdatedError: another version was published meanwhile, whose changes this one would undo.
        PolicyDateError: its day has passed.
    """
    _take_turns(session)
    row = policy_row(session, version)
    session.refresh(row)
    if row.state != "proposed":
        raise PolicyDecidedError(state=row.state)
    if row.created_by == actor.id:
        raise OwnPolicyError
    if publish:
        _check_still_on_top(session, row)
        check_effective(row.effective_from, today=today, newest=newest_published(session).effective_from)
    row.state, row.decided_by, row.decided_at = "published" if publish else "rejected", actor.id, at
    session.add(row)
    event = "policy_published" if publish else "policy_rejected"
    record_event(session, "policy", str(version), event, actor, at=at, policy_version=version,
                 effective_from=row.effective_from.isoformat(), comment=comment)  # fmt: skip
    session.flush()
    return row


def _check_still_on_top(session: Session, row: PolicyRow) -> None:
    later = select(PolicyRow).where(PolicyRow.state == "published", col(PolicyRow.decided_at) > row.created_at)
    other = session.exec(later.order_by(col(PolicyRow.version).desc())).first()
    if other is not None:
        raise PolicyOutdatedError(version=other.version)


def _take_turns(session: Session) -> None:
    """Two proposals or decisions at once follow one another; orders that name a version do not wait."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('opora.policy'))"))
