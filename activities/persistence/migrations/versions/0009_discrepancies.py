"""The watch over the system itself: discrepancies, times in which nothing leaves the house, and since when a message is
being sent."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "discrepancy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("repair", sa.String(), nullable=True),
        sa.Column("repairs", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('suspected','open','closed')", name="state_known"),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_a_time"),
        sa.CheckConstraint("last_seen >= first_seen", name="seen_in_order"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "discrepancy_one_open",
        "discrepancy",
        ["kind", "object"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_table(
        "effect_freeze",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("frozen_by", sa.String(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("thawed_by", sa.String(), nullable=True),
        sa.Column("thawed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("reason IN ('stop','restore')", name="reason_known"),
        sa.CheckConstraint("(reason = 'restore') = (backup_at IS NOT NULL)", name="restore_of_a_backup"),
        sa.CheckConstraint("(thawed_at IS NULL) = (thawed_by IS NULL)", name="thawed_by_somebody"),
        sa.CheckConstraint(
            "reason = 'stop' OR thawed_at IS NULL OR reconciled_at IS NOT NULL", name="reconciled_before_thaw"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "effect_freeze_one_lasts",
        "effect_freeze",
        ["reason"],
        unique=True,
        postgresql_where=sa.text("thawed_at IS NULL"),
    )
    op.add_column("outbound", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "outbound_under_way",
        "outbound",
        ["state"],
        postgresql_where=sa.text("state IN ('planned','sending')"),
    )
