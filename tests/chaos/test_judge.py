"""The judge: what was acknowledged is there, and there once; letters by their receiver's own log."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from inspect import getsource
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from support.company import MONDAY, a_company, a_customer, a_product, a_quote
from support.goods import decide, pick, receipt, reserve, ship_picked

from activities.persistence.mailbox import Mailbox
from activities.persistence.outbound import message_id, plan_message
from cli.chaos import stories
from cli.chaos.judge import _DID, Judge, reached
from cli.chaos.sight import Snapshot
from cli.chaos.stories import Told
from cli.chaos.watch import snapshot_of
from domain.orders import SYSTEM


@pytest.fixture
def order(engine: Engine, database_url: str) -> str:
    """An order that was shipped once, marked as the workload marks its own."""
    company = a_company(engine)
    sku = a_product(engine, sku="HAOS-1")
    receipt(engine, sku, "100")
    order = a_quote(engine, company.manager, a_customer(engine, company), sku, quantity="10")
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)
    ship_picked(engine, company, order)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE sales_order SET comment = 'chaos-1'")
        connection.execute("DELETE FROM outbound")
    return order


@pytest.fixture
def snapshot(order: str, database_url: str) -> Iterator[Snapshot]:
    with snapshot_of(database_url) as connection:
        yield connection


def commands(**counts: tuple[str, int, int]) -> defaultdict[tuple[str, str], list[int]]:
    """By command: of which order, how many were told to be done, how many may be."""
    told = Told().commands
    for command, (order, least, most) in counts.items():
        told[order, command.replace("_", "-")] = [least, most]
    return told


def judged(snapshot: Snapshot, told: Told, letters: Counter[str] | None = None) -> tuple[list[str], list[str]]:
    judge = Judge(snapshot, told, letters or Counter(), [])
    return list(map(str, judge.lost)), list(map(str, judge.doubled))


def test_what_was_told_and_is_there_is_fine(snapshot: Snapshot, order: str) -> None:
    told = Told(orders={"chaos-1": order, "chaos-2": None},
                commands=commands(ship=(order, 1, 1), start_picking=(order, 1, 1)),
                trucks={"t": ("HAOS-1", 100, True)})  # fmt: skip
    assert judged(snapshot, told) == ([], [])


def test_an_answer_that_never_came_may_be_there_or_not(snapshot: Snapshot, order: str) -> None:
    told = Told(orders={"chaos-1": None}, commands=commands(ship=(order, 0, 2), cancel=(order, 0, 1)),
                payments={"never": False}, limits={"chaos-1-limit": [False, False]},
                trucks={"t": ("HAOS-1", 100, False)})  # fmt: skip
    assert judged(snapshot, told) == ([], [])


def test_what_was_acknowledged_and_is_not_there_is_lost(snapshot: Snapshot, order: str) -> None:
    told = Told(orders={"chaos-9": "id"}, commands=commands(ship=(order, 2, 2)), payments={"9-1": True},
                lines={"9-2": True}, limits={"chaos-1-limit": [True, True]},
                trucks={"t": ("HAOS-1", 130, True)})  # fmt: skip
    lost, doubled = judged(snapshot, told)
    assert lost == ["заказ: chaos-9: 0 вместо 1", f"ship: {order}: 1 вместо 2",
                    "просьба о лимите: chaos-1-limit: 0 вместо 1", "решение о лимите: chaos-1-limit: 0 вместо 1",
                    "платёж: 9-1: 0 вместо 1", "платёж: 9-2: 0 вместо 1",
                    "приход: HAOS-1: 100 вместо 130"]  # fmt: skip
    assert doubled == []


def test_what_is_there_more_often_than_it_was_asked_for_is_doubled(
    snapshot: Snapshot, order: str, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            """INSERT INTO sales_order SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(),
               'number', 'twin'))).* FROM sales_order o"""
        )
    told = Told(orders={"chaos-1": order}, commands=commands(ship=(order, 0, 0)), trucks={"t": ("HAOS-1", 50, True)})
    with snapshot_of(database_url) as later:
        _, doubled = judged(later, told)
    assert doubled == ["заказ: chaos-1: 2 вместо 1", f"ship: {order}: 1 вместо 0", "приход: HAOS-1: 100 вместо 50"]


COMMANDS = {
    "place": "",
    "approval": "approved",
    "revise": "revision_asked",
    "start_picking": "picking_started",
    "unpick": "unpicked",
    "close_short": "short_closed",
    "cancel": "cancel_asked",
}


def mark_placed(connection: psycopg.Connection, by: str, times: int) -> None:
    """So many decisions, as the one that the order has, are the answers to somebody who placed it."""
    connection.execute("UPDATE credit_decision SET occasion = 'model' WHERE occasion = 'decision-1'")
    connection.execute("DELETE FROM credit_decision WHERE occasion LIKE 'decision-%'")
    for number in range(2, times + 2):
        connection.execute(
            """INSERT INTO credit_decision SELECT (jsonb_populate_record(d, jsonb_build_object(
               'id', gen_random_uuid(), 'occasion', 'decision-' || %s::text, 'actor_id', %s::text))).*
               FROM credit_decision d WHERE occasion = 'model'""",
            [number, by],
        )


def test_every_command_of_the_stories_is_judged() -> None:
    asked = set(re.findall(r'_post\((?:who|"\w+"), "([\w-]+)"', getsource(stories)))
    assert asked == set(_DID)
    assert {command.replace("_", "-") for command in COMMANDS} | {"ship"} == asked


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_was_carried_out_leaves_its_mark_once(order: str, database_url: str, command: str) -> None:
    """What the system did by itself is no answer to a person."""

    def verdict(least: int, most: int) -> tuple[int, int]:
        with snapshot_of(database_url) as snapshot:
            lost, doubled = judged(snapshot, Told(commands=commands(**{command: (order, least, most)})))
        return len(lost), len(doubled)

    def mark(role: str, times: int) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute("SET session_replication_role = replica")
            if command == "place":
                mark_placed(connection, str(uuid4()) if role == "manager" else SYSTEM.id, times)
                return
            connection.execute("DELETE FROM journal WHERE event = %s", [COMMANDS[command]])
            for _ in range(times):
                connection.execute(
                    """INSERT INTO journal (at, actor_id, actor_name, actor_role, subject, subject_id, event, data)
                       VALUES (now(), gen_random_uuid(), '', %s, 'order', %s, %s, '{}')""",
                    [role, order, COMMANDS[command]],
                )

    mark("manager", 0)
    assert verdict(1, 1) == (1, 0)
    mark("manager", 1)
    assert verdict(1, 1) == (0, 0)
    mark("manager", 2)
    assert verdict(1, 1) == (0, 1)
    mark("admin", 1)
    assert verdict(1, 1) == (1, 0)


@pytest.mark.parametrize(
    ("state", "letters", "verdict"),
    [
        ("done", 1, "fine"),
        ("done", 0, "lost"),
        ("done", 2, "doubled"),
        ("unknown", 0, "fine"),
        ("unknown", 1, "fine"),
        ("unknown", 2, "doubled"),
        ("planned", 1, "doubled"),
        ("cancelled", 1, "doubled"),
        ("failed", 1, "doubled"),
    ],
)
def test_letters_are_counted_by_their_receiver(
    engine: Engine, order: str, database_url: str, state: str, letters: int, verdict: str
) -> None:
    with Session(engine) as session, session.begin():
        plan_message(session, "k", audience="customer", template="x", recipient="a@b.kz", subject="", body="",
                     created_at=MONDAY)  # fmt: skip
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE outbound SET state = %s", [state])
    with snapshot_of(database_url) as snapshot:
        lost, doubled = judged(snapshot, Told(), Counter({message_id("k"): letters}))
    assert (bool(lost), bool(doubled)) == (verdict == "lost", verdict == "doubled")


def test_a_letter_that_nobody_planned_and_one_about_a_paid_debt(engine: Engine, order: str, database_url: str) -> None:
    with Session(engine) as session, session.begin():
        plan_message(session, "k", audience="customer", template="x", recipient="a@b.kz", subject="", body="",
                     created_at=MONDAY)  # fmt: skip
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE outbound SET state = 'done'")
    with snapshot_of(database_url) as snapshot:
        judge = Judge(snapshot, Told(), Counter({message_id("k"): 1, "<stray>": 1}), ["k"])
    assert list(map(str, judge.doubled)) == ["письмо об оплаченном долге: k", "письмо без записи: <stray>"]


def test_the_receiver_keeps_every_letter_it_took(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    for name in ("a", "b", "a"):
        mailbox.deliver(f"Message-ID: <{name}>\r\nSubject: x\r\n\r\ntext".encode(), ["x@y.kz"])
    assert reached(tmp_path) == {"<a>": 2, "<b>": 1}
