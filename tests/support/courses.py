"""The course of a workflow as its source tells it: which commands it can give to the engine, and in which order.

Calls inside the workflow's package are followed, so that moving code about changes nothing; a change that stands under
a new `workflow.patched` is seen as processes see it that began before: not at all.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

COMMANDS = {
    "execute_activity": "activity", "start_activity": "activity",
    "execute_activity_method": "activity", "start_activity_method": "activity",
    "execute_local_activity": "local activity", "start_local_activity": "local activity",
    "execute_local_activity_method": "local activity", "start_local_activity_method": "local activity",
    "execute_child_workflow": "child", "start_child_workflow": "child",
    "upsert_search_attributes": "search attributes", "upsert_memo": "memo", "sleep": "timer",
    "continue_as_new": "continue as new", "patched": "patch", "deprecate_patch": "patch",
}  # fmt: skip
"""Functions of `temporalio.workflow` and the commands they give."""
TIMERS = {"sleep", "timeout", "timeout_at", "wait_for"}
"""Functions of asyncio that set a timer of the engine."""
NAMED = {"activity", "local activity", "child", "patch"}

Lines = list[str]


@dataclass(frozen=True)
class Method:
    """A function of a class in the light of the class that a process is of."""

    owner: type[Any]
    name: str
    after: type[Any] | None = None

    def find(self) -> "Source | None":
        line = self.owner.__mro__
        line = line[line.index(self.after) + 1 :] if self.after else line
        for each in line:
            if self.name in vars(each) and _package(each) == _package(self.owner):
                tree = _body_of(each, self.name)
                return Source(tree, sys.modules[each.__module__], self.owner, each) if tree else None
        return None


@dataclass(frozen=True)
class Source:
    """A function's source, and where its names mean something."""

    tree: ast.FunctionDef | ast.AsyncFunctionDef
    module: Any
    owner: type[Any] | None = None
    defined_in: type[Any] | None = None
    bound: dict[str, Any] = field(default_factory=dict)


def course_of(process: type[Any], *, known: Iterable[str] | None = None) -> str:
    """The commands of a workflow class, entry by entry.

    Args:
        known: patches there are; any other is one that the process has not met. None: every patch of the source.
    """
    reader = _Reader(None if known is None else frozenset(known))
    told: Lines = []
    for kind, name in _entries(process):
        source = Method(process, name).find()
        lines = reader.read(source) if source else []
        if lines:
            told += [f"{kind} {name}", *_deeper(lines)]
    return "\n".join(told) + "\n"


def patches_of(course: str) -> set[str]:
    """The patches that a course knows."""
    return {line.strip().removeprefix("patch ") for line in course.splitlines() if line.strip().startswith("patch ")}


def _entries(process: type[Any]) -> Iterator[tuple[str, str]]:
    marks = {"__temporal_workflow_run": "run", "__temporal_signal_definition": "signal"}
    yield "start", "__init__"
    for name in sorted(dir(process)):
        handler = inspect.getattr_static(process, name)
        kind = next((kind for mark, kind in marks.items() if hasattr(handler, mark)), None)
        if kind or hasattr(handler, "_defn"):
            yield kind or "update", name


class _Reader:
    def __init__(self, known: frozenset[str] | None) -> None:
        self._known = known
        self._stack: list[ast.AST] = []

    def read(self, source: Source) -> Lines:
        if source.tree in self._stack or len(self._stack) > 30:
            return []
        self._stack.append(source.tree)
        try:
            return _Function(self, source).block(source.tree.body)[0]
        finally:
            self._stack.pop()

    def is_new(self, patch: str) -> bool:
        return self._known is not None and patch not in self._known


