"""The boundary between rules and retries: a refused rule is never tried again."""

from typing import Any

from sqlalchemy.exc import DBAPIError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import DomainError


def as_application_error(refusal: DomainError) -> ApplicationError:
    """A refusal as Temporal carries it: its code is the type, its facts the first detail."""
    return ApplicationError(
        str(refusal),
        dict(refusal.facts),
        type=refusal.code,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def without_values(failure: DBAPIError) -> ApplicationError:
    """A failure of the database as Temporal keeps it: what failed and where, not on which values (they name people)."""
    diagnosis = getattr(failure.orig, "diag", None)
    told = [getattr(diagnosis, name, None) for name in ("sqlstate", "table_name", "constraint_name")]
    words = " ".join([type(failure.orig).__name__, *filter(None, told)])
    return ApplicationError(words, type=type(failure).__name__)


class _RefusalBoundary(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except DomainError as refusal:
            raise as_application_error(refusal) from refusal
        except DBAPIError as failure:
            raise without_values(failure).with_traceback(failure.__traceback__) from None


class RefusalInterceptor(Interceptor):
    """Turns every `DomainError` of an activity into a non-retryable `ApplicationError` of the same code."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _RefusalBoundary(next)
