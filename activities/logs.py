"""What our processes write to their logs: where it went wrong and of which kind, never the words of an error.

Errors of databases, parsers and our own code quote the value that they stumbled over: a customer's name, a key, a row.
"""

import copy
import logging
import traceback
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class PrivateFormatter(logging.Formatter):
    """An exception is told by its type, its causes and the lines it passed through; a database's also by its code."""

    def format(self, record: logging.LogRecord) -> str:
        own = copy.copy(record)
        own.exc_text = None  # another handler may have left the whole text there
        return super().format(own)

    def formatException(  # noqa: N802 - the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        error = ei[1]
        told: list[str] = []
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            told.append("\n".join(filter(None, (frames, _kind(error)))))
            error = error.__cause__ or error.__context__
        return "\nbecause of\n".join(told)


def _kind(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    state = getattr(error, "sqlstate", None)
    constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    return " ".join(filter(None, (name, state, constraint)))


def log_privately(level: int = logging.INFO) -> None:
    """Let every logger of this process write to stderr, and nothing private."""
    handler = logging.StreamHandler()
    handler.setFormatter(PrivateFormatter(FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
