"""`./opora audit decisions`: every stored decision computed again and compared bit for bit (U2)."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from sqlalchemy import Engine
from sqlmodel import Session

from activities.persistence.audit import Audited, audit_decisions
from activities.persistence.orders import legal_entity
from activities.persistence.replay import Period, count_decisions, snapshot
from cli.database import database_of, progress_bar
from cli.local.problems import StackError

KEPT = 1_000
"""Differing decisions named one by one; the total counts all."""
_FIRST, _LAST = date(2000, 1, 1), date(2099, 12, 31)


@dataclass(slots=True)
class AuditReport:
    """How many decisions were looked at and how many are as recorded; `differing` names the first that are not."""

    count: int = 0
    identical: int = 0
    different: int = 0
    differing: list[Audited] = field(default_factory=list)

    def take_in(self, audited: Audited) -> None:
        self.count += 1
        if not audited.differing:
            self.identical += 1
        else:
            self.different += 1
            if len(self.differing) < KEPT:
                self.differing.append(audited)


def audit_command(data: Path | None, *, since: date | None, until: date | None) -> bool:
    """Audit and print; whether every decision is as recorded."""
    if since and until and until < since:
        raise StackError("Конец периода раньше начала: проверьте --from и --to.")
    with database_of(data) as engine:
        report = audit(engine, since=since, until=until)
    _print(report)
    return not report.different


def audit(engine: Engine, *, since: date | None, until: date | None) -> AuditReport:
    """Look at every decision of the days, both ends included; of all days unless told."""
    report = AuditReport()
    with snapshot(engine) as session:
        period = days_of(session, since, until)
        with progress_bar("Решения", count_decisions(session, period)) as (bar, task):
            for audited in audit_decisions(session, period):
                report.take_in(audited)
                bar.advance(task)
    return report


def days_of(session: Session, since: date | None, until: date | None) -> Period:
    """Days of the company's clock, both ends included; of UTC while no company is set up, and all days unless told."""
    since, until = since or _FIRST, until or _LAST
    try:
        zone = ZoneInfo(legal_entity(session).timezone)
    except LookupError:
        zone = ZoneInfo("UTC")
    return Period(datetime.combine(since, time.min, zone), datetime.combine(until + timedelta(days=1), time.min, zone))


def _print(report: AuditReport) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for each in report.differing:
        what = ", ".join(each.differing)
        console.print(f"Расходится: решение {each.id}, заказ {each.order_id}, {each.decided_at:%d.%m.%Y %H:%M}: {what}")
    if report.different > len(report.differing):
        console.print(f"… всего расхождений: {report.different}")
    console.print(f"Решений: {report.count}, совпало: {report.identical}, расходится: {report.different}")
