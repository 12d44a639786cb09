"""The stories of tests/workflows, told again in houses of their own while workers die."""

import asyncio
import importlib.util
import inspect
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine
from support import postgres
from support.awaits import Met, noted
from support.company import a_customer
from support.crashes import CALL, CALLED, Crashes, reach
from support.facts import facts
from support.house import House, a_house
from support.mortal_mail import MortalMail
from temporalio.client import Client

from activities.adapters.own_books import OwnBooks
from activities.fresh_payments import PaymentSource
from activities.persistence.engine import make_engine
from cli.local import timemachine
from cli.local.postgres import Postgres
from domain.payments import PaymentDraft
from domain.reserve_life import Payer

TOLD_IN = Path(__file__).parents[1] / "workflows"
SUPPLIED = {"house", "customer", "payments"}
"""What a story may ask for; one that changes the product for itself is not told here."""


@dataclass(frozen=True)
class Story:
    """A test of tests/workflows: its file and name, both without `test_`."""

    file: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    @property
    def module(self) -> ModuleType:
        return _module(self.file)

    @property
    def tell(self) -> Callable[..., Any]:
        told: Callable[..., Any] = getattr(self.module, f"test_{self.name}")
        return told

    async def told_in(self, house: House, payments: Any = None) -> None:
        """Have everything happen that it tells of; its own assertions judge."""
        wants = inspect.signature(self.tell).parameters
        supplied = {"house": house, "payments": payments}
        if "customer" in wants:
            supplied["customer"] = a_customer(house.engine, house.company)
        await self.tell(**{name: supplied[name] for name in wants})


STORIES = [
    Story("gate_stories", "d12_2_the_head_ships_picked_goods_by_approval"),
    Story("gate_stories", "d12_2_the_head_has_the_goods_put_back"),
    Story("grant_workflow", "d5_4_a_scheduled_limit_sets_a_waiting_order_free_on_its_day"),
    Story("invoice_workflow", "paid_on_the_tenth_day_it_stops"),
    Story("order_workflow", "d4_3_silence_rejects_after_three_working_days"),
    Story("order_workflow", "d6_8_during_picking_the_head_cancels_and_the_warehouse_acknowledges"),
    Story("order_workflow", "d7_10_an_extended_reserve_ends_later"),
    Story("payment_workflows", "a_statement_pays_an_order_and_a_second_upload_changes_nothing"),
    Story("payment_workflows", "the_accountant_lifts_a_payment_from_the_queue_and_the_order_goes_on"),
    Story("post", "a_letter_that_cannot_go_is_a_persons_matter_in_the_end"),
    Story("reserve_stories", "d7_6_a_silent_source_gives_one_day_then_the_reserve_ends_and_d7_9_the_order_in_fourteen"),
    Story("reserve_stories", "d7_8_late_money_for_goods_that_are_gone_becomes_an_advance"),
    Story("reserve_stories", "d7_10_a_copy_of_a_payment_order_gives_the_reserve_more_time"),
    Story("revision_stories", "d4_3_silence_refuses_a_proposal_and_the_order_goes_on"),
    Story("revision_stories", "d6_6_an_increase_that_asks_leaves_the_old_revision_in_force"),
    Story("shortage_stories", "d7_12_the_letter_goes_out_and_silence_means_waiting"),
    Story("shortage_stories", "d7_12_an_alternative_that_is_short_too_is_asked_about_again"),
    Story("supply_workflow", "a_delivery_from_its_order_to_the_last_piece"),
    Story("sweep_workflow", "a_round_asked_for_serves_and_checks"),
    Story("watchdog", "a_quote_without_a_process_and_a_letter_left_midway_are_put_right"),
    Story("warehouse_stories", "d7_14_a_rest_is_closed_short_and_serves_whoever_waits"),
    Story("warehouse_stories", "d12_2_unpicked_goods_are_called_for_anew"),
]
"""Together they do every activity there is; each goes the same way every time."""
FURTHER_WAITS = [
    Story("grant_workflow", "d5_1_a_temporary_limit_from_request_to_end"),
    Story("invoice_workflow", "d11_1_a_debt_disputed_whole_rests_until_the_last_day_of_the_dispute"),
    Story("order_races", "a_quote_placed_in_its_last_second_does_not_expire"),
    Story("order_workflow", "d2_12_a_stop_is_not_approved_and_lapses_after_fourteen_days"),
    Story("payment_workflows", "a_payment_that_an_interrupted_upload_still_matches_is_left_to_it"),
    Story("warehouse_stories", "d12_4_a_shipment_that_falls_between_another_and_its_invoice_waits_for_the_invoice"),
]
"""They come to what else a process can wait for: no activity is in them that is not in another."""


