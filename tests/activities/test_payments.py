"""Payments on real PostgreSQL: recorded once, never over-allocated, whatever runs at the same moment (D9)."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.locks import wait_for_waiters
from support.money import DAY, OWN, a_file, an_invoice

from activities.payments import PaymentActivities
from activities.persistence import credit
from activities.persistence.identifiers import new_id
from activities.persistence.manual_allocation import allocate_by_hand
from activities.persistence.money_tables import AllocationRow, BankStatementRow, InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.record_tables import TaskRow
from domain.matching import QueueReason
from domain.money_errors import (
    AllocationTooLargeError,
    NothingToAllocateError,
    PaymentInProgressError,
    PaymentOfAnotherCustomerError,
    WrongCurrencyError,
)
from domain.payments import (
    AllocateCommand,
    ApplyRequest,
    ManualAllotment,
    PaymentDraft,
    PaymentState,
    RecordRequest,
    StatementInput,
)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def payments(engine: Engine) -> PaymentActivities:
    return PaymentActivities(engine)


def an_awaiting_order(engine, company, customer, *, price="1000", prepayment=100):
    order = a_quote(
        engine,
        company.manager,
        customer,
        a_product(engine, price=price),
        prepayment_percent=prepayment,
        deferral_days=0,
    )
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order))
        row.status, row.confirmed_at = "awaiting_payment", MONDAY
    return order


def a_draft(customer, amount, purpose="Оплата", *, identity=None, **facts):
    tax_id = customer.tax_id if customer else "940140000385"
    draft = {"source": "api", "posted_on": DAY, "payer_tax_id": tax_id, **facts}
    return PaymentDraft(identity=identity or f"api-{new_id()}", amount=Decimal(amount), purpose=purpose, **draft)


def pay(payments, company, draft):
    payment = payments.record_payment(RecordRequest(draft, company.accountant, MONDAY))
    return payments.apply_payment(ApplyRequest(payment, MONDAY))


def allocate(payments, company, payment_id, *parts, customer=None, key="1"):
    command = AllocateCommand(
        payment_id,
        key,
        company.accountant,
        MONDAY,
        customer_id=str(customer.id) if customer else None,
        allotments=parts,
    )
    return payments.allocate_payment(command)


def residual(engine, line):
    with Session(engine) as session:
        return session.get_one(ScheduleLineRow, UUID(line)).residual


def advance(engine, customer):
    with Session(engine) as session:
        account = session.get_one(CreditAccountRow, customer.credit_account_id)
        return credit.load_facts(session, account, today=DAY).advances


def rows(engine, table):
    with Session(engine) as session:
        return session.exec(select(table)).all()


# -- matching and applying ------------------------------------------------------------------------------------------


def test_a_payment_settles_the_invoice_it_names_and_says_whom_to_tell(engine, company, payments):
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "СФ-000123", "700.50")
    older = an_invoice(engine, customer, "СФ-000001", "100", due="2026-01-01")

    outcome = pay(payments, company, a_draft(customer, "700.50", "Оплата по счету № 123 от 06.04.2026"))

    assert outcome.state is PaymentState.MATCHED
    assert outcome.schedule_line_ids == (line,)
    assert outcome.unallocated == Decimal(0)
    assert (residual(engine, line), residual(engine, older)) == (Decimal(0), Decimal(100))
    with Session(engine) as session:
        assert session.get_one(ScheduleLineRow, UUID(line)).settled_on == DAY


def test_v24_on_the_tables(engine, company, payments):
    """V24: equal due dates pro rata, and the payment is conserved."""
    customer = a_customer(engine, company)
    a, b = an_invoice(engine, customer, "A", "100000"), an_invoice(engine, customer, "B", "50000")
    pay(payments, company, a_draft(customer, "99999.99"))
    pay(payments, company, a_draft(customer, "0.01"))
    assert residual(engine, a) + residual(engine, b) == Decimal(50_000)
    assert residual(engine, a) == Decimal("33333.33")


def test_a_prepayment_is_tied_to_its_order_and_the_rest_is_an_advance(engine, company, payments):
    customer = a_customer(engine, company, limit="0")
    order = an_awaiting_order(engine, company, customer)
    outcome = pay(payments, company, a_draft(customer, "1500", "Предоплата по заказу ЗК-000001"))
    assert outcome.order_ids == (order,)
    assert outcome.unallocated == Decimal(500)
    assert advance(engine, customer) == Decimal(500)
    with Session(engine) as session:
        assert credit.received_for_order(session, UUID(order)) == Decimal(1000)


def test_an_order_takes_no_more_than_what_is_left_of_its_prepayment(engine, company, payments):
    """Money that came before counts (D1-6)."""
    customer = a_customer(engine, company, limit="0")
    order, named = an_awaiting_order(engine, company, customer), "Предоплата по заказу ЗК-000001"
    assert pay(payments, company, a_draft(customer, "600", named)).unallocated == 0
    assert pay(payments, company, a_draft(customer, "600", named)).unallocated == Decimal(200)
    with Session(engine) as session:
        assert credit.received_for_order(session, UUID(order)) == Decimal(1000)
    assert pay(payments, company, a_draft(customer, "50", named)).order_ids == ()


def test_what_was_invoiced_of_an_order_is_paid_by_its_invoice(engine, company, payments):
    customer = a_customer(engine, company, limit="0")
    order = an_awaiting_order(engine, company, customer)
    line = an_invoice(engine, customer, "СФ-000700", "300")
    with Session(engine) as session, session.begin():
        session.get_one(InvoiceRow, session.get_one(ScheduleLineRow, UUID(line)).invoice_id).order_id = UUID(order)
    outcome = pay(payments, company, a_draft(customer, "1200", "Оплата по заказу ЗК-000001"))
    assert outcome.unallocated == Decimal(200)
    assert residual(engine, line) == 0
    with Session(engine) as session:
        assert credit.received_for_order(session, UUID(order)) == Decimal(700)


def test_money_that_names_an_order_shipped_but_not_invoiced_is_tied_to_it(engine, company, payments):
    """D9-5: it is not closed; its invoice takes the money over."""
    customer = a_customer(engine, company)
    order = an_awaiting_order(engine, company, customer, prepayment=0)
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order))
        row.status, number = "shipped", row.number
    outcome = pay(payments, company, a_draft(customer, "1500", f"Оплата по заказу {number}"))
    assert (outcome.state, outcome.order_ids) == (PaymentState.MATCHED, (order,))
    assert outcome.unallocated == Decimal(500)
    unnamed = pay(payments, company, a_draft(customer, "100"))
    assert unnamed.order_ids == (), "by itself it asks for nothing"


def test_d9_5_a_queued_payment_of_a_known_payer_is_his_advance(engine, company, payments):
    customer, other = a_customer(engine, company), a_customer(engine, company)
    an_invoice(engine, other, "СФ-000500", "70")
    mine = an_invoice(engine, customer, "СФ-000501", "70")
    outcome = pay(payments, company, a_draft(customer, "70", "по счету 500"))
    assert (outcome.state, outcome.reason) == (PaymentState.UNMATCHED, QueueReason.FOREIGN_NUMBER)
    assert residual(engine, mine) == Decimal(70)
    assert advance(engine, customer) == Decimal(70)
    assert [task.kind for task in rows(engine, TaskRow)] == ["payment_queue"]


def test_d9_6_an_unknown_payer_is_nobodys_advance_and_the_accountant_has_a_day(engine, company, payments):
    customer = a_customer(engine, company)
    an_invoice(engine, customer, "СФ-000123", "70")
    outcome = pay(payments, company, a_draft(None, "70", "за ООО Ромашка по счету 123"))
    assert (outcome.state, outcome.reason) == (PaymentState.UNMATCHED, QueueReason.UNKNOWN_PAYER)
    assert outcome.credit_account_id is None
    assert advance(engine, customer) == Decimal(0)
    (task,) = rows(engine, TaskRow)
    assert (task.role, task.due_at) == ("accountant", MONDAY.replace(day=7))
    assert task.details["suggested_customers"] == [str(customer.id)]


def test_money_in_another_currency_waits_for_the_accountant(engine, company, payments):
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "СФ-000123", "70")
    outcome = pay(payments, company, a_draft(customer, "70", "счет 123", currency="RUB"))
    assert outcome.reason is QueueReason.WRONG_CURRENCY
    assert residual(engine, line) == Decimal(70)
    assert advance(engine, customer) == Decimal(0)
    with pytest.raises(WrongCurrencyError):
        allocate(payments, company, outcome.payment_id, ManualAllotment(invoice_id=line))


def test_two_customers_of_one_tax_number_are_told_apart_by_what_is_named(engine, company, payments):
    first, second = a_customer(engine, company), a_customer(engine, company)
    with Session(engine) as session, session.begin():
        for customer, kpp in ((first, "770101001"), (second, "770201001")):
            row = session.get_one(CustomerRow, customer.id)
            row.tax_id, row.kpp = "7707083893", kpp
    line = an_invoice(engine, second, "СФ-000002", "50")
    first_line = an_invoice(engine, first, "СФ-000001", "50")
    facts = {"payer_tax_id": "7707083893"}
    assert pay(payments, company, a_draft(None, "10", **facts)).reason is QueueReason.AMBIGUOUS_PAYER
    named = pay(payments, company, a_draft(None, "10", "счет СФ-000002", **facts))
    assert named.schedule_line_ids == (line,)
    by_kpp = pay(payments, company, a_draft(None, "10", payer_kpp="770101001", **facts))
    assert by_kpp.schedule_line_ids == (first_line,)


def test_a_stopped_order_of_the_account_is_told_that_exposure_fell(engine, company, payments):
    """D2-13: in the order class, then time; even when the money stays an advance."""
    customer = a_customer(engine, company)
    order = a_quote(engine, company.manager, customer, a_product(engine))
    with Session(engine) as session, session.begin():
        session.get_one(OrderRow, UUID(order)).status = "stopped"
    outcome = pay(payments, company, a_draft(customer, "70"))
    assert outcome.stopped_order_ids == (order,)
    assert outcome.order_ids == ()


# -- once, whatever happens -----------------------------------------------------------------------------------------


def test_the_same_payment_told_by_many_at_once_is_one(engine, company, payments):
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "A", "1000")
    draft = a_draft(customer, "70", identity="api-one")
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: pay(payments, company, draft), range(8)))
    assert len({outcome.payment_id for outcome in outcomes}) == 1
    assert len(rows(engine, PaymentRow)) == 1
    assert residual(engine, line) == Decimal(930)


def test_d9_10_a_payment_that_found_its_place_is_not_matched_again(engine, company, payments):
    """Also where nothing remembers the step that matched it."""
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "A", "1000")
    outcome = pay(payments, company, a_draft(customer, "70"))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM step"))
    assert payments.apply_payment(ApplyRequest(outcome.payment_id, MONDAY)) == outcome
    assert residual(engine, line) == Decimal(930)


def test_parallel_payments_never_over_settle_an_invoice(engine, company, payments):
    customer = a_customer(engine, company)
    lines = [an_invoice(engine, customer, f"{number}", "100") for number in range(3)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pay(payments, company, a_draft(customer, "40")), range(10)))
    assert [residual(engine, line) for line in lines] == [Decimal(0)] * 3
    assert advance(engine, customer) == Decimal(100)
    given = sum(row.amount for row in rows(engine, AllocationRow))
    assert given == Decimal(300)


def test_d9_10_the_database_refuses_sums_that_do_not_add_up(engine, company, payments):
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "A", "100")
    outcome = pay(payments, company, a_draft(customer, "40"))
    payment = UUID(outcome.payment_id)
    with pytest.raises(IntegrityError), Session(engine) as session, session.begin():
        session.add(AllocationRow(payment_id=payment, schedule_line_id=UUID(line), amount=Decimal(1), at=MONDAY))
    with pytest.raises(IntegrityError), Session(engine) as session, session.begin():
        session.execute(text("UPDATE payment SET unallocated = 1 WHERE id = :id"), {"id": payment})


# -- the accountant --------------------------------------------------------------------------------------------------


def test_the_accountant_gives_a_third_partys_money_to_a_customer(engine, company, payments):
    """D9-6: a confirmed payer is matched like any other; the task is done."""
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "СФ-000123", "70")
    queued = pay(payments, company, a_draft(None, "100", "по счету 123"))
    outcome = allocate(payments, company, queued.payment_id, customer=customer)
    assert (outcome.state, outcome.reason) == (PaymentState.MATCHED, None)
    assert outcome.schedule_line_ids == (line,)
    assert advance(engine, customer) == Decimal(30)
    (task,) = rows(engine, TaskRow)
    assert (task.state, task.completed_by) == ("done", UUID(company.accountant.id))


def test_the_accountant_splits_a_payment_between_an_order_and_an_invoice(engine, company, payments):
    """D9-12."""
    customer = a_customer(engine, company)
    order = an_awaiting_order(engine, company, customer)
    queued = pay(payments, company, a_draft(None, "1000"))
    line = an_invoice(engine, customer, "СФ-000123", "70")
    parts = (ManualAllotment(invoice_id=line), ManualAllotment(order_id=order, amount=Decimal("900.00")))
    outcome = allocate(payments, company, queued.payment_id, *parts)
    assert outcome.unallocated == Decimal(30)
    assert outcome.order_ids == (order,)
    again = allocate(payments, company, queued.payment_id, *parts)
    assert again == outcome, "the same decision twice is one"


def test_over_allocation_is_refused_and_writes_nothing(engine, company, payments):
    customer, other = a_customer(engine, company), a_customer(engine, company)
    line = an_invoice(engine, customer, "A", "70")
    foreign = an_invoice(engine, other, "B", "70")
    queued = pay(payments, company, a_draft(None, "100"))
    payment = queued.payment_id
    with pytest.raises(AllocationTooLargeError):
        allocate(payments, company, payment, ManualAllotment(invoice_id=line, amount=Decimal("70.01")))
    with pytest.raises(PaymentOfAnotherCustomerError):
        allocate(payments, company, payment, ManualAllotment(invoice_id=line), ManualAllotment(invoice_id=foreign))
    with pytest.raises(NothingToAllocateError):
        allocate(payments, company, payment, ManualAllotment(invoice_id=line), ManualAllotment(invoice_id=line))
    assert rows(engine, AllocationRow) == []
    assert [row.state for row in rows(engine, PaymentRow)] == ["unmatched"]
    allocate(payments, company, payment, ManualAllotment(invoice_id=line), key="2")
    with pytest.raises(PaymentOfAnotherCustomerError):
        allocate(payments, company, payment, ManualAllotment(invoice_id=foreign), key="3")


def test_parallel_decisions_never_allocate_more_than_came(engine, company, payments):
    customer = a_customer(engine, company)
    lines = [an_invoice(engine, customer, f"{number}", "60") for number in range(6)]
    queued = pay(payments, company, a_draft(None, "100"))

    def one(line):
        try:
            return allocate(payments, company, queued.payment_id, ManualAllotment(invoice_id=line), key=line)
        except NothingToAllocateError:
            return None

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, lines))
    assert sum(row.amount for row in rows(engine, AllocationRow)) == Decimal(100)
    assert [row.unallocated for row in rows(engine, PaymentRow)] == [Decimal(0)]


def test_d9_10_one_payment_given_to_two_customers_at_once_is_given_to_the_first(engine, company, payments):
    """Their accounts do not keep the accountants apart: the payment itself does."""
    first, second = a_customer(engine, company), a_customer(engine, company)
    queued = pay(payments, company, a_draft(None, "100"))
    lines = [an_invoice(engine, customer, "A", "100") for customer in (first, second)]
    give, other = (
        AllocateCommand(queued.payment_id, str(line), company.accountant, MONDAY, allotments=(ManualAllotment(
            invoice_id=line),)) for line in lines
    )  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        with Session(engine) as session, session.begin():
            allocate_by_hand(session, give)
            session.flush()
            waiting = pool.submit(payments.allocate_payment, other)
            wait_for_waiters(engine, 1)
        with pytest.raises(PaymentInProgressError):
            waiting.result()
    assert [residual(engine, line) for line in lines] == [0, 100]


def test_parallel_decisions_on_one_invoice_never_settle_it_twice(engine, company, payments):
    """What was read before the lock is read again under it."""
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "A", "100")
    queued = [pay(payments, company, a_draft(None, "40")).payment_id for _ in range(6)]

    def one(payment):
        try:
            return allocate(payments, company, payment, ManualAllotment(invoice_id=line))
        except NothingToAllocateError:
            return None

    with ThreadPoolExecutor(6) as pool:
        done = [outcome for outcome in pool.map(one, queued) if outcome]
    assert len(done) == 3
    assert residual(engine, line) == Decimal(0)
    assert sum(row.amount for row in rows(engine, AllocationRow)) == Decimal(100)


# -- statements -------------------------------------------------------------------------------------------------------


def store(engine, company, content):
    sha = hashlib.sha256(content).hexdigest()
    with Session(engine) as session, session.begin():
        if session.get(BankStatementRow, sha) is None:
            session.add(
                BankStatementRow(
                    sha256=sha, content=content, uploaded_by=UUID(company.accountant.id), uploaded_at=MONDAY
                )
            )
    return sha


def register(payments, company, sha, upload=None):
    return payments.register_statement(StatementInput(sha, upload or str(new_id()), company.accountant, MONDAY))


def test_v25_twins_repeats_and_overlaps(engine, company, payments):
    """V25: two identical lines are two payments; the same file and an overlapping one add none."""
    twin = ("1", "100", "940140000385", "Оплата")
    fresh = ("2", "100", "940140000385", "Оплата")
    file, overlap = store(engine, company, a_file(twin, twin)), store(engine, company, a_file(twin, fresh))
    answers = [register(payments, company, sha) for sha in (file, file, overlap)]
    assert [(answer.payments_created, answer.duplicates) for answer in answers] == [(2, 0), (0, 2), (1, 1)]
    assert len(rows(engine, PaymentRow)) == 3


@pytest.mark.parametrize(
    ("account", "said", "currency", "warned"),
    [
        pytest.param(OWN, "", "KZT", False, id="our account, which says nothing else"),
        pytest.param("40702810200000000001", "", "RUB", True, id="a rouble account"),
        pytest.param("40702643200000000001", "", "RUB", True, id="a rouble account of the new code"),
        pytest.param("40702398200000000001", "", "KZT", True, id="a tenge account in Russia"),
        pytest.param("40702392200000000001", "", "XXX", True, id="an account in no currency of ours"),
        pytest.param("40702810200000000001", "KZT", "KZT", True, id="the document has the last word"),
        pytest.param(OWN, "RUB", "RUB", False, id="roubles on our account"),
        pytest.param("KZ15722S000001234567", "", "KZT", True, id="another account that says nothing"),
    ],
)
def test_d1_1_money_is_in_the_currency_of_the_account_it_came_to(
    engine, company, payments, account, said, currency, warned
):
    """Roubles never settle a debt in tenge, nor release an order that waits for tenge."""
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "СФ-000123", "70")
    text = a_file(("1", "70", customer.tax_id, "счет 123")).decode().replace(OWN, account)
    content = text.replace("СуммаПриход", f"Валюта={said}\nСуммаПриход").encode()
    sha = store(engine, company, content)
    summary = register(payments, company, sha)
    assert [each.code for each in summary.warnings] == ["unknown_account"] * warned
    (pending,) = payments.pending_payments(sha, 10)
    outcome = payments.apply_payment(ApplyRequest(pending.payment_id, MONDAY))
    assert [row.currency for row in rows(engine, PaymentRow)] == [currency]
    assert outcome.reason == (None if currency == "KZT" else QueueReason.WRONG_CURRENCY)
    assert residual(engine, line) == (0 if currency == "KZT" else Decimal(70))


def test_a_statement_puts_aside_what_is_dated_a_year_ahead(engine, company, payments):
    line = ("1", "100", "940140000385", "Оплата")
    answers = [
        register(payments, company, store(engine, company, a_file(line, date=day)))
        for day in ("07.04.2027", "08.04.2027", "31.12.1999")
    ]
    assert [answer.payments_created for answer in answers] == [1, 0, 0]
    assert [[each.code for each in answer.rejected] for answer in answers] == [[], ["bad_date"], ["bad_date"]]


def test_parallel_importers_of_the_same_and_overlapping_files_never_double(engine, company, payments):
    twin = ("1", "100", "940140000385", "Оплата")
    files = [
        store(engine, company, a_file(twin, twin, *((str(n), "5", "940140000385", "x") for n in range(2, n))))
        for n in (8, 10, 12)
    ]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda sha: register(payments, company, sha), files * 4))
    assert sum(answer.payments_created for answer in answers) == 12
    assert len(rows(engine, PaymentRow)) == 12


def test_a_retried_registration_returns_its_first_answer(engine, company, payments):
    sha = store(engine, company, a_file(("1", "100", "940140000385", "Оплата")))
    first = register(payments, company, sha, upload="upload-1")
    assert register(payments, company, sha, upload="upload-1") == first
    assert first.payments_created == 1


def test_pending_payments_of_a_file_are_those_nobody_matched(engine, company, payments):
    customer = a_customer(engine, company)
    sha = store(engine, company, a_file(("1", "100", customer.tax_id, "Оплата"), ("2", "5", "940140000385", "x")))
    register(payments, company, sha)
    pending = payments.pending_payments(sha, 10)
    assert len(pending) == 2
    payments.apply_payment(ApplyRequest(pending[0].payment_id, MONDAY))
    assert payments.pending_payments(sha, 10) == pending[1:]
    with Session(engine) as session:
        amounts = session.exec(select(PaymentRow.currency).order_by(col(PaymentRow.id))).all()
    assert amounts == ["KZT", "KZT"]
