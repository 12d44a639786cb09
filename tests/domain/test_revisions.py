"""D4-10, D4-11: which edits void an approval."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.revisions import RevisionFigures, is_material

BEFORE = RevisionFigures(Decimal(1000), prepayment_percent=30, deferral_days=14, ship_on=date(2026, 4, 6))


@pytest.mark.parametrize(
    ("change", "material"),
    [
        ({}, False),
        ({"gross": Decimal("1000.01")}, True),
        ({"gross": Decimal("999.99")}, False),
        ({"deferral_days": 15}, True),
        ({"deferral_days": 13}, False),
        ({"prepayment_percent": 29}, True),
        ({"prepayment_percent": 31}, False),
        ({"ship_on": BEFORE.ship_on + timedelta(days=7)}, False),
        ({"ship_on": BEFORE.ship_on + timedelta(days=8)}, True),
        ({"ship_on": BEFORE.ship_on - timedelta(days=30)}, False),
        ({"ship_on": None}, False),
    ],
)
def test_d4_10_what_raises_exposure_is_material(change: dict[str, Any], material: bool) -> None:
    assert is_material(BEFORE, replace(BEFORE, **change)) is material
