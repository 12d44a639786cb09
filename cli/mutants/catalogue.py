"""The list of deliberate bugs: each a small exact change of one file that some test must notice."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cli.local.data import ROOT

LISTS = ROOT / "tests" / "mutants"


class StaleMutantError(Exception):
    """The text that a mutant changes is not there, or there more than once."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A deliberate bug: in `file` the one place that reads `old` reads `new` instead.

    Attributes:
        room: the list it stands in.
        rule: what it breaks by number, of the rule book or of a promise (`D3-1`, `U6`, `docs/locking.md`).
        breaks: the same in a sentence.
        tests: the tests of which one must fail, as pytest names them.
    """

    room: str
    name: str
    rule: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The text of `file` with the bug in it.

        Raises:
            StaleMutantError
        """
        found = source.count(self.old)
        if found != 1:
            raise StaleMutantError(f"{self.file}: найдено мест: {found}, нужно одно")
        return source.replace(self.old, self.new)


def load(lists: Path = LISTS) -> list[Mutant]:
    """Every mutant, list by list.

    Raises:
        TypeError: one has a field too many or too few.
    """
    mutants = []
    for path in sorted(lists.glob("*.toml")):
        entries: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
        mutants += [Mutant(room=path.stem, **{**each, "tests": tuple(each["tests"])}) for each in entries]
    return mutants


def chosen(mutants: Iterable[Mutant], names: Iterable[str]) -> list[Mutant]:
    """Those with one of these names, in which `*` stands for anything, or of a room of that name; all without names.

    Raises:
        LookupError: a name that fits none.
    """
    everything, wanted = list(mutants), list(names)
    for name in wanted:
        if not any(_fits(mutant, name) for mutant in everything):
            raise LookupError(name)
    return [mutant for mutant in everything if not wanted or any(_fits(mutant, name) for name in wanted)]


def _fits(mutant: Mutant, name: str) -> bool:
    return mutant.room == name or fnmatchcase(mutant.name, name)
