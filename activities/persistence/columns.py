"""Columns of the tables, and what holds for every one of them (`*_tables.py`).

What must never be is a constraint there, not a check elsewhere (D3-9). Amounts are NUMERIC(18,2), quantities
NUMERIC(18,3), prices NUMERIC(18,4), exchange rates NUMERIC(18,6), instants timestamptz. Triggers that no model can
express (append-only journal, conserved payments) stand in the migrations.
"""

from typing import Any

from sqlalchemy import Column, DateTime, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

AMOUNT = Numeric(18, 2)
QUANTITY = Numeric(18, 3)
PRICE = Numeric(18, 4)
RATE = Numeric(5, 2)
EXCHANGE = Numeric(18, 6)
INSTANT = DateTime(timezone=True)


def json_field(nullable: bool = False) -> Any:
    """A column of JSON."""
    return Field(sa_column=Column(JSONB, nullable=nullable))
