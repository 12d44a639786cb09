"""`./opora chaos`: one run from its seed to its verdict."""

import asyncio
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2
import psycopg
from rich.console import Console
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from activities.persistence.engine import make_engine
from cli.audit import audit
from cli.chaos import engine
from cli.chaos.bank import Bank
from cli.chaos.caller import PATIENCE, Caller, Conversation
from cli.chaos.conductor import Conductor
from cli.chaos.invariants import AT_REST, STUCK, Finding, find
from cli.chaos.judge import Judge, all_of, reached
from cli.chaos.plan import Plan, make_plan
from cli.chaos.report import Outcome, show
from cli.chaos.sight import Snapshot
from cli.chaos.stack import ChaosStack
from cli.chaos.stories import Told, World, play
from cli.chaos.watch import Watch, snapshot_of
from cli.demo.company import take_over
from cli.demo.door import Door, StoryError
from cli.freezing import discrepancy_lines, watch_round
from cli.journal_audit import Anchor, audit_journal
from cli.local.data import DataDirectory
from cli.local.problems import StackError, explain_os_error
from cli.local.stack import Say, StopRequested
from cli.stock_audit import audit_stock
from domain.import_sheets import CONTRACTS, CUSTOMERS, PRODUCTS
from workflows.client import connect
from workflows.ids import TASK_QUEUE
from workflows.replaying import Replayed, histories_of, replay

SETTLES_WITHIN = 150.0
"""Seconds after the last fault within which everything has an end, or waits for somebody and says for whom."""
LOOKS_AT_LEAST = 1 / 3
"""Snapshots per second of a run, killed databases and all."""
SHIPPED_AT_LEAST = 0.25
"""Share of the stories about goods that end with goods gone; the others met a refusal or were given up by people."""
_LEFT = ("shipped", "awaiting_final_payment", "closed")
_STORIES_END_WITHIN = PATIENCE + 60.0
_LOOK_EVERY = 1.0
_CLOCKS = 16


def chaos_command(seed: int, orders: int, kills: int, *, json_file: Path | None, keep: Path | None) -> bool:
    """Run, print and write the report; whether nothing was lost, doubled, violated or stuck.

    Args:
        keep: an empty directory that stays; otherwise a passing one is used, which stays only after a failure.

    Raises:
        StackError: the stack did not start, or the report cannot be written.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    plan = make_plan(seed, orders, kills)
    outcome = run(plan, console.print, keep)
    show(outcome, console)
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(outcome.as_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise StackError(explain_os_error(error, json_file)) from error
    return outcome.clean


def run(plan: Plan, say: Say, keep: Path | None = None) -> Outcome:
    """Play a plan on a fresh stack. Call it from the main thread.

    Raises:
        StackError: the stack did not start, or a killed part did not come back.
    """
    begun = time.monotonic()
    with _directory(keep) as data, data.held():
        stack = ChaosStack(data, say, seed=plan.seed, asks=plan.asks)
        try:
            stack.start()
            say(f"Зерно {plan.seed}: заказов {len(plan.stories)}, убийств {plan.kills}, других сбоев "
                f"{len(plan.faults) - plan.kills}, {plan.span:.0f} с")  # fmt: skip
            outcome = _play(plan, stack, data, say)
        except StopRequested:
            raise KeyboardInterrupt from None
        finally:
            stack.stop()
        outcome.seconds = time.monotonic() - begun
        if not outcome.clean and keep is None:
            kept = Path(tempfile.gettempdir()) / f"opora-chaos-failed-{plan.seed}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(data.path, kept, ignore_dangling_symlinks=True)
            say(f"Данные и журналы оставлены в {kept}")
    return outcome


def _play(plan: Plan, stack: ChaosStack, data: DataDirectory, say: Say) -> Outcome:
    buyers = _fill(plan, stack, data)
    told, conversation = Told(), Conversation()
    door = Door(data.running() or {})
    with Watch(lambda: stack.database) as watch:
        world_of = _World(plan, stack, door, told, conversation, buyers, watch)
        callers = threading.Thread(target=world_of.play, name="callers", daemon=True)
        conductor = Conductor(stack, say)
        begun = time.monotonic()
        callers.start()
        conductor.play(plan.faults, plan.span)
        whole = time.monotonic()
        callers.join(_STORIES_END_WITHIN)
        outcome = Outcome(plan.seed, len(plan.stories), plan.kills, conductor.killed, conductor.log)
        if callers.is_alive():
            outcome.stuck.append("истории не кончились")
        outcome.violated += world_of.broken
        outcome.violated += [f"часть умерла сама: {each}" for each in conductor.died]
        say("Сбои кончились, всё работает; жду, пока уляжется…")
        outcome.stuck += _finish_moves(door, told)
        outcome.settled = _settle(stack, outcome, whole, told)
        if outcome.settled is not None:
            outcome.violated += _watchdog_finds(stack)
    watch.look_again()
    outcome.violated += _too_little(plan, told, watch.looks, time.monotonic() - begun)
    outcome.hurt = sum(proxy.hurt for proxy in stack.links.proxies.values())
    _weigh(outcome, stack, data, told, watch)
    outcome.violated += conversation.wrong
    outcome.commands, outcome.asked_again = conversation.asked, conversation.retried
    outcome.refused, outcome.ends = dict(conversation.refused), dict(sorted(told.left.items()))
    outcome.notes = [*told.notes, *conversation.slow]
    return outcome


def _weigh(outcome: Outcome, stack: ChaosStack, data: DataDirectory, told: Told, watch: Watch) -> None:
    """What the run left, when nobody is at work: the database, the mail server's own log, the histories."""
    with snapshot_of(stack.database) as snapshot:
        judge = Judge(snapshot, told, reached(data.mailbox), watch.withdrawn)
        outcome.lost += all_of(judge.lost)
        outcome.doubled += all_of(judge.doubled)
        outcome.violated += all_of(find(snapshot, AT_REST))
    outcome.violated += [f"{finding} (снимков: {count})" for finding, count in watch.seen.items()]
    outcome.violated += _audits(stack)
    broken: list[str] = []
    retold = asyncio.run(_retold(stack, broken))
    outcome.violated += [f"W3 шаг процесса не удался: {each}" for each in broken]
    outcome.violated += [f"история не воспроизводится: {name}: {why}" for name, why in retold.failures.items()]
    outcome.snapshots, outcome.missed, outcome.histories = watch.looks, watch.missed, retold.count


