"""How often people and addresses may call."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_limit",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        prefixes=["UNLOGGED"],  # counted on every call: no call waits for the disk
        postgresql_with={"fillfactor": "40"},
    )
