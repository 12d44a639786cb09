"""Telling a story on a running stack: a step is done, its effect is looked for, and shown with its time."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from cli.demo.door import Door, StoryError

_WITHIN = 100.0
"""Seconds until an effect must be seen; a letter whose worker was killed is tried again after 30."""
_LONGEST = 400


class Teller:
    """Shows what happened, and fails at the first thing that did not."""

    def __init__(self, door: Door, console: Console) -> None:
        self.door = door
        self.steps = 0
        self._console = console
        self._began = time.monotonic()

    # -- looking for effects --------------------------------------------------------------------------------------

    def letter(self, to: str, text: str) -> dict[str, Any]:
        """The letter to somebody with these words in it, as soon as it is there."""
        letter: dict[str, Any] = self.until(lambda: self.find_letter(to, text), bool)
        return letter

    def find_letter(self, to: str, *texts: str) -> dict[str, Any] | None:
        """The newest letter to somebody with all of these words, if there is one."""
        found = (
            letter
            for letter in reversed(self.door.mail())
            if to in letter["to"] and all(text in letter["subject"] + letter["text"] for text in texts)
        )
        return next(found, None)

    def task(self, who: str, kind: str, number: str) -> dict[str, Any]:
        """The task of a kind that somebody has about a number, as soon as it is there."""
        task: dict[str, Any] = self.until(lambda: self.find_task(who, kind, number), bool)
        return task

    def find_task(self, who: str, kind: str, number: str) -> dict[str, Any] | None:
        """The same, if it is there now."""
        tasks = items(self.door.get(who, "/tasks?limit=200"))
        return next((task for task in tasks if task["kind"] == kind and number in task["subject"]), None)

    def until(self, look: Callable[[], Any], is_there: Callable[[Any], bool]) -> Any:
        """Look until what is awaited is there."""
        deadline = time.monotonic() + _WITHIN
        while not is_there(seen := look()):
            if time.monotonic() > deadline:
                raise StoryError(f"не дождались за {_WITHIN:.0f} с; последнее, что видно: {_short(seen)}")
            time.sleep(0.1)
        return seen

    def expect(self, what: str, happened: bool, seen: object) -> None:
        """Fail unless it happened."""
        if not happened:
            raise StoryError(f"{what}: не случилось, вместо этого {_short(seen)}")

    # -- telling --------------------------------------------------------------------------------------------------

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._console.print(f"\n[bold]{title}[/bold]")

    def done(self, effect: str, at: datetime | None = None) -> None:
        """Show a step that happened."""
        self.steps += 1
        at = at or datetime.now(UTC)
        self._console.print(
            f"  [green]✓[/green] {at:%d.%m.%Y}  {effect}  [dim]{time.monotonic() - self._began:.1f} с[/dim]",
            highlight=False,
        )


def _short(seen: object) -> str:
    """What was seen instead, for a person: an order by its state, anything else cut."""
    if isinstance(seen, dict) and "status" in seen:
        seen = {name: seen.get(name) for name in ("number", "status", "waiting")}
    text = str(seen)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def items(answer: Any) -> Iterator[dict[str, Any]]:
    """The items of a list, whether it comes in pages or not."""
    yield from answer["items"] if isinstance(answer, dict) else answer
