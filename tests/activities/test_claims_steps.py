"""Credit notes (D1-3, D12-6, D2-12) and disputes (D11-1) on real PostgreSQL: sums, locks, orders set free."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import decide
from support.invoices import an_invoice, rows

from activities.dunning import DunningActivities
from activities.dunning_effects import fresh_letter
from activities.persistence import credit_notes, disputes
from activities.persistence.credit import load_facts
from activities.persistence.credit_notes import NewNote
from activities.persistence.credit_tables import CreditNoteRow, DisputeRow
from activities.persistence.disputes import NewDispute
from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import AllocationRow, DunningStepRow, InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.record_tables import JournalRow, OutboundRow, TaskRow
from domain.business_calendar import BusinessCalendar
from domain.credit import CreditFacts
from domain.disputes import DisputeResult
from domain.dunning import DunningLook, DunningState, InvoiceStatus
from domain.money_errors import (
    CreditNoteExistsError,
    CreditNoteTooLargeError,
    DisputeAgainError,
    DisputeNotFoundError,
    DisputeOpenError,
    DisputeTooLongError,
)
from domain.orders import WaitReason

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
TODAY = date(2026, 4, 6)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def customer(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company)


def pay(engine: Engine, customer: CustomerRow, line: str, amount: str, *, more: str = "0") -> UUID:
    """Money applied to a line, and `more` of the same payment left as an advance."""
    with Session(engine) as session, session.begin():
        payment = PaymentRow(
            identity=str(new_id()), source="test", posted_on=TODAY, amount=Decimal(amount) + Decimal(more),
            currency="KZT", purpose="", customer_id=customer.id, credit_account_id=customer.credit_account_id,
            state="matched", unallocated=Decimal(more), recorded_at=MONDAY,
        )  # fmt: skip
        session.add(payment)
        session.flush()
        session.add(
            AllocationRow(payment_id=payment.id, schedule_line_id=UUID(line), amount=Decimal(amount), at=MONDAY)
        )
        session.get_one(ScheduleLineRow, UUID(line)).residual -= Decimal(amount)
        return payment.id


def second_line(engine: Engine, line: str, amount: str, due: date) -> str:
    """Another instalment of the same invoice."""
    with Session(engine) as session, session.begin():
        first = session.get_one(ScheduleLineRow, UUID(line))
        row = ScheduleLineRow(
            invoice_id=first.invoice_id, line_no=2, amount=Decimal(amount), residual=Decimal(amount), due_date=due,
            policy_version=1,
        )  # fmt: skip
        session.add(row)
        session.get_one(InvoiceRow, first.invoice_id).gross += Decimal(amount)
        return str(row.id)


def note(
    engine: Engine, company: Company, line: str, amount: str, *, number: str = "КН-1", on: date = TODAY
) -> tuple[CreditNoteRow, bool]:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        invoice = session.get_one(InvoiceRow, session.get_one(ScheduleLineRow, UUID(line)).invoice_id)
        new = NewNote(number, Decimal(amount), on, "брак")
        return credit_notes.post(session, invoice, new, company.accountant, at=MONDAY)


def figures(engine: Engine, customer: CustomerRow, day: date = TODAY) -> CreditFacts:
    with Session(engine) as session:
        return load_facts(session, session.get_one(CreditAccountRow, customer.credit_account_id), today=day)


def residual(engine: Engine, line: str) -> Decimal:
    with Session(engine) as session:
        return session.get_one(ScheduleLineRow, UUID(line)).residual


def status(engine: Engine, order: str) -> str:
    with Session(engine) as session:
        return session.get_one(OrderRow, UUID(order)).status


def conserved(engine: Engine) -> None:
    """Every invoice: gross = notes + residuals + what payments gave it, and every payment adds up (D3-9, D9-10)."""
    with engine.connect() as connection:
        wrong = connection.execute(
            text("""
                SELECT invoice.number FROM invoice
                 WHERE gross <> (SELECT coalesce(sum(amount), 0) FROM credit_note WHERE invoice_id = invoice.id)
                   + (SELECT sum(residual) FROM schedule_line WHERE invoice_id = invoice.id)
                   + (SELECT coalesce(sum(a.amount), 0) FROM payment_allocation a
                        JOIN schedule_line line ON line.id = a.schedule_line_id WHERE line.invoice_id = invoice.id)
                UNION ALL
                SELECT payment.identity FROM payment
                 WHERE amount <> unallocated
                   + (SELECT coalesce(sum(amount), 0) FROM payment_allocation WHERE payment_id = payment.id)
            """)
        ).all()
    assert wrong == []


def test_d1_3_exposure_falls_by_the_whole_note(engine: Engine, company: Company, customer: CustomerRow) -> None:
    """By what was still owed, and by what becomes the payer's advance."""
    line = an_invoice(engine, customer, amount="100000.00")
    payment = pay(engine, customer, line, "70000", more="5000")
    before = figures(engine, customer)

    posted, _ = note(engine, company, line, "50000")

    after = figures(engine, customer)
    assert (before.receivables, before.advances) == (30_000, 5_000)
    assert (after.receivables, after.advances) == (0, 25_000)
    assert before.exposure_before - after.exposure_before == 50_000
    assert (posted.amount, posted.freed) == (50_000, 20_000)
    (left,) = rows(engine, AllocationRow, payment_id=payment)
    assert left.amount == 50_000
    conserved(engine)


