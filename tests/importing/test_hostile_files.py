"""Files made to hurt: each is refused with its code, or read as the text it is, in bounded time and memory."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support import reader
from support.cost import in_memory, in_time
from support.hostile import HEAD, LAUGHS, OPEN, STATEMENTS, a_row, a_workbook, text_cell

from activities.adapters import spreadsheets, xlsx
from activities.adapters.spreadsheets import UnreadableFileError, _farthest, read_source
from domain.bank_statement import parse_statement
from domain.errors import DomainError

SECONDS = 5.0
"""Of processor time, children included."""
UNPACKED = 60 << 20
"""Instead of `MAX_UNPACKED`, so that the bombs are soon made."""
MEMORY = 20_000_000
"""At the peak, here."""
READER = 1 << 30
"""At the peak, in the process that reads a workbook: a third of its bound. Most need a tenth of this."""

FORMULAS = ("=1+1", "=cmd|' /C calc'!A0", "=HYPERLINK(&quot;http://x&quot;)", "+1", "-1", "@SUM(1)", "&#9;=1")
SHARED = "<si><t>" + "я" * 32_000 + "</t></si>"
SHARING = '<row r="{0}"><c r="A{0}" t="s"><v>0</v></c></row>'
GOOD = a_row(text_cell("a"))

WORKBOOKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "not_a_workbook"),
    "text": (lambda: b"hello", "not_a_workbook"),
    "cut off": (lambda: a_workbook(GOOD)[:-40], "not_a_workbook"),
    "the end of a zip alone": (lambda: b"PK\x05\x06" + b"\x00" * 18, "not_a_workbook"),
    "no parts": (lambda: b"PK\x03\x04" + b"\x00" * 26, "not_a_workbook"),
    "a wrong checksum": (lambda: a_workbook(GOOD).replace(b"PK\x01\x02", b"PK\x01\x03"), "not_a_workbook"),
    "a bomb in the sheet": (lambda: a_workbook(more={"xl/worksheets/sheet1.xml": 70}), "file_too_big"),
    "a bomb in a picture": (lambda: a_workbook(GOOD, more={"xl/media/image1.png": 70}), "file_too_big"),
    "a bomb of many parts": (
        lambda: a_workbook(GOOD, more={f"xl/media/{n}.bin": 8 for n in range(9)}), "file_too_big"
    ),
    "a cell at the end of the world": (lambda: a_workbook(a_row(text_cell("a", "XFD1048576"))), "too_many_rows"),
    "a cell beyond it": (lambda: a_workbook(a_row(text_cell("a", "ZZZ9999999"))), "too_many_rows"),
    "a wide and a tall cell": (
        lambda: a_workbook(a_row(text_cell("a", "XFD1"), text_cell("b", "A190000"))), "too_many_rows"
    ),
    "a string that all cells share": (
        lambda: a_workbook("".join(map(SHARING.format, range(1, 4_001))), strings=SHARED),
        "file_too_big",
    ),
    "billion laughs": (lambda: a_workbook(a_row(text_cell("&a9;")), prolog=LAUGHS), "not_a_workbook"),
    "an entity from a file": (
        lambda: a_workbook(a_row(text_cell("&x;")), prolog='<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        "not_a_workbook",
    ),
    "an open tag": (
        lambda: a_workbook(more={"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row><c"}), "not_a_workbook"
    ),
    "no workbook inside": (lambda: a_workbook(more={"xl/workbook.xml": b""}), "not_a_workbook"),
    "a sheet that is not there": (
        lambda: a_workbook(more={"xl/_rels/workbook.xml.rels": b"<Relationships/>"}), "not_a_workbook"
    ),
}  # fmt: skip
TABLES: dict[str, tuple[bytes, str]] = {
    "zeros": (b"\x00" * 1_000_000, "unknown_encoding"),
    "utf-16 cut in half": ("sku;name".encode("utf-16")[:-1], "unknown_encoding"),
    "an open quote": (b'sku;name\n"' + b"x;y\n" * 500_000, "not_csv"),
    "an endless field": (b'sku;name\n"' + b"x" * 3_000_000 + b'"', "not_csv"),
    "quotes alone": (b'sku;name\nA;"b"c"d"\n', "not_csv"),
    "too many rows": (b"a;b\n" * 200_002, "too_many_rows"),
}


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read_source(path)
    assert caught.value.text
    return caught.value.code


@pytest.mark.parametrize("name", WORKBOOKS)
def test_a_hostile_workbook_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is never unpacked whole."""
    monkeypatch.setattr(spreadsheets, "MAX_UNPACKED", UNPACKED)
    peak = watched(monkeypatch, tmp_path, reader.telling)
    make, code = WORKBOOKS[name]
    path = tmp_path / "c.xlsx"
    path.write_bytes(make())
    assert path.stat().st_size < 2_000_000
    with in_time(SECONDS), in_memory(MEMORY):
        assert refusal(path) == code
    assert peak() < READER


