"""Each query of the checker finds what it is for, and nothing in a database that is as it should be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import psycopg
import pytest
from sqlalchemy import Engine
from support.company import MONDAY, a_company, a_customer, a_product, a_quote
from support.goods import decide, pick, reserve, ship_picked, tie_money
from support.money import DAY

from activities.orders import OrderActivities
from activities.payments import PaymentActivities
from activities.stock import StockActivities
from cli.chaos.engine import compare, wanted
from cli.chaos.invariants import ALWAYS, AT_REST, STUCK, find
from cli.chaos.sight import Snapshot, look
from cli.chaos.watch import Watch, snapshot_of
from domain.orders import EndRequest, OrderStatus, OrderStep
from domain.payments import ApplyRequest, PaymentDraft, RecordRequest

EVERY_QUERY = {**ALWAYS, **AT_REST, **STUCK}


@pytest.fixture
def books(engine: Engine, database_url: str) -> str:
    """Orders in the states that matter: quoted, waiting, promised, paid in part, shipped, ended. Nobody is at work."""
    company = a_company(engine)
    sku = a_product(engine, price="1000", on_hand="1000")
    buyer = a_customer(engine, company, limit="1000000")
    small = a_customer(engine, company, name="ООО «Василёк»", limit="10000")
    ahead = a_customer(engine, company, name="ТОО «Эдельвейс»", limit="0", prepayment_percent=100, deferral_days=0)
    a_quote(engine, company.manager, buyer, sku)
    shipped, ready, ended = (a_quote(engine, company.manager, buyer, sku, quantity="10") for _ in range(3))
    over = a_quote(engine, company.manager, small, sku, quantity="15")
    unpaid = a_quote(engine, company.manager, ahead, sku, quantity="20")
    for order in (shipped, ready, ended, over, unpaid):
        decide(engine, company, order)
    for order in (shipped, ready, ended, unpaid):
        reserve(engine, order)
    pick(engine, company, shipped)
    ship_picked(engine, company, shipped)
    tie_money(engine, unpaid, "5000")
    StockActivities(engine).free_order_stock(OrderStep(ended, 7, company.manager, MONDAY))
    OrderActivities(engine).end_order(EndRequest(ended, OrderStatus.CANCELLED, company.manager, "передумали", MONDAY))
    payments = PaymentActivities(engine)
    draft = PaymentDraft(identity="p1", source="api", posted_on=DAY, amount=Decimal(4000), purpose="", external_id="p1",
                         payer_tax_id=buyer.tax_id)  # fmt: skip
    recorded = payments.record_payment(RecordRequest(draft, company.accountant, MONDAY))
    payments.apply_payment(ApplyRequest(recorded, MONDAY))
    run(database_url, "UPDATE outbound SET state = 'done'", "UPDATE sales_order SET wait = wait || "
        "'{\"until\": \"2099-01-01T00:00:00Z\"}' WHERE jsonb_typeof(wait) = 'object'")  # fmt: skip
    return database_url


def run(database: str, *statements: str) -> None:
    """Change rows behind the back of every trigger, foreign key and constraint."""
    with psycopg.connect(database) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def found(database: str) -> set[str]:
    with snapshot_of(database) as snapshot:
        return {finding.rule for finding in find(snapshot, EVERY_QUERY, _clocks(snapshot))}


def _clocks(snapshot: Snapshot, ahead: timedelta = timedelta(0)) -> dict[str, datetime]:
    """The process of every order and instalment was moved to so much later than now."""
    ids = snapshot.execute("SELECT id::text FROM sales_order UNION ALL SELECT id::text FROM schedule_line")
    return {str(row[0]): datetime.now(UTC) + ahead for row in ids}


def unguarded(table: str, kind: Literal["c", "u"]) -> str:
    """Drop every check or unique constraint of a table."""
    return (
        f"DO $$ DECLARE c text; BEGIN FOR c IN SELECT quote_ident(conname) FROM pg_constraint WHERE contype = '{kind}' "
        f"AND conrelid = '{table}'::regclass LOOP EXECUTE 'ALTER TABLE {table} DROP CONSTRAINT ' || c; END LOOP; END $$"
    )


_SHIPPED = "(SELECT id FROM sales_order WHERE status = 'awaiting_final_payment')"
_READY = "(SELECT id FROM sales_order WHERE status = 'ready')"
_ENDED = "(SELECT id FROM sales_order WHERE status = 'cancelled')"
_UNPAID = "(SELECT id FROM sales_order WHERE status = 'awaiting_payment')"
_TOLD = """
    INSERT INTO journal (at, actor_id, actor_name, actor_role, subject, subject_id, event, data)
    SELECT at, actor_id, actor_name, actor_role, subject, {order}::text, '{event}', '{{}}' FROM journal LIMIT 1
