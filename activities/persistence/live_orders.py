"""Orders under way with the facts of this day, account by account in batches: a bounded number of queries for each
batch, however many orders it has (U15)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence import credit
from activities.persistence.grants import CustomerGrant, limit_of, load_grants_of, overlay_of
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow, PolicyRow
from activities.persistence.policies import policy_from
from activities.persistence.replay import Candidate
from domain.credit import CreditFacts, OrderAsk, OverdueItem, credit_part
from domain.money import ZERO
from domain.orders import OrderStatus
from domain.policy import Policy
from domain.simulation import OpenOrder

UNDER_WAY = (
    OrderStatus.QUOTED,
    OrderStatus.CHECKING,
    OrderStatus.AWAITING_APPROVAL,
    OrderStatus.STOPPED,
    OrderStatus.CONFIRMED,
    OrderStatus.RESERVED,
    OrderStatus.PART_RESERVED,
    OrderStatus.AWAITING_PAYMENT,
    OrderStatus.READY,
    OrderStatus.PICKING,
)
"""Before the goods leave."""
BATCH = 500
"""Accounts at once."""

_ACCOUNTS = text("""
    SELECT account.id FROM credit_account account
     WHERE account.id > :after
       AND EXISTS (SELECT 1 FROM sales_order WHERE credit_account_id = account.id AND status = ANY(:under_way))
     ORDER BY account.id LIMIT :size
""")
_FOREIGN = text("""
    SELECT account.id FROM credit_account account
     WHERE account.id = ANY(:accounts) AND (
       EXISTS (SELECT 1 FROM invoice WHERE credit_account_id = account.id AND currency <> account.currency)
       OR EXISTS (SELECT 1 FROM payment WHERE credit_account_id = account.id AND currency <> account.currency)
       OR EXISTS (SELECT 1 FROM sales_order WHERE credit_account_id = account.id AND currency <> account.currency))
""")
"""Accounts with money of another currency, valued at the rates of the day (D2-18)."""

_SUMS = text("""
    SELECT account.id, coalesce(claims.amount, 0) AS receivables, coalesce(spare.amount, 0) AS advances,
           coalesce(promised.amount, 0) AS commitments, coalesce(waiting.amount, 0) AS pending,
           EXISTS (SELECT 1 FROM legal_case WHERE credit_account_id = account.id AND state <> 'closed') AS legal_case
      FROM credit_account account
      LEFT JOIN (SELECT invoice.credit_account_id AS id, sum(line.residual) AS amount
                   FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
                  WHERE invoice.credit_account_id = ANY(:accounts) AND line.residual > 0 GROUP BY 1) claims
        ON claims.id = account.id
      LEFT JOIN (SELECT credit_account_id AS id, sum(unallocated) AS amount FROM payment
                  WHERE credit_account_id = ANY(:accounts) GROUP BY 1) spare
        ON spare.id = account.id
      LEFT JOIN (SELECT c.credit_account_id AS id, sum(greatest(0, c.uninvoiced
                          - greatest(c.required_prepayment, coalesce(got.amount, 0)))) AS amount
                   FROM commitment c
                   LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM payment_allocation
                               WHERE order_id IN (SELECT order_id FROM commitment
                                                   WHERE credit_account_id = ANY(:accounts)) GROUP BY 1) got
                     ON got.order_id = c.order_id
                  WHERE c.credit_account_id = ANY(:accounts) GROUP BY 1) promised
        ON promised.id = account.id
      LEFT JOIN (SELECT credit_account_id AS id, sum(gross - round(gross * prepayment_percent / 100, 2)) AS amount
                   FROM sales_order WHERE credit_account_id = ANY(:accounts)
                    AND status IN ('awaiting_approval', 'stopped') GROUP BY 1) waiting
        ON waiting.id = account.id
     WHERE account.id = ANY(:accounts)
""")
"""Sets, not one look-up per account: a table without statistics then costs one pass, not one for each account."""
_OVERDUE = text("""
    SELECT invoice.credit_account_id AS account, line.id, invoice.number, line.due_date, line.residual, line.amount,
           greatest(CAST(:day AS date), line.observed_on) - line.due_date AS days,
           coalesce((SELECT least(dispute.amount, line.residual) FROM dispute
                      WHERE dispute.schedule_line_id = line.id AND dispute.closed_at IS NULL
                        AND dispute.ends_on >= greatest(CAST(:day AS date), line.observed_on)), 0) AS disputed
      FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
     WHERE invoice.credit_account_id = ANY(:accounts)
       AND line.due_date < greatest(CAST(:day AS date), line.observed_on)
       AND line.residual > 0
     ORDER BY line.due_date, line.id
