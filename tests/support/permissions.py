"""Who may pass which door: one line per route. A new route needs a line here, or the tests say so.

A line says who gets past the door of a role. Behind it stand the rules about rows and persons: a manager's own orders,
an approval by another, an absence of one's own.
"""

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from api.auth import Permission, authenticate
from api.routes.codec import admin_at_codec
from domain.orders import Role

EVERYBODY = " ".join(role.value for role in Role)
SELLERS = "manager head"
KEEPERS = "manager head director accountant admin"
"""They keep the reference data: customers, contracts, products."""
STOCK_READERS = "manager head director warehouse buyer"
MONEY_READERS = "head director accountant lawyer admin"

OPEN = frozenset({"GET /healthz", "GET /readyz", "GET /version", "GET /mail"})
"""No key: probes, and the letters of a local stack, which are a 404 anywhere else and the admin's over the network."""

PERMISSIONS = {
    "GET /users/me": EVERYBODY,
    "PATCH /users/{user_id}": "admin",
    "POST /customers": KEEPERS,
    "GET /customers": EVERYBODY,
    "GET /customers/{customer_id}": EVERYBODY,
    "PATCH /customers/{customer_id}": KEEPERS,
    "POST /customers/{customer_id}/what-if": "manager head director accountant",
    "POST /customers/{customer_id}/limit-changes": "manager head director",
    "GET /customers/{customer_id}/limit-changes": EVERYBODY,
    "GET /limit-changes": "head director",
    "POST /limit-changes/{grant_id}/decision": "head director",
    "POST /limit-changes/{grant_id}/revoke": "head director",
    "POST /customers/{customer_id}/trade-stop": "manager head director accountant lawyer",
    "POST /customers/{customer_id}/trade-stop/lift": "head director",
    "POST /customers/{customer_id}/limit/restore": "director",
    "POST /customers/{customer_id}/contracts": KEEPERS,
    "GET /customers/{customer_id}/contracts": EVERYBODY,
    "POST /products": KEEPERS,
    "GET /products": EVERYBODY,
    "GET /products/{sku}": EVERYBODY,
    "PATCH /products/{sku}": KEEPERS,
    "PUT /products/{sku}/substitutes": "manager head buyer",
    "GET /products/{sku}/substitutes": EVERYBODY,
    "POST /item-groups": "head director",
    "GET /item-groups": EVERYBODY,
    "PATCH /item-groups/{code}": "head director",
    "POST /stock/reassignments": SELLERS,
    "GET /stock/reassignments": "manager head director",
    "GET /stock/reassignments/{reassignment_id}": "manager head director",
    "POST /stock/reassignments/{reassignment_id}/decision": "head director",
    "POST /stock/counts": "warehouse head",
    "POST /stock/receipts": "warehouse head admin",
    "GET /stock/{sku}": EVERYBODY,
    "GET /stock/{sku}/allocations": f"{STOCK_READERS} admin",
    "GET /supply/needs": STOCK_READERS,
    "POST /supply/expected-receipts": "buyer head",
    "GET /supply/expected-receipts": STOCK_READERS,
    "GET /supply/expected-receipts/{receipt_id}": STOCK_READERS,
    "PATCH /supply/expected-receipts/{receipt_id}": "buyer head",
    "POST /supply/expected-receipts/{receipt_id}/cancel": "buyer head",
    "POST /orders": SELLERS,
    "POST /orders/{order_id}/place": SELLERS,
    "POST /orders/{order_id}/approval": "head director",
    "POST /orders/{order_id}/cancel": f"{SELLERS} warehouse",
    "POST /orders/{order_id}/reservation/extend": SELLERS,
    "GET /orders": EVERYBODY,
    "GET /orders/{order_id}": EVERYBODY,
    "GET /orders/{order_id}/why": EVERYBODY,
    "POST /orders/{order_id}/start-picking": "warehouse",
    "POST /orders/{order_id}/ship": "warehouse",
    "POST /orders/{order_id}/unpick": "warehouse head",
    "POST /orders/{order_id}/close-short": SELLERS,
    "POST /orders/{order_id}/revise": SELLERS,
    "POST /orders/{order_id}/gate": "head director",
    "GET /reservations": "manager head director warehouse",
    "POST /orders/{order_id}/reservation/proof-of-payment": SELLERS,
    "GET /orders/{order_id}/reservation/proof-of-payment": "manager head director accountant lawyer",
    "GET /orders/{order_id}/reservation/proof-of-payment/{proof_id}": "manager head director accountant lawyer",
    "POST /orders/{order_id}/shortage": SELLERS,
    "GET /orders/{order_id}/approval": EVERYBODY,
    "POST /orders/{order_id}/legal-clearance": "lawyer",
    "POST /orders/{order_id}/copy": SELLERS,
    "POST /payments": "accountant",
    "GET /payments": MONEY_READERS,
    "GET /payments/{payment_id}": MONEY_READERS,
    "POST /payments/{payment_id}/allocate": "accountant",
    "POST /bank-statements": "accountant",
    "GET /bank-statements/{sha256}": MONEY_READERS,
    "GET /invoices": EVERYBODY,
    "GET /invoices/{invoice_id}": EVERYBODY,
    "POST /invoices/{invoice_id}/credit-notes": "accountant",
    "POST /invoices/{invoice_id}/dispute": "manager head accountant lawyer",
    "POST /invoices/{invoice_id}/dispute/close": "manager head accountant lawyer",
    "POST /absences": EVERYBODY,
    "GET /absences": EVERYBODY,
    "POST /absences/{absence_id}/cancel": EVERYBODY,
    "GET /tasks": EVERYBODY,
    "GET /tasks/{task_id}": EVERYBODY,
    "POST /tasks/{task_id}/complete": EVERYBODY,
    "GET /notices": EVERYBODY,
    "GET /legal-cases": "lawyer head manager",
    "GET /legal-cases/{case_id}": "lawyer head manager",
    "GET /policies": EVERYBODY,
    "GET /policies/{version}": EVERYBODY,
    "POST /policies": "admin",
    "POST /policies/{version}/decision": "director",
    "POST /policies/preview": "admin director head",
    "GET /journal": MONEY_READERS,
    "POST /exchange-rates": "accountant admin",
    "GET /exchange-rates": EVERYBODY,
    "GET /discrepancies": "admin",
    "GET /codec": "admin",
    "POST /codec/decode": "admin",
    "POST /codec/encode": "admin",
}

