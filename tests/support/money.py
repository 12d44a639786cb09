"""Money to test with: open invoices and bank files."""

from datetime import date
from decimal import Decimal

from sqlmodel import Session, select

from activities.persistence.money_tables import InvoiceRow, ScheduleLineRow
from activities.persistence.party_tables import LegalEntityRow

DAY = date(2026, 4, 6)
OWN = "KZ75125KZT1001300335"
"""The account of the test company."""


def a_file(*documents, date="06.04.2026"):
    """A statement of (number, amount, payer, purpose) lines."""
    sections = "".join(
        f"СекцияДокумент=выписка\nНомерДокумента={number}\nДатаДокумента={date}\nСуммаПриход={amount}\n"
        f"ПлательщикБИН_ИИН={payer}\nПолучательИИК={OWN}\nНазначениеПлатежа={purpose}\nКонецДокумента\n"
        for number, amount, payer, purpose in documents
    )
    return f"1CClientBankExchange\nРасчСчет={OWN}\n{sections}КонецФайла\n".encode()


def an_invoice(engine, customer, number, amount, *, due="2026-04-20", residual=None, currency=None):
    """An open invoice of one schedule line; the line's id."""
    with Session(engine) as session, session.begin():
        entity = session.exec(select(LegalEntityRow)).one()
        invoice = InvoiceRow(
            number=number,
            kind="opening",
            customer_id=customer.id,
            credit_account_id=customer.credit_account_id,
            legal_entity_id=entity.id,
            issued_on=DAY,
            currency=currency or customer.currency,
            gross=Decimal(amount),
            vat=Decimal(0),
        )
        session.add(invoice)
        session.flush()
        line = ScheduleLineRow(
            invoice_id=invoice.id,
            line_no=1,
            amount=Decimal(amount),
            residual=Decimal(residual or amount),
            due_date=date.fromisoformat(due),
            policy_version=1,
        )
        session.add(line)
        session.flush()
        return str(line.id)
