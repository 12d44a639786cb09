"""`./opora demo`: a seeded company and its story, guided or headless."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from cli.demo.company import fill
from cli.demo.door import Door, StoryError
from cli.demo.story import Story
from cli.local.data import ROOT, DataDirectory
from cli.local.problems import StackError
from cli.up import run_down, start_detached

USUAL = ROOT / ".opora-demo"


def run_demo(data: Path | None, *, script: bool, seed_only: bool) -> int:
    """Tell the story; the exit code says whether everything in it happened.

    With `script` and no directory the stack is a new one on free ports and goes away afterwards; otherwise it stays,
    so that people can look around.
    """
    console = Console(soft_wrap=True, highlight=False)
    try:
        if seed_only:
            fill(DataDirectory(data).path, datetime.now(UTC).date())
            return 0
        with _stack(data, script=script) as directory:
            running = directory.running()
            if running is None:
                raise StackError(f"В каталоге {directory.path} Опора не запустилась: смотрите {directory.logs}.")
            guided = not script and sys.stdin.isatty()
            story = Story(directory.path, Door(running), console, _wait_for_person if guided else _go_on)
            story.tell()
            console.print(f"\n[bold green]Всё случилось: {story.steps} шагов.[/bold green]")
            if not script:
                _look_around(console, running, directory)
    except (StoryError, StackError) as error:
        console.print(f"\n[bold red]Не случилось:[/bold red] {error}")
        return 1
    return 0


@contextmanager
def _stack(data: Path | None, *, script: bool) -> Iterator[DataDirectory]:
    """The running stack of a directory, started if need be; a headless one of our own goes away with the story."""
    passing = script and data is None
    directory = DataDirectory(Path(tempfile.mkdtemp(prefix="opora-demo-")) if passing else data or USUAL)
    ours = directory.holder() is None
    try:
        if ours:
            port = ["--port", "0"] if passing else []
            if start_detached(["--data", str(directory.path), *port]) != 0:
                raise StackError(f"Опора не запустилась: смотрите {directory.logs}.")
        yield directory
    except StoryError as error:
        if passing:
            raise StoryError(f"{error}\nДанные и журналы оставлены в {directory.path}") from error
        raise
    finally:
        if ours and script:
            run_down(directory)
    if passing:
        shutil.rmtree(directory.path, ignore_errors=True)


def _wait_for_person() -> None:
    input("  Enter — дальше ")


def _go_on() -> None:
    """Headless: nobody to wait for."""


def _look_around(console: Console, running: dict[str, object], directory: DataDirectory) -> None:
    console.print(f"Посмотрите сами: Temporal {running['temporal_ui']}, письма {running['mail']}, "
                  f"API {running['api']}/api/v1, ключи в {directory.run_json}.")  # fmt: skip
    console.print(f"Остановить: ./opora down --data {directory.path}")
