"""How many requests are worked on at once: more would only wait for connections and memory, and all would be late."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.i18n import preferred_language
from api.problems import RETRY_AFTER, problem

LIMIT = 512
"""Twenty-five for each connection of the usual pool: seconds of waiting, not yet the end of anybody's patience."""
_PROBES = frozenset({"/healthz"})
"""A crowded process lives: who restarts it makes the crowd larger."""


class Crowd:
    """ASGI middleware: whoever comes while `limit` requests are worked on is told to come again. A request is read
    whole before it comes here."""

    def __init__(self, app: ASGIApp, limit: int = LIMIT) -> None:
        self._app = app
        self._limit = limit
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        if self._inside >= self._limit:
            spoken = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
            answer = problem(503, "overloaded", preferred_language(spoken), headers=RETRY_AFTER)
            await answer(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
