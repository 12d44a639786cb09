"""Planted names: stories of every kind of process, told by and about people whose names can be searched for."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session
from support.company import a_customer, a_product
from support.house import House
from support.invoices import an_invoice, invoice_input
from support.money import OWN
from support.patience import end_of
from support.temporal import fast_forward
from support.watch import a_round, a_sweep

from activities.handoff import HandoffActivities
from activities.persistence import expected_receipts, limit_changes, parties
from activities.persistence.expected_receipts import Control, NewReceipt
from activities.persistence.party_tables import ContactRow, CustomerRow, UserRow
from activities.persistence.payments import keep_statement
from api import payment_commands
from api.grant_commands import grant_input, watch_grants
from api.supply_commands import watch_supplies
from domain.business_calendar import BusinessCalendar
from domain.credit_steps import ApprovalCommand, PlaceCommand, Verdict
from domain.limits import GrantKind
from domain.orders import Actor, CancelCommand, LineQuantity
from domain.payments import AllocateCommand, PaymentDraft, PaymentInput, PaymentState, StatementInput
from domain.supply_life import SupplyInput
from workflows import ids
from workflows.grant import CreditGrantWorkflow
from workflows.order import OrderWorkflow
from workflows.supply import SupplyWorkflow

KNOWN = {
    "customer": "ООО «Пелагеяторг»",
    "contact": "Пелагея Закупкина",
    "email": "pelageya@pelageyatorg.example",
    "phone": "+7 777 1234567",
    "manager": "Варвара Пелагеевна",
    "head": "Пелагей Главный",
    "accountant": "Пелагея Счетова",
    "grant reason": "Пелагея просит на сезон",
    "grant comment": "Пелагея платит вовремя",
    "statement payer": "ИП Выпискина Пелагея",
    "statement purpose": "от Пелагеи по счёту",
    "supplier": "ТОО «Пелагеясклад»",
    "supply comment": "везёт Пелагей Водитель",
    "control": "позвонить Пелагее",
}
"""Planted in fields that the database keeps: no message needs them."""
TYPED = {
    "reason": "Пелагея передумала",
    "approval": "Пелагея ручается",
    "payer": "ИП Плательщикова Пелагея",
    "purpose": "Пелагея платит за ремонт",
    "value in the way": "Пелагея-вместо-суммы",
}
"""Planted in what a person or a bank wrote into a command or its answer: it travels, and only the seal hides it."""
NAMES = KNOWN | TYPED

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
START = ALMATY.at(date(2035, 4, 2), 10)
"""A Monday far enough ahead that business time begins there."""


async def tell_of_named_people(house: House) -> None:
    """One process of each kind, each with a name wherever one can be written."""
    customer = a_named_customer(house)
    await an_order_that_is_cancelled(house, customer)
    await an_order_that_is_approved(house, customer)
    await a_payment_of_an_unknown_payer(house, customer)
    await a_statement(house)
    await a_change_of_credit(house, customer)
    await a_debt_that_is_chased(house, customer)
    await a_supply(house)
    await rounds_that_find_something(house, customer)


def a_named_customer(house: House) -> CustomerRow:
    company = house.company
    customer = a_customer(house.engine, company, name=NAMES["customer"], prepayment_percent=100, email=None)
    contact = ContactRow(
        customer_id=customer.id, role="buyer", name=NAMES["contact"], email=NAMES["email"], phone=NAMES["phone"]
    )
    with Session(house.engine) as session, session.begin():
        for login in ("manager", "head", "accountant"):
            person = company.people[login]
            session.get_one(UserRow, UUID(person.id)).name = NAMES[login]
            company.people[login] = Actor(person.id, NAMES[login], person.role)
        session.add(contact)
    return customer


async def an_order_that_is_cancelled(house: House, customer: CustomerRow) -> None:
    """Placed, a step of it fails, nobody pays, the manager cancels with a reason."""
    manager = house.company.manager
    order = house.quote(customer, a_product(house.engine, on_hand="5"), quantity="5")
    await house.command(order, OrderWorkflow.place, PlaceCommand(manager))
    await house.reaches(order, "awaiting_payment")
    await fast_forward(house.handle(order), timedelta(days=3))
    await house.command(order, OrderWorkflow.cancel, CancelCommand(manager, NAMES["reason"]))
    await end_of(house.handle(order))


async def an_order_that_is_approved(house: House, customer: CustomerRow) -> None:
    """Over the limit; the head approves with a comment."""
    sku = a_product(house.engine, price="1100000", on_hand="1")
    order = house.quote(customer, sku, prepayment_percent=0)
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "awaiting_approval")
    approval = ApprovalCommand(house.company.head, Verdict.APPROVE, NAMES["approval"])
    await house.command(order, OrderWorkflow.answer_approval, approval)
    await house.reaches(order, "ready")


async def a_payment_of_an_unknown_payer(house: House, customer: CustomerRow) -> None:
    """It lands in the accountant's queue, and the accountant says whose it is."""
    draft = PaymentDraft(
        identity="api-1", source="api", posted_on=date(2026, 4, 6), amount=Decimal(5), purpose=NAMES["purpose"],
        payer_name=NAMES["payer"], payer_tax_id="850101300123",
    )  # fmt: skip
    payment = PaymentInput(draft.identity, house.company.accountant, datetime.now(UTC), draft=draft)
    queued = await payment_commands.take_payment(house.client, house.task_queue, payment)
    assert queued is not None
    assert queued.state is PaymentState.UNMATCHED
    decision = AllocateCommand(
        queued.payment_id, "whose-1", house.company.accountant, datetime.now(UTC), customer_id=str(customer.id)
    )
    found = await payment_commands.allocate(house.client, house.task_queue, decision)
    assert found is not None
    assert found.customer_id == str(customer.id)


