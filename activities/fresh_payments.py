"""The last look at money before a reserve is given back (D7-6)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import orders
from activities.persistence import payments as store
from activities.persistence.order_tables import OrderRow
from domain.errors import OrderNotFoundError
from domain.payments import PaymentDraft
from domain.reserve_life import FreshPayments, FreshRequest, Payer


class PaymentSource(Protocol):
    """The system of record for payments: our own tables, 1C, МойСклад (D13-1)."""

    def fresh_payments(self, payer: Payer, since: datetime) -> Sequence[PaymentDraft]:
        """What came from a payer since an instant. It may tell of payments that we know; any exception is silence."""
        ...


class FreshPaymentActivities:
    """Asks outside any transaction; whoever calls it bounds its time and takes failure for silence."""

    def __init__(self, engine: Engine, source: PaymentSource) -> None:
        self._engine = engine
        self._source = source

    @activity.defn(no_thread_cancel_exception=True)
    def ask_for_payments(self, request: FreshRequest) -> FreshPayments:
        """Money of the order's payer that came since it was placed and that we have not recorded, and whether some that
        we have waits for the accountant."""
        with Session(self._engine) as session:
            payer, since = _payer(session, request)
        told = self._source.fresh_payments(payer, since)
        with Session(self._engine) as session:
            known = store.known_identities(session, [draft.identity for draft in told])
            return FreshPayments(
                brought=tuple(draft for draft in told if draft.identity not in known),
                queued=store.has_queued_money(session, payer.tax_id, since=since),
            )


def _payer(session: Session, request: FreshRequest) -> tuple[Payer, datetime]:
    order = session.get(OrderRow, UUID(request.order_id))
    if order is None:
        raise OrderNotFoundError
    customer = orders.customer_of(session, order)
    return Payer(customer.tax_id, customer.country, customer.name), order.placed_at or order.created_at
