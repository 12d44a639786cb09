"""Every table of the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('app_user',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('login', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('key_hash', sa.String(), nullable=True),
    sa.Column('deputy_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint("role IN ('manager','head','director','accountant','warehouse','lawyer','admin')", name='role_known'),
    sa.ForeignKeyConstraint(['deputy_id'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key_hash'),
    sa.UniqueConstraint('login')
    )
    op.create_table('calendar_day',
    sa.Column('country', sa.String(2), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('working', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('country', 'day')
    )
    op.create_table('credit_account',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('currency', sa.String(3), nullable=False),
    sa.Column('base_limit', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('no_trade', sa.Boolean(), nullable=False),
    sa.CheckConstraint('base_limit >= 0', name='limit_not_negative'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('document_counter',
    sa.Column('series', sa.String(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('series')
    )
    op.create_table('idempotency_key',
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('request_hash', sa.String(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('response', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'key')
    )
    op.create_table('journal',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=False),
    sa.Column('actor_name', sa.String(), nullable=False),
    sa.Column('actor_role', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('subject_id', sa.String(), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('policy_version', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('journal_by_subject', 'journal', ['subject', 'subject_id', 'id'], unique=False)
    op.create_table('legal_entity',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('country', sa.String(2), nullable=False),
    sa.Column('tax_id', sa.String(), nullable=False),
    sa.Column('currency', sa.String(3), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('bank_accounts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('policy',
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('effective_from', sa.Date(), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('version')
    )
    op.create_index(op.f('ix_policy_effective_from'), 'policy', ['effective_from'], unique=False)
    op.create_table('product',
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('name_key', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('price', sa.Numeric(precision=18, scale=4), nullable=False),
    sa.Column('currency', sa.String(3), nullable=True),
    sa.Column('vat_rate', sa.Numeric(precision=5, scale=2), nullable=False),
    sa.Column('cost', sa.Numeric(precision=18, scale=4), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint('price >= 0', name='price_not_negative'),
    sa.CheckConstraint('vat_rate BETWEEN 0 AND 99', name='vat_rate'),
    sa.PrimaryKeyConstraint('sku')
    )
    op.create_index(op.f('ix_product_name_key'), 'product', ['name_key'], unique=False)
    op.create_table('step',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('result', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key')
    )
    op.create_table('bank_statement',
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('uploaded_by', sa.Uuid(), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('summary', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.ForeignKeyConstraint(['uploaded_by'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('sha256')
    )
    op.create_table('customer',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('name_key', sa.String(), nullable=False),
    sa.Column('country', sa.String(2), nullable=False),
    sa.Column('tax_id', sa.String(), nullable=False),
    sa.Column('kpp', sa.String(), nullable=True),
    sa.Column('segment', sa.String(), nullable=False),
    sa.Column('currency', sa.String(3), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('deferral_days', sa.Integer(), nullable=False),
    sa.Column('prepayment_percent', sa.Integer(), nullable=False),
    sa.Column('manager_id', sa.Uuid(), nullable=True),
    sa.Column('region', sa.String(), nullable=True),
    sa.Column('team', sa.String(), nullable=True),
    sa.Column('reservation_days', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("segment IN ('standard','vip')", name='segment_known'),
    sa.CheckConstraint('deferral_days BETWEEN 0 AND 365', name='deferral_days'),
    sa.CheckConstraint('prepayment_percent BETWEEN 0 AND 100', name='prepayment_share'),
    sa.CheckConstraint('reservation_days IN (3, 7, 14)', name='reservation_days'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['manager_id'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('customer_requisites', 'customer', ['country', 'tax_id', sa.literal_column("coalesce(kpp, '')")], unique=True)
    op.create_index(op.f('ix_customer_credit_account_id'), 'customer', ['credit_account_id'], unique=False)
    op.create_index(op.f('ix_customer_manager_id'), 'customer', ['manager_id'], unique=False)
    op.create_index(op.f('ix_customer_name_key'), 'customer', ['name_key'], unique=False)
    op.create_table('stock',
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('on_hand', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('reserved', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('picking', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.CheckConstraint('picking >= 0', name='picking_not_negative'),
    sa.CheckConstraint('reserved + picking <= on_hand', name='promised_within_on_hand'),
    sa.CheckConstraint('reserved >= 0', name='reserved_not_negative'),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('warehouse', 'sku')
    )
    op.create_table('stock_movement',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key')
    )
    op.create_index(op.f('ix_stock_movement_sku'), 'stock_movement', ['sku'], unique=False)
    op.create_table('contact',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=True),
    sa.Column('phone', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_contact_customer_id'), 'contact', ['customer_id'], unique=False)
    op.create_table('contract',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('signed_on', sa.Date(), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('deferral_days', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('customer_id', 'number')
    )
    op.create_table('legal_case',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('legal_entity_id', sa.Uuid(), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('opened_on', sa.Date(), nullable=False),
    sa.Column('package', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.CheckConstraint("state IN ('open','paid','closed')", name='state_known'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.ForeignKeyConstraint(['legal_entity_id'], ['legal_entity.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('number')
    )
    op.create_index(op.f('ix_legal_case_credit_account_id'), 'legal_case', ['credit_account_id'], unique=False)
    op.create_index('legal_case_one_open', 'legal_case', ['customer_id', 'legal_entity_id'], unique=True, postgresql_where=sa.text("state <> 'closed'"))
    op.create_table('payment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('identity', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('external_id', sa.String(), nullable=True),
    sa.Column('statement_sha256', sa.String(), nullable=True),
    sa.Column('document_number', sa.String(), nullable=True),
    sa.Column('posted_on', sa.Date(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('currency', sa.String(3), nullable=False),
    sa.Column('payer_name', sa.String(), nullable=True),
    sa.Column('payer_tax_id', sa.String(), nullable=True),
    sa.Column('payer_account', sa.String(), nullable=True),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('credit_account_id', sa.Uuid(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('unallocated', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('matched','unmatched')", name='state_known'),
    sa.CheckConstraint('amount > 0', name='amount_positive'),
    sa.CheckConstraint('unallocated BETWEEN 0 AND amount', name='never_over_allocated'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.ForeignKeyConstraint(['statement_sha256'], ['bank_statement.sha256'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('external_id'),
    sa.UniqueConstraint('identity')
    )
    op.create_index(op.f('ix_payment_credit_account_id'), 'payment', ['credit_account_id'], unique=False)
    op.create_index(op.f('ix_payment_customer_id'), 'payment', ['customer_id'], unique=False)
    op.create_index(op.f('ix_payment_payer_tax_id'), 'payment', ['payer_tax_id'], unique=False)
    op.create_index(op.f('ix_payment_state'), 'payment', ['state'], unique=False)
    op.create_index('payment_pending', 'payment', ['statement_sha256'], unique=False, postgresql_where=sa.text("reason = 'new'"))
    op.create_table('sales_order',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('legal_entity_id', sa.Uuid(), nullable=False),
    sa.Column('manager_id', sa.Uuid(), nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=False),
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('currency', sa.String(3), nullable=False),
    sa.Column('deferral_days', sa.Integer(), nullable=False),
    sa.Column('prepayment_percent', sa.Integer(), nullable=False),
    sa.Column('ship_complete', sa.Boolean(), nullable=False),
    sa.Column('comment', sa.String(), nullable=True),
    sa.Column('net', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('vat', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('gross', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('quote_valid_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('policy_version', sa.Integer(), nullable=False),
    sa.Column('wait', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('placed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('end_reason', sa.String(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(status IN ('closed','rejected','cancelled','expired')) = (ended_at IS NOT NULL)", name='ended_has_a_time'),
    sa.CheckConstraint("status IN ('quoted','checking','awaiting_approval','stopped','confirmed','reserved','part_reserved','awaiting_payment','ready','picking','shipped','awaiting_final_payment','closed','rejected','cancelled','expired')", name='status_known'),
    sa.CheckConstraint('gross = net + vat', name='gross_is_net_plus_vat'),
    sa.CheckConstraint('gross > 0', name='gross_positive'),
    sa.CheckConstraint('prepayment_percent BETWEEN 0 AND 100', name='prepayment_share'),
    sa.ForeignKeyConstraint(['created_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.ForeignKeyConstraint(['legal_entity_id'], ['legal_entity.id'], ),
    sa.ForeignKeyConstraint(['manager_id'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['policy_version'], ['policy.version'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('number')
    )
    op.create_index(op.f('ix_sales_order_credit_account_id'), 'sales_order', ['credit_account_id'], unique=False)
    op.create_index(op.f('ix_sales_order_customer_id'), 'sales_order', ['customer_id'], unique=False)
    op.create_index(op.f('ix_sales_order_manager_id'), 'sales_order', ['manager_id'], unique=False)
    op.create_index(op.f('ix_sales_order_status'), 'sales_order', ['status'], unique=False)
    op.create_table('approval',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('ceiling', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('requested_by', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deadline', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('comment', sa.String(), nullable=True),
    sa.CheckConstraint("state IN ('open','approved','rejected','rework','expired','outdated','void')", name='state_known'),
    sa.CheckConstraint('decided_by <> requested_by AND decided_by <> owner_id', name='four_eyes'),
    sa.ForeignKeyConstraint(['decided_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['owner_id'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['requested_by'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('order_id', 'revision', 'round')
    )
    op.create_index('approval_one_open', 'approval', ['order_id'], unique=True, postgresql_where=sa.text("state = 'open'"))
    op.create_index(op.f('ix_approval_order_id'), 'approval', ['order_id'], unique=False)
    op.create_table('commitment',
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('uninvoiced', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('required_prepayment', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.CheckConstraint('required_prepayment >= 0', name='prepayment_not_negative'),
    sa.CheckConstraint('uninvoiced >= 0', name='uninvoiced_not_negative'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.PrimaryKeyConstraint('order_id')
    )
    op.create_index(op.f('ix_commitment_credit_account_id'), 'commitment', ['credit_account_id'], unique=False)
    op.create_table('credit_decision',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('occasion', sa.String(), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('reasons', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('exposure', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('credit_limit', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('policy_version', sa.Integer(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("outcome IN ('auto','approval','stop')", name='outcome_known'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['policy_version'], ['policy.version'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('order_id', 'revision', 'occasion')
    )
    op.create_index(op.f('ix_credit_decision_credit_account_id'), 'credit_decision', ['credit_account_id'], unique=False)
    op.create_table('order_line',
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('price', sa.Numeric(precision=18, scale=4), nullable=False),
    sa.Column('vat_rate', sa.Numeric(precision=5, scale=2), nullable=False),
    sa.Column('net', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('vat', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('gross', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.CheckConstraint('quantity > 0', name='quantity_positive'),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('order_id', 'revision', 'line_no'),
    sa.UniqueConstraint('order_id', 'revision', 'sku')
    )
    op.create_table('reservation',
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('reserved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ttl_days', sa.Integer(), nullable=False),
    sa.Column('extensions', sa.Integer(), nullable=False),
    sa.CheckConstraint("status IN ('active','paid','picking','released','done')", name='status_known'),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.PrimaryKeyConstraint('order_id')
    )
    op.create_table('reservation_line',
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.CheckConstraint("state IN ('waiting','reserved','picking','shipped')", name='state_known'),
    sa.CheckConstraint('quantity > 0', name='quantity_positive'),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('order_id', 'line_no', 'warehouse', 'state')
    )
    op.create_index('reservation_line_queue', 'reservation_line', ['warehouse', 'sku'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table('shipment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('shipped_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('shipped_on', sa.Date(), nullable=False),
    sa.Column('shipped_by', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['shipped_by'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('number'),
    sa.UniqueConstraint('order_id', 'round')
    )
    op.create_index(op.f('ix_shipment_order_id'), 'shipment', ['order_id'], unique=False)
    op.create_table('invoice',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('shipment_id', sa.Uuid(), nullable=True),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('credit_account_id', sa.Uuid(), nullable=False),
    sa.Column('legal_entity_id', sa.Uuid(), nullable=False),
    sa.Column('issued_on', sa.Date(), nullable=False),
    sa.Column('currency', sa.String(3), nullable=False),
    sa.Column('gross', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('vat', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.CheckConstraint("kind IN ('shipment','opening')", name='kind_known'),
    sa.CheckConstraint('gross > 0', name='gross_positive'),
    sa.ForeignKeyConstraint(['credit_account_id'], ['credit_account.id'], ),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.ForeignKeyConstraint(['legal_entity_id'], ['legal_entity.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['shipment_id'], ['shipment.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('customer_id', 'number'),
    sa.UniqueConstraint('shipment_id')
    )
    op.create_index(op.f('ix_invoice_credit_account_id'), 'invoice', ['credit_account_id'], unique=False)
    op.create_index(op.f('ix_invoice_customer_id'), 'invoice', ['customer_id'], unique=False)
    op.create_index(op.f('ix_invoice_order_id'), 'invoice', ['order_id'], unique=False)
    op.create_index('invoice_by_number', 'invoice', ['number'], unique=False)
    op.create_table('shipment_line',
    sa.Column('shipment_id', sa.Uuid(), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.CheckConstraint('quantity > 0', name='quantity_positive'),
    sa.ForeignKeyConstraint(['shipment_id'], ['shipment.id'], ),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('shipment_id', 'line_no')
    )
    op.create_table('schedule_line',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('invoice_id', sa.Uuid(), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('residual', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('due_date', sa.Date(), nullable=False),
    sa.Column('stage', sa.String(), nullable=True),
    sa.Column('observed_on', sa.Date(), nullable=True),
    sa.Column('settled_on', sa.Date(), nullable=True),
    sa.Column('policy_version', sa.Integer(), nullable=False),
    sa.CheckConstraint('amount > 0', name='amount_positive'),
    sa.CheckConstraint('residual BETWEEN 0 AND amount', name='residual_within_amount'),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], ),
    sa.ForeignKeyConstraint(['policy_version'], ['policy.version'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('invoice_id', 'line_no')
    )
    op.create_index(op.f('ix_schedule_line_due_date'), 'schedule_line', ['due_date'], unique=False)
    op.create_table('dunning_step',
    sa.Column('schedule_line_id', sa.Uuid(), nullable=False),
    sa.Column('stage', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('days_overdue', sa.Integer(), nullable=False),
    sa.Column('residual', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('done','skipped')", name='state_known'),
    sa.ForeignKeyConstraint(['schedule_line_id'], ['schedule_line.id'], ),
    sa.PrimaryKeyConstraint('schedule_line_id', 'stage')
    )
    op.create_table('legal_case_line',
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('schedule_line_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['legal_case.id'], ),
    sa.ForeignKeyConstraint(['schedule_line_id'], ['schedule_line.id'], ),
    sa.PrimaryKeyConstraint('case_id', 'schedule_line_id'),
    sa.UniqueConstraint('schedule_line_id')
    )
    op.create_table('outbound',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('audience', sa.String(), nullable=False),
    sa.Column('template', sa.String(), nullable=False),
    sa.Column('recipient', sa.String(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=True),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('schedule_line_id', sa.Uuid(), nullable=True),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("audience IN ('customer','staff')", name='audience_known'),
    sa.CheckConstraint("state IN ('planned','sending','done','failed','unknown','cancelled')", name='state_known'),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['schedule_line_id'], ['schedule_line.id'], ),
    sa.ForeignKeyConstraint(['user_id'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('key'),
    sa.UniqueConstraint('message_id')
    )
    op.create_index(op.f('ix_outbound_order_id'), 'outbound', ['order_id'], unique=False)
    op.create_index(op.f('ix_outbound_schedule_line_id'), 'outbound', ['schedule_line_id'], unique=False)
    op.create_index(op.f('ix_outbound_user_id'), 'outbound', ['user_id'], unique=False)
    op.create_table('payment_allocation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('schedule_line_id', sa.Uuid(), nullable=True),
    sa.Column('amount', sa.Numeric(precision=18, scale=2), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount > 0', name='amount_positive'),
    sa.CheckConstraint('num_nonnulls(order_id, schedule_line_id) = 1', name='one_target'),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], ),
    sa.ForeignKeyConstraint(['schedule_line_id'], ['schedule_line.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_payment_allocation_order_id'), 'payment_allocation', ['order_id'], unique=False)
    op.create_index(op.f('ix_payment_allocation_payment_id'), 'payment_allocation', ['payment_id'], unique=False)
    op.create_index(op.f('ix_payment_allocation_schedule_line_id'), 'payment_allocation', ['schedule_line_id'], unique=False)
    op.create_table('task',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('assignee_id', sa.Uuid(), nullable=True),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('order_id', sa.Uuid(), nullable=True),
    sa.Column('schedule_line_id', sa.Uuid(), nullable=True),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('result', sa.String(), nullable=True),
    sa.Column('comment', sa.String(), nullable=True),
    sa.Column('completed_by', sa.Uuid(), nullable=True),
    sa.Column('completed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('open','done','cancelled')", name='state_known'),
    sa.ForeignKeyConstraint(['assignee_id'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['completed_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['schedule_line_id'], ['schedule_line.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key')
    )
    op.create_index(op.f('ix_task_assignee_id'), 'task', ['assignee_id'], unique=False)
    op.create_index(op.f('ix_task_order_id'), 'task', ['order_id'], unique=False)
    op.create_index(op.f('ix_task_schedule_line_id'), 'task', ['schedule_line_id'], unique=False)
    op.create_index(op.f('ix_task_state'), 'task', ['state'], unique=False)
