"""What no table definition can say: an append-only journal, conserved payments, policy version 1."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

POLICY_1 = {
    "quote_days": 7,
    "stop_ratio": "2",
    "watch_ratio": "0.9",
    "overdue_mode": "graded",
    "overdue_pass_days": 3,
    "overdue_stop_days": 14,
    "overdue_legal_days": 30,
    "floor_rub": "100",
    "floor_kzt": "500",
    "floor_percent": "0.1",
    "approval_working_days": 3,
    "approval_reminder_hours": 4,
    "stop_reminder_days": 7,
    "stop_cancel_days": 14,
    "reservation_days": 7,
    "deferral_reserve_working_days": 3,
    "late_payment_days": 14,
    "internal_hour": 10,
    "client_hour": 11,
    "dunning_days": [-3, 3, 7, 14, 30],
    "legal_after_letter_working_days": 3,
}


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END $$
    """)
    for table in ("journal", "credit_decision", "stock_movement"):
        op.execute(f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
    op.execute("""
        CREATE FUNCTION payment_is_conserved() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            paid uuid := coalesce(NEW.payment_id, OLD.payment_id);
        BEGIN
            PERFORM 1 FROM payment p WHERE p.id = paid AND p.amount <> p.unallocated
                + (SELECT coalesce(sum(a.amount), 0) FROM payment_allocation a WHERE a.payment_id = p.id);
            IF FOUND THEN
                RAISE EXCEPTION 'allocations of payment % do not add up', paid
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER allocations_add_up AFTER INSERT OR UPDATE OR DELETE ON payment_allocation
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payment_is_conserved()
    """)
    op.execute("""
        CREATE FUNCTION payment_row_is_conserved() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM 1 FROM payment p WHERE p.id = NEW.id AND p.amount <> p.unallocated
                + (SELECT coalesce(sum(a.amount), 0) FROM payment_allocation a WHERE a.payment_id = p.id);
            IF FOUND THEN
                RAISE EXCEPTION 'allocations of payment % do not add up', NEW.id
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER payment_adds_up AFTER INSERT OR UPDATE ON payment
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payment_row_is_conserved()
    """)
    op.execute(
        sa.text(
            "INSERT INTO policy (version, effective_from, body, created_by, created_at) "
            "VALUES (1, '2000-01-01', CAST(:body AS jsonb), 'opora', '2000-01-01T00:00:00Z')"
        ).bindparams(body=json.dumps(POLICY_1))
    )
