"""Stock by the whole rule book: the queue's memory, who got what and why, supply, choices, and a count that adds up."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ADDED = {
    "hold_back_percent": "10",
    "starvation_days": 7,
    "most_skips": 2,
    "gathering_days": 7,
    "choice_days": 3,
    "proof_working_days": 2,
    "part_payment_days": 3,
    "silence_hours": 24,
    "price_grace_days": 5,
    "over_delivery_percent": "5",
    "over_delivery_notice_percent": "1",
}
"""What a policy says from now on besides; orders under an older version go by the same figures."""


def upgrade() -> None:
    op.create_table('item_group',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('hold_back_percent', sa.Numeric(precision=5, scale=2), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint('hold_back_percent BETWEEN 0 AND 100', name='hold_back_share'),
    sa.PrimaryKeyConstraint('code')
    )
    op.create_table('expected_receipt',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('supplier', sa.String(), nullable=False),
    sa.Column('expected_on', sa.Date(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('comment', sa.String(), nullable=True),
    sa.Column('created_by', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("(state = 'expected') = (ended_at IS NULL)", name='ended_has_a_time'),
    sa.CheckConstraint("state IN ('expected','received','cancelled')", name='state_known'),
    sa.ForeignKeyConstraint(['created_by'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('number')
    )
    op.create_index(op.f('ix_expected_receipt_expected_on'), 'expected_receipt', ['expected_on'], unique=False)
    op.create_table('expected_receipt_line',
    sa.Column('receipt_id', sa.Uuid(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('received', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.CheckConstraint('quantity > 0', name='quantity_positive'),
    sa.CheckConstraint('received >= 0', name='received_not_negative'),
    sa.ForeignKeyConstraint(['receipt_id'], ['expected_receipt.id'], ),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('receipt_id', 'sku')
    )
    op.create_index(op.f('ix_expected_receipt_line_sku'), 'expected_receipt_line', ['sku'], unique=False)
    op.create_table('product_substitute',
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('substitute', sa.String(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.CheckConstraint('sku <> substitute', name='another_product'),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.ForeignKeyConstraint(['substitute'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('sku', 'substitute'),
    sa.UniqueConstraint('sku', 'rank')
    )
    op.create_index(op.f('ix_product_substitute_substitute'), 'product_substitute', ['substitute'], unique=False)
    op.create_table('stock_allocation',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('run', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('cause', sa.String(), nullable=False),
    sa.Column('subject_id', sa.String(), nullable=False),
    sa.Column('on_hand', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('free_before', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('free_after', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('hold_back_percent', sa.Numeric(precision=5, scale=2), nullable=False),
    sa.Column('policy_version', sa.Integer(), nullable=False),
    sa.Column('waiting', sa.Integer(), nullable=False),
    sa.Column('claims', postgresql.JSONB(), nullable=False),
    sa.Column('losses', postgresql.JSONB(), nullable=False),
    sa.ForeignKeyConstraint(['policy_version'], ['policy.version'], ),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('stock_allocation_by_run', 'stock_allocation', ['run'], unique=False)
    op.create_index('stock_allocation_by_sku', 'stock_allocation', ['sku', 'id'], unique=False)
    op.create_table('supply_control',
    sa.Column('receipt_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['receipt_id'], ['expected_receipt.id'], ),
    sa.PrimaryKeyConstraint('receipt_id', 'day')
    )
    op.create_table('order_shortage',
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lines', postgresql.JSONB(), nullable=False),
    sa.Column('choice', sa.String(), nullable=True),
    sa.Column('chosen_by', sa.Uuid(), nullable=True),
    sa.Column('chosen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('comment', sa.String(), nullable=True),
    sa.CheckConstraint("(state = 'chosen') = (chosen_by IS NOT NULL)", name='chosen_by_somebody'),
    sa.CheckConstraint("choice IN ('wait','part','alternative','cancel')", name='choice_known'),
    sa.CheckConstraint("state IN ('open','chosen','lapsed','void')", name='state_known'),
    sa.ForeignKeyConstraint(['chosen_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.PrimaryKeyConstraint('order_id', 'round')
    )
    op.create_index('order_shortage_one_open', 'order_shortage', ['order_id'], unique=True, postgresql_where=sa.text("state = 'open'"))
    op.create_table('payment_proof',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('content_type', sa.String(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('uploaded_by', sa.Uuid(), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['uploaded_by'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('order_id', 'sha256')
    )
    op.create_index(op.f('ix_payment_proof_order_id'), 'payment_proof', ['order_id'], unique=False)
    op.create_table('reassignment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('warehouse', sa.String(), nullable=False),
    sa.Column('sku', sa.String(), nullable=False),
    sa.Column('quantity', sa.Numeric(precision=18, scale=3), nullable=False),
    sa.Column('from_order_id', sa.Uuid(), nullable=False),
    sa.Column('to_order_id', sa.Uuid(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('requested_by', sa.Uuid(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('comment', sa.String(), nullable=True),
    sa.Column('moved', sa.Numeric(precision=18, scale=3), nullable=True),
    sa.CheckConstraint("state IN ('requested','approved','rejected','void')", name='state_known'),
    sa.CheckConstraint('decided_by <> requested_by', name='four_eyes'),
    sa.CheckConstraint('from_order_id <> to_order_id', name='two_orders'),
    sa.CheckConstraint('quantity > 0', name='quantity_positive'),
    sa.ForeignKeyConstraint(['decided_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['from_order_id'], ['sales_order.id'], ),
    sa.ForeignKeyConstraint(['requested_by'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['sku'], ['product.sku'], ),
    sa.ForeignKeyConstraint(['to_order_id'], ['sales_order.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_reassignment_from_order_id'), 'reassignment', ['from_order_id'], unique=False)
    op.create_index(op.f('ix_reassignment_to_order_id'), 'reassignment', ['to_order_id'], unique=False)
    op.add_column('order_line', sa.Column('warehouse', sa.String(), nullable=False, server_default='main'))
    op.execute("UPDATE order_line l SET warehouse = o.warehouse FROM sales_order o WHERE o.id = l.order_id")
    op.alter_column('order_line', 'warehouse', server_default=None)
    op.add_column('product', sa.Column('item_group', sa.String(), nullable=True))
    op.add_column('product', sa.Column('pack_name', sa.String(), nullable=True))
    op.add_column('product', sa.Column('pack_size', sa.Numeric(precision=18, scale=3), nullable=True))
    op.create_index(op.f('ix_product_item_group'), 'product', ['item_group'], unique=False)
    op.create_foreign_key(None, 'product', 'item_group', ['item_group'], ['code'])
    op.add_column('reservation', sa.Column('extended_by_proof', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('reservation', 'extended_by_proof', server_default=None)
    op.add_column('reservation', sa.Column('extended_by_part_payment', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('reservation', 'extended_by_part_payment', server_default=None)
    op.add_column('reservation', sa.Column('extended_by_silence', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('reservation', 'extended_by_silence', server_default=None)
    op.add_column('reservation', sa.Column('paid_late', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('reservation', 'paid_late', server_default=None)
    op.add_column('reservation_line', sa.Column('since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('reservation_line', sa.Column('displaced_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('reservation_line', sa.Column('skips', sa.Integer(), nullable=False, server_default='0'))
    op.alter_column('reservation_line', 'skips', server_default=None)
    op.add_column('reservation_line', sa.Column('gathering_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('reservation_line', sa.Column('served_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('reservation_line_held', 'reservation_line', ['warehouse', 'sku'], unique=False, postgresql_where=sa.text("state IN ('reserved','picking')"))
    op.create_check_constraint("pack_size_positive", "product", "pack_size > 0")
    op.create_check_constraint("pack_whole", "product", "(pack_name IS NULL) = (pack_size IS NULL)")
    op.drop_constraint("role_known", "app_user")
    op.create_check_constraint(
        "role_known",
        "app_user",
        "role IN ('manager','head','director','accountant','warehouse','buyer','lawyer','admin')",
    )
    op.execute("""
        UPDATE reservation_line l SET since = coalesce(o.confirmed_at, o.created_at)
          FROM sales_order o WHERE o.id = l.order_id AND l.state = 'waiting'
    """)
    op.drop_constraint("state_known", "reservation_line")
    op.create_check_constraint(
        "state_known", "reservation_line", "state IN ('waiting','reserved','picking','shipped','closed')"
    )
    op.add_column(
        "reservation_line",
        sa.Column("gathered", sa.Numeric(precision=18, scale=3), nullable=False, server_default="0"),
    )
    op.alter_column("reservation_line", "gathered", server_default=None)
    op.create_check_constraint("gathered_is_a_part", "reservation_line", "gathered BETWEEN 0 AND quantity")
    op.create_check_constraint("gathered_is_reserved", "reservation_line", "state = 'reserved' OR gathered = 0")
    op.create_check_constraint("waits_since", "reservation_line", "(state = 'waiting') = (since IS NOT NULL)")
    op.execute("""
        CREATE TRIGGER stock_allocation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_allocation
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE FUNCTION check_shelf(shelf_warehouse text, shelf_sku text) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM 1 FROM (
                SELECT coalesce(sum(quantity) FILTER (WHERE state = 'reserved'), 0) AS reserved,
                       coalesce(sum(quantity) FILTER (WHERE state = 'picking'), 0) AS picking
                  FROM reservation_line
                 WHERE warehouse = shelf_warehouse AND sku = shelf_sku AND state IN ('reserved','picking')
            ) promised
              LEFT JOIN stock ON stock.warehouse = shelf_warehouse AND stock.sku = shelf_sku
             WHERE (promised.reserved, promised.picking)
                   IS DISTINCT FROM (coalesce(stock.reserved, 0), coalesce(stock.picking, 0));
            IF FOUND THEN
                RAISE EXCEPTION 'promises of % at % do not add up', shelf_sku, shelf_warehouse
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION shelf_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN PERFORM check_shelf(OLD.warehouse, OLD.sku); END IF;
            IF TG_OP <> 'DELETE' THEN PERFORM check_shelf(NEW.warehouse, NEW.sku); END IF;
            RETURN NULL;
        END $$
    """)
    for table in ("stock", "reservation_line"):
        op.execute(f"""
            CREATE CONSTRAINT TRIGGER {table}_adds_up AFTER INSERT OR UPDATE OR DELETE ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shelf_adds_up()
        """)
    op.execute(
        sa.text(
            "INSERT INTO policy (version, effective_from, body, created_by, created_at, state) "
            "SELECT (SELECT max(version) + 1 FROM policy), effective_from, body || CAST(:body AS jsonb), 'opora', "
            "'2000-01-01T00:00:00Z', 'published' FROM policy WHERE state = 'published' "
            "ORDER BY effective_from DESC, version DESC LIMIT 1"
        ).bindparams(body=json.dumps(ADDED))
    )
