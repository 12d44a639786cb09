"""The hourly round of the queues, and the check of what stock says (D8-5, D8-6, D3-10)."""

import logging
from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence.allocations import Cause
from activities.persistence.discrepancies import take_in
from activities.persistence.queueing import serve_queue, shelves_to_serve
from activities.persistence.replay import snapshot
from activities.persistence.steps import run_once
from activities.persistence.stock import lock_shelves
from activities.persistence.stock_drift import check_stock, report_drift
from domain.stock_drift import Drift, Finding
from domain.sweeps import StockCheck, StockChecked, SweepPage, Swept
from domain.watch import Finding as Discrepancy
from domain.wording.speech import MISSING

logger = logging.getLogger("opora.stock")


class SweepActivities:
    """What time alone changes about goods. Each page locks its stock rows, and nothing else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def sweep_shelves(self, page: SweepPage) -> Swept:
        """Serve the next few shelves where somebody waits and goods are free or gathered: who waited for a week is
        lifted (D8-6), what was gathered too long goes back (D8-5), a changed hold-back takes effect (D8-2)."""
        key = f"stock-sweep:{page.as_of.isoformat()}:{'/'.join(page.after)}"
        return run_once(self._engine, key, Swept, lambda session: _sweep(session, page), as_of=page.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def check_stock(self, check: StockCheck) -> StockChecked:
        """Look for figures that do not add up, and tell of them; never change them (D3-10)."""
        with snapshot(self._engine) as session:
            report = check_stock(session, as_of=check.as_of)
        for finding in report.findings:
            logger.error("stock does not add up: %s", finding)

        def tell(session: Session) -> StockChecked:
            take_in(session, map(_discrepancy, report.findings), _DRIFTS, as_of=check.as_of, grace=timedelta(0))
            return StockChecked(report.count, len(report_drift(session, report, as_of=check.as_of)))

        return run_once(self._engine, f"stock-check:{check.as_of.isoformat()}", StockChecked, tell, as_of=check.as_of)


_DRIFTS = [f"stock_{kind}" for kind in Drift]


def _discrepancy(drift: Finding) -> Discrepancy:
    """A difference of stock as the administrator reads it among all others."""
    place = "/".join(filter(None, (drift.warehouse, drift.sku, drift.order_id and f"order/{drift.order_id}")))
    expected, found = (MISSING if value is None else str(value) for value in (drift.counted, drift.recorded))
    return Discrepancy(f"stock_{drift.kind}", place, expected, found)


def _sweep(session: Session, page: SweepPage) -> Swept:
    after = (page.after[0], page.after[1]) if page.after else None
    keys = shelves_to_serve(session, after, size=page.size)
    if not keys:
        return Swept()
    served = serve_queue(session, lock_shelves(session, keys), Cause.SWEEP, "sweep", at=page.as_of)
    return Swept(tuple(map(str, served)), keys[-1] if len(keys) == page.size else ())
