"""One trial: a mutant put into a copy of the tree, its tests run there, and what they said."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

from cli.mutants.catalogue import Mutant, StaleMutantError

LONGEST = 300
"""Seconds for the tests of one mutant: one that hangs is not killed by an assertion."""
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".opora*", ".*_cache", ".hypothesis", "*.pyc.*")
_NO_BUG_OF_THE_FIELD = ("NameError", "ImportError", "ModuleNotFoundError", "SyntaxError", "UnboundLocalError")
"""What code says that cannot run at all: whoever writes it sees it at once, so it proves nothing about a test."""

_MAKES_PYTEST_TALK = {"CI", "BUILD_NUMBER"}
"""With one of these set, pytest ends with whole failures instead of a line for each."""


class Verdict(StrEnum):
    """What became of a mutant; only `KILLED` is good."""

    KILLED = "killed"
    SURVIVED = "survived"
    STALE = "stale"
    """Its place in the code is gone: the list has to follow."""
    BROKEN = "broken"
    """The tests could not run, were interrupted, or failed without an assertion."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`told`: the test that failed and its first words, or why nothing can be said."""

    mutant: Mutant
    verdict: Verdict
    seconds: float
    told: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """How a run of pytest ended. `failures`: tests that failed, and what they said; `output`: its last lines."""

    code: int | None
    failures: tuple[tuple[str, str], ...]
    output: str


@contextmanager
def a_copy(root: Path) -> Iterator[Path]:
    """A tree as it lies there, with whatever is not committed yet, in a directory that goes away."""
    with tempfile.TemporaryDirectory(prefix="opora-mutants-") as home:
        tree = Path(home) / "opora"
        shutil.copytree(root, tree, ignore=_LEFT_OUT)
        yield tree


def attempt(tree: Path, mutant: Mutant) -> Trial:
    """Put the mutant into the copy, run its tests until one fails, take it out again."""
    begun = time.monotonic()
    path = tree / mutant.file
    try:
        source = path.read_text(encoding="utf-8")
        changed = mutant.applied(source)
    except (OSError, StaleMutantError) as error:
        return Trial(mutant, Verdict.STALE, 0, str(error))
    times = path.stat()
    path.write_text(changed, encoding="utf-8")
    try:
        run = run_tests(tree, mutant.tests, first_only=True, keep_bytecode=False)
    finally:
        path.write_text(source, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # what was compiled of it is valid again
    return Trial(mutant, *_judged(run, time.monotonic() - begun))


def _judged(run: Run, seconds: float) -> tuple[Verdict, float, str]:
    if run.code == 0:
        return Verdict.SURVIVED, seconds, ""
    if run.code is None:
        return Verdict.BROKEN, seconds, f"дольше {LONGEST} с"
    if run.code != 1 or not run.failures:
        return Verdict.BROKEN, seconds, run.output
    test, said = run.failures[0]
    if said.startswith(_NO_BUG_OF_THE_FIELD):
        return Verdict.BROKEN, seconds, f"{test}: {said}"
    return Verdict.KILLED, seconds, f"{test}: {said}"


def run_tests(tree: Path, tests: Iterable[str], *, first_only: bool = False, keep_bytecode: bool = True) -> Run:
    """Run tests of a copy, with this interpreter and the copy's own code.

    Args:
        first_only: stop at the first failure.
        keep_bytecode: compiled code may be written for runs to come; never of a mutant.
    """
    report = tree / "report.xml"
    report.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in _MAKES_PYTEST_TALK}
    environment["PYTHONPATH"] = str(tree)
    if not keep_bytecode:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    argv = [sys.executable, "-P", "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    argv += [f"--junitxml={report}", *(["-x"] if first_only else []), *tests]
    try:
        done = subprocess.run(
            argv, cwd=tree, env=environment, capture_output=True, text=True, timeout=LONGEST if first_only else None,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Run(None, (), "")
    return Run(done.returncode, _failures(report), _end_of(done.stdout + done.stderr))


def _failures(report: Path) -> tuple[tuple[str, str], ...]:
    """Tests that failed in their own body, not before or after it, with the first line of what they said."""
    if not report.exists():
        return ()
    cases = ElementTree.parse(report).iter("testcase")
    return tuple(
        (case.get("name", ""), (failure.get("message") or "").partition("\n")[0])
        for case in cases
        for failure in case.findall("failure")
    )


def _end_of(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-3:])
