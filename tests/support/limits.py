"""Changes of credit for tests, made the way the doors make them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session
from support.company import Company

from activities.persistence import limit_changes, parties
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.reconsideration import reconsider_account
from domain.limits import GrantKind


def asked(
    engine: Engine,
    company: Company,
    customer: CustomerRow,
    kind: GrantKind,
    *,
    at: datetime,
    amount: str | None = None,
    since: date | None = None,
    until: date | None = None,
    changes: dict[str, Any] | None = None,
) -> CreditGrantRow:
    """A change that the customer's manager asks for."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.manager)
        new = limit_changes.NewChange(
            kind, "Сезон", Decimal(amount) if amount else None, valid_from=since, valid_to=until, changes=changes
        )
        return limit_changes.request_change(session, account, row, new, company.manager, at=at)


def approved(engine: Engine, company: Company, grant: CreditGrantRow, *, at: datetime) -> tuple[str, ...]:
    """The head approves it; the orders that move on."""
    with Session(engine) as session, session.begin():
        account, customer = parties.lock_customer(session, grant.customer_id, company.head)
        row = limit_changes.find_change(session, grant.id)
        limit_changes.decide_change(session, account, customer, row, company.head, approve=True, comment=None, at=at)
        return reconsider_account(session, account.id, at=at)


def revoked(engine: Engine, company: Company, grant: CreditGrantRow, *, at: datetime) -> None:
    with Session(engine) as session, session.begin():
        account, customer = parties.lock_customer(session, grant.customer_id, company.head)
        row = limit_changes.find_change(session, grant.id)
        limit_changes.revoke_change(session, account, customer, row, company.head, reason="Хватит", at=at)
        reconsider_account(session, account.id, at=at)
