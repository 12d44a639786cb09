"""One import on its way through the tables: what it carries, counts and leaves in the journal."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal
from sqlmodel import Session, SQLModel

from activities.persistence.events import record_event
from activities.persistence.party_tables import LegalEntityRow
from domain.import_sheets import RowProblem
from domain.invoicing import InvoiceInput
from domain.orders import SYSTEM


class NoCompanyError(Exception):
    """The database knows no selling company yet."""


class ImportRefusedError(Exception):
    """Rows that contradict what is stored; nothing of the file may be kept."""

    def __init__(self, problems: list[RowProblem]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} rows")


@dataclass(slots=True)
class Written:
    """What became of a file: counts by kind and outcome, remarks, and the work for workflows."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    notices: list[RowProblem] = field(default_factory=list)
    watch: list[InvoiceInput] = field(default_factory=list)
    served_orders: set[UUID] = field(default_factory=set)
    changed_accounts: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Import:
    """One import on its way: the selling company, the instant, the file it comes from."""

    session: Session
    company: LegalEntityRow
    as_of: datetime
    sha256: str
    written: Written

    def count(self, kind: str, outcome: str) -> None:
        self.written.counts[kind, outcome] += 1

    def journal(self, subject: str, subject_id: UUID | str, event: str, **data: Any) -> None:
        record_event(self.session, subject, subject_id, event, SYSTEM, at=self.as_of, file=self.sha256, **data)


def change(row: SQLModel, **stated: Any) -> dict[str, dict[str, str | None]]:
    """Set what is stated and differs; before and after of each changed field, for the journal."""
    changes: dict[str, dict[str, str | None]] = {}
    for name, value in stated.items():
        before = getattr(row, name)
        if value is not None and before != value:
            setattr(row, name, value)
            changes[name] = {"from": None if before is None else str(before), "to": str(value)}
    return changes


def any_id(ids: Iterable[UUID]) -> Any:
    """`= ANY(array)`: one parameter however many ids."""
    return any_(literal(list(ids), ARRAY(Uuid)))
