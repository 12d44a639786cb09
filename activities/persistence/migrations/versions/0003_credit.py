"""The whole credit decision: limits with history, revisions, absences, credit notes, disputes, policies in steps."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ADDED = {
    "stop_basis": "exposure",
    "stop_release": "by_rules",
    "second_tier": False,
    "second_tier_excess_percent": "50",
    "second_tier_overdue_days": 7,
    "approval_deputy_days": 1,
    "approval_next_level_days": 2,
    "approval_valid_days": 10,
    "gate_hold_working_days": 2,
    "stock_working_days": 5,
    "picking_working_days": 2,
    "shipment_working_days": 1,
    "data_hours": 24,
    "free_discount_percent": "100",
    "temporary_limit_days": 90,
    "rate_days": 7,
}
"""What a policy says from now on besides; orders under an older version go by the same figures."""


def upgrade() -> None:
    op.create_table('absence',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('deputy_id', sa.Uuid(), nullable=False),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('to_on', sa.Date(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('created_by', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('deputy_id <> user_id', name='deputy_is_another'),
    sa.CheckConstraint('to_on >= from_on', name='window_in_order'),
    sa.ForeignKeyConstraint(['created_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['deputy_id'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['user_id'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_absence_user_id'), 'absence', ['user_id'], unique=False)
    op.create_table('credit_grant',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=18, scale=2), nullable=True),
    sa.Column('previous', sa.Numeric(precision=18, scale=2), nullable=True),
    sa.Column('body', postgresql.JSONB(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('requested_by', sa.Uuid(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('comment', sa.String(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(kind = 'base') = (valid_to IS NULL)", name='end_where_due'),
    sa.CheckConstraint("(kind = 'policy') = (body IS NOT NULL)", name='body_where_due'),
    sa.CheckConstraint("(kind IN ('base','temporary')) = (amount IS NOT NULL)", name='amount_where_due'),
    sa.CheckConstraint("(state = 'requested') = (decided_at IS NULL)", name='decided_has_a_time'),
    sa.CheckConstraint("kind <> 'temporary' OR valid_to - valid_from < 90", name='temporary_at_most_90_days'),
    sa.CheckConstraint("kind = 'base' OR decided_by <> requested_by", name='four_eyes'),
    sa.CheckConstraint("kind IN ('base','temporary','unlimited','policy')", name='kind_known'),
    sa.CheckConstraint("state IN ('requested','scheduled','in_force','rejected','revoked')", name='state_known'),
    sa.CheckConstraint('amount >= 0', name='amount_not_negative'),
    sa.CheckConstraint('valid_to >= valid_from', name='window_in_order'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.ForeignKeyConstraint(['decided_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['requested_by'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_credit_grant_credit_account_id'), 'credit_grant', ['credit_account_id'], unique=False)
    op.create_index(op.f('ix_credit_grant_customer_id'), 'credit_grant', ['customer_id'], unique=False)
    op.create_table('order_revision',
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('deferral_days', sa.Integer(), nullable=False),
    sa.Column('prepayment_percent', sa.Integer(), nullable=False),
    sa.Column('net', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('vat', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('gross', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('changed_by', sa.Uuid(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('in_force','proposed','superseded','refused','withdrawn')", name='state_known'),
    sa.CheckConstraint('gross = net + vat', name='gross_is_net_plus_vat'),
    sa.CheckConstraint('gross > 0', name='gross_positive'),
    sa.CheckConstraint('prepayment_percent BETWEEN 0 AND 100', name='prepayment_share'),
    sa.ForeignKeyConstraint(['changed_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.PrimaryKeyConstraint('order_id', 'revision')
    )
    op.create_index('order_revision_one_in_force', 'order_revision', ['order_id'], unique=True, postgresql_where=sa.text("state = 'in_force'"))
    op.create_index('order_revision_one_proposed', 'order_revision', ['order_id'], unique=True, postgresql_where=sa.text("state = 'proposed'"))
    op.create_table('credit_note',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('invoice_id', sa.Uuid(), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('freed', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('issued_on', sa.Date(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('posted_by', sa.Uuid(), nullable=False),
    sa.Column('posted_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount > 0', name='amount_positive'),
    sa.CheckConstraint('freed BETWEEN 0 AND amount', name='freed_within_amount'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], ),
    sa.ForeignKeyConstraint(['posted_by'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('invoice_id', 'number')
    )
    op.create_index(op.f('ix_credit_note_credit_account_id'), 'credit_note', ['credit_account_id'], unique=False)
    op.create_index(op.f('ix_credit_note_invoice_id'), 'credit_note', ['invoice_id'], unique=False)
    op.create_table('dispute',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('schedule_line_id', sa.Uuid(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('comment', sa.String(), nullable=True),
    sa.Column('opened_by', sa.Uuid(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('closed_by', sa.Uuid(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('amount > 0', name='amount_positive'),
    sa.ForeignKeyConstraint(['closed_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['opened_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['schedule_line_id'], ['schedule_line.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('dispute_one_open', 'dispute', ['schedule_line_id'], unique=True, postgresql_where=sa.text('closed_at IS NULL'))
    op.add_column('app_user', sa.Column('region', sa.String(), nullable=True))
    op.add_column('approval', sa.Column('kind', sa.String(), nullable=False, server_default=sa.text("'credit'")))
    op.add_column('approval', sa.Column('tier', sa.String(), nullable=False, server_default=sa.text("'head'")))
    op.add_column('approval', sa.Column('rung', sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column('approval', sa.Column('addressees', postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False))
    op.add_column('approval', sa.Column('reasons', postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False))
    op.add_column('approval', sa.Column('decided_for', sa.Uuid(), nullable=True))
    op.create_foreign_key(None, 'approval', 'app_user', ['decided_for'], ['id'])
    op.add_column('credit_account', sa.Column('suspended', sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column('credit_account', sa.Column('stopped_by', sa.String(), nullable=True))
    op.add_column('credit_account', sa.Column('stopped_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('credit_account', sa.Column('stop_reason', sa.String(), nullable=True))
    op.add_column('credit_decision', sa.Column('rule', sa.String(), nullable=False, server_default=sa.text("'credit'")))
    op.add_column('credit_decision', sa.Column('overlay', postgresql.JSONB(), nullable=True))
    op.add_column('credit_decision', sa.Column('gate', postgresql.JSONB(), nullable=True))
    op.add_column('credit_decision', sa.Column('evidence', postgresql.JSONB(), nullable=True))
    op.add_column('credit_decision', sa.Column('actor_id', sa.Uuid(), nullable=True))
    op.add_column('credit_decision', sa.Column('actor_name', sa.String(), nullable=True))
    op.create_index('credit_decision_by_time', 'credit_decision', ['decided_at', 'id'], unique=False)
    op.add_column('order_line', sa.Column('list_price', sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column('policy', sa.Column('state', sa.String(), nullable=False, server_default=sa.text("'published'")))
    op.add_column('policy', sa.Column('comment', sa.String(), nullable=True))
    op.add_column('policy', sa.Column('decided_by', sa.String(), nullable=True))
    op.add_column('policy', sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('sales_order', sa.Column('delivery_address', sa.String(), nullable=True))
    op.add_column('sales_order', sa.Column('contact_name', sa.String(), nullable=True))
    op.add_column('sales_order', sa.Column('contact_phone', sa.String(), nullable=True))
    op.add_column('sales_order', sa.Column('ship_on', sa.Date(), nullable=True))
    op.add_column('sales_order', sa.Column('copied_from', sa.Uuid(), nullable=True))
    op.add_column('sales_order', sa.Column('cleared_by', sa.Uuid(), nullable=True))
    op.add_column('sales_order', sa.Column('cleared_revision', sa.Integer(), nullable=True))
    op.create_foreign_key(None, 'sales_order', 'sales_order', ['copied_from'], ['id'])
    op.create_foreign_key(None, 'sales_order', 'app_user', ['cleared_by'], ['id'])
    # ### end Alembic commands ###

    # The defaults were for the rows that are there; new rows always say.
    op.alter_column('approval', 'kind', server_default=None)
    op.alter_column('approval', 'tier', server_default=None)
    op.alter_column('approval', 'rung', server_default=None)
    op.alter_column('credit_account', 'suspended', server_default=None)
    op.alter_column('credit_decision', 'rule', server_default=None)
    op.alter_column('policy', 'state', server_default=None)

    op.create_check_constraint('kind_known', 'approval', "kind IN ('price','credit','gate')")
    op.create_check_constraint('tier_known', 'approval', "tier IN ('head','director')")
    op.create_check_constraint('rule_known', 'credit_decision', "rule IN ('credit','gate')")
    op.create_check_constraint('state_known', 'policy', "state IN ('proposed','published','rejected')")
    op.create_check_constraint('four_eyes', 'policy', "decided_by <> created_by")
    op.execute("UPDATE credit_account SET stopped_at = now() WHERE no_trade")
    op.create_check_constraint('stop_has_a_time', 'credit_account', "no_trade = (stopped_at IS NOT NULL)")
    op.execute("""
        UPDATE credit_account SET suspended = true
         WHERE EXISTS (SELECT 1 FROM legal_case WHERE credit_account_id = credit_account.id AND state <> 'closed')
    """)
    op.execute("""
        INSERT INTO order_revision (order_id, revision, state, deferral_days, prepayment_percent, net, vat, gross,
                                    changed_by, changed_at)
        SELECT id, revision, 'in_force', deferral_days, prepayment_percent, net, vat, gross, created_by, created_at
          FROM sales_order
    """)
    op.execute("""
        CREATE FUNCTION keep_published_policy() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' OR OLD.state <> 'proposed' OR NEW.body <> OLD.body OR NEW.version <> OLD.version
               OR NEW.effective_from <> OLD.effective_from OR NEW.created_by <> OLD.created_by THEN
                RAISE EXCEPTION 'a policy version never changes' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER policy_is_kept BEFORE UPDATE OR DELETE ON policy
        FOR EACH ROW EXECUTE FUNCTION keep_published_policy()
    """)
    op.execute(
        sa.text(
            "INSERT INTO policy (version, effective_from, body, created_by, created_at, state) SELECT "
            "max(version) + 1, max(effective_from), (SELECT body FROM policy ORDER BY version DESC LIMIT 1) "
            "|| CAST(:body AS jsonb), 'opora', '2000-01-01T00:00:00Z', 'published' FROM policy"
        ).bindparams(body=json.dumps(ADDED))
    )