class _World:
    """The callers' side, on an event loop and a thread of its own."""

    def __init__(  # noqa: PLR0917 - what the callers share
        self,
        plan: Plan,
        stack: ChaosStack,
        door: Door,
        told: Told,
        conversation: Conversation,
        buyers: dict[str, str],
        watch: Watch,
    ) -> None:
        self.broken: list[str] = []
        self._plan, self._stack, self._door, self._told = plan, stack, door, told
        self._conversation, self._buyers, self._watch = conversation, buyers, watch

    def play(self) -> None:
        """Play to the end; an exception of ours is a finding too."""
        try:
            asyncio.run(self._play())
        except BaseExceptionGroup as errors:
            self.broken.append(f"прогон: {errors.exceptions[0]!r}")
        except Exception as error:
            self.broken.append(f"прогон: {error!r}")

    async def _play(self) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_CLOCKS))
        async with httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_connections=64)) as http:
            caller = Caller(self._stack.counter, self._stack.keys, http, self._conversation)
            bank = Bank(datetime.now(UTC).date())
            await play(World(self._plan, caller, self._door, bank, self._told, self._buyers, lambda: self._watch.sight))


def _fill(plan: Plan, stack: ChaosStack, data: DataDirectory) -> dict[str, str]:
    """The customers and goods of a plan; the id of each customer by its tax number."""
    today = datetime.now(UTC).date()
    customers = [
        (f"ТОО «Хаос {number}»", "KZ", buyer.tax_id, None, "vip" if buyer.key else "standard", "KZT", buyer.limit,
         buyer.deferral, buyer.prepayment, "manager", "Алматы", "Опт", "Анна", f"buyer{number}@chaos.example",
         "+77010000000")
        for number, buyer in enumerate(plan.buyers)
    ]  # fmt: skip
    contracts = [_contract(number, buyer.tax_id, today) for number, buyer in enumerate(plan.buyers)]
    products = [(sku, f"Товар {sku}", "шт", 1_000, "KZT", 16, 800, "main", quantity) for sku, quantity in plan.stock]
    take_over(data.path, [(CUSTOMERS, customers), (CONTRACTS, contracts), (PRODUCTS, products)])
    with snapshot_of(stack.database) as snapshot:
        return {str(row[0]): str(row[1]) for row in snapshot.execute("SELECT tax_id, id::text FROM customer")}


def _contract(number: int, tax_id: str, today: date) -> tuple[str | date | int | None, ...]:
    return (tax_id, None, f"Д-{number}", today - timedelta(days=90), None, 30)


