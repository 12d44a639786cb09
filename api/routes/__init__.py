"""The doors of `/api/v1`. Each module has a `router`; they are put together here and nowhere else."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

MODULES = (
    "users",
    "customers",
    "what_if",
    "limits",
    "contracts",
    "products",
    "substitutes",
    "item_groups",
    "stock_moves",
    "stock",
    "allocations",
    "supply",
    "orders",
    "fulfilment",
    "revisions",
    "reservations",
    "proofs",
    "shortages",
    "approvals",
    "copies",
    "payments",
    "invoices",
    "claims",
    "absences",
    "tasks",
    "legal",
    "policies",
    "journal",
    "discrepancies",
    "rates",
    "health",
    "mail",
    "codec",
)


def routers() -> Iterator[APIRouter]:
    """Every router that exists, in the order of the description."""
    for name in MODULES:
        module = f"{__name__}.{name}"
        if find_spec(module) is not None:
            router: APIRouter = import_module(module).router
            yield router