async def a_statement(house: House) -> None:
    """Of one payment, and one document whose amount is none."""
    head = "СекцияДокумент=выписка\nДатаДокумента=06.04.2026\nПлательщикБИН_ИИН=850101300123\nПолучательИИК=" + OWN
    told = f"Плательщик={NAMES['statement payer']}\nНазначениеПлатежа={NAMES['statement purpose']}\nКонецДокумента\n"
    content = (
        f"1CClientBankExchange\nРасчСчет={OWN}\n{head}\nНомерДокумента=1\nСуммаПриход=7.00\n{told}"
        f"{head}\nНомерДокумента=2\nСуммаПриход={NAMES['value in the way']}\n{told}КонецФайла\n"
    ).encode()
    sha, accountant, now = hashlib.sha256(content).hexdigest(), house.company.accountant, datetime.now(UTC)
    with Session(house.engine) as session, session.begin():
        keep_statement(session, sha, content, by=UUID(accountant.id), at=now)
    summary = await payment_commands.import_statement(
        house.client, house.task_queue, StatementInput(sha, "upload-1", accountant, now)
    )
    assert summary is not None
    assert (summary.payments_created, len(summary.rejected)) == (1, 1)


async def a_change_of_credit(house: House, customer: CustomerRow) -> None:
    """Asked for with a reason, approved with a comment, scheduled, begun."""
    engine, company = house.engine, house.company
    new = limit_changes.NewChange(
        GrantKind.TEMPORARY, NAMES["grant reason"], Decimal(2_000_000),
        valid_from=date(2035, 4, 4), valid_to=date(2035, 4, 13),
    )  # fmt: skip
    with Session(engine, expire_on_commit=False) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.manager)
        grant = limit_changes.request_change(session, account, row, new, company.manager, at=START)
    await watch_grants(house.client, house.task_queue, [grant_input(grant, now=START)])
    with Session(engine) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.head)
        asked = limit_changes.find_change(session, grant.id)
        comment = NAMES["grant comment"]
        limit_changes.decide_change(session, account, row, asked, company.head, approve=True, comment=comment, at=START)
    await watch_grants(house.client, house.task_queue, [grant_input(grant, now=START)])
    handle = house.client.get_workflow_handle_for(CreditGrantWorkflow.run, ids.grant_workflow_id(str(grant.id)))
    await fast_forward(handle, timedelta(days=3))


async def a_debt_that_is_chased(house: House, customer: CustomerRow) -> None:
    """Reminded of before it is due, then written to, then called about."""
    line = an_invoice(house.engine, customer, due=date(2035, 4, 18), issued=date(2035, 4, 2))
    await HandoffActivities(house.client, house.task_queue).start_invoices([invoice_input(customer, line, as_of=START)])
    handle: Any = house.client.get_workflow_handle(ids.invoice_workflow_id(line))
    for _ in range(3):
        assert await fast_forward(handle, timedelta(days=15))


async def a_supply(house: House) -> None:
    """Ordered from a named supplier, controlled on a day with a note, late."""
    new = NewReceipt(
        warehouse="main", supplier=NAMES["supplier"], expected_on=date(2035, 4, 13), comment=NAMES["supply comment"],
        lines=[LineQuantity(a_product(house.engine), Decimal(10))],
        controls=[Control(date(2035, 4, 4), NAMES["control"])],
    )  # fmt: skip
    with Session(house.engine, expire_on_commit=False) as session, session.begin():
        row = expected_receipts.create_receipt(session, new, house.company.buyer, at=START)
    await watch_supplies(house.client, house.task_queue, [SupplyInput(str(row.id), START)])
    handle = house.client.get_workflow_handle_for(SupplyWorkflow.run, ids.supply_workflow_id(str(row.id)))
    await fast_forward(handle, timedelta(days=14))


async def rounds_that_find_something(house: House, customer: CustomerRow) -> None:
    """The sweep finds goods that do not add up, the watchdog an order that nobody runs."""
    sku = a_product(house.engine, on_hand="5")
    house.quote(customer, sku)
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE stock SET on_hand = 6 WHERE sku = :sku"), {"sku": sku})
    checked = await a_sweep(house.client, house.task_queue)
    assert checked.found
    watched = await a_round(house.client, house.task_queue)
    assert watched.repaired
