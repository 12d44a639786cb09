"""The journal's chains: an edit, a deletion, an insertion and a swap are seen, and by an anchor a cut tail."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from support.company import MONDAY

from activities.persistence.engine import make_engine
from activities.persistence.events import record_event
from activities.persistence.migrate import _config, upgrade
from cli.journal_audit import Anchor, JournalReport, audit_journal, journal_command, lines, read_anchor, write_anchor
from cli.local.postgres import Postgres
from cli.local.problems import StackError
from domain.journal_chain import Event, link_hash
from domain.orders import SYSTEM, Actor, Role

ORDERS = ("order-1", "order-2", "order-3")
AWKWARD: dict[str, Any] = {
    "comment": 'кавычка " слэш \\ перевод\nтаб\t звонок\x07 эмодзи 🚚 конец',
    "amount": "700975.00",
    "days": 3,
    "share": 0.1,
    "list": [1, None, True, {"б": "в", "а": "г"}],
}


def tell(engine: Engine, *orders: str, event: str = "placed", **data: Any) -> None:
    """One transaction that journals an event of each order."""
    actor = Actor(SYSTEM.id, 'Анна "Ким" \\ \u007f', Role.MANAGER)
    with Session(engine) as session, session.begin():
        for order in orders:
            record_event(session, "order", order, event, actor, at=MONDAY, **data)


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Three orders with three events each."""
    for event in ("placed", "confirmed", "shipped"):
        tell(engine, *ORDERS, event=event, **AWKWARD)
    return engine


def found(engine: Engine, anchor: Anchor | None = None) -> list[tuple[str, str, int | None]]:
    report = audit_journal(engine, anchor or Anchor())
    return sorted((each.damage.value, each.chain[1], each.seq) for each in report.findings)


