"""The machine a benchmark ran on: absolute figures mean nothing without it."""

import functools
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.figures import MIB
from cli.local.data import ROOT


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader must know to compare figures with another run's; `commit`: of the code, where it is known."""

    system: str
    cores: int
    memory_mib: int
    python: str
    load: float
    commit: str | None = None

    def sentence(self) -> str:
        """In one line."""
        code = f", код {self.commit}" if self.commit else ""
        return (
            f"{self.system}, ядер: {self.cores}, память: {self.memory_mib} МиБ, Python {self.python}, "
            f"загрузка перед началом: {self.load:.1f}{code}"
        )


def this_machine() -> Machine:
    """As it is now."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        memory_mib=psutil.virtual_memory().total // MIB,
        python=platform.python_version(),
        load=os.getloadavg()[0],
        commit=commit_of(ROOT),
    )


@functools.cache
def commit_of(root: Path) -> str | None:
    """The commit that a checkout stands at, as it was at the first question: a report may land in it.

    `…-dirty` where files differ from it. None where there is no checkout, or no git to ask.
    """
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.strip() or None
