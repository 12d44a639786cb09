"""Customers: their requisites, terms, people and credit account, and what the card says about them."""

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import or_, text, tuple_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from activities.persistence.calendars import company_calendar
from activities.persistence.credit import agreed_deferral, lock_account
from activities.persistence.events import record_event
from activities.persistence.figures import load_figures
from activities.persistence.grants import limit_of, overlay_of
from activities.persistence.identifiers import UUID_PATTERN
from activities.persistence.limit_changes import set_base, take_over_base
from activities.persistence.party_tables import ContactRow, ContractRow, CreditAccountRow, CustomerRow, UserRow
from activities.persistence.policies import policy_in_force, policy_version
from activities.persistence.tasks import open_task
from domain.customers import CreditCard, LastShipment, NearestPayment, credit_card
from domain.errors import CustomerExistsError, CustomerNotFoundError, ManagerNotFoundError
from domain.grant_life import Origin
from domain.orders import Actor, Role
from domain.wording import task_subject

_LEGAL_FORMS = frozenset({"ооо", "оао", "зао", "пао", "ао", "ип", "тоо", "гк", "фх", "кх", "llc", "llp", "ltd", "jsc"})
_MARKS = re.compile(r"[^\w\s.-]+")


@dataclass(frozen=True, slots=True)
class NewContact:
    role: str
    name: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class NewContract:
    number: str
    signed_on: date
    valid_until: date | None = None
    deferral_days: int | None = None


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer with checked requisites, ready to be stored with its own credit account (D1-13)."""

    name: str
    country: str
    tax_id: str
    currency: str
    kpp: str | None = None
    segment: str = "standard"
    credit_limit: Decimal = Decimal(0)
    deferral_days: int = 0
    prepayment_percent: int = 100
    manager_id: UUID | None = None
    region: str | None = None
    team: str | None = None
    reservation_days: int | None = None
    contacts: tuple[NewContact, ...] = field(default=())
    contract: NewContract | None = None


def name_key(name: str) -> str:
    """How a name is sorted and found: without case, quotes, «ё», and with the legal form moved to the end.

    The embedded PostgreSQL has no ICU collations, so Russian names sort by this column (architecture, section 5).
    """
    words = _MARKS.sub(" ", name.casefold().replace("ё", "е")).split()
    plain = [word for word in words if word not in _LEGAL_FORMS]
    forms = [word for word in words if word in _LEGAL_FORMS]
    return " ".join(plain + forms)


def create_customer(session: Session, new: NewCustomer, actor: Actor, *, at: datetime) -> CustomerRow:
    """Store a customer with its credit account, contacts and contract.

    Raises:
        CustomerExistsError: these requisites are there already.
    """
    account = CreditAccountRow(currency=new.currency, base_limit=Decimal(0))
    customer = CustomerRow(
        name=new.name,
        name_key=name_key(new.name),
        country=new.country,
        tax_id=new.tax_id,
        kpp=new.kpp,
        segment=new.segment,
        currency=new.currency,
        credit_account_id=account.id,
        deferral_days=new.deferral_days,
        prepayment_percent=new.prepayment_percent,
        manager_id=new.manager_id,
        region=new.region,
        team=new.team,
        reservation_days=new.reservation_days,
        created_at=at,
    )
    try:
        with session.begin_nested():
            session.add(account)
            session.flush()
            session.add(customer)
            session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise CustomerExistsError(tax_id=new.tax_id) from None
    _add_people(session, customer.id, new)
    if new.credit_limit > 0:
        today = company_calendar(session).day_of(at)
        take_over_base(session, account, customer, new.credit_limit, actor, on=today, at=at, origin=Origin.FIRST)
    record_event(session, "customer", customer.id, "customer_created", actor, at=at, credit_limit=str(new.credit_limit))
    return customer


def ask_limit_review(session: Session, customer: CustomerRow, limit: Decimal, role: Role, *, at: datetime) -> None:
    """The customer's own manager entered the first limit with the card: somebody of `role` checks it by the next
    working day (D14)."""
    words: dict[str, Any] = {"customer": customer.name, "amount": limit, "currency": customer.currency}
    open_task(
        session,
        key=f"customer:{customer.id}:limit-review",
        kind="limit_review",
        role=role,
        subject=task_subject("limit_review", **words),
        words=words,
        due_at=company_calendar(session).after_working_days(at, 1),
        created_at=at,
        customer_id=customer.id,
        details={"credit_limit": str(limit)},
    )


def _add_people(session: Session, customer_id: UUID, new: NewCustomer) -> None:
    for person in new.contacts:
        session.add(
            ContactRow(
                customer_id=customer_id, role=person.role, name=person.name, email=person.email, phone=person.phone
            )
        )
    if new.contract is not None:
        session.add(
            ContractRow(
                customer_id=customer_id,
                number=new.contract.number,
                signed_on=new.contract.signed_on,
                valid_until=new.contract.valid_until,
                deferral_days=new.contract.deferral_days,
            )
        )


def customer_for(session: Session, customer_id: UUID, caller: Actor) -> CustomerRow:
    """The customer as `caller` may see it: a manager sees own customers and those nobody has (D14).

    Raises:
        CustomerNotFoundError: there is none, or it is another manager's.
    """
    row = session.get(CustomerRow, customer_id)
    if row is None or not _visible(row, caller):
        raise CustomerNotFoundError()
    return row


def _visible(row: CustomerRow, caller: Actor) -> bool:
    return caller.role is not Role.MANAGER or row.manager_id is None or str(row.manager_id) == caller.id


def lock_customer(session: Session, customer_id: UUID, caller: Actor) -> tuple[CreditAccountRow, CustomerRow]:
    """The credit account, then the customer, both held until commit (D3-2, D3-6)."""
    account = lock_account(session, customer_for(session, customer_id, caller).credit_account_id)
    query = (
        select(CustomerRow)
        .where(CustomerRow.id == customer_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return account, session.exec(query).one()


def find_manager(session: Session, manager: str) -> UserRow:
    """A manager or head by login or id.

    Raises:
        ManagerNotFoundError: nobody sells under this name.
    """
    named = col(UserRow.login) == manager
    if UUID_PATTERN.fullmatch(manager):
        named = or_(named, col(UserRow.id) == UUID(manager))
    user = session.exec(select(UserRow).where(named)).first()
    if user is None or user.role not in {Role.MANAGER, Role.HEAD}:
        raise ManagerNotFoundError(field="manager", manager=manager)
    return user


def list_customers(
    session: Session, caller: Actor, *, prefix: str = "", after: tuple[str, UUID] | None = None, limit: int = 50
) -> list[CustomerRow]:
    """Customers by name, those that `caller` may see; `after` is the key of the last one already seen."""
    query = select(CustomerRow)
    if caller.role is Role.MANAGER:
        query = query.where(or_(col(CustomerRow.manager_id).is_(None), col(CustomerRow.manager_id) == UUID(caller.id)))
    if prefix:
        query = query.where(col(CustomerRow.name_key).startswith(search_key(prefix), autoescape=True))
    if after is not None:
        query = query.where(tuple_(col(CustomerRow.name_key), col(CustomerRow.id)) > after)
    return list(session.exec(query.order_by(col(CustomerRow.name_key), col(CustomerRow.id)).limit(limit)))


def search_key(prefix: str) -> str:
    """The beginning of a name as people type it: «ооо "Ром» finds «ООО „Ромашка“»."""
    words = _MARKS.sub(" ", prefix.casefold().replace("ё", "е")).split()
    return " ".join(word for word in words if word not in _LEGAL_FORMS) or " ".join(words)


