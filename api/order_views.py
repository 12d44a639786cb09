"""An order as callers read it: its state, decision, wait, reserve, invoices, payments and history."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from activities.persistence import approvals, decisions, orders, supply
from activities.persistence.explaining import credit_now
from activities.persistence.journal import Basis
from activities.persistence.order_sheet import (
    Decision,
    Event,
    HeldLine,
    Instalment,
    Line,
    Money,
    OrderSheet,
    Revision,
)
from activities.persistence.order_tables import CreditDecisionRow, OrderLineRow, OrderRow
from api.i18n import Language, speech
from api.schemas import decimal_text, money
from api.shortage_view import shortage_view
from domain.credit import CreditDecision
from domain.credit_release import told_reasons
from domain.explanation import ends_wait
from domain.explanation_credit import CreditNow
from domain.orders import OrderStatus, Wait
from domain.wording import (
    on_expiry_text,
    outcome_text,
    reason_text,
    spoken,
    status_name,
    wait_title,
)
from workflows import ids


def summaries(session: Session, rows: Sequence[OrderRow], language: Language, *, now: datetime) -> list[dict[str, Any]]:
    """Orders in a list; who ends a credit stop is told by the figures of now, as in «почему стоит заказ?»."""
    held = credit_now(session, [order for order in rows if order.status == OrderStatus.STOPPED], at=now)
    return [_summary(order, language, held.get(order.id)) for order in rows]


def _summary(order: OrderRow, language: Language, held: CreditNow | None) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "number": order.number,
        "status": order.status,
        "status_text": status_name(order.status, speech(language)),
        "customer_id": str(order.customer_id),
        "manager_id": str(order.manager_id),
        "total": money(order.gross, order.currency),
        "workflow_id": ids.order_workflow_id(str(order.id)),
        "created_at": order.created_at.isoformat(),
        "waiting": waiting(orders.state_of(order).wait, language, held),
    }


def detail(
    session: Session, order: OrderRow, sheet: OrderSheet, language: Language, *, now: datetime
) -> dict[str, Any]:
    """The order with everything about it."""
    (summary,) = summaries(session, [order], language, now=now)
    return {
        **summary,
        "customer_name": sheet.customer_name,
        "customer_tax_id": sheet.customer_tax_id,
        "revision": order.revision,
        "version": order.version,
        "net": money(order.net, order.currency),
        "vat": money(order.vat, order.currency),
        "payment_terms": {"deferral_days": order.deferral_days, "prepayment_percent": order.prepayment_percent},
        "ship_complete": order.ship_complete,
        "warehouse": order.warehouse,
        "comment": order.comment,
        "delivery": _delivery(order),
        "ship_on": order.ship_on.isoformat() if order.ship_on else None,
        "copied_from": str(order.copied_from) if order.copied_from else None,
        "valid_until": order.quote_valid_until.isoformat(),
        "ended_at": order.ended_at.isoformat() if order.ended_at else None,
        "end_reason": order.end_reason,
        "lines": [_line(line) for line in sheet.lines],
        "revisions": [_revision(row, order.currency) for row in sheet.revisions],
        "proposal": _proposal(session, order, sheet.revisions),
        "decision": stored_decision(sheet.decision, language) if sheet.decision else None,
        "availability": _availability(session, order, sheet.lines, now=now),
        "reservation": _reservation(session, order, sheet, now=now),
        "shortage": shortage_view(session, order, language, now=now) if sheet.was_short else None,
        "invoices": [_invoice(row, order.currency) for row in sheet.invoices],
        "payments": [_payment(row, order.currency) for row in sheet.payments],
        "journal": [_event(event) for event in sheet.journal],
    }


def waiting(wait: Wait | None, language: Language, held: CreditNow | None = None) -> dict[str, Any] | None:
    """What the order waits for: reason, since, until, who can end it, what happens then, and the same in words.

    With the credit that holds it as of now it says who and what lifts that very stop.
    """
    if wait is None:
        return None
    spoken_in = speech(language)
    who, said = ends_wait(wait, held)
    return {
        "reason": wait.reason,
        "since": wait.since.isoformat(),
        "until": wait.until.isoformat() if wait.until else None,
        "who": who,
        "on_expiry": wait.on_expiry,
        "text": wait_title(wait.reason, spoken_in),
        "who_text": spoken(said, spoken_in),
        "on_expiry_text": on_expiry_text(wait.on_expiry, spoken_in),
    }


def decision_view(decision: CreditDecision, language: Language) -> dict[str, Any]:
    """A fresh decision: outcome, every reason with its figures and sentence, the sums behind it."""
    reasons = [
        {"code": reason.code, "outcome": reason.outcome, "figures": reason.figures} for reason in decision.reasons
    ]
    sums = {
        "exposure": decision.exposure,
        "exposure_before": decision.exposure_before,
        "limit": decision.limit,
        "debt": decision.debt,
    }
    return _decision(decision.outcome, reasons, sums, decision.currency, language)


def stored_decision(row: CreditDecisionRow | Decision, language: Language) -> dict[str, Any]:
    """A decision as recorded, in the currency of the credit account; with the rates that turned other money into it."""
    facts = decisions.FACTS.validate_python(row.facts)
    sums = {
        "exposure": row.exposure,
        "exposure_before": facts.exposure_before,
        "limit": row.credit_limit,
        "debt": facts.debt,
    }
    view = _decision(row.outcome, row.reasons, sums, facts.currency, language)
    rates = [
        {"currency": rate.currency, "base": rate.base, "day": rate.day.isoformat(), "rate": decimal_text(rate.rate)}
        for rate in facts.rates
    ]
    return view | {"decided_at": row.decided_at.isoformat(), "policy_version": row.policy_version, "rates": rates}


def basis_view(basis: Basis, currency: str, language: Language) -> dict[str, Any]:
    """The decision that an answer to an approval request rests on, with every figure of its facts."""
    facts = basis.facts
    sums = {
        "exposure": basis.exposure,
        "exposure_before": facts.exposure_before,
        "limit": basis.limit,
        "debt": facts.debt,
        "receivables": facts.receivables,
        "advances": facts.advances,
        "commitments": facts.commitments,
        "order_credit": facts.order_credit,
    }
    return _decision(basis.outcome, basis.reasons, sums, currency, language)


def _decision(
    outcome: str, reasons: list[dict[str, Any]], sums: dict[str, Decimal], currency: str, language: Language
) -> dict[str, Any]:
    spoken = speech(language)
    told = told_reasons([reason["code"] for reason in reasons])
    return {
        "outcome": outcome,
        "text": outcome_text(outcome, spoken),
        "reasons": [
            {
                **reason,
                "text": reason_text(reason["code"], spoken, currency=currency, **reason["figures"]),
            }
            for reason in reasons
            if reason["code"] in told
        ],
        **{name: money(amount, currency) for name, amount in sums.items()},
        "excess": money(max(Decimal(0), sums["exposure"] - sums["limit"]), currency),
    }


def _delivery(order: OrderRow) -> dict[str, Any] | None:
    """Where the goods go; None when the customer collects them."""
    if order.delivery_address is None:
        return None
    return {
        "address": order.delivery_address,
        "contact_name": order.contact_name,
        "contact_phone": order.contact_phone,
    }


def _revision(row: Revision, currency: str) -> dict[str, Any]:
    return {
        "revision": row.revision,
        "state": row.state,
        "total": money(row.gross, currency),
        "payment_terms": {"deferral_days": row.deferral_days, "prepayment_percent": row.prepayment_percent},
        "reason": row.reason,
        "changed_by": str(row.changed_by),
        "changed_at": row.changed_at.isoformat(),
    }


def _proposal(session: Session, order: OrderRow, known: Sequence[Revision]) -> dict[str, Any] | None:
    """The revision that waits for approval while the one in force stays (D6-6)."""
    row = next((row for row in known if row.state == "proposed"), None)
    if row is None:
        return None
    request = approvals.see_approval(session, order.id)
    return _revision(row, order.currency) | {
        "lines": [_line(line) for line in orders.lines_of(session, order, row.revision)],
        "until": request.deadline.isoformat() if request else None,
    }


def _line(line: Line | OrderLineRow) -> dict[str, Any]:
    return {
        "line_no": line.line_no,
        "sku": line.sku,
        "name": line.name,
        "unit": line.unit,
        "quantity": decimal_text(line.quantity),
        "price": decimal_text(line.price, 2),
        "vat_rate": decimal_text(line.vat_rate),
        "net": str(line.net),
        "vat": str(line.vat),
        "gross": str(line.gross),
        "warehouse": line.warehouse,
    }


def _availability(
    session: Session, order: OrderRow, lines: Sequence[Line], *, now: datetime
) -> list[dict[str, Any]] | None:
    """What of a quote could be had now and when the rest is expected («можно ли купить и к какому сроку»)."""
    if order.status != OrderStatus.QUOTED:
        return None
    return [
        {
            "sku": line.sku,
            "available": decimal_text(line.now),
            "missing": decimal_text(line.quantity - line.now),
            "expected_on": line.on.isoformat() if line.on and line.now < line.quantity else None,
        }
        for line in supply.availability(session, order, lines, at=now)
    ]


def _reservation(session: Session, order: OrderRow, sheet: OrderSheet, *, now: datetime) -> dict[str, Any] | None:
    reserve = sheet.reserve
    if reserve is None:
        return None
    shelves = {(row.warehouse, row.sku) for row in reserve.lines if row.state == "waiting"}
    days = supply.expected_days(session, order.id, shelves, at=now)
    lines = []
    for line in sheet.lines:
        mine = [row for row in reserve.lines if row.line_no == line.line_no]
        for warehouse in sorted({row.warehouse for row in mine} or {line.warehouse}):
            here = [row for row in mine if row.warehouse == warehouse]
            lines.append(
                {
                    "sku": line.sku,
                    "warehouse": warehouse,
                    "quantity": _sum_of(here, {"reserved", "picking"}),
                    "picking": _sum_of(here, {"picking"}),
                    "backordered": _sum_of(here, {"waiting"}),
                    "shipped": _sum_of(here, {"shipped"}),
                    "closed_short": _sum_of(here, {"closed"}),
                    "expected_on": day.isoformat() if (day := days.get(line.line_no)) else None,
                }
            )
    return {
        "status": reserve.status,
        "expires_at": reserve.expires_at.isoformat() if reserve.expires_at else None,
        "extensions": reserve.extensions,
        "lines": lines,
    }


def _sum_of(rows: Sequence[HeldLine], states: set[str]) -> str:
    return decimal_text(sum((row.quantity for row in rows if row.state in states), Decimal(0)))


def _invoice(row: Instalment, currency: str) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "number": row.number,
        "workflow_id": ids.invoice_workflow_id(str(row.id)),
        "amount": money(row.amount, currency),
        "residual": money(row.residual, currency),
        "due_date": row.due_date.isoformat(),
        "stage": row.stage,
    }


def _payment(row: Money, currency: str) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "date": row.posted_on.isoformat(),
        "document_number": row.document_number,
        "amount": money(row.amount, currency),
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "actor": {"id": str(event.actor_id), "name": event.actor_name, "role": event.actor_role},
        "event": event.event,
        "data": event.data,
        "policy_version": event.policy_version,
    }