def test_d1_3_the_latest_due_is_lowered_first(engine: Engine, company: Company, customer: CustomerRow) -> None:
    early = an_invoice(engine, customer, amount="100.00", due=TODAY)
    late = second_line(engine, early, "50", TODAY + timedelta(days=10))

    note(engine, company, early, "60")

    assert (residual(engine, early), residual(engine, late)) == (90, 0)
    with Session(engine) as session:
        assert session.get_one(ScheduleLineRow, UUID(late)).settled_on == TODAY
        assert session.get_one(ScheduleLineRow, UUID(early)).settled_on is None
    conserved(engine)


def test_the_newest_money_goes_back_first(engine: Engine, company: Company, customer: CustomerRow) -> None:
    line = an_invoice(engine, customer, amount="100.00")
    first, second = pay(engine, customer, line, "60"), pay(engine, customer, line, "40")

    note(engine, company, line, "50")

    with Session(engine) as session:
        assert session.get_one(PaymentRow, second).unallocated == 40
        assert session.get_one(PaymentRow, first).unallocated == 10
    assert rows(engine, AllocationRow, payment_id=second) == []
    conserved(engine)


def test_notes_together_are_at_most_the_invoice(engine: Engine, company: Company, customer: CustomerRow) -> None:
    """D1-3, at both sides; a refused note changes nothing."""
    line = an_invoice(engine, customer, amount="100.00")
    pay(engine, customer, line, "30")
    note(engine, company, line, "60")

    with pytest.raises(CreditNoteTooLargeError) as refused:
        note(engine, company, line, "40.01", number="КН-2")
    assert Decimal(str(refused.value.facts["room"])) == 40
    conserved(engine)
    note(engine, company, line, "40", number="КН-2")
    assert figures(engine, customer).exposure_before == -30
    conserved(engine)


def test_the_same_note_again_is_the_same_note(engine: Engine, company: Company, customer: CustomerRow) -> None:
    line = an_invoice(engine, customer, amount="100.00")
    first, new = note(engine, company, line, "60")
    again, new_again = note(engine, company, line, "60")

    assert (first.id, new, new_again) == (again.id, True, False)
    assert residual(engine, line) == 40
    for amount, on in (("60.01", TODAY), ("60", TODAY + timedelta(days=1))):
        with pytest.raises(CreditNoteExistsError):
            note(engine, company, line, amount, on=on)
    other = an_invoice(engine, customer, amount="100.00")
    assert note(engine, company, other, "10")[1]  # another invoice has numbers of its own


def test_two_notes_at_once_never_take_more_than_there_is(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    """D3-2: notes take the account's lock."""
    line = an_invoice(engine, customer, amount="100.00")

    def post(number: int) -> str:
        try:
            note(engine, company, line, "30", number=f"КН-{number}")
        except CreditNoteTooLargeError:
            return "refused"
        return "posted"

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(6)))

    assert answers.count("posted") == 3
    assert residual(engine, line) == 10
    conserved(engine)


