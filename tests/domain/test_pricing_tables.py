"""docs/pricing.md says what the code does."""

from decimal import Decimal
from pathlib import Path

import pytest

from domain.pricing import Amounts, price_line, total

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "pricing.md").read_text(encoding="utf-8")


def _rows(section: str) -> list[list[str]]:
    lines = section.splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]


ONE_LINE, DOCUMENT = (_rows(part) for part in TEXT.split("## A document"))


def _amounts(cells: list[str]) -> Amounts:
    gross, vat, net = (Decimal(cell) for cell in cells[3:6])
    return Amounts(net=net, vat=vat, gross=gross)


def _priced(cells: list[str]) -> Amounts:
    quantity, price, rate = (Decimal(cell) for cell in cells[:3])
    return price_line(quantity, price, rate)


@pytest.mark.parametrize("cells", [*ONE_LINE, *(row for row in DOCUMENT if row[1])], ids=lambda cells: cells[0])
def test_each_line_of_the_tables(cells: list[str]) -> None:
    assert _priced(cells) == _amounts(cells)


def test_the_total_is_the_sum_of_the_lines_above_it() -> None:
    at = next(index for index, row in enumerate(DOCUMENT) if row[0] == "**Total**")
    assert total(_priced(row) for row in DOCUMENT[:at]) == _amounts(DOCUMENT[at])
    assert len(ONE_LINE) == 7
