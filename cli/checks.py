"""`check`: everything that can be said about the code without running the tests."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cli.local.data import ROOT

_PYTHON = sys.executable


def run_checks() -> bool:
    """Run every check, two at a time; print each with its result; True when all passed."""
    checks: dict[str, Callable[[], tuple[bool, str]]] = {
        "типы (mypy --strict)": _types,
        "стиль (ruff check)": lambda: _tool(_PYTHON, "-m", "ruff", "check", "."),
        "оформление (ruff format)": lambda: _tool(_PYTHON, "-m", "ruff", "format", "--check", "."),
        "правила импорта (lint-imports)": lambda: _tool(
            _PYTHON, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"
        ),
        "зависимости (deptry)": lambda: _tool(
            _PYTHON, "-m", "deptry", ".", "--config", "requirements/deptry.toml", "--no-ansi"
        ),
    }
    begun = time.monotonic()
    passed = True
    with ThreadPoolExecutor(2) as pool:
        waiting = {name: pool.submit(check) for name, check in checks.items()}
        # PostgreSQL must be a child of the main thread: it ends with the thread that started it.
        results = [("схема базы данных (alembic)", *_migration_drift())]
        results = [(name, *future.result()) for name, future in waiting.items()] + results
    for name, good, text in results:
        print(f"{'✓' if good else '✗'} {name}", flush=True)
        if not good:
            print(text.rstrip(), flush=True)
        passed = passed and good
    print(f"{'Всё в порядке' if passed else 'Есть что исправить'} · {time.monotonic() - begun:.0f} с")
    return passed


def _types() -> tuple[bool, str]:
    """The rooms as the configuration lists them, then the composition root, which belongs to no package."""
    good, text = _tool(_PYTHON, "-m", "mypy", "--strict")
    return _tool(_PYTHON, "-m", "mypy", "--strict", "worker.py") if good else (good, text)


def _tool(*argv: str) -> tuple[bool, str]:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def _migration_drift() -> tuple[bool, str]:
    """Whether the migrations make the very tables that the code declares."""
    from activities.persistence.engine import make_engine
    from activities.persistence.migrate import drift, upgrade
    from cli.local.postgres import Postgres
    from cli.local.process import pick_port

    with tempfile.TemporaryDirectory(prefix="opora-check-") as home:
        server = Postgres(Path(home) / "postgres", pick_port(0), log=Path(home) / "log", durable=False)
        try:
            server.start()
            server.ensure_database("drift")
            engine = make_engine(server.url("drift"), pool_size=1)
            upgrade(engine)
            differences = drift(engine)
            engine.dispose()
        finally:
            server.stop()
    return not differences, "\n".join(differences)
