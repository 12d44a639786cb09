"""The process that reads a workbook, watched: these run in the child, in place of `xlsx._read`."""

import os
import resource
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
        Path(os.environ[PEAK]).write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
        self._sender.send(answer)


def telling(sender: Connection, content: bytes) -> None:
    xlsx._read(cast(Connection, _Telling(sender)), content)


def telling_with_little_room(sender: Connection, content: bytes) -> None:
    xlsx.MEMORY = SMALL
    telling(sender, content)