def test_d2_12_a_note_sets_a_stopped_order_free(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, limit="100000"), a_product(engine, price="50000")
    line = an_invoice(engine, customer, amount="200000.00", due=TODAY + timedelta(days=5))
    order = a_quote(engine, company.manager, customer, sku)
    assert decide(engine, company, order).decision.outcome == "stop"

    note(engine, company, line, "149999.99")
    assert status(engine, order) == "awaiting_approval"  # E1 100 000.01 is above the limit (D2-2)
    note(engine, company, line, "0.01", number="КН-2")

    assert status(engine, order) == "confirmed"
    events = [row.event for row in rows(engine, JournalRow, subject="invoice")]
    assert events == ["credit_note_posted", "credit_note_posted"]


def test_d10_7_an_invoice_credited_to_nothing_closes_with_its_reason(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    line = an_invoice(engine, customer, amount="100000.00", due=TODAY - timedelta(days=4))
    look(engine, line, 0)
    note(engine, company, line, "100000")

    state = look(engine, line, 0, hour=15)

    assert state.status is InvoiceStatus.SETTLED
    assert {row.state for row in rows(engine, OutboundRow, audience="customer")} == {"cancelled"}
    (settled,) = rows(engine, JournalRow, event="invoice_settled")
    assert settled.data["result"] == "credited"


# -- disputes ---------------------------------------------------------------------------------------------------------


def look(engine: Engine, line: str, days: int, *, hour: int = 10) -> DunningState:
    """Look at a line so many days after `TODAY`."""
    return DunningActivities(engine).look_at_invoice(DunningLook(line, at_day(days, hour)))


def at_day(days: int, hour: int = 10) -> datetime:
    return ALMATY.at(TODAY + timedelta(days=days), hour)


def dispute(
    engine: Engine,
    company: Company,
    line: str,
    amount: str | None = None,
    *,
    days: int = 14,
    at: datetime = MONDAY,
    by: str = "manager",
) -> DisputeRow:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        sum_ = None if amount is None else Decimal(amount)
        new = NewDispute(sum_, "недовоз", None, TODAY + timedelta(days=days))
        return disputes.open_(session, UUID(line), new, company.people[by], at=at)


def close(engine: Engine, company: Company, line: str, at: datetime = MONDAY) -> DisputeRow:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return disputes.close(session, UUID(line), DisputeResult.OURS, "накладная подписана", company.lawyer, at=at)


@pytest.mark.parametrize(
    ("amount", "outcome"),
    [(None, "auto"), ("50000", "auto"), ("49500", "auto"), ("49499.99", "stop"), ("25000", "stop")],
)
def test_v14_a_disputed_debt_does_not_stop_the_order(
    engine: Engine, company: Company, customer: CustomerRow, amount: str | None, outcome: str
) -> None:
    """V14, D11-1: out of the overdue gate, still in exposure; a rest up to 500 KZT counts for nothing (D1-11)."""
    line = an_invoice(engine, customer, amount="50000.00", due=TODAY - timedelta(days=20))
    sku = a_product(engine, price="450000")
    dispute(engine, company, line, amount)

    decided = decide(engine, company, a_quote(engine, company.manager, customer, sku)).decision

    assert (decided.outcome, decided.exposure) == (outcome, 500_000)


def test_d11_1_a_dispute_sets_an_order_free_that_the_overdue_stopped(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    line = an_invoice(engine, customer, amount="50000.00", due=TODAY - timedelta(days=20))
    order = a_quote(engine, company.manager, customer, a_product(engine, price="1000"))
    assert decide(engine, company, order).decision.outcome == "stop"

    dispute(engine, company, line)

    assert status(engine, order) == "confirmed"


@pytest.mark.parametrize(("days", "overdue"), [(14, 0), (15, 50_000)])
def test_d11_1_the_gate_counts_again_the_day_after(
    engine: Engine, company: Company, customer: CustomerRow, days: int, overdue: int
) -> None:
    line = an_invoice(engine, customer, amount="50000.00", due=TODAY - timedelta(days=20))
    dispute(engine, company, line, days=14)
    (item,) = figures(engine, customer, TODAY + timedelta(days=days)).overdue
    assert item.residual - item.disputed == overdue


def test_d11_1_one_dispute_at_a_time(engine: Engine, company: Company, customer: CustomerRow) -> None:
    line = an_invoice(engine, customer, amount="50000.00", due=TODAY)
    with pytest.raises(DisputeTooLongError):
        dispute(engine, company, line, days=15)
    first = dispute(engine, company, line, days=3)
    with pytest.raises(DisputeOpenError) as refused:
        dispute(engine, company, line)
    assert refused.value.facts["ends_on"] == "2026-04-09"

    with pytest.raises(DisputeAgainError):  # the first one's days are over, but only the head goes on (D11-10)
        dispute(engine, company, line, days=8, at=at_day(4))
    second = dispute(engine, company, line, days=8, at=at_day(4), by="head")

    assert rows(engine, DisputeRow, id=first.id)[0].closed_at is not None
    assert close(engine, company, line).id == second.id
    with pytest.raises(DisputeNotFoundError):
        close(engine, company, line)
    with pytest.raises(DisputeAgainError):
        dispute(engine, company, line, days=8, at=at_day(5), by="head")


def test_d11_1_while_all_is_disputed_nothing_is_sent_and_no_stage_comes(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    """Disputed at n = 2, until n = 12: no +3, no +7; on the day after, only the stage of the real n (D10-5, D11-2)."""
    line = an_invoice(engine, customer, due=TODAY - timedelta(days=2))
    dispute(engine, company, line, days=10)

    for days in (0, 1, 4, 7, 10):
        state = look(engine, line, days)
        assert state.wait is not None
        assert (state.wait.reason, state.wait.until) == (WaitReason.DISPUTE, at_day(11, hour=0))
        assert (state.stage, state.notices, state.letters) == (None, (), ())
    assert rows(engine, DunningStepRow) == rows(engine, TaskRow) == []

    look(engine, line, 11, hour=0)
    state = look(engine, line, 11)

    assert state.stage == "call"
    assert {row.stage: row.state for row in rows(engine, DunningStepRow)} == {
        "before_due": "skipped", "letter": "skipped", "call": "done",
    }  # fmt: skip


def test_d11_1_a_letter_that_waits_to_be_sent_is_withdrawn(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    line = an_invoice(engine, customer, due=TODAY - timedelta(days=4))
    assert len(look(engine, line, 0).letters) == 1
    dispute(engine, company, line)
    with Session(engine) as session:
        assert fresh_letter(session, UUID(line), "dunning_letter", at=at_day(0)) is None

    assert look(engine, line, 0).letters == ()

    (letter,) = rows(engine, OutboundRow, audience="customer")
    assert (letter.state, letter.error) == ("cancelled", "disputed")


def test_d11_1_the_rest_of_a_partly_disputed_line_goes_on(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    """Texts ask for the undisputed rest, of this line and of the others they list (D10-3, D10-4)."""
    line = an_invoice(engine, customer, amount="275000.00", due=TODAY - timedelta(days=4))
    other = an_invoice(engine, customer, amount="90000.00", due=TODAY - timedelta(days=2))
    whole = an_invoice(engine, customer, amount="80000.00", due=TODAY - timedelta(days=2))
    dispute(engine, company, line, "75000")
    dispute(engine, company, other, "20000")
    dispute(engine, company, whole)

    state = look(engine, line, 0)

    assert state.stage == "letter"
    (letter,) = rows(engine, OutboundRow, audience="customer")
    told = letter.body.replace("\u00a0", " ")
    assert "К оплате: 200 000,00 ₸" in told
    assert "70 000,00 ₸" in told
    assert "80 000,00" not in told
    assert "Всего к оплате: 270 000,00 ₸" in told


@pytest.mark.parametrize("end", [close, note])
def test_what_ends_a_dispute(
    engine: Engine, company: Company, customer: CustomerRow, end: Callable[..., object]
) -> None:
    """Closed by a person the stage of the real n acts (D11-2); with nothing owed the dispute is over (D10-7)."""
    line = an_invoice(engine, customer, amount="90000.00", due=TODAY - timedelta(days=8))
    dispute(engine, company, line)
    look(engine, line, 0)

    end(engine, company, line, **({"amount": "90000"} if end is note else {}))
    state = look(engine, line, 0, hour=11)

    assert state.stage == (None if end is note else "call")
    assert rows(engine, DisputeRow)[0].closed_at is not None
    (closed,) = rows(engine, JournalRow, event="dispute_closed")
    assert closed.data["result"] == ("settled" if end is note else "ours")
