"""Turns: a person's command and a step of the process itself never meet half done."""

import asyncio
from collections.abc import Callable

from temporalio.exceptions import ApplicationError


class AlreadyOverError(Exception):
    """Somebody moved the process on, or ended it, before this step got its turn; the step no longer applies."""


class Turn:
    """The turn to move a process on: `async with Turn(lock, is_over): …`.

    Raises:
        AlreadyOverError: on entering, when `is_over` says that the step no longer applies.
    """

    def __init__(self, lock: asyncio.Lock, is_over: Callable[[], bool]) -> None:
        self._lock = lock
        self._is_over = is_over

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        if self._is_over():
            self._lock.release()
            raise AlreadyOverError

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


def refusal(code: str, **facts: str) -> ApplicationError:
    """A refusal as the doors understand it: the code of a `DomainError`, and its facts."""
    return ApplicationError(code, facts, type=code, non_retryable=True)
