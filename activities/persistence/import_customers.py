"""Customers, their credit accounts, contacts and contracts, as an import states them."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence.import_task import Import, any_id, change
from activities.persistence.limit_changes import fold_due, take_over_base
from activities.persistence.parties import name_key
from activities.persistence.party_tables import ContactRow, ContractRow, CreditAccountRow, CustomerRow, UserRow
from domain.grant_life import Origin
from domain.import_records import Company, CustomerRecord, Known
from domain.importing import HOME_CURRENCY, match_known
from domain.money import ZERO
from domain.orders import SYSTEM

CONTACT_ROLE = "main"


def write_customers(task: Import, company: Company, known: Known) -> Mapping[object, CustomerRow]:
    """Customers by the key that documents of the file name them by."""
    session = task.session
    stored = {str(row.id): row for row in session.exec(select(CustomerRow))}
    accounts = _lock_accounts(task, company, known, stored)
    managers = {row.login: row.id for row in session.exec(select(UserRow))}
    by_key: dict[object, CustomerRow] = {one.key: stored[one.id] for one in known.customers if one.id}
    contacts = _contacts_of(session, [row.id for row in stored.values()])
    new: list[tuple[CustomerRecord, CustomerRow]] = []
    for record in company.customers:
        match = match_known(record, known.customers)
        manager = managers[record.manager] if record.manager else None
        if match is None or match.id is None:
            row, account = _new_customer(record, manager, task.as_of)
            session.add(account)
            new.append((record, row))
        else:
            row = stored[match.id]
            stored_pair = (row, accounts[row.credit_account_id])
            _update_customer(task, record, stored_pair, contacts.get(row.id, []), manager, today=known.today)
        by_key[record.country, record.tax_id, record.kpp] = row
    session.flush()
    session.add_all(row for _, row in new)
    session.flush()
    for record, row in new:
        session.add_all(_new_contacts(record, row))
        if record.credit_limit:
            account = session.get_one(CreditAccountRow, row.credit_account_id)
            take_over_base(session, account, row, record.credit_limit, SYSTEM, on=known.today, at=task.as_of,
                           origin=Origin.IMPORT)  # fmt: skip
        task.count("customers", "created")
        task.journal("customer", row.id, "customer_created", credit_limit=str(record.credit_limit or ZERO))
    return by_key


def _lock_accounts(
    task: Import, company: Company, known: Known, stored: Mapping[str, CustomerRow]
) -> dict[UUID, CreditAccountRow]:
    """Accounts whose limit or debt the file may move, held until commit in the order of their ids (D3-2)."""
    matches = [match_known(record, known.customers) for record in company.customers]
    named = [match.id for match in matches if match and match.id]
    named += [record.customer.id for record in company.invoices if record.customer.id]
    wanted = {stored[customer].credit_account_id for customer in named}
    query = select(CreditAccountRow).where(col(CreditAccountRow.id) == any_id(wanted))
    locked = (
        query.order_by(col(CreditAccountRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in task.session.exec(locked)}


def _new_customer(record: CustomerRecord, manager: UUID | None, at: datetime) -> tuple[CustomerRow, CreditAccountRow]:
    """A customer without a stated limit buys against prepayment only (D5-5)."""
    limit = record.credit_limit or ZERO
    prepayment = record.prepayment_percent
    if prepayment is None:
        prepayment = 0 if limit > 0 else 100
    account = CreditAccountRow(currency=record.currency or HOME_CURRENCY[record.country], base_limit=ZERO)
    row = CustomerRow(
        name=record.name,
        name_key=name_key(record.name),
        country=record.country,
        tax_id=record.tax_id,
        kpp=record.kpp,
        segment=record.segment or "standard",
        currency=account.currency,
        credit_account_id=account.id,
        deferral_days=record.deferral_days or 0,
        prepayment_percent=prepayment,
        manager_id=manager,
        region=record.region,
        team=record.team,
        created_at=at,
    )
    return row, account


def _new_contacts(record: CustomerRecord, row: CustomerRow) -> list[ContactRow]:
    if record.contact is None:
        return []
    name = record.contact.name or record.name
    contact = ContactRow(customer_id=row.id, role=CONTACT_ROLE, name=name)
    contact.email, contact.phone = record.contact.email, record.contact.phone
    return [contact]


def _update_customer(
    task: Import,
    record: CustomerRecord,
    stored: tuple[CustomerRow, CreditAccountRow],
    contacts: list[ContactRow],
    manager: UUID | None,
    *,
    today: date,
) -> None:
    row, account = stored
    changes = _update_limit(task, record.credit_limit, row, account, today) | change(
        row,
        name=record.name,
        kpp=record.kpp,
        segment=record.segment,
        deferral_days=record.deferral_days,
        prepayment_percent=record.prepayment_percent,
        manager_id=manager,
        region=record.region,
        team=record.team,
    )
    row.name_key = name_key(row.name)
    if not (_update_contact(task.session, record, row, contacts) or changes):
        task.count("customers", "unchanged")
        return
    row.version += 1
    task.count("customers", "updated")
    task.journal("customer", row.id, "customer_changed", changes=changes)
    if "base_limit" in changes:
        task.written.changed_accounts.add(account.id)


def _update_limit(
    task: Import, limit: Decimal | None, row: CustomerRow, account: CreditAccountRow, today: date
) -> dict[str, dict[str, str | None]]:
    """The limit that the file states, with its row of history."""
    if limit is None or limit == account.base_limit:
        return {}
    fold_due(task.session, account, today=today)
    changes: dict[str, dict[str, str | None]] = {"base_limit": {"from": str(account.base_limit), "to": str(limit)}}
    take_over_base(task.session, account, row, limit, SYSTEM, on=today, at=task.as_of, origin=Origin.IMPORT)
    return changes


def _update_contact(session: Session, record: CustomerRecord, row: CustomerRow, contacts: list[ContactRow]) -> bool:
    """The contact with the same address or the same name is the same person."""
    stated = record.contact
    if stated is None:
        return False
    same = [one for one in contacts if stated.email and one.email == stated.email]
    same += [one for one in contacts if one.name == (stated.name or record.name)]
    if same:
        return bool(change(same[0], name=stated.name, email=stated.email, phone=stated.phone))
    session.add_all(_new_contacts(record, row))
    return True


def _contacts_of(session: Session, customers: Iterable[UUID]) -> dict[UUID, list[ContactRow]]:
    query = select(ContactRow).where(col(ContactRow.customer_id) == any_id(customers)).order_by(col(ContactRow.id))
    found: dict[UUID, list[ContactRow]] = {}
    for contact in session.exec(query):
        found.setdefault(contact.customer_id, []).append(contact)
    return found


def write_contracts(task: Import, company: Company, customers: Mapping[object, CustomerRow]) -> None:
    owners = {customers[record.customer.key].id for record in company.contracts}
    query = select(ContractRow).where(col(ContractRow.customer_id) == any_id(owners))
    stored = {(row.customer_id, row.number): row for row in task.session.exec(query)}
    for record in company.contracts:
        customer = customers[record.customer.key]
        row = stored.get((customer.id, record.number))
        if row is None:
            row = ContractRow(customer_id=customer.id, number=record.number, signed_on=record.signed_on)
            row.valid_until, row.deferral_days = record.valid_until, record.deferral_days
            task.session.add(row)
            task.count("contracts", "created")
        elif changes := change(
            row, signed_on=record.signed_on, valid_until=record.valid_until, deferral_days=record.deferral_days
        ):
            task.count("contracts", "updated")
            task.journal("customer", customer.id, "contract_changed", number=record.number, changes=changes)
        else:
            task.count("contracts", "unchanged")
    task.session.flush()
