"""Each object's journal is a chain: every event carries the hash of all before it, linked when its writer commits."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('journal_link',
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('subject_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('journal_id', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint('octet_length(hash) = 32', name='hash_is_sha256'),
    sa.CheckConstraint('seq > 0', name='seq_positive'),
    sa.ForeignKeyConstraint(['journal_id'], ['journal.id'], ),
    sa.PrimaryKeyConstraint('subject', 'subject_id', 'seq'),
    sa.UniqueConstraint('journal_id')
    )
    # What is hashed is spelled out in domain/journal_chain.py, which computes it again without the database.
    op.execute("""
        CREATE FUNCTION journal_hash(previous bytea, seq bigint, event journal) RETURNS bytea LANGUAGE sql STABLE AS $$
            SELECT sha256(previous || convert_to(jsonb_build_array(
                seq, event.id, event.subject, event.subject_id, event.event,
                to_char(event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                event.actor_id, encode(sha256(convert_to(event.actor_name, 'UTF8')), 'hex'), event.actor_role,
                event.policy_version, encode(sha256(convert_to(event.data::text, 'UTF8')), 'hex'))::text, 'UTF8'))
        $$
    """)
    # Whoever meets the same place waits for its writer to end and takes the next one: no chain ever forks.
    op.execute("""
        CREATE FUNCTION link_event(event journal) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            last record;
            place bigint;
        BEGIN
            LOOP
                SELECT seq, hash INTO last FROM journal_link
                 WHERE subject = event.subject AND subject_id = event.subject_id ORDER BY seq DESC LIMIT 1;
                place := coalesce(last.seq, 0) + 1;
                INSERT INTO journal_link (subject, subject_id, seq, journal_id, hash)
                VALUES (event.subject, event.subject_id, place, event.id,
                        journal_hash(coalesce(last.hash, ''), place, event))
                ON CONFLICT (subject, subject_id, seq) DO NOTHING;
                EXIT WHEN FOUND;
            END LOOP;
        END $$
    """)
    # At commit, when a transaction holds every lock it wants: the first of its events links all of them, in the order
    # of their objects, so that two writers never wait for each other. What others wrote meanwhile is linked already.
    op.execute("""
        CREATE FUNCTION link_events() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM 1 FROM journal_link WHERE journal_id = NEW.id;
            IF NOT FOUND THEN
                PERFORM link_event(fresh) FROM (
                    SELECT j FROM journal j
                     WHERE j.id >= NEW.id AND NOT EXISTS (SELECT 1 FROM journal_link l WHERE l.journal_id = j.id)
                     ORDER BY j.subject, j.subject_id, j.id) ordered (fresh);
            END IF;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        DO $$
        DECLARE
            event journal;
        BEGIN
            FOR event IN SELECT * FROM journal ORDER BY subject, subject_id, id LOOP
                PERFORM link_event(event);
            END LOOP;
        END $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER journal_is_linked AFTER INSERT ON journal
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION link_events()
    """)
    op.execute("""
        CREATE TRIGGER journal_link_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_link
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
    # Commands travel through Temporal without the names of people: whoever acted is named here, where names live.
    op.execute("""
        CREATE FUNCTION name_the_actor() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.actor_name := coalesce((SELECT name FROM app_user WHERE id = NEW.actor_id), '');
            RETURN NEW;
        END $$
    """)
    for table in ("journal", "credit_decision"):
        op.execute(f"""
            CREATE TRIGGER {table}_names_the_actor BEFORE INSERT ON {table}
            FOR EACH ROW WHEN (NEW.actor_name = '') EXECUTE FUNCTION name_the_actor()
        """)
