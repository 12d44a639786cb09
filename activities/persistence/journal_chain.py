"""The chains of the journal read in one pass, for an audit that does not trust the database's own functions."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from domain.journal_chain import Damage, Event, Finding, Link

PAGE = 2_000
_FIELDS = """j.id, j.subject, j.subject_id, j.event, j.at, j.actor_id::text AS actor_id, j.actor_name, j.actor_role,
             j.policy_version, j.data::text AS data"""
_LINKS = text(f"""
    SELECT l.subject AS chain, l.subject_id AS chain_id, l.seq, l.hash, {_FIELDS}
      FROM journal_link l LEFT JOIN journal j ON j.id = l.journal_id
     ORDER BY l.subject, l.subject_id, l.seq
""")
_OUTSIDE = text("""
    SELECT j.subject, j.subject_id, j.at FROM journal j
     WHERE NOT EXISTS (SELECT 1 FROM journal_link l WHERE l.journal_id = j.id) ORDER BY j.id
""")


def count_links(session: Session) -> int:
    return int(session.execute(text("SELECT count(*) FROM journal_link")).scalar_one())


def read_links(session: Session) -> Iterator[Link]:
    """Every link of every chain, chain by chain in their order."""
    for row in _streamed(session, _LINKS):
        event = None
        if row.id is not None:
            event = Event(row.id, row.subject, row.subject_id, row.event, row.at, row.actor_id, row.actor_name,
                          row.actor_role, row.policy_version, row.data)  # fmt: skip
        yield Link((row.chain, row.chain_id), row.seq, bytes(row.hash), event)


def events_outside(session: Session) -> Iterator[Finding]:
    """Events that stand in no chain: written past the trigger."""
    for row in _streamed(session, _OUTSIDE):
        yield Finding(Damage.OUTSIDE, (row.subject, row.subject_id), None, row.at)


def _streamed(session: Session, query: Any) -> Iterator[Any]:
    session.execute(text("SET LOCAL statement_timeout = 0"))
    yield from session.execute(query, execution_options={"yield_per": PAGE})
