"""Exchange rates, the rate a commitment keeps, and allocations that never mix currencies (D2-17, D2-18)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exchange_rate",
        sa.Column("base", sa.String(length=3), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("rate > 0", name="rate_positive"),
        sa.CheckConstraint("currency <> base", name="two_currencies"),
        sa.ForeignKeyConstraint(["recorded_by"], ["app_user.id"]),
        sa.PrimaryKeyConstraint("base", "currency", "day"),
    )
    op.add_column(
        "commitment",
        sa.Column("rate", sa.Numeric(precision=18, scale=6), nullable=False, server_default=sa.text("1")),
    )
    op.alter_column("commitment", "rate", server_default=None)
    op.create_check_constraint("rate_positive", "commitment", "rate > 0")
    op.execute("""
        CREATE FUNCTION allocation_keeps_currency() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM 1 FROM payment p WHERE p.id = NEW.payment_id AND p.currency <> coalesce(
                (SELECT o.currency FROM sales_order o WHERE o.id = NEW.order_id),
                (SELECT i.currency FROM schedule_line l JOIN invoice i ON i.id = l.invoice_id
                  WHERE l.id = NEW.schedule_line_id));
            IF FOUND THEN
                RAISE EXCEPTION 'payment % is in another currency', NEW.payment_id
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER allocation_in_one_currency BEFORE INSERT ON payment_allocation
        FOR EACH ROW EXECUTE FUNCTION allocation_keeps_currency()
    """)