def contacts_of(session: Session, customer_id: UUID) -> list[ContactRow]:
    query = select(ContactRow).where(ContactRow.customer_id == customer_id)
    return list(session.exec(query.order_by(col(ContactRow.id))))


def contract_of(session: Session, customer_id: UUID) -> ContractRow | None:
    """The newest contract."""
    query = select(ContractRow).where(ContractRow.customer_id == customer_id)
    return session.exec(query.order_by(col(ContractRow.signed_on).desc(), col(ContractRow.id).desc())).first()


def account_of(session: Session, customer: CustomerRow) -> CreditAccountRow:
    return session.get_one(CreditAccountRow, customer.credit_account_id)


def load_card(session: Session, customer: CustomerRow, *, today: date) -> CreditCard:
    """The card's figures by the policy in force today, as the customer's own contract changes it (D5-6)."""
    account = account_of(session, customer)
    figures = load_figures(session, account, today=today)
    facts, grants = figures.facts, figures.grants
    version, _ = policy_in_force(session, today)
    policy = policy_version(session, version, overlay_of(grants, customer.id, today=today))
    limit = limit_of(account, grants, today=today, legal_case=facts.legal_case)
    agreed = agreed_deferral(session, customer, today=today)
    facts = replace(facts, contract_valid=agreed is not None, agreed_deferral=agreed)
    return credit_card(facts, policy, limit)


