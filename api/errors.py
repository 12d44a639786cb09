"""Every failure becomes a problem (RFC 9457): a refusal by its class, bad input field by field, an outage as a 503."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from temporalio.client import RPCTimeoutOrCancelledError, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.persistence.identifiers import UUID_PATTERN
from activities.persistence.orders import legal_entity
from activities.persistence.party_tables import UserRow
from api.i18n import Language, preferred_language
from api.problems import RETRY_AFTER, ProblemResponse, problem
from api.validation import field_errors
from domain.errors import DomainError, TooManyCallsError

logger = logging.getLogger("opora.api")

_ENDED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"
"""How the server names an update that was taken by a workflow that then ended."""
_LOCK_NOT_AVAILABLE = "55P03"
_BUSY = {_LOCK_NOT_AVAILABLE, "40P01", "40001"}
_BAD_VALUE = {"22003", "22021", "22P02", "22P05"}
"""Out of range, bad encoding: a value that slipped past the schema is still the caller's mistake."""


def refusals() -> Iterator[type[DomainError]]:
    """Every kind of refusal there is."""
    waiting = [DomainError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting.extend(kind.__subclasses__())


def refused(code: str, facts: Mapping[str, Any]) -> DomainError:
    """The refusal of a code that a step answered with."""
    kind = next((kind for kind in refusals() if kind.code == code), DomainError)
    return kind(**facts)


def status_of(code: str) -> int | None:
    """The HTTP status of a refusal by its code; None when the code is not ours."""
    return next((kind.status for kind in refusals() if kind.code == code), None)


def install(app: FastAPI) -> None:
    """Register the handlers of every failure."""
    app.add_exception_handler(DomainError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(WorkflowUpdateFailedError, _workflow_failed)
    app.add_exception_handler(WorkflowFailureError, _workflow_failed)
    app.add_exception_handler(ApplicationError, _workflow_failed)
    app.add_exception_handler(RPCError, _temporal_silent)
    app.add_exception_handler(RPCTimeoutOrCancelledError, _temporal_silent)
    app.add_exception_handler(RuntimeError, _temporal_unreachable)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(PoolTimeoutError, _outage)
    app.add_exception_handler(Exception, _bug)


def refusal_to(request: Request, error: DomainError | SQLAlchemyError) -> Response:
    """The answer to what goes wrong before any route."""
    if isinstance(error, DomainError):
        return _refused(request, error)
    return _database(request, error) if isinstance(error, DBAPIError) else _outage(request, error)


def refusal_in(error: BaseException | None) -> tuple[str, Mapping[str, Any]] | None:
    """Code and facts of the refusal at the bottom of a chain of Temporal failures."""
    while error is not None:
        if isinstance(error, ApplicationError) and error.type == _ENDED_MEANWHILE:
            return "process_ended", {}
        if isinstance(error, ApplicationError) and error.type and status_of(error.type) is not None:
            facts = error.details[0] if error.details else {}
            return error.type, facts if isinstance(facts, Mapping) else {}
        error = error.cause if isinstance(error, FailureError) else error.__cause__
    return None


def _language(request: Request) -> Language:
    return preferred_language(request.headers.get("accept-language"))


def company_zone(request: Request) -> tzinfo:
    """The company's clock, read once; UTC until it can be read."""
    state = request.app.state
    if getattr(state, "zone", None) is None:
        try:
            with Session(state.engine) as session:
                state.zone = ZoneInfo(legal_entity(session).timezone)
        except (SQLAlchemyError, LookupError):
            return UTC
    zone: tzinfo = state.zone
    return zone


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    headers = RETRY_AFTER if error.status == 503 else None
    if isinstance(error, TooManyCallsError):
        headers = {"Retry-After": str(error.facts["retry_after"])}
    zone = company_zone(request)
    facts = _with_a_name(request, error.facts)
    return problem(error.status, error.code, _language(request), facts, headers=headers, zone=zone)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    language = _language(request)
    return problem(422, "invalid_input", language, {"errors": field_errors(error.errors(), language)})


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {
        400: "malformed_json",
        401: "unauthenticated",
        404: "route_not_found",
        405: "method_not_allowed",
        413: "body_too_large",
    }
    code = codes.get(error.status_code, "invalid_input")
    headers = dict(error.headers) if error.headers else None
    if error.status_code == 405:
        headers = {"Allow": ", ".join(sorted(_methods_at(request)))}
    return problem(error.status_code, code, _language(request), headers=headers)


def _methods_at(request: Request) -> set[str]:
    """The methods of every route with this address, of two templates the one that says more of it: the framework names
    only those of the first."""
    routes = iter_route_contexts(request.app.routes)
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    blanks = [(route.path or "").count("{") for route in matching]
    named = zip(matching, blanks, strict=True)
    return set().union(*(route.methods or () for route, count in named if count == min(blanks)))


def _workflow_failed(request: Request, error: Exception) -> Response:
    refusal = refusal_in(error)
    if refusal is None:
        return _bug(request, error)
    code, facts = refusal
    named = _with_a_name(request, facts)
    return problem(status_of(code) or 409, code, _language(request), named, zone=company_zone(request))


def _with_a_name(request: Request, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Workflows know people by their ids; readers by their names."""
    by = facts.get("by")
    if not isinstance(by, str) or not UUID_PATTERN.fullmatch(by):
        return facts
    with Session(request.app.state.engine) as session:
        person = session.get(UserRow, UUID(by))
    return {**facts, "by": person.name} if person else facts


def _temporal_silent(request: Request, error: Exception) -> Response:
    """Temporal refuses or does not answer. A workflow that is not there is the caller's stale view, not an outage."""
    if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
        return problem(409, "process_ended", _language(request))
    if isinstance(error, RPCError) and error.status is RPCStatusCode.INVALID_ARGUMENT:
        return _bug(request, error)
    return _outage(request, error)


def _temporal_unreachable(request: Request, error: Exception) -> Response:
    """The lazy client reports a failed connection as a bare `RuntimeError`."""
    if "client connect" in str(error):
        return _outage(request, error)
    raise error


def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    state = getattr(error.orig, "sqlstate", None)
    if state in _BUSY:
        return problem(503, "busy", _language(request), headers=RETRY_AFTER)
    if state in _BAD_VALUE:
        return problem(422, "invalid_input", _language(request), {"errors": []})
    if state is None or state.startswith(("08", "53", "57")):
        return _outage(request, error)
    return _bug(request, error)


def _outage(request: Request, error: Exception) -> ProblemResponse:
    logger.warning("outage during %s %s: %s", request.method, request.url.path, type(error).__name__)
    return problem(503, "temporarily_unavailable", _language(request), headers=RETRY_AFTER)


def _bug(request: Request, error: Exception) -> ProblemResponse:
    logger.error("bug in %s %s", request.method, request.url.path, exc_info=error)
    return problem(500, "internal_error", _language(request))
