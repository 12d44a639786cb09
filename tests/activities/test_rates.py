"""Orders and money of another currency than their credit account's, on real PostgreSQL (D1-1, D2-17…D2-19)."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import decide, pick, reserve, ship_picked
from support.money import an_invoice

from activities.approvals import ApprovalActivities
from activities.payments import PaymentActivities
from activities.persistence import credit, decisions
from activities.persistence.credit_tables import ExchangeRateRow
from activities.persistence.identifiers import new_id
from activities.persistence.legal import worth_of
from activities.persistence.money_tables import InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import CommitmentRow, CreditDecisionRow, OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.rates import record_rate
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.record_tables import JournalRow
from activities.revisions import RevisionActivities
from domain.credit import CreditFacts, Outcome
from domain.credit_steps import ApprovalCommand, ApprovalRequest, CreditOutcome, Verdict
from domain.errors import AmountTooLargeError, InvalidInputError
from domain.matching import QueueReason
from domain.money_errors import RateDateError, RateUnknownError, WrongCurrencyError
from domain.orders import OrderStatus
from domain.payments import (
    AllocateCommand,
    ApplyRequest,
    ManualAllotment,
    PaymentDraft,
    PaymentOutcome,
    PaymentState,
    RecordRequest,
)
from domain.rates import Rate
from domain.revisions import ReviseCommand, RevisedLine, ReviseOutcome, ReviseRequest

DAY = date(2026, 4, 6)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def say(
    engine: Engine, company: Company, price: str, *, day: date = DAY, pair: tuple[str, str] = ("RUB", "KZT")
) -> bool:
    """Record a rate; whether it is the first of its day."""
    with Session(engine) as session, session.begin():
        rate = Rate(*pair, day, Decimal(price))
        return record_rate(session, rate, company.accountant, today=DAY, at=MONDAY)[1]


def an_order(
    engine: Engine, company: Company, customer: CustomerRow, *, price: str = "100000", **terms: object
) -> tuple[str, CreditOutcome]:
    """An order of one product in roubles, decided; with stock to ship it from."""
    sku = a_product(engine, price=price, on_hand="10", currency="RUB")
    order = a_quote(engine, company.manager, customer, sku, currency="RUB", **terms)  # type: ignore[arg-type]
    return order, decide(engine, company, order)


def facts_of(engine: Engine, customer: CustomerRow, *, days: int = 0) -> CreditFacts:
    with Session(engine) as session:
        account = session.get_one(CreditAccountRow, customer.credit_account_id)
        return credit.load_facts(session, account, today=DAY + timedelta(days=days))


def pay(
    engine: Engine, company: Company, customer: CustomerRow, amount: str, purpose: str = "Оплата", currency: str = "RUB"
) -> PaymentOutcome:
    draft = PaymentDraft(f"api-{new_id()}", "api", DAY, Decimal(amount), purpose, currency=currency,
                         payer_tax_id=customer.tax_id)  # fmt: skip
    payments = PaymentActivities(engine)
    payment = payments.record_payment(RecordRequest(draft, company.accountant, MONDAY))
    return payments.apply_payment(ApplyRequest(payment, MONDAY))


def commitment(engine: Engine, order: str) -> CommitmentRow:
    with Session(engine) as session:
        return session.get_one(CommitmentRow, UUID(order))


def number_of(engine: Engine, order: str) -> str:
    with Session(engine) as session:
        return session.get_one(OrderRow, UUID(order)).number


# -- the decision ---------------------------------------------------------------------------------------------------


def test_d2_18_an_order_in_roubles_is_decided_in_tenge_at_the_rate_of_the_day(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, limit="550000.00")
    say(engine, company, "5.50")

    order, outcome = an_order(engine, company, customer)

    decision = outcome.decision
    assert (decision.outcome, decision.exposure, decision.currency) == (Outcome.AUTO, 550_000, "KZT")
    row = commitment(engine, order)
    assert (row.uninvoiced, row.rate) == (100_000, Decimal("5.50"))
    assert facts_of(engine, customer).commitments == 550_000


def test_d2_4_one_tiyn_over_the_limit_after_conversion_asks(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, limit="549999.99")
    say(engine, company, "5.50")

    assert an_order(engine, company, customer)[1].decision.outcome is Outcome.APPROVAL


def test_d2_19_the_record_keeps_the_rates_and_computes_again_bit_for_bit(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.123455")
    an_invoice(engine, customer, "А-1", "0.10", currency="RUB", due="2026-04-01")
    an_invoice(engine, customer, "А-2", "1000.00")
    an_order(engine, company, customer, price="10000")
    _, outcome = an_order(engine, company, customer, price="777.77")

    with Session(engine) as session:
        rows = session.exec(select(CreditDecisionRow).order_by(CreditDecisionRow.id)).all()  # type: ignore[arg-type]
        decision, facts, _ = decisions.recorded(session, rows[-1])
    assert decision == outcome.decision
    used = Rate("RUB", "KZT", DAY, Decimal("5.123455"))
    assert (facts.rates, facts.order_rate) == ((used,), used)
    assert (facts.receivables, facts.order_credit) == (Decimal("1000.51"), Decimal("3984.87"))
    evidence = rows[-1].evidence or {}
    assert sum(Decimal(each["residual"]) for each in evidence["invoices"]) == facts.receivables
    assert sum(Decimal(each["credit"]) for each in evidence["orders"]) == facts.commitments == Decimal("51234.55")
    assert [each.get("owed") for each in evidence["invoices"]] == ["0.10", None]
    assert [each.get("rate") for each in evidence["orders"]] == ["5.123455"]


def test_d1_1_every_item_is_rounded_by_itself(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "0.5")
    for _ in range(2):
        pay(engine, company, customer, "0.01")
    for number in ("А-1", "А-2", "А-3"):
        an_invoice(engine, customer, number, "0.01", currency="RUB", due="2026-04-01")

    facts = facts_of(engine, customer)

    assert facts.receivables == Decimal("0.03"), "half up per item, not 0.02 of the sum"
    assert facts.advances == Decimal("0.02"), "half up per payment, not 0.01 of the sum"
    assert [item.residual for item in facts.overdue] == [Decimal("0.01")] * 3


def test_d2_18_receivables_follow_the_rate_and_the_commitment_does_not(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, limit="10000000")
    say(engine, company, "5.50")
    invoiced, _ = an_order(engine, company, customer)
    committed, _ = an_order(engine, company, customer)
    reserve(engine, invoiced)
    pick(engine, company, invoiced)
    ship_picked(engine, company, invoiced)
    today = facts_of(engine, customer)
    assert (today.receivables, today.commitments) == (550_000, 550_000)

    say(engine, company, "6", day=DAY + timedelta(days=1))

    assert facts_of(engine, customer) == today, "tomorrow's rate counts from tomorrow on"
    tomorrow = facts_of(engine, customer, days=1)
    assert (tomorrow.receivables, tomorrow.commitments) == (600_000, 550_000)
    assert (tomorrow.rates[0].rate, tomorrow.rates[0].age) == (6, 0)
    assert commitment(engine, committed).rate == Decimal("5.5")


def test_d2_8_only_the_credit_part_is_converted_and_a_prepaid_order_is_free(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, limit="0")
    say(engine, company, "5.50", day=DAY - timedelta(days=300))

    order, outcome = an_order(engine, company, customer, prepayment_percent=100)

    assert (outcome.decision.outcome, outcome.decision.exposure) == (Outcome.AUTO, 0)
    assert commitment(engine, order).required_prepayment == 100_000, "in the order's own money"


@pytest.mark.parametrize(("age", "outcome"), [(7, Outcome.AUTO), (8, Outcome.APPROVAL)])
def test_d2_17_the_last_rate_counts_for_7_days(engine: Engine, company: Company, age: int, outcome: Outcome) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50", day=DAY - timedelta(days=age))

    order, credit_outcome = an_order(engine, company, customer)

    assert credit_outcome.decision.outcome is outcome
    if outcome is Outcome.APPROVAL:
        assert [reason.code for reason in credit_outcome.decision.reasons] == ["NO_RATE"]
        command = ApprovalCommand(company.head, Verdict.APPROVE, "курс знаем")
        answered = ApprovalActivities(engine).answer_approval(ApprovalRequest(order, command, MONDAY))
        assert answered.state.status is OrderStatus.CONFIRMED
    assert commitment(engine, order).rate == Decimal("5.5")


def test_d2_13_a_recent_rate_sets_the_waiting_order_free_at_that_rate(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50", day=DAY - timedelta(days=8))
    order, _ = an_order(engine, company, customer)
    say(engine, company, "6")

    with Session(engine) as session, session.begin():
        freed = reconsider_account(session, customer.credit_account_id, at=MONDAY)

    assert freed == (order,)
    assert commitment(engine, order).rate == 6


def test_d2_5_an_overdue_invoice_in_roubles_counts_by_its_worth(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50")
    an_invoice(engine, customer, "А-1", "90.91", currency="RUB", due="2026-03-01")  # 500.01 KZT, above the floor

    (item,) = facts_of(engine, customer).overdue
    decision = decide(engine, company, a_quote(engine, company.manager, customer, a_product(engine))).decision

    assert (item.residual, item.amount) == (Decimal("500.01"), Decimal("500.01"))
    assert decision.outcome is Outcome.STOP


def test_a_claim_in_roubles_is_told_by_its_worth_of_the_day(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50")
    an_invoice(engine, customer, "А-1", "100.00", currency="RUB")
    an_invoice(engine, customer, "А-2", "70.00")

    with Session(engine) as session:
        query = select(ScheduleLineRow, InvoiceRow).join(InvoiceRow)
        lines = session.exec(query).all()
        assert worth_of(session, lines, "KZT", today=DAY) == 620


def test_own_currency_asks_for_nothing_more_and_uses_no_rate(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50", day=DAY - timedelta(days=100))
    an_invoice(engine, customer, "А-1", "1000.00")
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    with Session(engine) as session:
        account = session.get_one(CreditAccountRow, customer.credit_account_id)
        asked.clear()
        facts = credit.load_facts(session, account, today=DAY)

    assert len(asked) == 1
    assert (facts.receivables, facts.rates, facts.order_rate) == (1000, (), None)


# -- quotes and revisions -------------------------------------------------------------------------------------------


def test_d2_17_a_quote_in_a_currency_without_any_rate_is_refused(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50", day=DAY + timedelta(days=1))
    say(engine, company, "0.18", pair=("KZT", "RUB"))

    with pytest.raises(RateUnknownError) as refused:
        an_order(engine, company, customer)
    assert refused.value.facts == {"field": "currency", "currency": "RUB", "base": "KZT"}
    with Session(engine) as session:
        assert session.exec(select(OrderRow)).all() == []


def test_a_price_list_in_another_currency_needs_a_price_from_the_manager(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="1000")
    say(engine, company, "5.50")

    with pytest.raises(WrongCurrencyError):
        a_quote(engine, company.manager, customer, sku, currency="RUB")
    assert a_quote(engine, company.manager, customer, sku, currency="RUB", price="200")


def test_a_sum_that_no_ledger_holds_after_conversion_is_refused(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, currency="RUB")
    say(engine, company, "5.50")

    with pytest.raises(AmountTooLargeError):
        a_quote(engine, company.manager, customer, sku, currency="RUB", price="9000000000000", quantity="1000")


def revise(engine: Engine, company: Company, order: str, quantity: str, number: int) -> ReviseOutcome:
    with Session(engine) as session:
        sku = session.execute(text("SELECT sku FROM order_line WHERE order_id = :order"), {"order": order}).scalars()
        line = RevisedLine(next(iter(sku)), Decimal(quantity))
    command = ReviseCommand(company.manager, lines=(line,))
    request = ReviseRequest(order, number, command, MONDAY + timedelta(days=1))
    return RevisionActivities(engine).revise_order(request)


def test_d2_18_a_larger_revision_takes_the_rate_of_its_day_and_a_smaller_one_keeps_the_old(
    engine: Engine, company: Company
) -> None:
    customer = a_customer(engine, company, limit="10000000")
    say(engine, company, "5.50")
    order, _ = an_order(engine, company, customer, quantity="2")
    say(engine, company, "6", day=DAY + timedelta(days=1))

    assert revise(engine, company, order, "1", 1).decision is None
    assert (commitment(engine, order).uninvoiced, commitment(engine, order).rate) == (100_000, Decimal("5.5"))

    larger = revise(engine, company, order, "3", 2)
    assert larger.in_force
    assert larger.decision is not None
    assert larger.decision.exposure == 1_800_000
    assert (commitment(engine, order).uninvoiced, commitment(engine, order).rate) == (300_000, 6)


# -- money ----------------------------------------------------------------------------------------------------------


def test_money_in_roubles_pays_the_invoice_in_roubles_and_the_rest_is_an_advance(
    engine: Engine, company: Company
) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50")
    order, _ = an_order(engine, company, customer)
    reserve(engine, order)
    pick(engine, company, order)
    (watch,) = ship_picked(engine, company, order).watch

    outcome = pay(engine, company, customer, "100010", f"по заказу {number_of(engine, order)}")

    assert (outcome.state, outcome.reason, outcome.unallocated) == (PaymentState.MATCHED, None, 10)
    with Session(engine) as session:
        assert session.get_one(ScheduleLineRow, UUID(watch.schedule_line_id)).residual == 0
    facts = facts_of(engine, customer)
    assert (facts.receivables, facts.advances, facts.rates[0].rate) == (0, 55, Decimal("5.5"))


def test_money_in_roubles_is_tied_to_the_prepayment_of_its_order(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50")
    order, _ = an_order(engine, company, customer, prepayment_percent=30)
    reserve(engine, order)

    assert pay(engine, company, customer, "40000").order_ids == (order,)

    facts = facts_of(engine, customer)
    assert facts.commitments == 385_000, "30 000 were asked for; the other 10 000 are an advance"
    assert facts.advances == 55_000


def test_money_of_the_account_never_pays_a_document_in_roubles(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    say(engine, company, "5.50")
    line = an_invoice(engine, customer, "СФ-000123", "100.00", currency="RUB")

    unnamed = pay(engine, company, customer, "100", currency="KZT")
    named = pay(engine, company, customer, "550", "счет 123", currency="KZT")

    assert (unnamed.state, unnamed.schedule_line_ids) == (PaymentState.MATCHED, ())
    assert (named.state, named.reason) == (PaymentState.UNMATCHED, QueueReason.WRONG_CURRENCY)
    assert facts_of(engine, customer).advances == 650, "meanwhile it is the payer's"
    command = AllocateCommand(named.payment_id, "1", company.accountant, MONDAY,
                              allotments=(ManualAllotment(invoice_id=line),))  # fmt: skip
    with pytest.raises(WrongCurrencyError) as refused:
        PaymentActivities(engine).allocate_payment(command)
    assert refused.value.facts == {"field": "invoice_id", "currency": "KZT", "expected": "RUB"}


def test_the_accountant_gives_money_to_its_payer_once_a_rate_is_there(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    queued = pay(engine, company, customer, "100")
    assert (queued.reason, facts_of(engine, customer).advances) == (QueueReason.WRONG_CURRENCY, 0)
    say(engine, company, "5.50")

    command = AllocateCommand(queued.payment_id, "1", company.accountant, MONDAY, customer_id=str(customer.id))
    given = PaymentActivities(engine).allocate_payment(command)

    assert (given.state, facts_of(engine, customer).advances) == (PaymentState.MATCHED, 550)


def test_the_database_refuses_to_mix_currencies(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer, "СФ-000123", "100.00", currency="RUB")
    payment = pay(engine, company, customer, "100", currency="KZT").payment_id

    with pytest.raises(IntegrityError, match="another currency"), engine.begin() as connection:
        connection.execute(
            text("INSERT INTO payment_allocation (id, payment_id, schedule_line_id, amount, at) "
                 "VALUES (:id, :payment, :line, 100, now())"),
            {"id": new_id(), "payment": payment, "line": line},
        )  # fmt: skip
    with Session(engine) as session:
        assert session.get_one(PaymentRow, UUID(payment)).unallocated == 100


# -- recording ------------------------------------------------------------------------------------------------------


def test_a_correction_counts_from_now_on_and_the_journal_keeps_the_figure_before(
    engine: Engine, company: Company
) -> None:
    assert [say(engine, company, price) for price in ("55", "5.50", "5.5")] == [True, False, False]

    with Session(engine) as session:
        assert [row.rate for row in session.exec(select(ExchangeRateRow))] == [Decimal("5.5")]
        told = session.exec(select(JournalRow).where(JournalRow.subject == "exchange_rate").order_by(JournalRow.id))  # type: ignore[arg-type]
        events = [(each.event, each.data["rate"], each.data["before"]) for each in told]
    assert events == [("rate_recorded", "55", None), ("rate_corrected", "5.50", "55.000000")]


def test_a_rate_is_of_two_currencies_and_of_no_far_day(engine: Engine, company: Company) -> None:
    assert say(engine, company, "5.50", day=DAY + timedelta(days=7))
    with pytest.raises(RateDateError):
        say(engine, company, "5.50", day=DAY + timedelta(days=8))
    with pytest.raises(InvalidInputError):
        say(engine, company, "1", pair=("KZT", "KZT"))
