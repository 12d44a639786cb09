"""What is owed, by due date: the list of unpaid invoices does not pass by every paid one."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("schedule_line_unpaid", "schedule_line", ["due_date", "id"], postgresql_where=sa.text("residual > 0"))