def _finish_moves(door: Door, told: Told) -> Iterator[str]:
    """Move the clocks that could not be moved amid the faults; nothing is in their way now."""
    for workflow_id, (whose, target) in list(told.unmoved.items()):
        try:
            told.clocks[whose] = door.move_to(workflow_id, target)
        except StoryError as error:
            yield f"часы не двинулись: {error}"


def _too_little(plan: Plan, told: Told, looks: int, seconds: float) -> Iterator[str]:
    """A run in which nobody looked, or in which next to nothing came about, shows nothing."""
    if looks < seconds * LOOKS_AT_LEAST:
        yield f"мало снимков: {looks} за {seconds:.0f} с"
    shipping = [story for story in plan.stories if "ship" in {step.do for step in story.steps}]
    left = sum(count for name, count in told.left.items() if name.rpartition(": ")[2] in _LEFT)
    if left < len(shipping) * SHIPPED_AT_LEAST:
        yield f"мало отгружено: заказов {left} из {len(shipping)}"


def _settle(stack: ChaosStack, outcome: Outcome, whole: float, told: Told) -> float | None:
    """Wait until nothing is on its way; seconds that it took, or None, and what it was, in `outcome`."""
    deadline, findings = time.monotonic() + SETTLES_WITHIN, ["ещё не смотрели"]
    while findings and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
        try:
            with snapshot_of(stack.database) as snapshot:
                findings = [str(each) for each in _unsettled(stack, snapshot, told)]
        except (psycopg.Error, RuntimeError) as error:
            findings = [f"не отвечает: {error!r}"]
    outcome.stuck += findings
    return None if findings else round(time.monotonic() - whole, 1)


def _unsettled(stack: ChaosStack, snapshot: Snapshot, told: Told) -> Iterator[Finding]:
    """What is on its way by the database, and by the engine."""
    on_its_way = list(find(snapshot, STUCK, told.clocks))
    yield from on_its_way
    if on_its_way:
        return  # the engine is asked when the facts have come to rest

    async def ask() -> list[Finding]:
        client = await connect(stack.temporal)
        told = list(engine.compare(engine.wanted(snapshot), await engine.running(client)))
        return told or [*await engine.troubles(client), *await engine.at_work(client)]

    yield from asyncio.run(ask())


def _watchdog_finds(stack: ChaosStack) -> Iterator[str]:
    """What the product's own watchdog finds and mends where all has come to rest: nothing."""

    async def round_() -> int:
        return (await watch_round(await connect(stack.temporal), TASK_QUEUE)).repaired

    try:
        repaired = asyncio.run(round_())
    except (RPCError, RuntimeError, WorkflowFailureError) as error:
        yield f"сверка не прошла: {error!r}"
        return
    if repaired:
        yield f"сверка исправила: {repaired}"
    database = make_engine(stack.database, pool_size=1)
    try:
        yield from (f"сверка: {line}" for line in discrepancy_lines(database))
    finally:
        database.dispose()


async def _retold(stack: ChaosStack, broken: list[str]) -> Replayed:
    """Every history that the run left, killed workers and all, told again as a worker would (U12); `broken` gets the
    workflow tasks that failed on the way (W3)."""
    return await replay(engine.noting_failures(histories_of(await connect(stack.temporal)), broken))


def _audits(stack: ChaosStack) -> Iterator[str]:
    """The product's own audits: each decision and each run of the queue computed again, stock held against its rows."""
    database = make_engine(stack.database, pool_size=1)
    try:
        for differing in audit(database, since=None, until=None).differing:
            yield f"решение {differing.id} не пересчитывается: {', '.join(differing.differing)}"
        report = audit_stock(database, since=None, until=None, as_of=datetime.now(UTC))
        for run_ in report.differing:
            yield f"распределение {run_.run} не пересчитывается"
        for finding in report.drift.findings:
            yield f"остатки: {finding.name}"
        for broken in audit_journal(database, Anchor()).findings:
            yield f"журнал: {broken.damage} {' '.join(broken.chain)} {broken.seq}"
    finally:
        database.dispose()


@contextmanager
def _directory(keep: Path | None) -> Iterator[DataDirectory]:
    """An empty data directory; a passing one goes away."""
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise StackError(f"Каталог {keep} не пуст: укажите новый.")
        yield DataDirectory(keep)
        return
    with tempfile.TemporaryDirectory(prefix="opora-chaos-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o711)  # as root, PostgreSQL runs as somebody else
        yield DataDirectory(Path(home) / "data")
