"""What the description says of an order's answers. They are put together in `order_views` and say more than stands
here, which is what programs may rely on."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from api.schemas import MoneyOut, Out
from domain.orders import OrderStatus


class _Open(Out):
    model_config = ConfigDict(extra="allow")


class WaitingOut(_Open):
    reason: str
    since: datetime
    until: datetime | None
    who: str | None
    on_expiry: str | None
    text: str


class OrderSummary(_Open):
    id: UUID
    number: str
    status: OrderStatus
    status_text: str
    customer_id: UUID
    manager_id: UUID
    total: MoneyOut
    workflow_id: str
    created_at: datetime
    waiting: WaitingOut | None


class OrderOut(OrderSummary):
    customer_name: str
    revision: int
    version: int
    ship_complete: bool
    comment: str | None
    lines: list[dict[str, Any]]
    decision: dict[str, Any] | None
    reservation: dict[str, Any] | None
    invoices: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    journal: list[dict[str, Any]]


class OrderPage(Out):
    items: list[OrderSummary]
    next: UUID | None


class OrderDecided(_Open):
    order: OrderOut
    decision: dict[str, Any] | None
