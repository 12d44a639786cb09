"""Reports and pictures on the disk."""

import json
from pathlib import Path
from typing import Any

from cli.local.problems import StackError, explain_os_error


def write_json(file: Path, report: dict[str, Any]) -> None:
    """Keep a report.

    Raises:
        StackError: it cannot be written.
    """
    write(file, json.dumps(report, ensure_ascii=False, indent=1) + "\n")


def write(file: Path, text: str) -> None:
    """Keep a text.

    Raises:
        StackError: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StackError(explain_os_error(error, file)) from error
