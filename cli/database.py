"""Reading the database of a running stack from a command, with sentences for what is in the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from activities.persistence.engine import make_engine
from cli.importing import find_stack
from cli.local.problems import StackError
from domain.errors import DomainError
from domain.wording import RUSSIAN, refusal_text


@contextmanager
def database_of(data: Path | None) -> Iterator[Engine]:
    """The database of `--data`, of OPORA_DATABASE_URL, or of the usual directory.

    Raises:
        StackError: it does not run or does not answer, or a rule refused.
    """
    engine = make_engine(find_stack(data).database, pool_size=1)
    try:
        yield engine
    except DomainError as refusal:
        raise StackError(refusal_text(refusal.code, RUSSIAN, **refusal.facts)) from refusal
    except ProgrammingError as error:
        raise StackError("База данных не подготовлена: выполните ./opora migrate.") from error
    except OperationalError as error:
        raise StackError("PostgreSQL не отвечает: проверьте, что система запущена (./opora up).") from error
    finally:
        engine.dispose()


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[tuple[Progress, TaskID]]:
    """A bar on a terminal, nothing elsewhere; advance it by its task."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar, bar.add_task(title, total=total)
