"""What no linter sees: registries are complete, messages survive the wire, our names are ours."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter

import activities
import domain
import workflows
from activities.persistence.policies import default_body
from activities.wiring import activities_of
from workflows.registry import WORKFLOWS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (domain, activities, workflows)


def modules(package: Any) -> Iterator[Any]:
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" not in info.name:
            yield importlib.import_module(info.name)


@pytest.mark.parametrize("name", ["domain", "activities", "workflows", "api", "cli", "worker"])
def test_our_names_mean_our_own_packages(name: str) -> None:
    module = importlib.import_module(name)
    assert Path(str(module.__file__)).is_relative_to(ROOT)


def test_every_workflow_is_in_the_registry() -> None:
    defined = {
        each
        for module in modules(workflows)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if hasattr(each, "__temporal_workflow_definition") and each.__module__ == module.__name__
    }
    assert defined == set(WORKFLOWS)


def test_every_activity_is_wired_and_named_once() -> None:
    classes = {
        each
        for module in modules(activities)
        for name, each in inspect.getmembers(module, inspect.isclass)
        if name.endswith("Activities") and each.__module__ == module.__name__
    }
    source = (ROOT / "activities/wiring.py").read_text()
    assert all(f"{each.__name__}(" in source for each in classes)
    names = [
        name for each in classes for name in dir(each) if hasattr(getattr(each, name), "__temporal_activity_definition")
    ]
    assert len(names) == len(set(names)) > 20
    assert activities_of(object()) == []


def handlers(owner: type[Any], marks: tuple[str, ...]) -> Iterator[Any]:
    for name in dir(owner):
        method = getattr(owner, name)
        if any(hasattr(method, mark) for mark in marks):
            yield method


def test_every_message_between_workflows_and_activities_can_travel() -> None:
    marks = (
        "__temporal_activity_definition",
        "__temporal_workflow_run",
        "__temporal_signal_definition",
        "__temporal_update_definition",
        "__temporal_query_definition",
    )
    owners = [
        each
        for module in (*modules(activities), *modules(workflows))
        for name, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__ and name.endswith(("Activities", "Workflow"))
    ]
    travelling = {
        kind for owner in owners for method in handlers(owner, marks) for name, kind in get_type_hints(method).items()
    }
    for kind in travelling:
        TypeAdapter(kind).json_schema(mode="serialization")
    assert len([kind for kind in travelling if is_dataclass(kind)]) > 15


@pytest.mark.parametrize("path", sorted((ROOT / "domain").rglob("*.py")), ids=lambda path: path.name)
def test_the_domain_keeps_its_annotations(path: Path) -> None:
    """String annotations would break the decoding of messages inside the workflow sandbox."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    assert not [node for node in imports if node.module == "__future__"]


@pytest.mark.parametrize("package", ["domain", "workflows"])
def test_rules_and_workflows_read_no_clock(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        called = [
            f"{node.func.value.id}.{node.func.attr}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ]
        assert not {"datetime.now", "datetime.utcnow", "date.today", "time.time"} & set(called), path


CLOCK = re.compile(r"datetime\.(now|utcnow)|date\.today|\bnow\(\)|\bcurrent_(date|time)|clock_timestamp", re.IGNORECASE)
STORES = sorted(path for path in (ROOT / "activities").rglob("*.py") if "migrations" not in path.parts)


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.name)
def test_activities_read_no_clock(path: Path) -> None:
    """Neither the machine's nor the database's, and their stores do not either: time is an argument."""
    assert CLOCK.search("created_at = now()")
    assert CLOCK.search("CURRENT_TIMESTAMP")
    assert [line for line in path.read_text().splitlines() if CLOCK.search(line)] == []


GOES_AROUND = re.compile(r"\b(skip[\s_]+locked|nowait)\b", re.IGNORECASE)


def test_d3_7_nobody_goes_around_a_locked_row() -> None:
    """It would promise goods that are somebody else's, or refuse goods that are there."""
    assert GOES_AROUND.search("with_for_update(skip_locked=True)")
    assert GOES_AROUND.search("FOR UPDATE\n SKIP  LOCKED")
    assert GOES_AROUND.search("FOR UPDATE NOWAIT")
    sources = [*(ROOT / "activities").rglob("*.py"), *(ROOT / "api").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    assert len(sources) > 100
    assert [str(path) for path in sources if GOES_AROUND.search(path.read_text())] == []


def test_the_first_policy_is_the_rule_book() -> None:
    versions = "activities.persistence.migrations.versions"
    first = importlib.import_module(f"{versions}.0002_guards").POLICY_1
    later = [importlib.import_module(f"{versions}.{name}").ADDED for name in ("0003_credit", "0006_stock")]
    assert default_body() == first | later[0] | later[1]
