"""`./opora bench start`: how long a stack takes to begin work, and to go on after a kill -9 of each of its parts.

A start lasts until the API says that it is ready and the worker polls; beside it the engine's own: its server until it
answers, then an idle worker until it polls. A recovery lasts from the kill until an order that was quoted before it is
placed and decided; it is tried anew as soon as it was refused. The supervisor of the stack does what it does for
everybody: it sees the dead part and starts it again.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import httpx2
import psutil

from bench.company import Desk, bins, customer, goods
from bench.idle import QUEUE
from bench.machine import Machine, this_machine
from bench.stack import WORKER, MeasuredStack, empty_home, running
from cli.local.data import ROOT, DataDirectory
from cli.local.parts import Program
from cli.local.problems import StackError
from cli.local.process import pick_port, wait_gone
from cli.local.stack import Stack, Wishes
from cli.local.temporal import Temporal

PARTS = ("worker", "api", "temporal", "postgres")
PATIENCE = 180.0
_REST = 16.0
"""A part that lived this long is started again at once; one that dies sooner is made to wait."""
_PAUSE = 0.02
_FIRST = 2000
"""Its customer and goods are none of those that other measurements on the same stack open."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of each start, and of each recovery by the part that was killed."""

    at: datetime
    machine: Machine
    engine: list[float]
    empty: list[float]
    again: list[float]
    recovery: dict[str, list[float]]


class TendedStack(Stack):
    """A stack whose supervisor can be told to stop watching."""

    def end_watch(self) -> None:
        self._stopping = True


def measure(times: int, say: Say) -> Run:
    """So many starts of each kind, then so many kills of each part. Call from the main thread.

    Raises:
        StackError: something did not start or did not come back.
    """
    at, machine = datetime.now(UTC), this_machine()
    engine, empty, again = [], [], []
    for turn in range(times):
        say(f"Запуск {turn + 1} из {times}: движок, пустой каталог, тот же каталог…")
        with empty_home() as data:
            engine.append(engine_start(data))
        with empty_home() as data:
            with running(data) as stack:
                empty.append(stack.started_in)
            with running(data) as stack:
                again.append(stack.started_in)
    with empty_home() as data:
        return Run(at, machine, engine, empty, again, recoveries(data, times, say))


def engine_start(data: DataDirectory) -> float:
    """Seconds until a server on an empty file answers and an idle worker polls."""
    begun = time.monotonic()
    server = Temporal(pick_port(0), log=data.log("temporal"), database=data.temporal)
    worker = Program(
        ("-P", "-m", "bench.idle", server.address),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        log=data.log("worker"),
    )
    try:
        server.start()
        worker.launch()
        while not server.has_pollers(QUEUE):
            if time.monotonic() - begun > PATIENCE:
                raise StackError(f"Воркер движка не начал работу за {PATIENCE:.0f} с.")
            time.sleep(_PAUSE)
        return time.monotonic() - begun
    finally:
        worker.stop()
        server.stop()


def recoveries(data: DataDirectory, times: int, say: Say) -> dict[str, list[float]]:
    """Kill each part in turn on one stack that is tended meanwhile; seconds of each, by part.

    Raises:
        StackError: the stack did not start, or a part did not come back.
    """
    stack = TendedStack(data, Wishes(port=0, worker=WORKER), lambda _: None)
    try:
        stack.start()
        with ThreadPoolExecutor(1) as beside:
            measured = beside.submit(lambda: asyncio.run(_recoveries(MeasuredStack(data, 0.0), times, say)))
            measured.add_done_callback(lambda _: stack.end_watch())
            stack.watch()  # its children may not outlive the thread that starts them: this one stays
        return measured.result()
    finally:
        stack.stop()


async def _recoveries(stack: MeasuredStack, times: int, say: Say) -> dict[str, list[float]]:
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        desk = Desk(stack, http)
        [sku] = (await goods(desk, _FIRST, len(PARTS) * times))[:1]
        buyer = await customer(desk, bins(_FIRST, 1)[0], limit="100000000.00", days=14)
        seconds: dict[str, list[float]] = {part: [] for part in PARTS}
        for turn in range(times):
            for part in PARTS:
                body = {"customer_id": buyer, "lines": [{"sku": sku, "quantity": "1"}]}
                order = (await desk.post("/orders", "manager", body))["id"]
                await asyncio.sleep(_REST)
                seconds[part].append(await _recovery(stack, part, str(order)))
                say(f"kill -9 {part}, {turn + 1} из {times}: {seconds[part][-1]:.1f} с")
        return seconds


async def _recovery(stack: MeasuredStack, part: str, order: str) -> float:
    """Seconds from the kill of a part to the decision of the order."""
    process = psutil.Process(stack.pid_of(part))
    process.send_signal(signal.SIGKILL)
    begun = time.monotonic()
    await asyncio.to_thread(wait_gone, [process], 5)
    headers = {"Authorization": f"Bearer {stack.keys['manager']}", "Idempotency-Key": f"bench-{uuid4()}"}
    while time.monotonic() - begun < PATIENCE:
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
                answer = await http.post(f"{stack.api}/api/v1/orders/{order}/place", headers=headers)
        except httpx2.HTTPError:
            answer = None
        if answer is not None and answer.status_code == httpx2.codes.OK:
            return time.monotonic() - begun
        await asyncio.sleep(_PAUSE)
    raise StackError(f"После kill -9 ({part}) заказ не размещён за {PATIENCE:.0f} с.")