"""
_COPY_OF_JOURNAL = """
    INSERT INTO journal (at, actor_id, actor_name, actor_role, subject, subject_id, event, data, policy_version)
    SELECT at, actor_id, actor_name, actor_role, subject, subject_id, event, data, policy_version FROM journal LIMIT 1
"""

_GRANT = """
    INSERT INTO credit_grant (id, credit_account_id, customer_id, kind, amount, valid_from, reason, state, requested_by,
                              requested_at, decided_by, decided_at)
    SELECT gen_random_uuid(), c.credit_account_id, c.id, 'base', {amount}, now(), '', 'in_force', u.id, now(), {by},
           now()
      FROM customer c JOIN app_user u ON u.role = 'manager' WHERE c.name LIKE '%Василёк%' LIMIT 1
"""

PLANTED: dict[str, tuple[str, ...]] = {
    "S1 обещано больше, чем есть": (
        unguarded("stock", "c"),
        "UPDATE stock SET reserved = on_hand + 1",
    ),
    "S2 остаток не равен сумме резервов и движений": ("UPDATE stock SET reserved = reserved - 1",),
    "S3 отгружено больше, чем заказано": ("UPDATE shipment_line SET quantity = quantity * 2",),
    "S3 отгружено не то, что списано": ("DELETE FROM stock_movement WHERE kind = 'shipment'",),
    "S3 законченный заказ держит товар": (
        f"UPDATE sales_order SET status = 'cancelled', ended_at = now() WHERE id = {_READY}",
    ),
    "C1 прошёл сам сверх лимита": ("UPDATE credit_decision SET credit_limit = 1 WHERE outcome = 'auto'",),
    "C1 долг выше лимита и пределов, согласованных для живых заказов": ("UPDATE credit_account SET base_limit = 1",),
    "C2 обязательство есть не у того заказа": ("DELETE FROM commitment",),
    "C2 ждёт согласования без запроса": ("UPDATE approval SET state = 'void'",),
    "P1 платёж не равен разнесённому и остатку": (
        "UPDATE payment_allocation SET amount = amount + 1 WHERE order_id IS NOT NULL",
    ),
    "P1 остаток счёта не равен сумме за вычетом оплат": ("UPDATE schedule_line SET residual = residual - 1",),
    "C3 лимит изменил один человек": (
        unguarded("credit_grant", "c"),
        _GRANT.format(amount=10_000, by="u.id"),
    ),
    "C3 лимит не тот, что согласован": (_GRANT.format(amount=5, by="gen_random_uuid()"),),
    "P1 долг по счёту не равен сумме за вычетом оплат и корректировок": (
        """INSERT INTO credit_note (id, number, invoice_id, credit_account_id, amount, freed, issued_on, reason,
                                    posted_by, posted_at)
           SELECT gen_random_uuid(), 'k', id, credit_account_id, 1, 0, now(), '', gen_random_uuid(), now()
             FROM invoice LIMIT 1""",
    ),
    "P1 строки графика не равны счёту": ("UPDATE invoice SET gross = gross + 1",),
    "P2 платёж записан дважды": (
        unguarded("payment", "u"),
        """INSERT INTO payment SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid()))).*
             FROM payment p WHERE external_id = 'p1'""",
    ),
    "P2 отгрузка выставлена дважды": (
        unguarded("invoice", "u"),
        """INSERT INTO invoice SELECT (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid()))).*
             FROM invoice i""",
    ),
    "E1 то же письмо клиенту дважды": (
        "UPDATE outbound SET audience = 'customer'",
        """INSERT INTO outbound SELECT (jsonb_populate_record(o, '{"key": "twice", "message_id": "another"}')).*
             FROM outbound o LIMIT 1""",
    ),
    "E1 ступень просрочки сообщена дважды": (
        *(
            f"""INSERT INTO outbound SELECT (jsonb_populate_record(o, jsonb_build_object(
                  'key', '{name}', 'message_id', '{name}', 'template', 'dunning_call', 'body', '{name}',
                  'schedule_line_id', (SELECT id FROM schedule_line LIMIT 1)))).* FROM outbound o LIMIT 1"""
            for name in ("day 7", "day 8")
        ),
    ),
    "W4 событие раньше того, после чего бывает": (
        f"DELETE FROM journal WHERE event = 'picking_started' AND subject_id = {_SHIPPED}::text",
    ),
    "W4 событие после конца заказа": (_TOLD.format(event="reserved", order=_ENDED),),
    "A1 событие записано дважды": (_COPY_OF_JOURNAL,),
    "A1 событие вне цепочки": ("DELETE FROM journal_link",),
    "A1 конец заказа записан не один раз": ("DELETE FROM journal WHERE event = 'cancelled'",),
    "A2 согласовал сам себе": (
        unguarded("approval", "c"),
        "UPDATE approval SET decided_by = requested_by",
    ),
    "S2 строка заказа не разложена по резерву": (f"DELETE FROM reservation_line WHERE order_id = {_READY}",),
    "C2 обязательство не равно неотгруженному": ("UPDATE commitment SET uninvoiced = uninvoiced + 1",),
    "P1 деньги остались на законченном заказе": (
        f"UPDATE payment_allocation SET order_id = {_ENDED} WHERE order_id IS NOT NULL",
    ),
    "E1 неясная отправка клиенту без задачи": ("UPDATE outbound SET state = 'unknown', audience = 'customer'",),
    "заказ никого не ждёт": (f"UPDATE sales_order SET wait = 'null' WHERE id = {_READY}",),
    "срок ожидания вышел, а ничего не случилось": (
        f'UPDATE sales_order SET wait = wait || \'{{"until": "2020-01-01T00:00:00Z"}}\' WHERE id = {_UNPAID}',
    ),
    "заказ ждёт денег, которые пришли": ("UPDATE payment_allocation SET amount = 20000 WHERE order_id IS NOT NULL",),
    "заказ ждёт оплаты оплаченных счетов": ("UPDATE schedule_line SET residual = 0",),
    "ступень просрочки не пройдена": ("UPDATE schedule_line SET due_date = now() - interval '9 days'",),
    "отгрузка без счёта": (f"DELETE FROM invoice WHERE order_id = {_SHIPPED}",),
    "сообщение не отправлено": ("UPDATE outbound SET state = 'sending'",),
    "платёж не разобран": ("UPDATE payment SET reason = 'new'",),
    "выписка не разобрана": (
        """INSERT INTO bank_statement (sha256, content, uploaded_by, uploaded_at, summary)
           SELECT 'x', '', id, now(), 'null' FROM app_user LIMIT 1""",
    ),
}


def test_there_is_a_planted_case_for_every_query() -> None:
    assert set(PLANTED) == set(EVERY_QUERY)


def test_a_database_as_it_should_be_has_no_finding(books: str) -> None:
    with snapshot_of(books) as snapshot:
        assert list(map(str, find(snapshot, EVERY_QUERY))) == []
        statuses = {standing.status for standing in look(snapshot).orders.values()}
    assert statuses == {"quoted", "awaiting_final_payment", "ready", "cancelled", "awaiting_approval",
                        "awaiting_payment"}  # fmt: skip


@pytest.mark.parametrize(("ahead", "due"), [(7, ""), (8, "letter"), (12, "letter call"), (19, "letter call head"),
                                            (35, "letter call head legal")])  # fmt: skip
def test_what_a_moved_clock_was_moved_past_must_have_happened(books: str, ahead: int, due: str) -> None:
    """Five days of grace: rungs wait for a working day. Nothing is asked of a process whose clock nobody moved."""
    run(books, "UPDATE schedule_line SET due_date = (now() AT TIME ZONE 'UTC')::date, residual = amount")
    with snapshot_of(books) as snapshot:
        at_rest = {"rung": STUCK["ступень просрочки не пройдена"]}
        told = [each.what.split()[-1] for each in find(snapshot, at_rest, _clocks(snapshot, timedelta(days=ahead)))]
        assert sorted(told) == sorted(due.split())
        assert list(find(snapshot, at_rest)) == []


def test_a_wait_that_ended_by_a_moved_clock_must_be_over(books: str) -> None:
    run(books, f"UPDATE sales_order SET wait = wait || jsonb_build_object('until', now() + interval '5 days') "
               f"WHERE id = {_UNPAID}")  # fmt: skip
    query = {"wait": STUCK["срок ожидания вышел, а ничего не случилось"]}
    with snapshot_of(books) as snapshot:
        assert list(find(snapshot, query)) == []
        assert list(find(snapshot, query, _clocks(snapshot, timedelta(days=4)))) == []
        assert len(list(find(snapshot, query, _clocks(snapshot, timedelta(days=6))))) == 1


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_what_is_planted_is_found(books: str, rule: str) -> None:
    run(books, *PLANTED[rule])
    assert rule in found(books)


def test_many_findings_are_named_and_counted(books: str) -> None:
    run(books, *["INSERT INTO stock_movement (key, warehouse, sku, kind, quantity, at) "
                 f"VALUES ('k{number}', 'w{number}', 'sku', 'receipt', 1, now())" for number in range(7)])  # fmt: skip
    with snapshot_of(books) as snapshot:
        named = [each.what for each in find(snapshot, ALWAYS) if each.rule.startswith("S2")]
    assert len(named) == 6
    assert named[-1] == "и ещё 2"


# -- what is only seen by looking twice -------------------------------------------------------------------------------


def test_a_snapshot_changes_nothing(books: str) -> None:
    with snapshot_of(books) as snapshot, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        snapshot.execute("DELETE FROM journal")


def test_rows_that_vanish_are_noticed(books: str) -> None:
    watch = Watch(lambda: books)
    watch.look()
    assert not watch.seen
    run(books, "DELETE FROM shipment")
    watch.look()
    assert any("пропали строки: отгрузки: было 1, стало 0" in finding for finding in watch.seen)


def test_an_ended_order_that_lives_again_is_noticed(books: str) -> None:
    watch = Watch(lambda: books)
    watch.look()
    run(books, f"UPDATE sales_order SET status = 'quoted', ended_at = NULL WHERE id = {_ENDED}")
    watch.look()
    assert any(finding.startswith("W4 законченный заказ ожил") for finding in watch.seen)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("E1 законченная отправка", "SELECT 1", "UPDATE outbound SET state = 'planned'"),
        ("C3 решённый лимит", _GRANT.format(amount=10_000, by="NULL"), "UPDATE credit_grant SET amount = 20000"),
        (
            "A1 решённое согласование",
            "UPDATE approval SET state = 'rejected'",
            "UPDATE approval SET state = 'approved'",
        ),
    ],
)
def test_what_was_final_and_changes_is_noticed(books: str, rule: str, before: str, after: str) -> None:
    watch = Watch(lambda: books)
    run(books, before)
    watch.look()
    assert not any(finding.startswith(rule) for finding in watch.seen)
    run(books, after)
    watch.look()
    assert any(finding.startswith(rule) for finding in watch.seen)


def test_an_order_that_moves_without_a_word_in_the_journal_is_noticed(books: str) -> None:
    watch = Watch(lambda: books)
    watch.look()
    told = """INSERT INTO journal (at, actor_id, actor_name, actor_role, subject, subject_id, event, data)
              SELECT at, actor_id, actor_name, actor_role, subject, subject_id, 'x', data FROM journal
               WHERE subject = 'order' AND subject_id = {}::text LIMIT 1"""
    run(books, told.format(_READY), f"UPDATE sales_order SET status = 'picking' WHERE id = {_READY}")
    run(books, f"UPDATE sales_order SET version = version + 1 WHERE id = {_UNPAID}")
    watch.look()
    assert not [finding for finding in watch.seen if finding.startswith("A1 перемена")]
    run(books, "UPDATE sales_order SET status = 'ready' WHERE status = 'picking'")
    watch.look()
    (finding,) = (finding for finding in watch.seen if finding.startswith("A1 перемена"))
    assert finding.endswith(": picking → ready")


def test_a_letter_about_a_paid_debt_is_remembered(books: str) -> None:
    watch = Watch(lambda: books)
    run(
        books,
        """UPDATE outbound SET state = 'planned', audience = 'customer', template = 'dunning_letter',
                  schedule_line_id = (SELECT id FROM schedule_line LIMIT 1)
                  WHERE key = (SELECT key FROM outbound LIMIT 1)""",
    )
    watch.look()
    assert not watch.withdrawn
    run(books, "UPDATE schedule_line SET residual = 0")
    watch.look()
    assert len(watch.withdrawn) == 1


def test_a_reminder_of_a_reserve_that_waits_for_no_money_is_remembered(books: str) -> None:
    watch = Watch(lambda: books)
    planned = "UPDATE outbound SET state = 'planned', audience = 'customer', template = 'reservation_reminder'"
    run(books, f"{planned}, order_id = {_UNPAID} WHERE key = (SELECT key FROM outbound LIMIT 1)")
    watch.look()
    assert not watch.withdrawn
    run(books, f"UPDATE outbound SET order_id = {_READY} WHERE state = 'planned'")
    watch.look()
    assert len(watch.withdrawn) == 1


def test_a_look_that_cannot_be_taken_is_no_look(books: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is down is passed over and counted; a query of ours that fails, or takes too long, is told."""

    def fails(error: Exception) -> Watch:
        watch = Watch(lambda: books)
        monkeypatch.setattr(Watch, "look", lambda _: (_ for _ in ()).throw(error))
        watch.look_again()
        return watch

    down = fails(psycopg.OperationalError("refused"))
    assert (down.missed, list(down.seen)) == (1, [])
    for error in (psycopg.errors.QueryCanceled("timeout"), psycopg.errors.UndefinedColumn("x"), ValueError("y")):
        told = fails(error)
        assert (told.missed, len(told.seen)) == (0, 1)


# -- the engine's side ------------------------------------------------------------------------------------------------


def test_processes_are_held_against_the_facts_both_ways(books: str) -> None:
    with snapshot_of(books) as snapshot:
        asked = wanted(snapshot)
    assert len(asked) == 6, "five living orders and one instalment"
    assert list(compare(asked, list(asked))) == []
    order, *others = asked
    assert [each.rule for each in compare(asked, others)] == ["W1 нет процесса"]
    assert [each.rule for each in compare(asked, [*asked, "order/ghost"])] == ["W2 лишний процесс"]
    assert [each.rule for each in compare(asked, [*asked, order])] == ["W1 два процесса"]