def watched(monkeypatch: pytest.MonkeyPatch, home: Path, read: Callable[..., None]) -> Callable[[], int]:
    """Let the child run `read`; gives what tells its peak in bytes, 0 when there was no child or it fell."""
    told = home / "peak"
    monkeypatch.setenv(reader.PEAK, str(told))
    monkeypatch.setattr(xlsx, "_read", read)
    return lambda: int(told.read_text()) if told.exists() else 0


def a_wide_sheet(rows: int) -> bytes:
    """Two cells with so much between them that a reader of every cell takes 400 kB for each row."""
    return a_workbook(a_row(text_cell("a", "XFD1"), text_cell("b", f"A{rows}")))


def test_the_peak_of_the_reader_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peak = watched(monkeypatch, tmp_path, reader.telling)
    assert xlsx.read_tables(a_wide_sheet(1_500))
    assert peak() > 1_500 * 16_384 * 8, "each cell is at least a pointer"


def test_the_reader_is_given_no_more_memory_than_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It falls, and the caller gets the sentence of a damaged file."""
    peak = watched(monkeypatch, tmp_path, reader.telling_with_little_room)
    assert xlsx.read_tables(a_wide_sheet(10))
    with pytest.raises(xlsx.WorkbookError) as caught:
        xlsx.read_tables(a_wide_sheet(3_000))
    assert caught.value.reason == "damaged"
    assert peak() < reader.SMALL


@pytest.mark.parametrize("name", TABLES)
def test_a_hostile_table_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "Товары.csv"
    path.write_bytes(TABLES[name][0])
    with in_time(SECONDS):
        assert refusal(path) == TABLES[name][1]
    with in_memory(MEMORY + 40_000_000):
        refusal(path)


def test_a_formula_is_the_text_it_is(tmp_path: Path) -> None:
    """Nothing is computed: a text that looks like a formula stays a text, a formula without a value is empty."""
    texts = [text_cell(formula, f"{column}1") for formula, column in zip(FORMULAS, "ABCDEFG", strict=True)]
    formula = '<c r="H1"><f>WEBSERVICE("http://127.0.0.1/")</f></c>'
    path = tmp_path / "c.xlsx"
    path.write_bytes(a_workbook(a_row(*texts, formula)))
    ((_, cells),) = read_source(path).sheets[0].rows
    assert list(cells[:3]) == ["=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")']
    assert not any(cells[7:])
    table = tmp_path / "Товары.csv"
    table.write_text("sku;name\n=1+1;@SUM(1)\n", encoding="utf-8")
    assert list(read_source(table).sheets[0].rows[1][1]) == ["=1+1", "@SUM(1)"]


@pytest.mark.parametrize(
    "xml",
    [b"<c " * 330_000, b"<c " + b' r="A1"' * 140_000, b"<x:c " * 200_000, b"<" + b"w" * 1_000_000, b'<c r="' * 160_000],
    ids=range(5),
)
def test_what_is_no_cell_costs_a_glance(xml: bytes) -> None:
    with in_time(1):
        assert _farthest(xml, 0, 0) == (0, 0)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_hostile_statement_is_refused(name: str) -> None:
    content, code = STATEMENTS[name]
    with in_time(SECONDS), pytest.raises(DomainError) as caught:
        parse_statement(content)
    assert caught.value.code == code
    assert len(str(caught.value.facts)) < 500
    with in_memory(MEMORY + 6 * len(content)), pytest.raises(DomainError):
        parse_statement(content)


def test_a_statement_of_endless_lines_is_read_in_time() -> None:
    """What is kept of a value has an end, and so has the time: 10 MB that all continue one purpose."""
    lines = b"\xf9\xf9\xf9\xf9\xf9\xf9\xf9\xf9\r\n" * 200_000
    head = "1CClientBankExchange\r\nСекцияДокумент=x\r\nДата=20.11.2026\r\nДатаПоступило=20.11.2026\r\nСумма=5\r\n"
    tail = "КонецДокумента\r\nКонецФайла".encode("cp1251")
    content = (head + "НазначениеПлатежа=а\r\n").encode("cp1251") + lines + tail
    with in_time(SECONDS):
        (receipt,) = parse_statement(content).documents
    assert len(receipt.purpose) == 1_000


def test_blanks_before_a_tax_number_cost_a_glance() -> None:
    payer = f"ДатаПоступило=20.11.2026\r\nПлательщик=ИНН{' ' * 3_900}x\r\nКонецДокумента\r\n"
    content = f"{HEAD}{(OPEN + payer) * 200}КонецФайла".encode("cp1251")
    with in_time(SECONDS):
        assert len(parse_statement(content).documents) == 200
