"""The machine a benchmark ran on: absolute figures mean nothing without it."""

import os
import platform
from dataclasses import dataclass

import psutil

from bench.figures import MIB


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader must know to compare figures with another run's."""

    system: str
    cores: int
    memory_mib: int
    python: str
    load: float

    def sentence(self) -> str:
        """In one line."""
        return (
            f"{self.system}, ядер: {self.cores}, память: {self.memory_mib} МиБ, Python {self.python}, "
            f"загрузка перед началом: {self.load:.1f}"
        )


def this_machine() -> Machine:
    """As it is now."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        memory_mib=psutil.virtual_memory().total // MIB,
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )
