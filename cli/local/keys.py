"""The keys that a local stack seals its payloads with: one file beside the data, readable by its owner alone."""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from activities.payload_keys import BYTES, PayloadKeys, parse_keys
from activities.settings import SettingsError
from cli.local.problems import StackError

FIRST = "local-1"


def make_keys(file: Path) -> None:
    """Begin to seal: a file with one new key, unless there is a file already."""
    if file.exists():
        return
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as output:
        output.write(f"{FIRST}:{base64.b64encode(secrets.token_bytes(BYTES)).decode()}\n")
        output.flush()
        os.fsync(output.fileno())


def read_keys(file: Path) -> PayloadKeys:
    """The keys of a file; none when there is no file.

    Raises:
        StackError: it cannot be read, or is malformed.
    """
    try:
        return parse_keys(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return PayloadKeys()
    except (OSError, UnicodeDecodeError, SettingsError) as error:
        raise StackError(f"Не прочитать ключи из {file}: {error}") from None


def keys_of(running: Mapping[str, Any]) -> PayloadKeys:
    """The keys of a running stack, by its `run.json`."""
    file = running.get("payload_keys")
    return read_keys(Path(file)) if file else PayloadKeys()
