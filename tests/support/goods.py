"""Moving one order's goods and money through its steps, without a workflow: for tests of the steps themselves."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from support.company import MONDAY, Company

from activities.credit import CreditActivities
from activities.fulfilment import FulfilmentActivities
from activities.invoicing import InvoicingActivities
from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import AllocationRow, PaymentRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from activities.persistence.receipts import receive
from activities.persistence.stock_tables import StockRow
from activities.stock import StockActivities
from domain.credit_steps import CreditOutcome, CreditRequest
from domain.invoicing import Invoiced, InvoiceRequest
from domain.orders import SYSTEM, Actor, LineQuantity, OrderStep, ShipCommand, ShipRequest, StepResult


def quote_of(
    engine: Engine,
    company: Company,
    customer: CustomerRow,
    lines: list[tuple[str, ...]],
    *,
    ship_complete: bool = False,
) -> str:
    """A quote of several lines, (sku, quantity) or (sku, quantity, warehouse), at list prices; its order id."""
    draft = QuoteDraft(
        lines=[QuoteLine(sku, Decimal(quantity), None, *warehouse) for sku, quantity, *warehouse in lines],
        deferral_days=None,
        prepayment_percent=None,
        ship_complete=ship_complete,
        comment=None,
    )
    with Session(engine) as session, session.begin():
        row = session.get_one(CustomerRow, customer.id)
        return str(write_quote(session, row, draft, company.manager, now=MONDAY).id)


def decide(engine: Engine, company: Company, order: str) -> CreditOutcome:
    return CreditActivities(engine).decide_order_credit(CreditRequest(order, company.manager, "decision-1", MONDAY))


def a_step(order: str, number: int = 1, actor: Actor = SYSTEM, at: datetime = MONDAY) -> OrderStep:
    return OrderStep(order, number, actor, at)


def reserve(engine: Engine, order: str, at: datetime = MONDAY) -> StepResult:
    return StockActivities(engine).reserve_order(a_step(order, at=at))


def pick(engine: Engine, company: Company, order: str, number: int = 5, *, warehouse: str | None = None) -> StepResult:
    step = OrderStep(order, number, company.warehouse, MONDAY, warehouse)
    return FulfilmentActivities(engine).start_picking(step)


def ship_picked(
    engine: Engine,
    company: Company,
    order: str,
    number: int = 6,
    lines: tuple[LineQuantity, ...] = (),
    warehouse: str | None = None,
) -> Invoiced:
    """Ship what is picked, or `lines` of it, and invoice it."""
    command = ShipCommand(company.warehouse, lines, warehouse)
    FulfilmentActivities(engine).ship_order(ShipRequest(order, number, command, MONDAY))
    return InvoicingActivities(engine).invoice_shipment(InvoiceRequest(order, number, MONDAY))


def receipt(engine: Engine, sku: str, quantity: str, warehouse: str = "main") -> None:
    with Session(engine) as session, session.begin():
        receive(session, warehouse, [LineQuantity(sku, Decimal(quantity))], key=f"r:{new_id()}", as_of=MONDAY)


def stock_of(engine: Engine, sku: str, warehouse: str = "main") -> tuple[int, int, int]:
    """On hand, reserved, picking."""
    with Session(engine) as session:
        row = session.get_one(StockRow, (warehouse, sku))
        return int(row.on_hand), int(row.reserved), int(row.picking)


def tie_money(engine: Engine, order: str, amount: str) -> None:
    """Money tied to the order, as cash application leaves it."""
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order))
        payment = PaymentRow(
            identity=str(new_id()), source="test", posted_on=MONDAY.date(), amount=Decimal(amount), currency="KZT",
            purpose="", customer_id=row.customer_id, credit_account_id=row.credit_account_id, state="matched",
            unallocated=Decimal(0), recorded_at=MONDAY,
        )  # fmt: skip
        session.add(payment)
        session.flush()
        session.add(AllocationRow(payment_id=payment.id, order_id=row.id, amount=Decimal(amount), at=MONDAY))
