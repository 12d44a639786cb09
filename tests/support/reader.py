"""The process that reads a workbook, watched: these run in the child, in place of `xlsx._read`."""

import os
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from activities.adapters import xlsx

PEAK = "OPORA_TEST_READER_PEAK"
"""Environment: the file that is told the most memory the child held."""
SMALL = 512 << 20
"""Instead of `xlsx.MEMORY`, so that what is beyond it is soon made."""


class _Telling:
    """Tells the peak before each answer: the child does not outlive it."""

    def __init__(self, sender: Connection) -> None:
        self._sender = sender

    def send(self, answer: Any) -> None:
        Path(os.environ[PEAK]).write_text(str(_peak()))
        self._sender.send(answer)


def _peak() -> int:
    """Bytes of this program alone; `getrusage` counts what its parent held when it was forked as well."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def telling(sender: Connection, content: bytes) -> None:
    xlsx._read(cast(Connection, _Telling(sender)), content)


def telling_with_little_room(sender: Connection, content: bytes) -> None:
    xlsx.MEMORY = SMALL
    telling(sender, content)
