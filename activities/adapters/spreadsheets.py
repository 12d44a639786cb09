"""Tables that people hand over: an Excel workbook, a CSV file, or a directory of CSV files, one per sheet.

Everything is bounded before it is read: bytes, unpacked bytes, cells. A workbook is a zip archive, so a small
file may unpack to gigabytes, and a single far cell makes a reader allot the whole rectangle up to it.
"""

import csv
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.xlsx import WorkbookError, read_tables
from domain.import_cells import Cell, is_blank
from domain.import_sheets import SourceSheet, spec_by_header, spec_of

MAX_BYTES = 50 * 1024 * 1024
MAX_UNPACKED = 400 * 1024 * 1024
MAX_ROWS = 200_000
MAX_CELLS = 5_000_000
CSV_SIZE = 2 * 1024 * 1024
"""The longest field of a CSV file; the reader must not meet an open quote and take the file for one field."""

_CELL = re.compile(rb'<(?:\w{1,20}:)?c\b[^<>]{0,200}?\br="([A-Z]{1,3})(\d{1,7})"[^<>]{0,200}?(/?)>')
"""Bounded: what is no cell costs a glance, however long it goes on."""
_CHUNK = 1 << 20
_OVERLAP = 512


class UnreadableFileError(Exception):
    """The file is no table that we can read. `code` is stable, `text` says what to do."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Source:
    """Tables as they came. `whole`: a workbook, which must hold every sheet."""

    sheets: Sequence[SourceSheet]
    whole: bool
    sha256: str


def read_source(path: Path) -> Source:
    """Read a workbook, a CSV file or a directory of CSV files.

    Raises:
        UnreadableFileError: there is no such file, or it is too big, damaged or of another kind.
    """
    try:
        if path.is_dir():
            return _directory(path)
        content = _bytes_of(path)
    except OSError as error:
        raise UnreadableFileError("file_not_readable", f"Файл «{path}» не читается: {error.strerror}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if path.suffix.lower() == ".csv":
        return Source([_csv_sheet(path, content)], whole=False, sha256=digest)
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        return Source(_workbook(path, content), whole=True, sha256=digest)
    text = f"Файл «{path.name}» не загружается: нужна книга Excel (.xlsx) или таблица .csv; сохраните его так."
    raise UnreadableFileError("wrong_kind", text)


def _bytes_of(path: Path) -> bytes:
    if not path.exists():
        raise UnreadableFileError("file_not_found", f"Файла «{path}» нет: проверьте имя и каталог.")
    if path.stat().st_size > MAX_BYTES:
        text = f"Файл «{path.name}» больше {MAX_BYTES // 1024 // 1024} МБ: разделите его на несколько."
        raise UnreadableFileError("file_too_big", text)
    return path.read_bytes()


# --- workbooks


def _workbook(path: Path, content: bytes) -> list[SourceSheet]:
    _refuse_bombs(path, content)
    try:
        return [SourceSheet(name, _numbered(rows)) for name, rows in read_tables(content)]
    except WorkbookError as error:
        if error.reason == "password":
            text = f"Книга «{path.name}» закрыта паролем: сохраните её без пароля."
            raise UnreadableFileError("password", text) from error
        if error.reason == "too_big":
            raise _too_big(path) from error
        raise _damaged(path) from error


def _damaged(path: Path) -> UnreadableFileError:
    text = f"Файл «{path.name}» повреждён или не является книгой Excel: откройте его в Excel и сохраните заново."
    return UnreadableFileError("not_a_workbook", text)


def _too_big(path: Path) -> UnreadableFileError:
    text = f"Файл «{path.name}» в распакованном виде больше {MAX_UNPACKED >> 20} МБ: разделите его."
    return UnreadableFileError("file_too_big", text)


def _refuse_bombs(path: Path, content: bytes) -> None:
    """Unpack every part once, counting: bytes of all parts, and the rectangle of cells of each sheet."""
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for part in archive.infolist():
                is_sheet = "worksheets/" in part.filename.lower()
                rows = columns = 0
                tail = b""
                with archive.open(part) as stream:
                    while chunk := stream.read(_CHUNK):
                        unpacked += len(chunk)
                        if unpacked > MAX_UNPACKED:
                            raise _too_big(path)
                        if is_sheet:
                            rows, columns = _farthest(tail + chunk, rows, columns)
                            tail = chunk[-_OVERLAP:]
                if rows > MAX_ROWS or rows * columns > MAX_CELLS:
                    text = (
                        f"Лист книги «{path.name}» занимает {rows} строк и {columns} столбцов: удалите лишние ячейки "
                        f"или разделите файл, можно не больше {MAX_ROWS} строк."
                    )
                    raise UnreadableFileError("too_many_rows", text)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise _damaged(path) from error


def _farthest(xml: bytes, rows: int, columns: int) -> tuple[int, int]:
    """The farthest row and column that hold something; cells with nothing but a format do not count."""
    for match in _CELL.finditer(xml):
        if match[3]:
            continue
        index = 0
        for sign in match[1]:
            index = index * 26 + sign - 64
        rows, columns = max(rows, int(match[2])), max(columns, index)
    return rows, columns


# --- CSV


def _directory(path: Path) -> Source:
    files = sorted(one for one in path.iterdir() if one.suffix.lower() == ".csv" and one.is_file())
    if not files:
        text = f"В каталоге «{path}» нет файлов .csv: положите туда Клиенты.csv, Договоры.csv, Товары.csv, Счета.csv."
        raise UnreadableFileError("nothing_to_import", text)
    digest = hashlib.sha256()
    found = []
    for file in files:
        content = _bytes_of(file)
        digest.update(file.name.encode() + b"\0" + content)
        found.append(_csv_sheet(file, content))
    return Source(found, whole=False, sha256=digest.hexdigest())


def _csv_sheet(path: Path, content: bytes) -> SourceSheet:
    """A CSV file; its sheet is told by its name, or by its columns."""
    text = _decoded(path, content)
    rows = _numbered_csv(path, text)
    name = path.stem
    if spec_of(name) is None and rows:
        spec = spec_by_header(rows[0][1])
        name = spec.title if spec else name
    return SourceSheet(name, rows)


def _decoded(path: Path, content: bytes) -> str:
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1251"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    text = f"Файл «{path.name}» не читается как текст: сохраните его как CSV в кодировке UTF-8."
    raise UnreadableFileError("unknown_encoding", text)


def _numbered_csv(path: Path, text: str) -> list[tuple[int, Sequence[Cell]]]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(";,\t", key=first.count)
    csv.field_size_limit(CSV_SIZE)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, Sequence[Cell]]] = []
    line = 1
    try:
        for cells in reader:
            if any(not is_blank(cell) for cell in cells):
                rows.append((line, cells))
            if len(rows) > MAX_ROWS:
                words = f"В файле «{path.name}» больше {MAX_ROWS} строк: разделите его."
                raise UnreadableFileError("too_many_rows", words)
            line = reader.line_num + 1
    except csv.Error as error:
        words = f"Файл «{path.name}», строка {line}: не закрыта кавычка или строка не похожа на CSV."
        raise UnreadableFileError("not_csv", words) from error
    return rows


def _numbered(rows: Sequence[Sequence[Cell]]) -> list[tuple[int, Sequence[Cell]]]:
    return list(_filled(rows))


def _filled(rows: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Rows with something in them, with their number in the table."""
    for number, row in enumerate(rows, start=1):
        if any(not is_blank(cell) for cell in row):
            yield number, row
