"""What OpenAPI says around the routes: tags, problems, stable operation ids."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.auth import Permission, authenticate

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:opora:problem:stale_version"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Что не так и что сделать. / What is wrong and what to do."},
        "code": {"type": "string", "description": "Постоянный код отказа. / Stable code of the refusal."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "text", "code"],
                "properties": {
                    "field": {"type": "string", "examples": ["lines[0].quantity"]},
                    "text": {"type": "string"},
                    "code": {"type": "string", "examples": ["not_positive"]},
                },
            },
        },
    },
}

_MEANINGS = {
    400: "Запрос не прочитан. / The request cannot be read.",
    401: "Ключ не передан или не действует. / No key, or an unknown one.",
    403: "Нет прав. / Not permitted to this role.",
    404: "Не найдено. / Not found.",
    409: "Сейчас невозможно. / Not possible in the present state.",
    412: "Версия устарела. / The version is stale.",
    413: "Слишком большой запрос. / Too large.",
    415: "Не тот вид данных. / Wrong kind of data.",
    422: "Ошибка в данных. / Invalid data.",
    428: "Нужен If-Match. / If-Match is required.",
    429: "Слишком часто. / Too often.",
    503: "Временно недоступно, повторите. / Temporarily unavailable, retry.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The declared problems of a route, on top of those every route has: `responses=problems(404, 409)`."""
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


def operation_id(route: APIRoute) -> str:
    """Stable: the name of the route's function, such as `create_customer`."""
    return route.name


def describe() -> dict[str, Any]:
    """Arguments of `FastAPI(...)` that only the description needs."""
    return {
        "summary": "Заказ от предложения до денег. / An order from quote to money.",
        "description": "Деньги — `{amount, currency}`, количества и суммы — строки, время — RFC 3339. "
        "Отказы — RFC 9457 с постоянным `code`; язык — по `Accept-Language`, по умолчанию русский. / "
        "Money is `{amount, currency}`, quantities and amounts are strings, times RFC 3339. Refusals are RFC 9457 "
        "problems with a stable `code`, Russian unless `Accept-Language` says otherwise.",
        "openapi_tags": [
            {"name": "customers", "description": "Клиенты и их кредит. / Customers and their credit."},
            {"name": "products", "description": "Товары и цены. / Products and prices."},
            {"name": "stock", "description": "Остатки. / Stock."},
            {"name": "supply", "description": "Закупка и поставки. / Purchases and deliveries."},
            {"name": "orders", "description": "Заказы. / Orders."},
            {"name": "payments", "description": "Деньги. / Payments."},
            {"name": "exchange-rates", "description": "Курсы валют. / Exchange rates."},
            {"name": "invoices", "description": "Счета и долг. / Invoices and receivables."},
            {"name": "tasks", "description": "Задачи и уведомления. / Tasks and notices."},
            {"name": "legal", "description": "Дела юриста. / Legal cases."},
            {"name": "policies", "description": "Версии политики. / Policy versions."},
            {"name": "journal", "description": "Кто, что и на каких цифрах. / Who did what, on which figures."},
            {"name": "service", "description": "Состояние службы. / The service itself."},
        ],
        "generate_unique_id_function": operation_id,
        "responses": problems(400, 422),
    }


def answers(model: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What a route answers when it puts its JSON together by itself."""
    return {status: {"model": model}}


LATER: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Принято, ответ ещё не готов: он появится в заказе. / Taken; the order shows the answer later."
    }
}


def known_already(model: Any = None) -> dict[int | str, dict[str, Any]]:
    """The 200 of a route that creates: the same came before."""
    described = {"description": "Уже есть, ничего не изменилось. / Was there already, nothing has changed."}
    return {200: described | ({"model": model} if model else {})}


def declare_problems(router: APIRouter) -> None:
    """Complete what each route declares by what it asks for: a key, a role, an object, a body, a version."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.responses = {**problems(*_implied(route)), **route.responses}


def _implied(route: APIRoute) -> Iterator[int]:
    parts = list(dependencies(route.dependant))
    calls = {part.call for part in parts}
    if authenticate in calls:
        yield from (401, 429, 503)
    if any(isinstance(call, Permission) for call in calls):
        yield 403
    if "{" in route.path:
        yield 404
    if not {"POST", "PUT", "PATCH"}.isdisjoint(route.methods or ()):
        yield from (404, 409, 413)  # a body may name what is not there
    if any(parameter.name == "if_match" for part in parts for parameter in part.header_params):
        yield from (412, 428)


def dependencies(dependant: Dependant) -> Iterator[Dependant]:
    """Everything a route asks for, at every depth."""
    yield dependant
    for part in dependant.dependencies:
        yield from dependencies(part)
