"""`./opora audit stock`: every run of the queue computed again, every figure of stock held against its rows (U18,
D3-10)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from rich.console import Console
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from activities.persistence.order_tables import OrderRow
from activities.persistence.replay import snapshot
from activities.persistence.stock_audit import AuditedRun, audit_runs, count_runs
from activities.persistence.stock_drift import DriftReport, check_stock
from cli.audit import KEPT, days_of
from cli.database import database_of, progress_bar
from cli.local.problems import StackError
from domain.stock_drift import Finding
from domain.wording.drift import audit_text, drift_text


@dataclass(slots=True)
class StockReport:
    """How many runs were looked at and how many are as recorded; the first that are not; and what stock says."""

    runs: int = 0
    sound: int = 0
    differing: list[AuditedRun] = field(default_factory=list)
    drift: DriftReport = field(default_factory=DriftReport)
    numbers: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return self.sound == self.runs and not self.drift.count

    def take_in(self, audited: AuditedRun) -> None:
        self.runs += 1
        if audited.sound:
            self.sound += 1
        elif len(self.differing) < KEPT:
            self.differing.append(audited)


def stock_command(data: Path | None, *, since: date | None, until: date | None) -> bool:
    """Audit and print; whether all runs are as recorded and all figures add up."""
    if since and until and until < since:
        raise StackError("Конец периода раньше начала: проверьте --from и --to.")
    with database_of(data) as engine:
        report = audit_stock(engine, since=since, until=until, as_of=datetime.now(UTC))
    _print(report)
    return report.clean


def audit_stock(engine: Engine, *, since: date | None, until: date | None, as_of: datetime) -> StockReport:
    """Compute again every run of the days, both ends included, and check all stock as it is now."""
    report = StockReport()
    with snapshot(engine) as session:
        period = days_of(session, since, until)
        with progress_bar("Распределения", count_runs(session, period)) as (bar, task):
            for audited in audit_runs(session, period):
                report.take_in(audited)
                bar.advance(task)
        report.drift = check_stock(session, as_of=as_of)
        report.numbers = _numbers(session, report)
    return report


def _numbers(session: Session, report: StockReport) -> dict[str, str]:
    """Human numbers of the orders that are named."""
    named = {each.order_id for run in report.differing for each in run.differences}
    named |= {finding.order_id for finding in report.drift.findings}
    ids = [UUID(order) for order in named if order]
    rows = session.exec(select(OrderRow.id, OrderRow.number).where(col(OrderRow.id).in_(ids)))
    return {str(order): number for order, number in rows}


def _print(report: StockReport) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for run in report.differing:
        for line in _run_lines(run, report.numbers):
            console.print(line)
    if report.runs - report.sound > len(report.differing):
        console.print(audit_text("more", count=report.runs - report.sound))
    for line in finding_lines(report.drift.findings, report.numbers):
        console.print(line)
    if report.drift.count > len(report.drift.findings):
        console.print(audit_text("more", count=report.drift.count))
    console.print(audit_text("runs", runs=report.runs, sound=report.sound, differing=report.runs - report.sound))
    console.print(audit_text("stock", shelves=report.drift.shelves, count=report.drift.count))


def _run_lines(run: AuditedRun, numbers: dict[str, str]) -> Iterable[str]:
    if not run.readable:
        yield audit_text("unreadable", run=run.run, at=run.at)
    for each in run.differences:
        warehouse, sku = each.shelf
        yield audit_text(
            "given" if each.order_id else "left",
            warehouse=warehouse,
            sku=sku,
            at=run.at,
            order=numbers.get(each.order_id or "", each.order_id),
            line=each.line_no,
            recorded=each.recorded,
            counted=each.computed,
        )


def finding_lines(findings: Iterable[Finding], numbers: dict[str, str]) -> Iterable[str]:
    """Differences of stock in words."""
    for each in findings:
        figures = {
            "warehouse": each.warehouse,
            "sku": each.sku,
            "recorded": each.recorded,
            "counted": each.counted,
            "order": numbers.get(each.order_id or "", each.order_id),
            "since": each.since,
        }
        yield drift_text(each.kind, figures)