class _Function:
    """One walk through one function."""

    def __init__(self, reader: _Reader, source: Source) -> None:
        self._reader, self._source = reader, source
        self._inner: dict[str, Source] = {}
        self._named: dict[str, ast.Call] = {}

    # -- statements -----------------------------------------------------------------------------------------------

    def block(self, body: list[ast.stmt]) -> tuple[Lines, bool]:
        """The commands of statements, and whether what follows them is never reached."""
        told: Lines = []
        for statement in body:
            lines, over = self.statement(statement)
            told += lines
            if over:
                return told, True
        return told, False

    def statement(self, node: ast.stmt) -> tuple[Lines, bool]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._inner[node.name] = replace(self._source, tree=node)
                return [], False
            case ast.If():
                return self._branch(node)
            case ast.Match():
                return self.value(node.subject) + self._cases(node), False
            case ast.Try():
                told, over = self.block(node.body)
                for handler in node.handlers:
                    told += _titled("except", self.block(handler.body)[0])
                told += self.block(node.orelse)[0] + self.block(node.finalbody)[0]
                return told, over and not node.handlers
            case ast.While() | ast.For() | ast.AsyncFor():
                head = node.test if isinstance(node, ast.While) else node.iter
                inside = self.value(head) + self.block(node.body)[0]
                return _titled("again", inside) + self.block(node.orelse)[0], False
            case ast.With() | ast.AsyncWith():
                entered = [line for item in node.items for line in self.value(item.context_expr)]
                inside, over = self.block(node.body)
                return entered + inside, over and not _may_swallow(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as asked):
                self._named[name] = asked
                return self.value(node), False
            case ast.Return() | ast.Raise():
                return self.value(node), True
            case _:
                return self.value(node), False

    def _branch(self, node: ast.If) -> tuple[Lines, bool]:
        truth = self._truth(node.test)
        told = self.value(node.test)
        if truth is not None:
            lines, over = self.block(node.body if truth else node.orelse)
            return told + lines, over
        (yes, yes_over), (no, no_over) = self.block(node.body), self.block(node.orelse)
        return told + _titled("if", yes) + _titled("else", no), yes_over and no_over and bool(node.orelse)

    def _cases(self, node: ast.Match) -> Lines:
        told: Lines = []
        for case in node.cases:
            guard = self.value(case.guard) if case.guard else []
            told += _titled(f"case {ast.unparse(case.pattern)}", guard + self.block(case.body)[0])
        return told

    # -- values -----------------------------------------------------------------------------------------------------

    def value(self, node: ast.AST | None) -> Lines:
        """The commands of an expression, arguments first."""
        match node:
            case None | ast.Lambda():
                return []
            case ast.IfExp() if (truth := self._truth(node.test)) is not None:
                return self.value(node.body if truth else node.orelse)
            case ast.BoolOp() if (until := self._cut(node)) is not None:
                return [line for each in node.values[:until] for line in self.value(each)]
            case ast.Call():
                return self._call(node)
            case ast.Name(id=name) if name in self._inner:
                return self._reader.read(replace(self._inner[name], bound=self._bound()))
            case _:
                return [line for each in ast.iter_child_nodes(node) for line in self.value(each)]

    def _call(self, node: ast.Call) -> Lines:
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        told = [line for each in given for line in self.value(each)]
        command = self._command(node)
        if command is not None:
            return told + ([] if self._is_new(command) else [command])
        called = self._meaning(node.func)
        source = called.find() if isinstance(called, Method) else called
        if isinstance(source, Source):
            bound = self._arguments(source, node)
            return told + self._reader.read(replace(source, bound=bound))
        return told + self.value(node.func)

    def _command(self, node: ast.Call) -> str | None:
        """`activity reserve_order`, where the call gives a command."""
        if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, ast.Name):
            return None
        library, function = node.func.value.id, node.func.attr
        if library == "asyncio":
            return "timer" if function in TIMERS else None
        if library != "workflow":
            return None
        if function == "wait_condition":
            return "timer" if any(keyword.arg == "timeout" for keyword in node.keywords) else None
        kind = COMMANDS.get(function)
        return f"{kind} {self._name(node.args[0])}" if kind in NAMED else kind

    def _is_new(self, command: str) -> bool:
        return command.startswith("patch ") and self._reader.is_new(command.removeprefix("patch "))

    # -- what names mean ------------------------------------------------------------------------------------------

    def _meaning(self, node: ast.AST) -> Any:
        """A method or function of ours, the text of a step, or None."""
        owner = self._source.owner
        match node:
            case ast.Name(id=name) if name in self._source.bound:
                return self._source.bound[name]
            case ast.Name(id=name) if name in self._inner:
                return replace(self._inner[name], bound=self._bound())
            case ast.Name(id=name):
                return _function(getattr(self._source.module, name, None), self._source.module)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if owner:
                return Method(owner, name)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name) if owner:
                return Method(owner, name, after=self._source.defined_in)
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=part), attr=name) if owner:
                kind = _parts(owner).get(part)
                return Method(kind, name) if kind else None
        return None

    def _name(self, node: ast.AST) -> str:
        """What a step or a patch is called; a parameter stands for what was given."""
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name) if isinstance(self._source.bound.get(name), str):
                return str(self._source.bound[name])
            case ast.Name(id=name):
                known = getattr(self._source.module, name, None)
                return known if isinstance(known, str) else getattr(known, "__name__", name)
            case ast.Attribute():
                owner = getattr(self._source.module, node.value.id, None) if isinstance(node.value, ast.Name) else None
                known = getattr(owner, node.attr, None)
                if isinstance(known, str):
                    return known
                return owner.__name__ if node.attr == "run" and isinstance(owner, type) else node.attr
        return ast.unparse(node)

    def _arguments(self, source: Source, call: ast.Call) -> dict[str, Any]:
        """Parameters bound to what is given for them: methods, and steps by name."""
        names = [each.arg for each in source.tree.args.args if each.arg != "self"]
        given = [*zip(names, call.args, strict=False), *((each.arg, each.value) for each in call.keywords)]
        bound = dict(source.bound)
        for name, node in given:
            if name is None:
                continue
            known = isinstance(node, ast.Name) and node.id in self._source.bound
            bound[name] = self._source.bound[node.id] if known else self._meaning(node) or self._name(node)
        return bound

    def _bound(self) -> dict[str, Any]:
        return {**self._source.bound, **self._inner}

    # -- patches ----------------------------------------------------------------------------------------------------

    def _truth(self, node: ast.AST) -> bool | None:
        """What a condition is for a process that has met no new patch; None where facts decide."""
        match node:
            case ast.UnaryOp(op=ast.Not()):
                truth = self._truth(node.operand)
                return None if truth is None else not truth
            case ast.BoolOp():
                truths = [self._truth(each) for each in node.values]
                decisive = isinstance(node.op, ast.Or)
                return decisive if decisive in truths else (None if None in truths else not decisive)
            case ast.Call():
                command = self._command(node)
                if command is not None:
                    return False if self._is_new(command) else None
                called = self._meaning(node.func)
                source = called.find() if isinstance(called, Method) else called
                return self._returned(source) if isinstance(source, Source) else None
            case ast.Name(id=name) if name in self._named:
                return self._truth(self._named[name])
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if self._source.owner:
                return self._remembered(name)
        return None

    def _returned(self, source: Source) -> bool | None:
        """The truth of a function that only asks for a patch."""
        body = [each for each in source.tree.body if not isinstance(each, ast.Expr)]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            return None
        return _Function(self._reader, source)._truth(body[0].value)

    def _remembered(self, name: str) -> bool | None:
        """The truth of what `__init__` keeps of a patch."""
        source = Method(self._source.owner, name).find() if self._source.owner else None
        if source is not None:
            return self._returned(source)
        for kept, node, start in _kept(self._source.owner):
            if kept == name and (truth := _Function(self._reader, start)._truth(node)) is not None:
                return truth
        return None

    def _cut(self, node: ast.BoolOp) -> int | None:
        """How many operands are looked at by a process that has met no new patch, where that is known."""
        stops = isinstance(node.op, ast.Or)
        for place, each in enumerate(node.values):
            if self._truth(each) is stops:
                return place + 1
        return None


