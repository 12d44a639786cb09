"""What the API says of a customer: the record as sent, and the card with its credit."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlmodel import Session

from activities.persistence import parties
from activities.persistence.credit import contract_in_force
from activities.persistence.orders import legal_entity
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, UserRow
from api.i18n import Language, speech
from api.schemas import MoneyOut, Out, Page
from domain import wording
from domain.limits import LimitSource


class TermsOut(Out):
    deferral_days: int
    prepayment_percent: int


class ContactOut(Out):
    role: str
    name: str
    email: str | None
    phone: str | None


class ContractOut(Out):
    number: str
    signed_on: date
    valid_until: date | None
    deferral_days: int | None = None


class CustomerSummary(Out):
    id: UUID
    name: str
    country: str
    tax_id: str
    kpp: str | None
    segment: str
    currency: str
    manager_id: UUID | None
    region: str | None
    team: str | None


class CustomerRecord(CustomerSummary):
    payment_terms: TermsOut
    manager: str | None = Field(description="Логин менеджера. / Login of the manager.")
    reservation_days: int | None
    contacts: list[ContactOut]
    contract: ContractOut | None
    version: int


class CustomerOut(CustomerRecord):
    """The answer to a creation: the fields as sent, with `id`."""

    credit_limit: str = Field(examples=["1000000.00"])


class OverdueOut(Out):
    amount: MoneyOut
    days: int = Field(description="Дней у самой старой просрочки. / Days of the oldest overdue item.")


class LastShipmentOut(Out):
    date: date
    number: str
    order_id: UUID
    order_number: str
    amount: MoneyOut | None


class NearestPaymentOut(Out):
    date: date
    amount: MoneyOut
    invoice_number: str


class TradeStopOut(Out):
    by: str | None
    at: datetime
    reason: str | None


class CustomerCard(CustomerRecord):
    """The card: figures of the credit account as they stand now."""

    debt: MoneyOut
    exposure: MoneyOut
    credit_limit: MoneyOut = Field(description="Действует сегодня. / In effect today.")
    base_limit: MoneyOut
    limit_source: str = Field(examples=["base"], description="base, temporary, unlimited, suspended.")
    limit_until: date | None = Field(description="Последний день. / The last day.")
    unlimited: bool
    over_limit: bool = Field(description="Превышен лимит. / More is owed than the limit allows.")
    trade_stop: TradeStopOut | None
    contract_valid: bool
    available: MoneyOut
    pending_exposure: MoneyOut = Field(description="Ждут решения, не учтены. / Undecided orders, not counted.")
    overdue: OverdueOut
    last_shipment: LastShipmentOut | None
    nearest_payment: NearestPaymentOut | None
    verdict: str = Field(description="Что будет с заказом сейчас. / What an order would meet now.")
    verdict_code: str = Field(examples=["free"])


class CustomerList(Page):
    items: list[CustomerSummary]


def today_of(session: Session, now: datetime) -> date:
    """The company's business day."""
    return now.astimezone(ZoneInfo(legal_entity(session).timezone)).date()


def summary_out(row: CustomerRow) -> CustomerSummary:
    return CustomerSummary.model_validate(row, from_attributes=True)


def customer_out(session: Session, row: CustomerRow, *, manager: str | None = None) -> CustomerOut:
    """The record as created; `manager` is echoed as it was sent."""
    account = session.get_one(CreditAccountRow, row.credit_account_id)
    record = _record(session, row)
    if manager is not None:
        record["manager"] = manager
    return CustomerOut(**record, credit_limit=MoneyOut.of(account.base_limit, row.currency).amount)


def card_out(session: Session, row: CustomerRow, language: Language, *, today: date) -> CustomerCard:
    card = parties.load_card(session, row, today=today)
    shipment = parties.last_shipment(session, row.id)
    payment = parties.nearest_payment(session, row.id, today=today)
    currency = row.currency
    account = parties.account_of(session, row)
    return CustomerCard(
        **_record(session, row),
        debt=MoneyOut.of(card.debt, currency),
        exposure=MoneyOut.of(card.exposure, currency),
        credit_limit=MoneyOut.of(card.limit, currency),
        base_limit=MoneyOut.of(account.base_limit, currency),
        limit_source=card.limit_source,
        limit_until=card.limit_until,
        unlimited=card.limit_source is LimitSource.UNLIMITED,
        over_limit=card.over_limit,
        trade_stop=None
        if account.stopped_at is None
        else TradeStopOut(by=account.stopped_by, at=account.stopped_at, reason=account.stop_reason),
        contract_valid=contract_in_force(session, row.id, today=today) is not None,
        available=MoneyOut.of(card.available, currency),
        pending_exposure=MoneyOut.of(card.pending, currency),
        overdue=OverdueOut(amount=MoneyOut.of(card.amount_overdue, currency), days=card.days_overdue),
        last_shipment=None
        if shipment is None
        else LastShipmentOut(
            date=shipment.day,
            number=shipment.number,
            order_id=UUID(shipment.order_id),
            order_number=shipment.order_number,
            amount=None if shipment.amount is None else MoneyOut.of(shipment.amount, shipment.currency),
        ),
        nearest_payment=None
        if payment is None
        else NearestPaymentOut(
            date=payment.due_date,
            amount=MoneyOut.of(payment.amount, payment.currency),
            invoice_number=payment.invoice_number,
        ),
        verdict=wording.card_text(card.verdict, speech(language), **card.figures),
        verdict_code=card.verdict,
    )


def _record(session: Session, row: CustomerRow) -> dict[str, Any]:
    contract = parties.contract_of(session, row.id)
    manager = session.get(UserRow, row.manager_id) if row.manager_id else None
    return {
        **summary_out(row).model_dump(),
        "payment_terms": TermsOut(deferral_days=row.deferral_days, prepayment_percent=row.prepayment_percent),
        "manager": manager.login if manager else None,
        "reservation_days": row.reservation_days,
        "contacts": [
            ContactOut.model_validate(contact, from_attributes=True) for contact in parties.contacts_of(session, row.id)
        ],
        "contract": ContractOut.model_validate(contract, from_attributes=True) if contract else None,
        "version": row.version,
    }
