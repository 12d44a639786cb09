"""The ladder's effects on real PostgreSQL: each stage once, by the facts under the lock (D10)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from support.company import Company, a_company, a_customer
from support.invoices import DUE, an_invoice, pay, rows

from activities.dunning import DunningActivities
from activities.persistence.money_tables import DunningStepRow, LegalCaseRow, ScheduleLineRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import JournalRow, OutboundRow, TaskRow
from activities.persistence.tasks import complete_task
from domain.business_calendar import BusinessCalendar
from domain.dunning import DunningLook, DunningState, InvoiceStatus, Stage
from domain.money_errors import InvoiceNotFoundError
from domain.orders import OnExpiry, WaitReason
from domain.tasks import CallResultRequiredError, TaskClosedError, TaskNotFoundError

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")


def day(n: int, hour: int = 10) -> datetime:
    """The `n`-th overdue day, local time."""
    return ALMATY.at(DUE + timedelta(days=n), hour)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def customer(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company, contract=False)


def look(engine: Engine, line: str, at: datetime) -> DunningState:
    return DunningActivities(engine).look_at_invoice(DunningLook(line, at))


def letters(engine: Engine) -> list[OutboundRow]:
    return rows(engine, OutboundRow, audience="customer")


def steps(engine: Engine) -> dict[str, tuple[str, int]]:
    return {row.stage: (row.state, row.days_overdue) for row in rows(engine, DunningStepRow)}


def test_before_the_due_date_the_line_only_waits(engine: Engine, customer: CustomerRow) -> None:
    state = look(engine, an_invoice(engine, customer), ALMATY.at(date(2026, 4, 1), 12))

    assert (state.status, state.stage, state.notices, state.letters) == (InvoiceStatus.OPEN, None, (), ())
    assert state.wait is not None
    assert (state.wait.reason, state.wait.on_expiry) == (WaitReason.DUE_DATE, OnExpiry.ESCALATE)
    assert state.wait.until == ALMATY.at(date(2026, 4, 10), 10)  # Sunday 12 -> Friday 10


def test_the_whole_ladder_and_its_effects(engine: Engine, customer: CustomerRow, company: Company) -> None:
    """V22: the effects of every stage, day by day."""
    line = an_invoice(engine, customer)
    now = ALMATY.at(date(2026, 4, 1), 12)
    seen = []
    for _ in range(6):
        state = look(engine, line, now)
        seen.append((state.stage, len(state.notices), len(state.letters), state.letters_at))
        assert state.wait is not None
        if state.wait.until is None:
            break
        now = state.wait.until

    # nothing was delivered here, so notices and letters heap up
    assert [stage for stage, *_ in seen] == [
        None, Stage.BEFORE_DUE, Stage.LETTER, Stage.CALL, Stage.HEAD, Stage.LEGAL,
    ]  # fmt: skip
    assert [count for _, _, count, _ in seen] == [0, 0, 1, 2, 3, 4]
    assert seen[2][3] == ALMATY.at(date(2026, 4, 20), 11)
    assert steps(engine) == {
        "before_due": ("done", -5),
        "letter": ("done", 5),
        "call": ("done", 7),
        "head": ("done", 14),
        "legal": ("done", 30),
    }
    tasks = {row.kind: row for row in rows(engine, TaskRow)}
    assert str(tasks["call_overdue"].assignee_id) == company.manager.id
    assert "просрочен на 7 дней, 275\u00a0000,00\u00a0₸" in tasks["call_overdue"].subject
    assert (tasks["overdue_review"].role, tasks["overdue_review"].assignee_id) == ("head", None)
    assert tasks["overdue_review"].details["tasks"][0]["state"] == "open"  # D10-6
    assert tasks["legal_case"].role == "lawyer"
    with Session(engine) as session:
        row = session.get_one(ScheduleLineRow, tasks["legal_case"].schedule_line_id)
        assert (row.stage, row.observed_on) == ("legal", date(2026, 5, 15))
    journal = [row.event for row in rows(engine, JournalRow, subject="invoice")]
    assert journal.count("dunning_done") == 5


def test_the_seed_texts_at_plus_three(engine: Engine, customer: CustomerRow) -> None:
    """V22: +3 falls on Saturday 18, goes on Monday 20, and says 5 days."""
    line = an_invoice(engine, customer)
    look(engine, line, ALMATY.at(date(2026, 4, 20), 10))

    (letter,) = letters(engine)
    (invoice,) = {event.data["stage"] for event in rows(engine, JournalRow, event="dunning_done")}
    assert invoice == "letter"
    assert letter.recipient == "zakup@romashka.example"
    assert "Напоминаем, что срок оплаты счёта СФ-" in letter.body
    assert "истёк 5 дней назад" in letter.body
    assert "К оплате: 275\u00a0000,00\u00a0₸" in letter.body
    assert letter.body.strip().endswith("Ваш менеджер: Анна Ким, manager@opora.local")
    assert "\n\n\n" not in letter.body
    (notice,) = rows(engine, OutboundRow, audience="staff", template="dunning_letter")
    assert notice.body == "У ООО «Ромашка» просрочка 275\u00a0000,00\u00a0₸, нужно связаться"
    assert notice.recipient == "manager@opora.local"


def test_a_repeat_does_nothing_twice(engine: Engine, customer: CustomerRow) -> None:
    line = an_invoice(engine, customer)
    first = look(engine, line, day(7))
    again = look(engine, line, day(7, 12))

    assert first.letters == again.letters
    assert len(letters(engine)) == 1
    assert len(rows(engine, TaskRow, kind="call_overdue")) == 1


def test_two_looks_at_once_act_once(engine: Engine, customer: CustomerRow) -> None:
    line = an_invoice(engine, customer)
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda _: look(engine, line, day(14)), range(4)))

    assert {state.stage for state in states} == {Stage.HEAD}
    assert len(letters(engine)) == 1
    assert len(rows(engine, DunningStepRow)) == 4


def test_v27_after_an_outage_one_letter_and_the_head(engine: Engine, customer: CustomerRow) -> None:
    """Down from n = 6 to n = 16, which is a Wednesday here: 1 May is a holiday."""
    line = an_invoice(engine, customer, due=date(2026, 4, 13))
    look(engine, line, ALMATY.at(date(2026, 4, 16), 10))
    look(engine, line, ALMATY.at(date(2026, 4, 29), 12))

    assert steps(engine) == {
        "before_due": ("skipped", 3),
        "letter": ("done", 3),
        "call": ("skipped", 16),
        "head": ("done", 16),
    }
    assert [letter.template for letter in letters(engine)] == ["dunning_letter", "dunning_head"]
    assert rows(engine, TaskRow, kind="call_overdue") == []


def test_d10_3_a_part_payment_changes_the_texts_only(engine: Engine, customer: CustomerRow) -> None:
    line = an_invoice(engine, customer)
    look(engine, line, day(7))
    pay(engine, line, "75000.50")
    state = look(engine, line, day(14))

    assert state.stage is Stage.HEAD
    assert "К оплате: 75\u00a0000,50\u00a0₸" in letters(engine)[-1].body
    assert "Сумма счёта: 275\u00a0000,00\u00a0₸" in letters(engine)[-1].body


@pytest.mark.parametrize(("residual", "acts"), [("500.00", False), ("500.01", True)])
def test_d1_11_a_residue_up_to_the_floor_does_not_escalate(
    engine: Engine, customer: CustomerRow, residual: str, acts: bool
) -> None:
    line = an_invoice(engine, customer, amount="100000.00")
    pay(engine, line, residual)
    state = look(engine, line, day(7))

    assert state.status is InvoiceStatus.OVERDUE
    assert (state.stage is Stage.CALL) is acts
    assert state.wait is not None
    assert (state.wait.until is not None) is acts


def test_payment_ends_everything(engine: Engine, customer: CustomerRow) -> None:
    line = an_invoice(engine, customer)
    look(engine, line, day(7))
    pay(engine, line)
    state = look(engine, line, day(8))
    again = look(engine, line, day(8, 11))

    assert state == again == DunningState(InvoiceStatus.SETTLED, Stage.CALL, wait=None)
    assert {row.state for row in rows(engine, OutboundRow)} == {"cancelled"}
    assert {row.state for row in rows(engine, TaskRow)} == {"cancelled"}
    assert len(rows(engine, JournalRow, event="invoice_settled")) == 1
    (settled,) = rows(engine, ScheduleLineRow)
    assert settled.settled_on == date(2026, 4, 23)


def test_d10_9_one_case_per_customer_later_lines_join(engine: Engine, customer: CustomerRow) -> None:
    first, second = an_invoice(engine, customer), an_invoice(engine, customer, amount="100000.00")
    for line in (first, second):
        look(engine, line, day(14))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda line: look(engine, line, day(30)), (first, second)))

    (case,) = rows(engine, LegalCaseRow)
    assert (case.state, case.package["total"]) == ("open", "375000.00")
    assert [row["days_overdue"] for row in _document(case, "debt")["items"]] == [30, 30]
    pay(engine, first)
    look(engine, first, day(31))
    assert rows(engine, LegalCaseRow)[0].state == "open"
    pay(engine, second)
    look(engine, second, day(31))
    assert rows(engine, LegalCaseRow)[0].state == "paid"


def test_d10_10_the_package_says_what_is_missing(engine: Engine, customer: CustomerRow, company: Company) -> None:
    line = an_invoice(engine, customer)
    look(engine, line, day(7))
    (call,) = rows(engine, TaskRow, kind="call_overdue")
    with Session(engine) as session, session.begin():
        complete_task(session, call.id, company.manager, "promise", "в пятницу", at=day(7, 15))
    look(engine, line, day(14))
    look(engine, line, day(30))

    (case,) = rows(engine, LegalCaseRow)
    missing = {document["code"] for document in case.package["documents"] if document["missing"]}
    assert missing == {"contract", "waybills", "reconciliation"}
    assert _document(case, "calls")["items"][0]["result"] == "promise"
    assert len(_document(case, "letters")["items"]) == 3
    documents = rows(engine, TaskRow, kind="legal_document")
    assert {task.details["document"]: task.role for task in documents} == {
        "contract": "manager",
        "waybills": "accountant",
        "reconciliation": "accountant",
    }
    assert {task.due_at for task in documents} == {ALMATY.at(date(2026, 5, 20), 10)}  # three working days


def test_d10_11_without_an_address_the_manager_gets_the_letter(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, name="ТОО «Без почты»", email=None)
    state = look(engine, an_invoice(engine, customer), day(7))

    assert (state.letters, letters(engine)) == ((), [])
    (task,) = rows(engine, TaskRow, kind="no_email")
    assert str(task.assignee_id) == company.manager.id
    assert "истёк 7 дней назад" in task.details["text"]


def test_d10_5_the_lawyer_comes_three_working_days_after_the_task_that_stood_for_a_letter(
    engine: Engine, company: Company
) -> None:
    customer = a_customer(engine, company, email=None)
    line = an_invoice(engine, customer)
    start = ALMATY.at(date(2026, 6, 1), 12)  # a Monday, n = 47
    state = look(engine, line, start)

    assert state.stage is Stage.HEAD
    assert state.wait is not None
    assert state.wait.until == ALMATY.at(date(2026, 6, 4), 10)


def test_d10_14_the_present_manager_gets_the_task(engine: Engine, customer: CustomerRow, company: Company) -> None:
    line = an_invoice(engine, customer)
    look(engine, line, ALMATY.at(date(2026, 4, 20), 10))
    with Session(engine) as session, session.begin():
        session.get_one(CustomerRow, customer.id).manager_id = None
    look(engine, line, day(7))

    (task,) = rows(engine, TaskRow, kind="call_overdue")
    assert (task.role, task.assignee_id) == ("head", None)
    assert rows(engine, OutboundRow, template="dunning_call", audience="staff")[0].recipient == "head@opora.local"


def test_a_call_is_finished_with_its_result_by_its_owner_once(
    engine: Engine, customer: CustomerRow, company: Company
) -> None:
    look(engine, an_invoice(engine, customer), day(7))
    (call,) = rows(engine, TaskRow, kind="call_overdue")

    def complete(actor: str, result: str | None) -> None:
        with Session(engine) as session, session.begin():
            complete_task(session, call.id, company.people[actor], result, None, at=day(7, 12))

    with pytest.raises(CallResultRequiredError):
        complete("manager", None)
    with pytest.raises(CallResultRequiredError):
        complete("manager", "потом")
    for stranger in ("manager2", "accountant", "admin"):
        with pytest.raises(TaskNotFoundError):
            complete(stranger, "promise")
    complete("manager", "no_answer")
    with pytest.raises(TaskClosedError):
        complete("head", "promise")


def test_an_unknown_line_is_refused(engine: Engine, company: Company) -> None:
    with pytest.raises(InvoiceNotFoundError):
        look(engine, company.manager.id, day(1))


def _document(case: LegalCaseRow, code: str) -> dict:
    return next(document for document in case.package["documents"] if document["code"] == code)
