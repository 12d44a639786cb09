"""The figures of a credit account (D1), with what proves them, in one question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import Session

from activities.persistence.grants import GRANTED, CustomerGrant, limit_of, told_grants
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.rates import NEWEST, by_currency, priced_at, told_rates, worth
from domain.credit import CreditFacts, OverdueItem
from domain.money import ZERO
from domain.rates import DayRates

_OVERDUE: TypeAdapter[tuple[OverdueItem, ...]] = TypeAdapter(tuple[OverdueItem, ...])

_FIGURES = text(f"""
    WITH newest AS ({NEWEST}),
    priced AS (
      SELECT coalesce(CAST(:rates AS jsonb), jsonb_object_agg(currency, rate)) AS by_currency,
             jsonb_agg(jsonb_build_array(currency, day, rate::text)) AS told
        FROM newest),
    unpaid AS (
      SELECT line.id, invoice.number, invoice.currency, line.due_date, line.residual AS owed,
             {worth("line.residual", "invoice.currency")} AS residual,
             {worth("line.amount", "invoice.currency")} AS amount,
             greatest(CAST(:day AS date), line.observed_on) AS seen_on
        FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
       WHERE invoice.credit_account_id = :account AND line.residual > 0),
    promised AS (
      SELECT c.order_id, c.rate,
             round(greatest(0, c.uninvoiced - greatest(c.required_prepayment, coalesce(got.amount, 0)))
                   * c.rate, 2) AS credit
        FROM commitment c LEFT JOIN LATERAL
          (SELECT sum(amount) AS amount FROM payment_allocation WHERE order_id = c.order_id) got ON true
       WHERE c.credit_account_id = :account AND c.order_id IS DISTINCT FROM :order)
    SELECT owed.amount AS receivables, paid.amount AS advances, owed.currencies || paid.currencies AS currencies,
      (SELECT coalesce(sum(credit), 0) FROM promised) AS commitments,
      (SELECT coalesce(sum({worth("(gross - round(gross * prepayment_percent / 100, 2))", "currency")}), 0)
         FROM sales_order
        WHERE credit_account_id = :account AND id IS DISTINCT FROM :order
          AND status IN ('awaiting_approval', 'stopped')) AS pending,
      EXISTS (SELECT 1 FROM legal_case WHERE credit_account_id = :account AND state <> 'closed') AS legal_case,
      (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'schedule_line_id', id, 'invoice_number', number, 'due_date', due_date, 'days', seen_on - due_date,
                'residual', residual::text, 'amount', amount::text, 'disputed', coalesce((
                   SELECT {worth("least(dispute.amount, owed)", "currency")} FROM dispute
                    WHERE dispute.schedule_line_id = unpaid.id AND dispute.closed_at IS NULL
                      AND dispute.ends_on >= seen_on), 0)::text) ORDER BY due_date, id), '[]'::jsonb)
         FROM unpaid WHERE due_date < seen_on) AS overdue,
      CASE WHEN :proved THEN jsonb_build_object(
        'invoices', (SELECT coalesce(jsonb_agg(
                       jsonb_build_object('id', id, 'number', number, 'due', due_date, 'residual', residual::text)
                       || CASE WHEN currency = :base THEN '{{}}'::jsonb ELSE jsonb_build_object(
                            'currency', currency, 'owed', owed::text) END
                       ORDER BY due_date, id), '[]'::jsonb) FROM unpaid),
        'orders', (SELECT coalesce(jsonb_agg(
                       jsonb_build_object('id', o.id, 'number', o.number, 'credit', promised.credit::text)
                       || CASE WHEN o.currency = :base THEN '{{}}'::jsonb ELSE jsonb_build_object(
                            'currency', o.currency, 'rate', promised.rate::text) END
                       ORDER BY o.id), '[]'::jsonb)
                     FROM promised JOIN sales_order o ON o.id = promised.order_id)) END AS evidence,
      (SELECT told FROM priced) AS rates,
      {GRANTED} AS grants
      FROM (SELECT coalesce(sum(residual), 0) AS amount,
                   array_agg(DISTINCT currency) FILTER (WHERE currency <> :base) AS currencies
              FROM unpaid) owed,
           (SELECT coalesce(sum({worth("unallocated", "currency")}), 0) AS amount,
                   array_agg(DISTINCT currency) FILTER (WHERE currency <> :base) AS currencies
              FROM payment WHERE credit_account_id = :account AND unallocated > 0) paid
""")


@dataclass(frozen=True, slots=True)
class Figures:
    """An account with no order before it, as `load_figures` found it.

    `grants`: what may count for its limit; `rates`: those of the day; `evidence`: the open invoices and committed
    orders that its sums are made of (D2-19), where it was asked for.
    """

    facts: CreditFacts
    grants: Sequence[CustomerGrant]
    rates: DayRates
    evidence: Mapping[str, Any] | None


def load_figures(
    session: Session,
    account: CreditAccountRow,
    *,
    today: date,
    order_id: UUID | None = None,
    proved: bool = False,
) -> Figures:
    """The figures of D1 for an account; what `order_id` itself counts for is left out (D6-6).

    Items in another currency count at the newest rate of `today`, commitments at that of their decision (D2-18).
    `proved`: with evidence. Call it under `lock_account` when something is decided on it; a question may read without
    the lock.
    """
    read = _read(session, account.id, account.currency, today=today, order_id=order_id, proved=proved)
    rates = told_rates(account.currency, read.rates or (), today=today)
    foreign = sorted(set(read.currencies or ()))
    used = tuple(rate for rate in map(rates.of, foreign) if rate is not None)  # refuses what nothing values
    grants = told_grants(read.grants)
    limit = limit_of(account, grants, today=today, legal_case=read.legal_case)
    facts = CreditFacts(
        currency=account.currency,
        receivables=read.receivables,
        advances=read.advances,
        commitments=read.commitments,
        order_credit=ZERO,
        limit=limit.amount,
        overdue=_OVERDUE.validate_python(read.overdue),
        no_trade=account.no_trade,
        legal_case=read.legal_case,
        pending=read.pending,
        unlimited=limit.unlimited,
        rates=used,
    )
    return Figures(facts, grants, rates, read.evidence)


def evidence_for(
    session: Session, account_id: UUID, facts: CreditFacts, *, today: date, order_id: UUID
) -> Mapping[str, Any]:
    """The evidence of figures that were computed from others, by the rates that they were valued by."""
    rates = by_currency(DayRates(facts.currency, facts.rates))
    evidence: Mapping[str, Any] = _read(
        session, account_id, facts.currency, today=today, order_id=order_id, proved=True, rates=rates
    ).evidence
    return evidence


def _read(
    session: Session,
    account_id: UUID,
    base: str,
    *,
    today: date,
    order_id: UUID | None,
    proved: bool,
    rates: str | None = None,
) -> Any:
    asked = {"account": account_id, "order": order_id, "proved": proved, "rates": rates}
    return session.execute(_FIGURES, {**asked, **priced_at(base, today)}).one()
