"""Times in which nothing leaves the house: after a restore until it is reconciled, or because a person stopped it.

Whoever hands a message over takes the gate shared, before all else of its claim; whoever freezes takes it alone. So
when a freeze is committed, no claim that knew nothing of it is still under way.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence import discrepancies
from activities.persistence.events import record_event
from activities.persistence.outbound import message_of
from activities.persistence.record_tables import OutboundRow
from activities.persistence.watch_tables import EffectFreezeRow
from domain.freezes import EffectsNotFrozenError, FindingsOpenError, FreezeReason, NotReconciledError
from domain.messages import Message, MessageState
from domain.orders import SYSTEM

_GATE = 7_023_118
"""Advisory lock of whatever leaves the house."""
_PASS = text("""
    SELECT pg_advisory_xact_lock_shared(:gate), CASE audience WHEN 'customer' THEN customer_id END AS customer_id
      FROM outbound WHERE key = :key
""")
SUBJECT = "effects"


def frozen_since(session: Session) -> datetime | None:
    """Since when nothing may leave the house; None while it may. The answer holds until commit."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:gate)"), {"gate": _GATE})
    return min((row.frozen_at for row in lasting(session)), default=None)


def pass_gate(session: Session, key: str) -> UUID | None:
    """Take the gate for one message until commit; what is read afterwards knows every freeze.

    Returns:
        The customer whom it is for, None for a notice: that never changes.

    Raises:
        LookupError: nothing was planned under this key.
    """
    row = session.execute(_PASS, {"gate": _GATE, "key": key}).first()
    if row is None:
        raise LookupError(f"no message is planned under {key!r}")
    customer_id: UUID | None = row.customer_id
    return customer_id


def lasting(session: Session) -> Sequence[EffectFreezeRow]:
    """The freezes that last, oldest first."""
    query = select(EffectFreezeRow).where(col(EffectFreezeRow.thawed_at).is_(None))
    return session.exec(query.order_by(col(EffectFreezeRow.frozen_at))).all()


def restored_midway(session: Session) -> list[tuple[Message, MessageState]]:
    """Messages that were planned or being sent when the backup was taken from which this database was restored."""
    backup_at = max((row.backup_at for row in lasting(session) if row.backup_at is not None), default=None)
    if backup_at is None:
        return []
    query = select(OutboundRow).where(col(OutboundRow.state).in_([MessageState.PLANNED, MessageState.SENDING]))
    query = query.where(OutboundRow.created_at <= backup_at).order_by(col(OutboundRow.key))
    return [(message_of(row), MessageState(row.state)) for row in session.exec(query)]


def freeze(
    session: Session,
    reason: FreezeReason,
    *,
    by: str,
    at: datetime,
    comment: str | None = None,
    backup_at: datetime | None = None,
) -> EffectFreezeRow:
    """Let nothing leave the house from now on; one that lasts for the same reason stays as it is.

    Args:
        by: who did it, as the machine knows them.
        backup_at: of the backup that was restored.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:gate)"), {"gate": _GATE})
    known = [row for row in lasting(session) if row.reason == reason]
    if known:
        return known[0]
    row = EffectFreezeRow(reason=reason, comment=comment, frozen_by=by, frozen_at=at, backup_at=backup_at)
    session.add(row)
    record_event(session, SUBJECT, reason, "effects_frozen", SYSTEM, at=at, why=str(reason), by=by, comment=comment)
    return row


def note_reconciled(session: Session, *, at: datetime) -> None:
    """What was restored has been held against the rest of the world; what did not agree is in the discrepancies."""
    for row in lasting(session):
        if row.reason == FreezeReason.RESTORE:
            row.reconciled_at = at
            session.add(row)


def thaw(session: Session, *, by: str, at: datetime, accept_findings: bool = False) -> int:
    """Let messages go again; how many freezes ended.

    Args:
        accept_findings: also while a restored database does not agree with the rest of the world.

    Raises:
        EffectsNotFrozenError: nothing is frozen.
        NotReconciledError: a restored database was not reconciled yet.
        FindingsOpenError: discrepancies of a restored database are open, and nobody accepted them.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:gate)"), {"gate": _GATE})
    rows = lasting(session)
    if not rows:
        raise EffectsNotFrozenError
    for row in rows:
        if row.reason == FreezeReason.RESTORE:
            _settle_findings(session, row, by=by, at=at, accepted=accept_findings)
        row.thawed_at, row.thawed_by = at, by
        session.add(row)
        record_event(session, SUBJECT, row.reason, "effects_thawed", SYSTEM, at=at, why=row.reason, by=by)
    return len(rows)


def _settle_findings(session: Session, row: EffectFreezeRow, *, by: str, at: datetime, accepted: bool) -> None:
    """See that a restored database was reconciled, and that what is open was taken on by somebody."""
    if row.reconciled_at is None:
        raise NotReconciledError(since=row.frozen_at.isoformat())
    kinds = discrepancies.counts(session)
    if not kinds:
        return
    count = sum(kinds.values())
    if not accepted:
        raise FindingsOpenError(count=count)
    record_event(session, SUBJECT, row.reason, "findings_accepted", SYSTEM, at=at, by=by, count=count, kinds=kinds)
