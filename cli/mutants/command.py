"""`./opora mutants`: each deliberate bug of the list must make a test fail."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.local.data import ROOT
from cli.local.problems import StackError, explain_os_error
from cli.mutants.catalogue import LISTS, Mutant, chosen, load
from cli.mutants.trial import Trial, Verdict, a_copy, attempt, run_tests

_WORDS = {
    Verdict.KILLED: "[green]убит[/]",
    Verdict.SURVIVED: "[red]выжил[/]",
    Verdict.STALE: "[red]устарел[/]",
    Verdict.BROKEN: "[red]негоден[/]",
}


def list_mutants(names: Sequence[str]) -> None:
    """Print the list."""
    table = Table("Имя", "Правило", "Что ломает", "Где", title="Намеренные ошибки", title_justify="left")
    for mutant in _chosen(LISTS, names):
        table.add_row(mutant.name, mutant.rule, mutant.breaks, mutant.file)
    Console().print(table)


def run_mutants(
    names: Sequence[str], *, jobs: int, json_file: Path | None = None, root: Path = ROOT, lists: Path = LISTS
) -> bool:
    """Try each chosen mutant and print what became of it; True when all were killed.

    Raises:
        StackError: a name fits none, or the tests fail without any mutant.
    """
    mutants, progress, begun = _chosen(lists, names), Console(stderr=True), monotonic()
    trials = []
    with ExitStack() as stack:
        progress.print("Сначала те же тесты без ошибок…", highlight=False)
        trees = [stack.enter_context(a_copy(root))]
        _must_pass(trees[0], mutants)
        trees += [stack.enter_context(a_copy(trees[0])) for _ in range(min(jobs, len(mutants)) - 1)]
        for number, trial in enumerate(_try_all(trees, mutants), 1):
            progress.print(f"{number}/{len(mutants)} {_WORDS[trial.verdict]} {trial.mutant.name}", highlight=False)
            trials.append(trial)
    places = {mutant.name: place for place, mutant in enumerate(mutants)}
    trials.sort(key=lambda trial: places[trial.mutant.name])
    _show(trials, monotonic() - begun)
    if json_file is not None:
        _write(json_file, trials)
    return all(trial.verdict is Verdict.KILLED for trial in trials)


def _chosen(lists: Path, names: Sequence[str]) -> list[Mutant]:
    try:
        return chosen(load(lists), names)
    except LookupError as error:
        raise StackError(f"Нет такой ошибки: {error.args[0]}. Все имена: ./opora mutants --list") from None


def _must_pass(tree: Path, mutants: Sequence[Mutant]) -> None:
    """A test that fails anyway kills nothing. What it compiles on the way serves the runs to come."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    clean = run_tests(tree, tests)
    if clean.code != 0:
        failed = ", ".join(test for test, _ in clean.failures) or clean.output
        raise StackError(f"Тесты не проходят и без намеренных ошибок: {failed}")


def _try_all(trees: Sequence[Path], mutants: Sequence[Mutant]) -> Iterator[Trial]:
    """As they end; one mutant at a time in each copy."""
    free: SimpleQueue[Path] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def one(mutant: Mutant) -> Trial:
        tree = free.get()
        try:
            return attempt(tree, mutant)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        running: list[Future[Trial]] = [pool.submit(one, mutant) for mutant in mutants]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _show(trials: Sequence[Trial], seconds: float) -> None:
    table = Table("Имя", "Правило", "Что ломает", "Итог", "с", "Кто заметил")
    for trial in trials:
        mutant = trial.mutant
        table.add_row(
            mutant.name, mutant.rule, mutant.breaks, _WORDS[trial.verdict], f"{trial.seconds:.0f}", escape(trial.told)
        )
    counts = Counter(trial.verdict for trial in trials)
    console = Console()
    console.print(table)
    console.print(
        f"Ошибок {len(trials)}: убито {counts[Verdict.KILLED]}, выжило {counts[Verdict.SURVIVED]}, "
        f"устарело {counts[Verdict.STALE]}, негодно {counts[Verdict.BROKEN]} · {seconds:.0f} с",
        highlight=False,
    )


def _write(file: Path, trials: Sequence[Trial]) -> None:
    told = [
        {
            "name": trial.mutant.name,
            "rule": trial.mutant.rule,
            "file": trial.mutant.file,
            "verdict": trial.verdict,
            "seconds": round(trial.seconds, 1),
            "told": trial.told,
        }
        for trial in trials
    ]
    try:
        file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StackError(explain_os_error(error, file)) from error