_LAST_SHIPMENT = text("""
    SELECT shipment.shipped_on, shipment.number, sales_order.id, sales_order.number AS order_number, invoice.gross,
           sales_order.currency
      FROM shipment JOIN sales_order ON sales_order.id = shipment.order_id
      LEFT JOIN invoice ON invoice.shipment_id = shipment.id
     WHERE sales_order.customer_id = :customer ORDER BY shipment.shipped_at DESC, shipment.id DESC LIMIT 1
""")

_NEAREST_PAYMENT = text("""
    SELECT line.due_date, line.residual, invoice.number, invoice.currency
      FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
     WHERE invoice.customer_id = :customer AND line.residual > 0
       AND line.due_date >= greatest(CAST(:today AS date), line.observed_on)
     ORDER BY line.due_date, line.id LIMIT 1
""")


def last_shipment(session: Session, customer_id: UUID) -> LastShipment | None:
    row = session.execute(_LAST_SHIPMENT, {"customer": customer_id}).first()
    if row is None:
        return None
    return LastShipment(row.shipped_on, row.number, str(row.id), row.order_number, row.gross, row.currency)


def nearest_payment(session: Session, customer_id: UUID, *, today: date) -> NearestPayment | None:
    """The next due date that has not passed; what has passed is in the overdue figures."""
    row = session.execute(_NEAREST_PAYMENT, {"customer": customer_id, "today": today}).first()
    return None if row is None else NearestPayment(row.due_date, row.residual, row.number, row.currency)


def change_customer(
    session: Session,
    account: CreditAccountRow,
    customer: CustomerRow,
    actor: Actor,
    *,
    credit_limit: Decimal | None,
    fields: dict[str, Any],
    at: datetime,
) -> None:
    """Change limit and fields of a locked customer; before and after go to the journal (D5-2…D5-4).

    Raises:
        OwnLimitError: the limit goes up, and whoever raises it is the customer's manager, or makes himself it.
    """
    changes: dict[str, dict[str, str | None]] = {}
    if credit_limit is not None and credit_limit != account.base_limit:
        changes["credit_limit"] = {"from": str(account.base_limit), "to": str(credit_limit)}
        owners = {customer.manager_id, fields.get("manager_id", customer.manager_id)}
        set_base(session, account, customer, credit_limit, actor, owners=owners, at=at)
    for name, value in fields.items():
        before = getattr(customer, name)
        if before != value:
            changes[name] = {"from": _plain(before), "to": _plain(value)}
            setattr(customer, name, value)
    if "name" in changes:
        customer.name_key = name_key(customer.name)
    if not changes:
        return
    customer.version += 1
    session.add(account)
    session.add(customer)
    record_event(session, "customer", customer.id, "customer_changed", actor, at=at, changes=changes)


def _plain(value: Any) -> str | None:
    return None if value is None else str(value)
