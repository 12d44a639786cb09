"""Tables of the watch over the system itself: what does not agree, and when nothing may leave the house."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from activities.persistence.columns import INSTANT
from activities.persistence.identifiers import new_id


class DiscrepancyRow(SQLModel, table=True):
    """One difference between what is and what should be; one that is not over per kind and object.

    `state`: `suspected` (seen once, perhaps only in passing) -> `open` (seen again after the grace) -> `closed` (gone).
    `repair`: what the watchdog did about it by itself, `repairs` how often.
    """

    __tablename__ = "discrepancy"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: str
    object: str
    expected: str
    found: str
    state: str
    first_seen: datetime = Field(sa_type=INSTANT)
    last_seen: datetime = Field(sa_type=INSTANT)
    repair: str | None = None
    repairs: int = 0
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        Index("discrepancy_one_open", "kind", "object", unique=True, postgresql_where=text("state <> 'closed'")),
        CheckConstraint("state IN ('suspected','open','closed')", name="state_known"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_a_time"),
        CheckConstraint("last_seen >= first_seen", name="seen_in_order"),
    )


class EffectFreezeRow(SQLModel, table=True):
    """A time in which nothing leaves the house; at most one lasts.

    `reason`: `stop` by a person, or `restore` of a backup taken at `backup_at`, which ends only after `reconciled_at`.
    Instants are those of the machine's clock.
    """

    __tablename__ = "effect_freeze"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    reason: str
    comment: str | None = None
    frozen_by: str
    frozen_at: datetime = Field(sa_type=INSTANT)
    backup_at: datetime | None = Field(default=None, sa_type=INSTANT)
    reconciled_at: datetime | None = Field(default=None, sa_type=INSTANT)
    thawed_by: str | None = None
    thawed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        Index("effect_freeze_one_lasts", "reason", unique=True, postgresql_where=text("thawed_at IS NULL")),
        CheckConstraint("reason IN ('stop','restore')", name="reason_known"),
        CheckConstraint("(reason = 'restore') = (backup_at IS NOT NULL)", name="restore_of_a_backup"),
        CheckConstraint("(thawed_at IS NULL) = (thawed_by IS NULL)", name="thawed_by_somebody"),
        CheckConstraint(
            "reason = 'stop' OR thawed_at IS NULL OR reconciled_at IS NOT NULL", name="reconciled_before_thaw"
        ),
    )
