"""Contracts of a customer: whether one is valid, and for how many days it lets the customer pay later (D2-6)."""

from collections.abc import Sequence
from datetime import date, datetime

from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from activities.persistence.credit import agreed_deferral
from activities.persistence.events import record_event
from activities.persistence.party_tables import ContractRow, CustomerRow
from domain.contracts import check_deferral
from domain.errors import ContractExistsError
from domain.orders import Actor


def add_contract(
    session: Session, customer: CustomerRow, contract: ContractRow, actor: Actor, *, at: datetime
) -> ContractRow:
    """Store a contract; orders that waited for one are to be decided again afterwards (D2-6, D2-13).

    Raises:
        TermsNeedHeadError: it defers payment for longer than the role may give.
        ContractExistsError: the customer has a contract of this number.
    """
    in_force = agreed_deferral(session, customer, today=at.date())
    usual = customer.deferral_days if in_force is None else in_force
    asked = customer.deferral_days if contract.deferral_days is None else contract.deferral_days
    check_deferral(actor.role, asked, usual)
    try:
        with session.begin_nested():
            session.add(contract)
            session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise ContractExistsError(number=contract.number) from None
    record_event(
        session,
        "customer",
        customer.id,
        "contract_added",
        actor,
        at=at,
        number=contract.number,
        signed_on=contract.signed_on.isoformat(),
        valid_until=contract.valid_until.isoformat() if contract.valid_until else None,
        deferral_days=contract.deferral_days,
    )
    return contract


def contracts_of(session: Session, customer: CustomerRow) -> Sequence[ContractRow]:
    """Every contract, newest first."""
    query = select(ContractRow).where(ContractRow.customer_id == customer.id)
    return session.exec(query.order_by(col(ContractRow.signed_on).desc(), col(ContractRow.id).desc())).all()


def is_valid(contract: ContractRow, today: date) -> bool:
    return contract.signed_on <= today and (contract.valid_until is None or today <= contract.valid_until)