""")
_ORDERS = text(f"""
    SELECT o.id, o.number, o.status, o.currency, o.gross, o.customer_id, customer.name AS customer,
           o.credit_account_id AS account, o.deferral_days, o.prepayment_percent, o.policy_version,
           o.cleared_revision IS NOT DISTINCT FROM o.revision AS cleared,
           coalesce(got.amount, 0) AS received,
           {credit.left_gross("o.id", "o.revision", "o.gross")} AS remaining,
           coalesce((SELECT greatest(0, c.uninvoiced - greatest(c.required_prepayment, coalesce(got.amount, 0)))
                       FROM commitment c WHERE c.order_id = o.id), 0) AS committed,
           CASE WHEN o.status IN ('awaiting_approval', 'stopped')
                THEN o.gross - round(o.gross * o.prepayment_percent / 100, 2) ELSE 0 END AS pending,
           contract.days AS agreed
      FROM sales_order o
      JOIN customer ON customer.id = o.customer_id
      LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM payment_allocation WHERE order_id = o.id) got ON true
      LEFT JOIN LATERAL (SELECT coalesce(contract.deferral_days, customer.deferral_days) AS days FROM contract
                          WHERE contract.customer_id = o.customer_id AND contract.signed_on <= :day
                            AND (contract.valid_until IS NULL OR contract.valid_until >= :day)
                          ORDER BY contract.signed_on DESC, contract.id DESC LIMIT 1) contract ON true
     WHERE o.credit_account_id = ANY(:accounts) AND o.status = ANY(:under_way)
     ORDER BY o.credit_account_id, o.id
""")


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """An order under way with its candidate, and how people know it."""

    open: OpenOrder
    number: str
    status: str
    customer_id: UUID
    customer: str
    gross: Any
    currency: str


def live_orders(session: Session, candidate: Candidate, *, today: date, batch: int = BATCH) -> Iterator[LiveOrder]:
    """Every order whose goods have not left, with the facts of its account today and its own commitment left out."""
    policies = {row.version: row.body for row in session.exec(select(PolicyRow))}
    after = UUID(int=0)
    while True:
        place = {"after": after, "under_way": list(UNDER_WAY), "size": batch}
        accounts: list[UUID] = list(session.execute(_ACCOUNTS, place).scalars())
        if not accounts:
            return
        yield from _of_accounts(session, candidate, accounts, policies, today)
        after = accounts[-1]


def _of_accounts(
    session: Session, candidate: Candidate, accounts: list[UUID], policies: dict[int, dict[str, Any]], today: date
) -> Iterator[LiveOrder]:
    grants = load_grants_of(session, accounts)
    facts = _facts(session, accounts, grants, today)
    place = {"accounts": accounts, "day": today, "under_way": list(UNDER_WAY)}
    made: dict[tuple[int, UUID], tuple[Policy, Policy]] = {}
    for row in session.execute(_ORDERS, place):
        key = (row.policy_version, row.customer_id)
        if key not in made:
            overlay = overlay_of(grants[row.account], row.customer_id, today=today)
            made[key] = policy_from(policies[row.policy_version], overlay), candidate.under(overlay)
        present, tried = made[key]
        account = facts[row.account]
        if row.currency == account.currency:
            own = replace(
                account, commitments=account.commitments - row.committed, pending=account.pending - row.pending
            ).asked(
                OrderAsk(
                    credit=credit_part(row.remaining, row.prepayment_percent, row.received),
                    requested_deferral=row.deferral_days,
                    agreed_deferral=row.agreed,
                    legal_cleared=row.cleared,
                )
            )
        else:
            own = _of_foreign_order(session, row.id, today)
        yield LiveOrder(
            OpenOrder(str(row.id), own, present, tried),
            row.number,
            row.status,
            row.customer_id,
            row.customer,
            row.gross,
            row.currency,
        )


def _facts(
    session: Session, accounts: Sequence[UUID], grants: dict[UUID, list[CustomerGrant]], today: date
) -> dict[UUID, CreditFacts]:
    """The figures of accounts with no order before them: `credit.load_facts` for many at once."""
    overdue: dict[UUID, list[OverdueItem]] = defaultdict(list)
    for row in session.execute(_OVERDUE, {"accounts": accounts, "day": today}):
        item = OverdueItem(str(row.id), row.number, row.due_date, row.days, row.residual, row.amount, row.disputed)
        overdue[row.account].append(item)
    sums = {row.id: row for row in session.execute(_SUMS, {"accounts": accounts})}
    foreign = set(session.execute(_FOREIGN, {"accounts": accounts}).scalars())
    found = {}
    for account in session.exec(select(CreditAccountRow).where(col(CreditAccountRow.id).in_(accounts))):
        if account.id in foreign:
            found[account.id] = credit.load_facts(session, account, today=today)
            continue
        row = sums[account.id]
        limit = limit_of(account, grants[account.id], today=today, legal_case=row.legal_case)
        found[account.id] = CreditFacts(
            currency=account.currency,
            receivables=row.receivables,
            advances=row.advances,
            commitments=row.commitments,
            order_credit=ZERO,
            limit=limit.amount,
            overdue=tuple(overdue[account.id]),
            no_trade=account.no_trade,
            legal_case=row.legal_case,
            pending=row.pending,
            unlimited=limit.unlimited,
        )
    return found


def _of_foreign_order(session: Session, order_id: UUID, today: date) -> CreditFacts:
    """The figures before an order in another currency than its account's; there are few, so each is read by itself."""
    order = session.get_one(OrderRow, order_id)
    account = session.get_one(CreditAccountRow, order.credit_account_id)
    ask = credit.ask_of(session, order, today=today)
    return credit.load_facts(session, account, today=today, order_id=order.id, ask=ask)
