"""A company to test with: people, customers, products and stock, with keyword defaults and unique keys."""

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from activities.persistence.identifiers import new_id
from activities.persistence.party_tables import (
    ContactRow,
    ContractRow,
    CreditAccountRow,
    CustomerRow,
    LegalEntityRow,
    UserRow,
)
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from activities.persistence.receipts import receive
from activities.persistence.stock_tables import ItemGroupRow, ProductRow
from domain.orders import Actor, LineQuantity, Role

MONDAY = datetime(2026, 4, 6, 5, 0, tzinfo=UTC)
"""Monday 6 April 2026, 10:00 in Almaty."""

_serial = itertools.count(1)


@dataclass(frozen=True)
class Company:
    """A seeded company; `people` by login."""

    people: dict[str, Actor]

    def __getattr__(self, login: str) -> Actor:
        return self.people[login]


STAFF = {
    "manager": ("Анна Ким", Role.MANAGER),
    "manager2": ("Борис Ли", Role.MANAGER),
    "head": ("Олег Сергеев", Role.HEAD),
    "director": ("Мария Ан", Role.DIRECTOR),
    "accountant": ("Ирина Пак", Role.ACCOUNTANT),
    "warehouse": ("Тимур Оспанов", Role.WAREHOUSE),
    "buyer": ("Айгуль Нур", Role.BUYER),
    "lawyer": ("Сауле Нур", Role.LAWYER),
    "admin": ("Администратор", Role.ADMIN),
}


def a_company(engine: Engine, *, country: str = "KZ", timezone: str = "Asia/Almaty", currency: str = "KZT") -> Company:
    """The selling company with one person of each role."""
    people = {}
    with Session(engine) as session, session.begin():
        session.add(
            LegalEntityRow(
                name="ТОО «Опора Снаб»",
                country=country,
                tax_id="171040012345",
                currency=currency,
                timezone=timezone,
                bank_accounts=["KZ75125KZT1001300335"],
            )
        )
        for login, (name, role) in STAFF.items():
            user = UserRow(login=login, name=name, email=f"{login}@opora.local", role=role)
            session.add(user)
            people[login] = Actor(str(user.id), name, role)
    return Company(people)


def a_customer(
    engine: Engine,
    company: Company,
    *,
    name: str = "ООО «Ромашка»",
    limit: str = "1000000.00",
    deferral_days: int = 14,
    prepayment_percent: int = 0,
    segment: str = "standard",
    email: str | None = "zakup@romashka.example",
    manager: str = "manager",
    currency: str = "KZT",
    region: str | None = None,
    contract: bool = True,
) -> CustomerRow:
    """A customer with its own credit account, one contact, and a contract without an end unless told otherwise."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        account = CreditAccountRow(currency=currency, base_limit=Decimal(limit))
        session.add(account)
        session.flush()
        customer = CustomerRow(
            name=name,
            name_key=name.lower(),
            country="KZ",
            tax_id=f"{next(_serial):012d}",
            segment=segment,
            currency=currency,
            credit_account_id=account.id,
            deferral_days=deferral_days,
            prepayment_percent=prepayment_percent,
            manager_id=UUID(company.people[manager].id),
            region=region,
            created_at=MONDAY,
        )
        session.add(customer)
        session.flush()
        if contract:
            session.add(ContractRow(customer_id=customer.id, number="Д-1", signed_on=date(2026, 1, 12)))
        session.add(ContactRow(customer_id=customer.id, role="buyer", name="Александр", email=email))
    return customer


def a_group(session: Session, hold_back: str | None) -> str:
    """A group of products of which this share is held back for key customers; None: the policy's share."""
    code = f"group-{hold_back}"
    share = None if hold_back is None else Decimal(hold_back)
    row = ItemGroupRow(code=code, name=code, hold_back_percent=share)
    session.execute(insert(ItemGroupRow).values(row.model_dump()).on_conflict_do_nothing())
    return code


def a_product(
    engine: Engine,
    *,
    sku: str | None = None,
    price: str = "1000.00",
    on_hand: str = "0",
    currency: str = "KZT",
    hold_back: str | None = "0",
) -> str:
    """A product at `price` with VAT, with stock in the main warehouse, sold to the last piece unless told otherwise."""
    sku = sku or f"SKU-{next(_serial)}"
    with Session(engine) as session, session.begin():
        group = a_group(session, hold_back)
        session.add(
            ProductRow(
                sku=sku,
                name=f"Цемент {sku}",
                name_key=sku.lower(),
                unit="меш",
                price=Decimal(price),
                currency=currency,
                vat_rate=Decimal(16),
                item_group=group,
            )
        )
        session.flush()
        if Decimal(on_hand) > 0:
            receive(session, "main", [LineQuantity(sku, Decimal(on_hand))], key=f"start:{new_id()}", as_of=MONDAY)
    return sku


def a_quote(
    engine: Engine,
    actor: Actor,
    customer: CustomerRow,
    sku: str,
    *,
    quantity: str = "1",
    price: str | None = None,
    deferral_days: int | None = None,
    prepayment_percent: int | None = None,
    ship_complete: bool = False,
    currency: str | None = None,
    now: datetime = MONDAY,
) -> str:
    """A quote of one line; its order id."""
    draft = QuoteDraft(
        lines=[QuoteLine(sku, Decimal(quantity), Decimal(price) if price else None)],
        deferral_days=deferral_days,
        prepayment_percent=prepayment_percent,
        ship_complete=ship_complete,
        comment=None,
        currency=currency,
    )
    with Session(engine) as session, session.begin():
        return str(write_quote(session, session.get_one(CustomerRow, customer.id), draft, actor, now=now).id)
