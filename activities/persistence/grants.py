"""Grants of credit as they count on a day: temporary and future limits, the unlimited flag, a customer's own policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.party_tables import CreditAccountRow
from domain.limits import EffectiveLimit, Grant, GrantKind, GrantState, effective_limit, policy_overlay


@dataclass(frozen=True, slots=True)
class CustomerGrant:
    """A grant with the customer it was given for; limits count for the whole account."""

    customer_id: UUID
    grant: Grant


_GRANTS: TypeAdapter[tuple[CustomerGrant, ...]] = TypeAdapter(tuple[CustomerGrant, ...])


def load_grants(session: Session, account_id: UUID) -> tuple[CustomerGrant, ...]:
    """Everything granted that may count on some day."""
    return tuple(load_grants_of(session, [account_id])[account_id])


def load_grants_of(session: Session, accounts: Sequence[UUID]) -> dict[UUID, list[CustomerGrant]]:
    """`load_grants` for many accounts at once; an account without a grant has an empty list."""
    found: dict[UUID, list[CustomerGrant]] = {account: [] for account in accounts}
    for row in session.exec(_counting(accounts)):
        found[row.credit_account_id].append(CustomerGrant(row.customer_id, grant_of(row)))
    return found


GRANTED = """
    (SELECT coalesce(jsonb_agg(jsonb_build_object('customer_id', customer_id, 'grant', jsonb_build_object(
               'kind', kind, 'valid_from', valid_from, 'valid_to', valid_to, 'amount', amount::text, 'body', body))
             ORDER BY decided_at, id), '[]'::jsonb)
       FROM credit_grant
      WHERE credit_account_id = :account AND (state = 'scheduled' OR (state = 'in_force' AND kind <> 'base')))
"""
"""SQL: what `load_grants` finds, for a query that asks for more of the account."""


def told_grants(rows: Any) -> tuple[CustomerGrant, ...]:
    """What `GRANTED` found."""
    return _GRANTS.validate_python(rows)


def counting(session: Session, account_id: UUID) -> Sequence[CreditGrantRow]:
    """The rows behind `load_grants`."""
    return session.exec(_counting([account_id])).all()


def _counting(accounts: Sequence[UUID]) -> SelectOfScalar[CreditGrantRow]:
    """Rows that may count on some day. A base limit in force is the account's own column, so only one that still waits
    for its day is among them."""
    return (
        select(CreditGrantRow)
        .where(col(CreditGrantRow.credit_account_id).in_(accounts))
        .where(
            (CreditGrantRow.state == GrantState.SCHEDULED)
            | ((CreditGrantRow.state == GrantState.IN_FORCE) & (CreditGrantRow.kind != GrantKind.BASE))
        )
        .order_by(col(CreditGrantRow.decided_at), col(CreditGrantRow.id))
    )


def grant_of(row: CreditGrantRow) -> Grant:
    """A row as the rules read it."""
    return Grant(GrantKind(row.kind), row.valid_from, row.valid_to, row.amount, row.body)


def limit_of(
    account: CreditAccountRow, grants: Sequence[CustomerGrant], *, today: date, legal_case: bool
) -> EffectiveLimit:
    """`L` of an account on a day (D1-9, D5)."""
    suspended = account.suspended or legal_case
    return effective_limit(account.base_limit, [each.grant for each in grants], today, suspended=suspended)


def overlay_of(grants: Sequence[CustomerGrant], customer_id: UUID, *, today: date) -> Mapping[str, Any]:
    """What the contract of a customer changes in the policy on a day (D5-6)."""
    own = [each.grant for each in grants if each.customer_id == customer_id and each.grant.kind is GrantKind.POLICY]
    return policy_overlay(own, today)