def _titled(title: str, lines: Lines) -> Lines:
    return [title, *_deeper(lines)] if lines else []


def _deeper(lines: Lines) -> Lines:
    return [f"  {line}" for line in lines]


def _may_swallow(node: ast.With | ast.AsyncWith) -> bool:
    return any("suppress" in ast.unparse(item.context_expr) for item in node.items)


def _package(code: Any) -> str:
    """The package of a class, a function or a module."""
    return str(getattr(code, "__module__", code.__name__)).partition(".")[0]


def _function(value: Any, asked_in: Any) -> Source | None:
    value = inspect.unwrap(value) if callable(value) else None
    if not inspect.isfunction(value) or _package(value) != _package(asked_in):
        return None
    return Source(_parsed(value), sys.modules[value.__module__])


@cache
def _parsed(function: Callable[..., Any]) -> ast.FunctionDef | ast.AsyncFunctionDef:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
    return tree


@cache
def _body_of(owner: type[Any], name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """A method's source; where a validator stands under the same name or a decorator hides it, the class tells."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(tree, ast.ClassDef)
    methods = (each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((each for each in methods if each.name == name), None)


@cache
def _parts(owner: type[Any]) -> dict[str, type[Any]]:
    """Objects of ours that a process is made of, by attribute: `self._post = Post(…)`."""
    found: dict[str, type[Any]] = {}
    for name, node, source in _kept(owner):
        kind = getattr(source.module, node.func.id, None) if _is_made(node) else None
        if isinstance(kind, type) and _package(kind) == _package(owner):
            found.setdefault(name, kind)
    return found


def _is_made(node: ast.AST) -> Any:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


@cache
def _kept(owner: type[Any]) -> list[tuple[str, Any, Source]]:
    """Attributes that are set when a process begins."""
    kept: list[tuple[str, Any, Source]] = []
    source = Method(owner, "__init__").find()
    while source is not None:
        for node in ast.walk(source.tree):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if isinstance(node, ast.Assign | ast.AnnAssign):
                kept += [(each.attr, node.value, source) for each in targets if isinstance(each, ast.Attribute)]
        source = Method(owner, "__init__", after=source.defined_in).find()
    return kept