_BEGINS_WITHIN = 0.4
"""Seconds in which a process that was started is seen to do its first step."""


@dataclass
class Told:
    """How a story went: what it left behind and what its workers met."""

    facts: Counter[str]
    crashes: Crashes
    met: Met = field(default_factory=Met)
    seen: Any = None


def every_story() -> list[Story]:
    """All that can be told with what is supplied here."""
    found = []
    for path in sorted(TOLD_IN.glob("test_*.py")):
        file = path.stem.removeprefix("test_")
        for name, test in inspect.getmembers(_module(file), inspect.iscoroutinefunction):
            wants = set(inspect.signature(test).parameters)
            if name.startswith("test_") and "house" in wants and wants <= SUPPLIED:
                found.append(Story(file, name.removeprefix("test_")))
    return found


async def tell(
    story: Story,
    server: Postgres,
    client: Client,
    crashes: Crashes,
    *,
    cached_workflows: int = 500,
    letters_are_found: bool = True,
    look: Callable[[House], Any] = lambda house: None,
) -> Told:
    """Tell a story to its end while workers die; the story itself says whether it went as it should.

    Args:
        look: what to see of the house before it is gone.
    """
    payments = story.module.Bank() if "payments" in inspect.signature(story.tell).parameters else None
    mortal = crashes.on(client)
    task_queue = f"crash-{uuid4()}"
    with a_place(server) as (engine, url, home), noted(task_queue) as met:
        async with a_house(
            engine, url, mortal, task_queue, home, cached_workflows=cached_workflows,
            payments=Asked(payments or OwnBooks()), letters_are_found=letters_are_found, mailer=MortalMail,
        ) as house:  # fmt: skip
            await story.told_in(house, payments)
            seen = -1
            while seen != len(crashes.points):
                seen = len(crashes.points)
                processes = await settled(house, crashes.workflows)
                await asyncio.sleep(_BEGINS_WITHIN)
            return Told(facts(engine, house.letters(), processes), crashes, met, look(house))


async def settled(house: House, processes: Iterable[str]) -> list[tuple[str, str]]:
    """Wait until none of these processes has anything to do; all of them and how they stand."""
    handles = [house.client.get_workflow_handle(each) for each in sorted(processes)]
    for handle in handles:
        await timemachine.settle(handle)
    described = [await handle.describe() for handle in handles]
    return [(each.id, each.status.name if each.status else "?") for each in described]


@contextmanager
def a_place(server: Postgres) -> Iterator[tuple[Engine, str, Path]]:
    """A database and a directory that go away with the story."""
    with postgres.fresh_database(server) as url, tempfile.TemporaryDirectory(prefix="opora-story-") as home:
        engine = make_engine(url)
        try:
            yield engine, url, Path(home)
        finally:
            engine.dispose()


@dataclass
class Asked:
    """A system of record for payments whose caller may die while it asks."""

    source: PaymentSource

    def fresh_payments(self, payer: Payer, since: datetime) -> Sequence[PaymentDraft]:
        reach(CALL)
        told = self.source.fresh_payments(payer, since)
        reach(CALLED)
        return told


@cache
def _module(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"stories_{file}", TOLD_IN / f"test_{file}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def told_at_once(runs: Iterable[Coroutine[Any, Any, Told]], most: int = 3) -> list[Told]:
    """Several tellings beside each other: they wait for the server more than they work."""
    gate = asyncio.Semaphore(most)

    async def one(run: Coroutine[Any, Any, Told]) -> Told:
        async with gate:
            return await run

    return list(await asyncio.gather(*map(one, runs)))
