"""Somebody who looks at the figures all the time while others change them, without a lock."""

import threading
from collections.abc import Callable
from typing import Any


class Observer:
    """Keeps what it saw wrong: every answer of `look` in which any figure is not nought."""

    def __init__(self, look: Callable[[], dict[str, Any]], *, every: float) -> None:
        self.look = look
        self.every = every
        self.looks, self.seen = 0, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Observer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self.every):
            self.looks += 1
            figures = self.look()
            if any(figures.values()):
                self.seen.append(figures)
