"""Files as they come: kinds, encodings, damage, and files made to hurt."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.workbooks import CUSTOMER, PRODUCT, company, write_csv, write_workbook

from activities.adapters import spreadsheets, xlsx
from activities.adapters.spreadsheets import UnreadableFileError, read_source


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(UnreadableFileError) as caught:
        read_source(path)
    return caught.value.code, caught.value.text


def test_a_workbook_keeps_the_numbers_of_its_lines(tmp_path: Path) -> None:
    products = [PRODUCT, {}, {}, {**PRODUCT, "Артикул": "B"}]
    source = read_source(write_workbook(tmp_path / "c.xlsx", company(products=products)))
    assert source.whole
    assert [sheet.name for sheet in source.sheets] == ["Клиенты", "Договоры", "Товары", "Счета"]
    assert [line for line, _ in source.sheets[2].rows] == [1, 2, 5]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_csv_of_any_usual_encoding_and_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    source = read_source(write_csv(tmp_path / "Товары.csv", [PRODUCT], encoding=encoding, delimiter=delimiter))
    assert not source.whole
    assert source.sheets[0].name == "Товары"
    line, cells = source.sheets[0].rows[1]
    assert (line, cells[1], cells[3]) == (2, "Цемент М500", "2450,50")


def test_a_csv_with_another_name_is_told_by_its_columns(tmp_path: Path) -> None:
    source = read_source(write_csv(tmp_path / "выгрузка из 1С.csv", [CUSTOMER], encoding="cp1251"))
    assert source.sheets[0].name == "Клиенты"


def test_lines_of_a_csv_are_counted_through_cells_of_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "Товары.csv"
    path.write_text('sku;name\n"A";"две\nстроки"\n\nB;одна\n', encoding="utf-8")
    assert [line for line, _ in read_source(path).sheets[0].rows] == [1, 2, 5]


def test_a_directory_is_one_source(tmp_path: Path) -> None:
    write_csv(tmp_path / "Товары.csv", [PRODUCT])
    write_csv(tmp_path / "customers.csv", [CUSTOMER], delimiter=",")
    (tmp_path / "readme.txt").write_text("not a table")
    source = read_source(tmp_path)
    assert sorted(sheet.name for sheet in source.sheets) == ["customers", "Товары"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("c.xlsx", b"hello", "not_a_workbook"),
        ("c.xlsx", b"", "not_a_workbook"),
        ("c.xls", b"\xd0\xcf\x11\xe0", "wrong_kind"),
        ("c.pdf", b"%PDF", "wrong_kind"),
        ("c.csv", b"sku;name\n\x98\xff", "unknown_encoding"),
        ("c.csv", b"\x00\x01", "unknown_encoding"),
        ("c.csv", 'sku;name\nA;"не закрыта'.encode(), "not_csv"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found, text = refusal(path)
    assert found == code
    assert name in text


def test_no_file_and_an_empty_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.xlsx")[0] == "file_not_found"
    assert refusal(tmp_path)[0] == "nothing_to_import"


def test_a_workbook_cut_in_half(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "c.xlsx", company())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path)[0] == "not_a_workbook"


def test_a_zip_that_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "c.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    assert refusal(path)[0] == "not_a_workbook"


def _with_part(path: Path, part: str, old: bytes, new: bytes) -> Path:
    """The workbook with one of its parts changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    changed = re.sub(old, new, parts[part], count=1)
    assert changed != parts[part]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (parts | {part: changed}).items():
            archive.writestr(name, content)
    return path


def test_a_file_that_makes_the_reader_abort_is_only_damaged(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "c.xlsx", company())
    lie = _with_part(path, "xl/sharedStrings.xml", rb'uniqueCount="\d+"', b'uniqueCount="999999999999"')
    assert refusal(lie)[0] == "not_a_workbook"


def test_a_reader_that_makes_no_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "PATIENCE", 0.01)
    assert refusal(write_workbook(tmp_path / "c.xlsx", company()))[0] == "not_a_workbook"


def test_damage_inside_the_archive(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "c.xlsx", company())
    content = bytearray(path.read_bytes())
    for place in range(60, len(content) - 2000, 7):
        content[place] ^= 0xFF
    path.write_bytes(content)
    assert refusal(path)[0] == "not_a_workbook"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_UNPACKED", 8 * 1024 * 1024)
    path = write_workbook(tmp_path / "c.xlsx", company())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", b"\0" * (9 * 1024 * 1024))
    assert path.stat().st_size < 100_000
    assert refusal(path)[0] == "file_too_big"


def test_one_far_cell_does_not_fill_the_memory(tmp_path: Path) -> None:
    sheets: dict[str, Any] = {"Товары": [{f"c{index}": None for index in range(16_384)} | {"c16383": 1}]}
    path = write_workbook(tmp_path / "wide.xlsx", sheets)
    _with_part(path, "xl/worksheets/sheet1.xml", b'r="XFD2"', b'r="XFD1048576"')
    code, text = refusal(path)
    assert code == "too_many_rows"
    assert "1048576" in text


def test_a_big_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    with path.open("wb") as file:
        file.truncate(spreadsheets.MAX_BYTES + 1)
    assert refusal(path)[0] == "file_too_big"