RULE_BOOK = {
    "create, edit, cancel own order": (
        SELLERS,
        "POST /orders",
        "POST /orders/{order_id}/place",
        "POST /orders/{order_id}/revise",
        "POST /orders/{order_id}/copy",
        "POST /orders/{order_id}/close-short",
        "POST /orders/{order_id}/shortage",
    ),
    "cancel own order, acknowledge a cancel in picking": (f"{SELLERS} warehouse", "POST /orders/{order_id}/cancel"),
    "approve over limit, overdue": (
        "head director",
        "POST /orders/{order_id}/approval",
        "POST /orders/{order_id}/gate",
    ),
    "ask for a limit": ("manager head director", "POST /customers/{customer_id}/limit-changes"),
    "set a limit": (
        "head director",
        "POST /limit-changes/{grant_id}/decision",
        "POST /limit-changes/{grant_id}/revoke",
    ),
    "manual stop": ("manager head director accountant lawyer", "POST /customers/{customer_id}/trade-stop"),
    "lift a manual stop": ("head director", "POST /customers/{customer_id}/trade-stop/lift"),
    "extend a reservation": (SELLERS, "POST /orders/{order_id}/reservation/extend"),
    "re-assign a reservation; the director where the head asked for it": (
        "head director",
        "POST /stock/reassignments/{reassignment_id}/decision",
    ),
    "resolve the payment queue": ("accountant", "POST /payments/{payment_id}/allocate"),
    "dispute": (
        "manager head accountant lawyer",
        "POST /invoices/{invoice_id}/dispute",
        "POST /invoices/{invoice_id}/dispute/close",
    ),
    "see a legal case": ("lawyer head manager", "GET /legal-cases", "GET /legal-cases/{case_id}"),
    "work on a legal case": ("lawyer", "POST /orders/{order_id}/legal-clearance"),
    "do a policy version": ("admin", "POST /policies"),
    "approve a policy version": ("director", "POST /policies/{version}/decision"),
}
"""D14 of the rule book, action by action, with the doors of each."""

NOT_FOR_ADMIN = frozenset(
    {"decision", "approval", "gate", "lift", "restore", "place", "ship", "allocate", "dispute", "legal-clearance"}
)
"""Admin never approves business decisions (D14): the last words of such doors."""


def name(route: APIRoute) -> str:
    """`METHOD path`, without the prefix that all doors have."""
    (method,) = route.methods
    return f"{method} {route.path.removeprefix('/api/v1')}"


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Every route that answers, included routers opened."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def asks_for_a_key(dependant: Dependant) -> bool:
    """Whether a route cannot be entered without `authenticate`, or what stands for it at the codec."""
    return dependant.call in {authenticate, admin_at_codec} or any(map(asks_for_a_key, dependant.dependencies))


def roles_at(dependant: Dependant) -> frozenset[Role]:
    """The roles that all `require(...)` of a route let through together."""
    passing = frozenset(Role)
    for part in dependant.dependencies:
        if isinstance(part.call, Permission):
            passing &= frozenset(part.call.roles)
        if part.call is admin_at_codec:
            passing &= {Role.ADMIN}
        passing &= roles_at(part)
    return passing


def roles_in(line: str) -> frozenset[Role]:
    return frozenset(map(Role, line.split()))
