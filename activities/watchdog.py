"""The watchdog: the database held against its processes, and what is safe to repair repaired (W1, W2, W3)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.persistence import discrepancies, lives
from activities.persistence.freezing import lasting as lasting_freezes
from activities.persistence.replay import snapshot
from activities.persistence.watch_tables import DiscrepancyRow
from activities.temporal_view import STATUS, described, few_at_once, last_asked, open_processes, tell
from domain.watch import (
    LOOK_AGAIN,
    MOST_ATTEMPTS,
    REPAIRED,
    Effect,
    Finding,
    Kind,
    Look,
    Looked,
    Process,
    Repaired,
    RepairPage,
    Thing,
    compare,
    overdue_effects,
    silent_queues,
    still_tried,
)

_HELD = "HeldError"
_IN_PASSING = {Kind.IDLE, Kind.BEHIND}
"""What the list of processes, which lags behind, may show of a healthy one."""
_LETTER = "deliver"
"""A letter under way holds nothing up."""


class WatchActivities:
    """Reads both sides; writes discrepancies; starts or tells what is missing or behind."""

    def __init__(self, engine: Engine, client: Client, task_queue: str) -> None:
        self._engine = engine
        self._client = client
        self._task_queue = task_queue

    @activity.defn
    async def hold_against_processes(self, look: Look) -> Looked:
        """Compare, and settle what was found with what is known."""
        processes = await open_processes(self._client, self._task_queue)
        things, effects, tried, reports = await asyncio.to_thread(self._facts, processes)
        findings = [
            *compare(things, processes),
            *overdue_effects(effects, processes, look.as_of),
            *silent_queues(await self._last_asked(look.mail_queue), look.as_of),
            *still_tried(reports, processes, look.as_of, look.tried_within),
        ]
        doubtful = [finding for finding in findings if finding.kind in _IN_PASSING]
        findings = [finding for finding in findings if finding.kind not in _IN_PASSING]
        checks: list[Callable[[], Awaitable[Finding | None]]] = [partial(self._confirm, each) for each in doubtful]
        checks += [partial(self._still_tried, each) for each in tried]
        findings += [finding for finding in await few_at_once(checks) if finding is not None]
        return await asyncio.to_thread(self._settle, findings, look)

    @activity.defn
    async def repair_discrepancies(self, page: RepairPage) -> Repaired:
        """Start and tell the processes of the next few; their messages are for the caller to deliver."""
        rows = await asyncio.to_thread(self._to_repair, page)
        effects = tuple(row.object for row in rows if row.kind in {Kind.SENDING, Kind.UNSENT})
        calls = [partial(self._repair, row, page.as_of) for row in rows if row.object not in effects]
        done = [row for row in await few_at_once(calls) if row is not None]
        await asyncio.to_thread(self._note, rows, done)
        return Repaired(len(done), effects, str(rows[-1].id) if len(rows) == page.size else None)

    def _facts(self, processes: dict[str, Process]) -> tuple[list[Thing], list[Effect], list[str], list[Finding]]:
        """All in one unchanging view of the database. While nothing may leave the house, messages wait on purpose."""
        with snapshot(self._engine) as session:
            things = list(lives.living(session))
            alive = {thing.process for thing in things}
            things += lives.over(session, processes.keys() - alive)
            effects = [] if lasting_freezes(session) else list(lives.effects_under_way(session))
            tried = [row.object for row in discrepancies.lasting(session, [Kind.MANY_ATTEMPTS])]
            own = discrepancies.lasting(session, [Kind.OWN_STEP])
            reports = [Finding(row.kind, row.object, row.expected, row.found, row.last_seen) for row in own]
        return things, effects, tried, reports

    async def _last_asked(self, mail_queue: str) -> dict[str, datetime | None]:
        return {
            self._task_queue: await last_asked(self._client, self._task_queue),
            mail_queue: await last_asked(self._client, mail_queue, of="activity"),
        }

    async def _confirm(self, finding: Finding) -> Finding | None:
        """Whether the engine itself says so too: the list lags behind, and a step may be under way."""
        found = await described(self._client, finding.object)
        steps = [each for each in found.pending_activities if each.activity_type.name != _LETTER] if found else []
        if found is None or steps or found.HasField("pending_workflow_task"):
            return None
        if finding.kind is Kind.BEHIND:
            shown = found.workflow_execution_info.search_attributes.indexed_fields.get(STATUS.name)
            if shown is not None and shown.data == f'"{finding.expected}"'.encode():
                return None
        return finding

    async def _still_tried(self, name: str) -> Finding | None:
        """A step that somebody stumbled over, if it is still being tried, and not because letters are held."""
        process, _, step = name.rpartition("#")
        found = await described(self._client, process)
        for pending in found.pending_activities if found else ():
            held = pending.last_failure.application_failure_info.type == _HELD
            if pending.activity_type.name == step and pending.attempt >= MOST_ATTEMPTS and not held:
                return Finding(Kind.MANY_ATTEMPTS, name, f"fewer than {MOST_ATTEMPTS}", str(pending.attempt))
        return None

    def _settle(self, findings: Iterable[Finding], look: Look) -> Looked:
        with Session(self._engine) as session, session.begin():
            discrepancies.take_in(session, findings, list(Kind), as_of=look.as_of, grace=look.grace)
        with Session(self._engine) as session:
            is_open = discrepancies.counts(session)
            suspected = discrepancies.counts(session, "suspected")
        repairable = sum(count for kind, count in is_open.items() if kind in REPAIRED)
        own = [count for kind, count in is_open.items() if kind in set(Kind)]
        return Looked(sum(suspected.values()), sum(own), repairable)

    def _to_repair(self, page: RepairPage) -> list[DiscrepancyRow]:
        after = UUID(page.after) if page.after else None
        with Session(self._engine) as session:
            return list(discrepancies.page_of(session, "open", kinds=list(REPAIRED), after=after, limit=page.size))

    async def _repair(self, row: DiscrepancyRow, as_of: datetime) -> DiscrepancyRow | None:
        """The row, if anything was done about it."""
        if row.kind != Kind.NO_PROCESS:
            await tell(self._client, row.object, LOOK_AGAIN[row.object.partition("/")[0]])
            return row
        return row if await self._start(row.object, as_of) else None

    async def _start(self, process: str, as_of: datetime) -> bool:
        """Start a process from the state of its row; False when it runs, or nothing is left to happen. One that runs is
        told to look, too: whoever started it may have died before telling it."""
        begin = await asyncio.to_thread(self._beginning, process, as_of)
        if begin is None:
            return False
        shown = [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in
                 begin.attributes.items()]  # fmt: skip
        started = True
        try:
            await self._client.start_workflow(
                begin.workflow,
                begin.argument,
                id=process,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                static_summary=begin.title,
                search_attributes=TypedSearchAttributes(shown),
            )
        except WorkflowAlreadyStartedError:
            started = False
        if begin.signal is not None:
            await tell(self._client, process, begin.signal)
        return started

    def _beginning(self, process: str, as_of: datetime) -> lives.Beginning | None:
        with Session(self._engine) as session:
            return lives.beginning_of(session, process, now=as_of)

    def _note(self, rows: list[DiscrepancyRow], done: list[DiscrepancyRow]) -> None:
        """Write the repairs down; a process that turned out to run, or to be over, was never missing."""
        with Session(self._engine) as session, session.begin():
            for kind, repair in _REPAIRS.items():
                touched = [row.id for row in (done if kind in _PROCESSES else rows) if row.kind == kind]
                discrepancies.note_repair(session, touched, repair)
            for row in rows:
                if row.kind == Kind.NO_PROCESS and row not in done and not row.repairs:
                    discrepancies.forget(session, row.kind, row.object)


_PROCESSES = {Kind.NO_PROCESS, Kind.BEHIND, Kind.OUTLIVES}
_REPAIRS = {
    Kind.NO_PROCESS: "started",
    Kind.BEHIND: "told",
    Kind.OUTLIVES: "told",
    Kind.SENDING: "asked_receiver",
    Kind.UNSENT: "sent",
}