@contextmanager
def past_the_guards(engine: Engine) -> Iterator[Any]:
    """What somebody with all rights on the database can do."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection


def event_id(engine: Engine, order: str, seq: int) -> int:
    query = text("SELECT journal_id FROM journal_link WHERE subject_id = :order AND seq = :seq")
    with engine.connect() as connection:
        return int(connection.execute(query, {"order": order, "seq": seq}).scalar_one())


def test_a_clean_journal_is_sound_and_its_chains_are_whole(told: Engine) -> None:
    report = audit_journal(told, Anchor())
    assert (report.findings, report.links) == ([], 9)
    assert {chain[1]: head.seq for chain, head in report.heads.items()} == dict.fromkeys(ORDERS, 3)


def test_the_hash_is_what_the_domain_says(engine: Engine) -> None:
    """Written out by hand, so that database and auditor cannot be wrong together."""
    event = Event(
        7, "order", "x", "placed", datetime(2026, 4, 6, 5, 0, 0, 1, tzinfo=UTC), "u", "Анна", "manager", None, "{}"
    )
    assert link_hash(b"", 1, event).hex() == "d76a5d9b0a48372f17250abf7332d59b2b696680e5c21afa0b2fb8a9a0c49bdc"


@pytest.mark.parametrize(
    "change",
    ["actor_name = 'Другой'", "actor_role = 'head'", "event = 'rejected'", "data = data || '{\"days\": 4}'",
     "at = at + interval '1 microsecond'", "policy_version = 1", "subject_id = 'order-9'",
     "actor_id = '11111111-1111-1111-1111-111111111111'"],
)  # fmt: skip
def test_an_edit_of_any_field_is_seen(told: Engine, change: str) -> None:
    with past_the_guards(told) as connection:
        connection.execute(text(f"UPDATE journal SET {change} WHERE id = {event_id(told, 'order-2', 2)}"))
    assert found(told) == [("changed", "order-2", 2)]


def test_a_deletion_is_seen(told: Engine) -> None:
    gone = event_id(told, "order-2", 2)
    with past_the_guards(told) as connection:
        connection.execute(text(f"DELETE FROM journal WHERE id = {gone}"))
    assert found(told) == [("missing", "order-2", 2)]
    with past_the_guards(told) as connection:
        connection.execute(text(f"DELETE FROM journal_link WHERE journal_id = {gone}"))
    assert ("missing", "order-2", 2) in found(told)


def test_a_deletion_with_the_rest_moved_up_is_seen(told: Engine) -> None:
    gone = event_id(told, "order-2", 2)
    with past_the_guards(told) as connection:
        connection.execute(text(f"DELETE FROM journal_link WHERE journal_id = {gone}"))
        connection.execute(text(f"DELETE FROM journal WHERE id = {gone}"))
        connection.execute(text("UPDATE journal_link SET seq = 2 WHERE subject_id = 'order-2' AND seq = 3"))
    assert found(told) == [("changed", "order-2", 2)]


def test_an_insertion_is_seen(told: Engine) -> None:
    copy = "INSERT INTO journal (at, actor_id, actor_name, actor_role, subject, subject_id, event, data) " \
           "SELECT at, actor_id, actor_name, actor_role, subject, subject_id, 'cancelled', data FROM journal " \
           "WHERE subject_id = 'order-2' LIMIT 1 RETURNING id"  # fmt: skip
    with past_the_guards(told) as connection:
        stranger = connection.execute(text(copy)).scalar_one()
    assert found(told) == [("outside", "order-2", None)]
    with past_the_guards(told) as connection:
        connection.execute(text("UPDATE journal_link SET seq = 4 WHERE subject_id = 'order-2' AND seq = 3"))
        connection.execute(
            text("INSERT INTO journal_link SELECT subject, subject_id, 3, :id, hash FROM journal_link "
                 "WHERE subject_id = 'order-2' AND seq = 2"), {"id": stranger})  # fmt: skip
    assert ("changed", "order-2", 3) in found(told)


def test_a_swap_is_seen(told: Engine) -> None:
    one, other = event_id(told, "order-2", 2), event_id(told, "order-2", 3)
    with past_the_guards(told) as connection:
        connection.execute(text("UPDATE journal_link SET journal_id = -1 WHERE journal_id = :one"), {"one": one})
        connection.execute(text("UPDATE journal_link SET journal_id = :one WHERE journal_id = :other"),
                           {"one": one, "other": other})  # fmt: skip
        connection.execute(text("UPDATE journal_link SET journal_id = :other WHERE journal_id = -1"), {"other": other})
    assert found(told) == [("changed", "order-2", 2), ("changed", "order-2", 3)]


def cut(engine: Engine, order: str, after: int) -> None:
    with past_the_guards(engine) as connection:
        gone = connection.execute(
            text("DELETE FROM journal_link WHERE subject_id = :order AND seq > :after RETURNING journal_id"),
            {"order": order, "after": after},
        ).scalars()
        connection.execute(text("DELETE FROM journal WHERE id = ANY(:ids)"), {"ids": list(gone)})


def test_a_cut_tail_is_seen_by_the_anchor_alone(told: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.jsonl"
    write_anchor(anchor, audit_journal(told, Anchor()).heads, at=MONDAY)
    tell(told, "order-1", event="closed")
    assert found(told, read_anchor(anchor)) == []

    cut(told, "order-2", 2)
    cut(told, "order-3", 0)
    assert found(told) == []
    assert found(told, read_anchor(anchor)) == [("cut", "order-2", 3), ("cut", "order-3", 3)]


def test_a_history_computed_anew_from_the_middle_is_seen_by_the_anchor(told: Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.jsonl"
    write_anchor(anchor, audit_journal(told, Anchor()).heads, at=MONDAY)
    cut(told, "order-2", 2)
    tell(told, "order-2", event="cancelled")
    assert found(told) == []
    assert found(told, read_anchor(anchor)) == [("rewritten", "order-2", 3)]


def test_the_anchor_grows_by_what_moved_and_its_own_lines_are_a_chain(told: Engine, tmp_path: Path) -> None:
    file = tmp_path / "anchor.jsonl"
    assert write_anchor(file, audit_journal(told, Anchor()).heads, at=MONDAY)[0] == 3
    tell(told, "order-1", event="closed")
    moved, digest = write_anchor(file, audit_journal(told, Anchor()).heads, at=MONDAY)
    anchor = read_anchor(file)
    assert (moved, anchor.digest, anchor.spoiled) == (1, digest, None)
    assert anchor.heads == audit_journal(told, Anchor()).heads

    first, second = file.read_text().splitlines()
    for spoiled, line in ((f"{first.replace('order-2', 'order-4')}\n{second}\n", 1), (f"{second}\n", 1),
                          (f"{first}\nnot json\n", 2), (f"{first}\n{first}\n", 2)):  # fmt: skip
        file.write_text(spoiled)
        assert read_anchor(file).spoiled == line
        assert lines(JournalReport(read_anchor(file)))[0].startswith(f"Файл якоря испорчен в строке {line}")


def test_writers_of_one_object_never_fork_it_and_writers_of_two_never_deadlock(engine: Engine) -> None:
    writers, rounds = 6, 12
    start = threading.Barrier(writers)

    def write(number: int) -> None:
        start.wait()
        for _ in range(rounds):
            tell(engine, *(ORDERS if number % 2 else reversed(ORDERS)))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    report = audit_journal(engine, Anchor())
    assert report.findings == []
    assert {head.seq for head in report.heads.values()} == {writers * rounds}


def test_a_writer_waits_for_the_one_before_it_and_follows_it(engine: Engine) -> None:
    """A second writer commits while the first is half way through its own commit."""
    with Session(engine) as first:
        record_event(first, "order", "order-1", "placed", SYSTEM, at=MONDAY)
        first.flush()
        first.execute(text("SET CONSTRAINTS journal_is_linked IMMEDIATE"))  # has its place, has not committed
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(tell, engine, "order-1", event="confirmed")
            with pytest.raises(TimeoutError):
                second.result(0.2)
            first.commit()
            second.result(5)
    assert found(engine) == []
    assert audit_journal(engine, Anchor()).heads[("order", "order-1")].seq == 2


def test_what_was_rolled_back_leaves_no_place(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        record_event(session, "order", "order-1", "placed", SYSTEM, at=MONDAY)
        with session.begin_nested() as half:
            record_event(session, "order", "order-1", "cancelled", SYSTEM, at=MONDAY)
            session.flush()
            half.rollback()
    assert audit_journal(engine, Anchor()).links == 1
    assert found(engine) == []


@pytest.mark.parametrize("statement", ["UPDATE journal_link SET seq = 9", "DELETE FROM journal_link",
                                       "TRUNCATE journal_link", "DELETE FROM journal"])  # fmt: skip
def test_journal_and_chains_are_append_only(told: Engine, statement: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"), told.begin() as connection:
        connection.execute(text(statement))


def test_events_from_before_the_chains_are_linked_by_the_migration(postgres_server: Postgres) -> None:
    postgres_server.ensure_database("before_chains")
    engine = make_engine(postgres_server.url("before_chains"))
    try:
        command.upgrade(_config(engine), "0006")
        for event in ("placed", "confirmed"):
            tell(engine, *ORDERS, event=event, **AWKWARD)
        upgrade(engine)
        tell(engine, ORDERS[0], event="shipped")
        report = audit_journal(engine, Anchor())
        assert (report.findings, report.links) == ([], 7)
    finally:
        engine.dispose()


def test_the_command_says_what_is_wrong_and_anchors_only_what_is_sound(
    told: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPORA_DATABASE_URL", database_url)
    anchor = tmp_path / "anchor.jsonl"
    assert journal_command(None, anchor=anchor, against=None)
    said = capsys.readouterr().out
    assert "Записей журнала: 9, объектов: 3, нарушений: 0." in said
    assert read_anchor(anchor).digest in said
    written = anchor.read_text()

    cut(told, "order-3", 2)
    assert not journal_command(None, anchor=anchor, against=None)
    assert anchor.read_text() == written
    assert not journal_command(None, anchor=None, against=anchor)
    assert "order order-3: якорь помнит запись 3, а её нет: конец истории отрезан." in capsys.readouterr().out
    with pytest.raises(StackError, match="нет: проверьте путь"):
        journal_command(None, anchor=None, against=tmp_path / "none")
