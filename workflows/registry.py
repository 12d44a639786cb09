"""Every workflow there is: what workers serve and replay checks."""

from typing import Any

from workflows.grant import CreditGrantWorkflow
from workflows.invoice import InvoiceWorkflow
from workflows.order import OrderWorkflow
from workflows.payment import ManualAllocationWorkflow, PaymentWorkflow
from workflows.statement import StatementWorkflow
from workflows.supply import SupplyWorkflow
from workflows.sweep import StockSweepWorkflow
from workflows.watch import WatchWorkflow

WORKFLOWS: tuple[type[Any], ...] = (
    OrderWorkflow,
    InvoiceWorkflow,
    PaymentWorkflow,
    ManualAllocationWorkflow,
    StatementWorkflow,
    CreditGrantWorkflow,
    SupplyWorkflow,
    StockSweepWorkflow,
    WatchWorkflow,
)
