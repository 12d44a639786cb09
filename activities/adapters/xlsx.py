"""Reading a workbook in a process of its own.

The reader is native code: a damaged or malicious file can make it ask for terabytes, panic or abort, and an abort
cannot be caught. Here it takes a child with it, and the caller gets a sentence.
"""

import contextlib
import io
import multiprocessing
import os
import resource
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Literal

from python_calamine import CalamineWorkbook, PasswordError

from domain.import_cells import Cell

Tables = Sequence[tuple[str, Sequence[Sequence[Cell]]]]
Failure = Literal["damaged", "password", "too_big"]

MEMORY = 3 * 1024**3
"""Address space of the child; the largest workbook we take needs a third of it."""
MAX_TEXT = 100_000_000
"""Signs in all cells: one long string that a thousand cells share is short in the file and long in each of them."""
PATIENCE = 120.0
"""Seconds until a reader that makes no end is stopped."""


class WorkbookError(Exception):
    """`reason`: the file is damaged, closed by a password, or says more than `MAX_TEXT`."""

    def __init__(self, reason: Failure) -> None:
        self.reason = reason
        super().__init__(reason)


def read_tables(content: bytes) -> Tables:
    """Every sheet of a workbook with its cells, from the first row and column on.

    Raises:
        WorkbookError: it cannot be read.
    """
    spawning = multiprocessing.get_context("spawn")
    receiver, sender = spawning.Pipe(duplex=False)
    reader = spawning.Process(target=_read, args=(sender, content), daemon=True)
    reader.start()
    sender.close()
    try:
        answer: Tables | Failure = receiver.recv() if receiver.poll(PATIENCE) else "damaged"
    except EOFError:
        answer = "damaged"
    finally:
        reader.kill()
        reader.join()
        receiver.close()
    if isinstance(answer, str):
        raise WorkbookError(answer)
    return answer


def _read(sender: Connection, content: bytes) -> None:
    """Runs in the child; whatever goes wrong there, goes wrong there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            sender.send(_tables(workbook))
    except PasswordError:
        sender.send("password")
    except BaseException:  # a panic of the native reader is no Exception
        sender.send("damaged")


def _tables(workbook: CalamineWorkbook) -> Tables | Failure:
    tables = []
    room = MAX_TEXT
    for name in workbook.sheet_names:
        rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
        room -= sum(len(cell) for row in rows for cell in row if isinstance(cell, str))
        if room < 0:
            return "too_big"
        tables.append((name, rows))
    return tables
