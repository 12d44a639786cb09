"""What the API says of supply needs and expected receipts."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from pydantic import Field
from sqlmodel import Session, col, select

from activities.persistence.expected_receipts import controls_of, lines_of
from activities.persistence.party_tables import UserRow
from activities.persistence.stock_tables import ExpectedLineRow, ExpectedReceiptRow, ProductRow
from activities.persistence.supply import SupplyNeed
from api.schemas import Out, Page, decimal_text
from domain.orders import Actor, Role
from workflows import ids


class WaitingOrderOut(Out):
    order_id: UUID
    number: str = Field(examples=["ЗК-000017"])
    customer_name: str
    quantity: str = Field(examples=["60"])
    wanted_on: date = Field(
        description="День отгрузки или день подтверждения. / The day asked for, or of confirmation."
    )
    expected_on: date | None


class NeedOut(Out):
    """A product that orders wait for at a warehouse."""

    warehouse: str
    sku: str
    name: str
    unit: str
    waiting: str = Field(description="Сколько ждут заказы. / What the orders wait for.", examples=["100"])
    expected: str = Field(description="Сколько ожидается от поставщиков. / What suppliers still owe.")
    covered: str = Field(
        description="Сколько из этого покроют свободный остаток и ожидаемые поставки. / What of it will be served."
    )
    quantity: str = Field(description="Сколько не хватает. / How much is missing.")
    to_order: str = Field(
        description="Сколько заказать, чтобы хватило всем, с учётом запаса для ключевых клиентов. / What to order so "
        "that everybody is served, with the share kept for key customers."
    )
    wanted_on: date = Field(description="Самый ранний день, к которому ждут. / The earliest day it is wanted on.")
    orders_waiting: int
    orders: list[WaitingOrderOut] = Field(
        description="Первые в очереди, из тех, что видны вам. / The first in the queue that you may see."
    )


class NeedList(Page):
    items: list[NeedOut]


class ExpectedLineOut(Out):
    sku: str
    name: str
    unit: str
    quantity: str
    received: str
    left: str = Field(description="Сколько ещё придёт. / What is still to come.")


class ControlOut(Out):
    day: date
    note: str
    asked_at: datetime | None = Field(description="Когда закупщик получил задачу. / When the buyer got the task.")


class ExpectedReceiptOut(Out):
    """Goods ordered from a supplier."""

    id: UUID
    number: str = Field(examples=["ПС-000001"])
    warehouse: str
    supplier: str
    expected_on: date
    state: str = Field(examples=["expected"], description="expected, received, cancelled.")
    comment: str | None
    lines: list[ExpectedLineOut]
    controls: list[ControlOut]
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    version: int
    workflow_id: str


class ExpectedReceiptList(Page):
    items: list[ExpectedReceiptOut]


def need_out(found: SupplyNeed, caller: Actor) -> NeedOut:
    """A need as the caller may see it: a manager reads the names of own orders only (D14)."""
    need = found.need
    return NeedOut(
        warehouse=need.shelf[0],
        sku=need.shelf[1],
        name=found.name,
        unit=found.unit,
        waiting=decimal_text(need.waiting),
        expected=decimal_text(need.expected),
        covered=decimal_text(need.covered),
        quantity=decimal_text(need.missing),
        to_order=decimal_text(need.to_order),
        wanted_on=found.wanted_on,
        orders_waiting=found.waiting,
        orders=[
            WaitingOrderOut(
                order_id=order.id,
                number=order.number,
                customer_name=order.customer_name,
                quantity=decimal_text(order.quantity),
                wanted_on=order.wanted_on,
                expected_on=order.expected_on,
            )
            for order in found.orders
            if caller.role is not Role.MANAGER or UUID(caller.id) in order.people
        ],
    )


def receipt_out(session: Session, row: ExpectedReceiptRow) -> ExpectedReceiptOut:
    return receipts_out(session, [row])[0]


def receipts_out(session: Session, rows: Sequence[ExpectedReceiptRow]) -> list[ExpectedReceiptOut]:
    """Receipts as people read them; a bounded number of queries."""
    wanted = [row.id for row in rows]
    lines, controls = lines_of(session, wanted), controls_of(session, wanted)
    skus = {line.sku for some in lines.values() for line in some}
    products = {row.sku: row for row in session.exec(select(ProductRow).where(col(ProductRow.sku).in_(skus)))}
    authors = {row.created_by for row in rows}
    people = {user.id: user.name for user in session.exec(select(UserRow).where(col(UserRow.id).in_(authors)))}
    return [
        ExpectedReceiptOut(
            id=row.id,
            number=row.number,
            warehouse=row.warehouse,
            supplier=row.supplier,
            expected_on=row.expected_on,
            state=row.state,
            comment=row.comment,
            lines=[_line(line, products[line.sku]) for line in lines[row.id]],
            controls=[ControlOut(day=each.day, note=each.note, asked_at=each.asked_at) for each in controls[row.id]],
            created_by=people[row.created_by],
            created_at=row.created_at,
            ended_at=row.ended_at,
            version=row.version,
            workflow_id=ids.supply_workflow_id(str(row.id)),
        )
        for row in rows
    ]


def _line(line: ExpectedLineRow, product: ProductRow) -> ExpectedLineOut:
    return ExpectedLineOut(
        sku=line.sku,
        name=product.name,
        unit=product.unit,
        quantity=decimal_text(line.quantity),
        received=decimal_text(line.received),
        left=decimal_text(max(line.quantity - line.received, line.quantity * 0)),
    )
