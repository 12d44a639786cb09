"""The list of deliberate bugs keeps up with the code: each has its one place, breaks something, and names its tests."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cli.local.data import ROOT
from cli.mutants.catalogue import Mutant, load

MUTANTS = load()
RULE = re.compile(r"[DUV]\d+(-\d+)?|docs/(decisions/\d{4}|\w+\.md)")
each = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


def changed(mutant: Mutant) -> tuple[str, str]:
    """The file as it is, and with the bug."""
    source = (ROOT / mutant.file).read_text(encoding="utf-8")
    return source, mutant.applied(source)


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(MUTANTS) >= 25
    assert [name for name, times in Counter(mutant.name for mutant in MUTANTS).items() if times > 1] == []


@each
def test_it_changes_one_place_and_what_comes_out_compiles(mutant: Mutant) -> None:
    source, bug = changed(mutant)
    assert ast.dump(ast.parse(bug, mutant.file)) != ast.dump(ast.parse(source)), "nothing but looks has changed"


@each
def test_it_names_a_rule_and_tests_that_there_are(mutant: Mutant) -> None:
    assert RULE.fullmatch(mutant.rule)
    assert not mutant.rule.startswith("docs/") or list(ROOT.glob(f"{mutant.rule}*"))
    assert mutant.breaks.endswith(".")
    assert mutant.tests
    for test in mutant.tests:
        path, _, function = test.partition("::")
        assert f"def {function.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8"), test


def test_none_uses_a_name_that_is_not_there(tmp_path: Path) -> None:
    """Such a bug fails in every test that comes near it, and says nothing about any of them."""
    for mutant in MUTANTS:
        (tmp_path / f"{mutant.name.replace('-', '_')}.py").write_text(changed(mutant)[1], encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821", str(tmp_path)]
    found = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
