"""Playing the stories of a plan: many people at once, each a careful client."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import partial
from typing import Any

from cli.chaos.bank import Bank, Incoming
from cli.chaos.caller import Answer, Caller
from cli.chaos.plan import THERE, WANTED, Plan, Step, Story
from cli.chaos.sight import Owed, Sight, Standing
from cli.demo.door import Door, StoryError
from domain.orders import ENDED
from workflows.ids import invoice_workflow_id, order_workflow_id

_WAITS = 25.0
"""Seconds that somebody waits for an order to move on before leaving it to those whose turn it is."""
_LONG = 30.0
_LOOK_EVERY = 0.3
_CENT = Decimal("0.01")
_NOON = timedelta(hours=12)
_RAISE = 40_000


@dataclass(slots=True)
class Told:
    """What callers asked for and were told is done: what must be found afterwards, once.

    Attributes:
        orders: by the comment that marks it, its id as soon as somebody was told it.
        commands: by order and command, how many were told to be done, and how many may be: nobody knows of the others.
        limits: by the reason that marks it, the same of changes of a limit: asked for, decided.
        payments: by external id, whether the answer came; `lines`: the same of bank lines, by document number.
        trucks: by key, SKU, quantity and whether the answer came.
        clocks: by order or instalment, the furthest instant to which its process was moved; what was due by then is
            done. `unmoved`: by process, those that could not be moved so far, and where to.
        left: how stories ended, by kind and the state they left the order in.
    """

    orders: dict[str, str | None] = field(default_factory=dict)
    commands: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    limits: dict[str, list[bool]] = field(default_factory=dict)
    payments: dict[str, bool] = field(default_factory=dict)
    lines: dict[str, bool] = field(default_factory=dict)
    trucks: dict[str, tuple[str, int, bool]] = field(default_factory=dict)
    clocks: dict[str, datetime] = field(default_factory=dict)
    unmoved: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """What the stories of a run share. `sight`: the latest look at the database."""

    plan: Plan
    caller: Caller
    door: Door
    bank: Bank
    told: Told
    buyers: dict[str, str]
    sight: Callable[[], Sight]


async def play(world: World) -> None:
    """Every story and every truck of the plan, each at its time; returns when the last is over."""
    begun = time.monotonic()

    async def at(when: float, what: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(max(0.0, when - (time.monotonic() - begun)))
        await what()

    async with asyncio.TaskGroup() as tasks:
        for story in world.plan.stories:
            tasks.create_task(at(story.at, Play(world, story).tell))
        for number, truck in enumerate(world.plan.trucks):
            come = partial(_receive, world, f"chaos-truck-{number}", truck.sku, truck.quantity)
            tasks.create_task(at(truck.at, come))


async def _receive(world: World, key: str, sku: str, quantity: int) -> None:
    """Goods come in, under a key of the delivery."""
    world.told.trucks[key] = (sku, quantity, False)
    body = {"warehouse": "main", "lines": [{"sku": sku, "quantity": str(quantity)}]}
    answer = await world.caller.post("warehouse", "/stock/receipts", body, key=key, repeat=True)
    world.told.trucks[key] = (sku, quantity, answer.done)


class Play:
    """One story. A step that does not apply to what became of the order is left out, as a person would."""

    def __init__(self, world: World, story: Story) -> None:
        self._world = world
        self._story = story
        self._buyer = world.plan.buyers[story.buyer]
        self._order = ""
        self._done: list[tuple[str, str, Any, str, Answer]] = []
        self._serial = 0

    async def tell(self) -> None:
        """From the quote to the last step; at the end some of its commands are given again under their keys."""
        await self._quote()
        if not self._order:
            return
        for step in self._story.steps:
            await asyncio.sleep(step.pause)
            begun = time.monotonic()
            goes_on = await getattr(self, f"_{step.do}")(step)
            if (took := time.monotonic() - begun) > _LONG:
                self._world.told.notes.append(f"заказ {self._story.number}, {step.do}: {took:.0f} с")
            if not goes_on:
                break
        for who, path, body, key, first in self._done:
            await self._world.caller.again(who, path, body, key, first)
        standing = self._standing()
        self._world.told.left[f"{self._story.kind}: {standing.status if standing else '?'}"] += 1

    # -- steps: each tells whether the story goes on --------------------------------------------------------------

    async def _quote(self) -> None:
        comment = f"chaos-{self._story.number}"
        self._world.told.orders[comment] = None
        body = {
            "customer_id": self._world.buyers[self._buyer.tax_id],
            "lines": [{"sku": sku, "quantity": str(quantity)} for sku, quantity in self._story.lines],
            "ship_complete": self._story.ship_complete,
            "comment": comment,
        }
        answer = await self._world.caller.post(
            "manager", "/orders", body, key=f"{comment}-quote", repeat=True, hang_up=self._story.impatient
        )
        if answer.done:
            self._order = str(answer.body["id"])
            self._world.told.orders[comment] = self._order

    async def _place(self, step: Step) -> bool:
        return (await self._post("manager", "place", None, step)).done

    async def _agree(self, step: Step) -> bool:
        standing = await self._until(lambda seen: seen.status not in {"checking", "quoted"})
        if standing is None or standing.status in {*ENDED, "stopped"}:
            return False
        if standing.status == "awaiting_approval":
            body = {"decision": step.word, "comment": "по звонку клиента"}
            answer = await self._post("head", "approval", body, step)
            return answer.done and step.word == "approve"
        return True

    async def _served(self, _step: Step) -> bool:
        standing = await self._until(lambda seen: seen.status in {"ready", "picking", *ENDED})
        return standing is not None and standing.status == "ready"

    async def _part_served(self, _step: Step) -> bool:
        standing = await self._until(lambda seen: seen.status in {"part_reserved", "ready", *ENDED})
        return standing is not None and standing.status == "part_reserved"

    async def _restock(self, _step: Step) -> bool:
        """What the order lacks comes in, and it goes on by itself."""
        [(sku, _)] = self._story.lines
        await _receive(self._world, f"chaos-{self._story.number}-restock", sku, WANTED - THERE)
        return True

    async def _pick(self, step: Step) -> bool:
        standing = await self._until(lambda seen: seen.status in {"part_reserved", "ready", "picking", *ENDED})
        if standing is None or standing.status == "picking":
            return standing is not None
        return (await self._post("warehouse", "start-picking", None, step)).done

    async def _ship(self, step: Step) -> bool:
        seen = await self._until(lambda seen: seen.status in ENDED or bool(self._picked()))
        picked = self._picked()
        if seen is None or not picked:
            return False
        lines = [{"sku": sku, "quantity": str(part)} for sku, quantity in picked.items()
                 if (part := (quantity * Decimal(str(step.part))).to_integral_value(ROUND_FLOOR)) > 0]  # fmt: skip
        return (await self._post("warehouse", "ship", {"lines": lines if step.part < 1 else []}, step)).done

    async def _unpick(self, step: Step) -> bool:
        return (await self._post("warehouse", "unpick", {"reason": "машина не пришла"}, step)).done

    async def _close_short(self, step: Step) -> bool:
        return (await self._post("manager", "close-short", {"reason": "клиент взял у другого"}, step)).done

    async def _revise(self, step: Step) -> bool:
        lines = [
            {"sku": sku, "quantity": str(max(1, int(quantity * step.part)))} for sku, quantity in self._story.lines
        ]
        await self._post("manager", "revise", {"lines": lines, "reason": "клиент передумал"}, step)
        return True

    async def _cancel(self, step: Step) -> bool:
        standing = self._standing()
        who = "head" if standing is not None and standing.status == "picking" else "manager"
        return (await self._post(who, "cancel", {"reason": "клиент отказался"}, step)).done

    async def _acknowledge(self, step: Step) -> bool:
        return (await self._post("warehouse", "cancel", {"reason": "вернули на место"}, step)).done

    async def _pay_ahead(self, step: Step) -> bool:
        standing = await self._until(lambda seen: seen.missing > 0 or seen.status in {"ready", *ENDED})
        if standing is None or standing.status in ENDED:
            return False
        if standing.missing > 0:
            await self._pay(f"Предоплата по заказу {standing.number}", standing.missing, step)
        return True

    async def _pay_invoices(self, step: Step) -> bool:
        if await self._until(lambda seen: bool(self._owed()) or seen.status in ENDED) is None:
            return False
        for line in self._owed():
            await self._pay(f"Оплата по счету {line.number}", line.residual, step)
        return True

    async def _age(self, step: Step) -> bool:
        """The order's own clock moves; what it has to do meanwhile is done when this returns."""
        later = datetime.now(UTC) + timedelta(days=step.days)
        return await self._move(self._order, order_workflow_id(self._order), later)

    async def _overdue(self, step: Step) -> bool:
        if await self._until(lambda seen: bool(self._owed()) or seen.status in ENDED) is None:
            return False
        for line in self._owed():
            noon = datetime.combine(line.due, datetime.min.time(), UTC) + _NOON + timedelta(days=step.days)
            await self._move(line.id, invoice_workflow_id(line.id), noon)
        return True

    async def _raise_limit(self, step: Step) -> bool:
        """Somebody asks, somebody else decides; waiting orders are decided again (D5-1, D2-13)."""
        told, reason = self._world.told, f"chaos-{self._story.number}-limit"
        told.limits[reason] = [False, False]
        customer = self._world.buyers[self._buyer.tax_id]
        body = {"kind": "base", "amount": str(self._buyer.limit + _RAISE), "reason": reason}
        asked = await self._world.caller.post("manager", f"/customers/{customer}/limit-changes", body, key=reason,
                                              repeat=step.repeat)  # fmt: skip
        told.limits[reason][0] = asked.done
        if asked.done:
            decision = {"decision": step.word, "comment": "по истории оплат"}
            path = f"/limit-changes/{asked.body['id']}/decision"
            answer = await self._world.caller.post("head", path, decision, key=f"{reason}-decision")
            told.limits[reason][1] = answer.done
        return True

    # -- how they are done ----------------------------------------------------------------------------------------

    async def _post(self, who: str, what: str, body: Any, step: Step) -> Answer:
        self._serial += 1
        key, path = f"chaos-{self._story.number}-{self._serial}-{what}", f"/orders/{self._order}/{what}"
        answer = await self._world.caller.post(who, path, body, key=key, repeat=step.repeat)
        counts = self._world.told.commands[self._order, what]
        counts[0] += answer.done
        counts[1] += answer.done or not answer.known
        if answer.done and step.repeat:
            self._done.append((who, path, body, key, answer))
        return answer

    async def _pay(self, purpose: str, amount: Decimal, step: Step) -> None:
        self._serial += 1
        name = f"{self._story.number}-{self._serial}"
        part = max(_CENT, (amount * Decimal(str(step.part))).quantize(_CENT, ROUND_FLOOR))
        if step.word == "statement":
            await self._by_statement(Incoming(name, self._buyer.tax_id, part, purpose), step)
            return
        self._world.told.payments[name] = False
        body = {
            "external_id": name,
            "payer_tax_id": self._buyer.tax_id,
            "amount": {"amount": str(part), "currency": "KZT"},
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "purpose": purpose,
        }
        answer = await self._world.caller.post("accountant", "/payments", body, key=f"chaos-pay-{name}",
                                               repeat=step.repeat)  # fmt: skip
        self._world.told.payments[name] = answer.done

    async def _by_statement(self, line: Incoming, step: Step) -> None:
        """The day's file as it is with this line in it, and every line that came before."""
        self._world.bank.pay(line)
        known = [each.number for each in self._world.bank.lines]
        self._world.told.lines.setdefault(line.number, False)
        answer = await self._world.caller.post("accountant", "/bank-statements", self._world.bank.statement(),
                                               key=f"chaos-file-{line.number}", repeat=step.repeat)  # fmt: skip
        if answer.done:
            self._world.told.lines.update(dict.fromkeys(known, True))

    async def _move(self, whose: str, workflow_id: str, target: datetime) -> bool:
        told = self._world.told
        told.unmoved[workflow_id] = whose, target
        try:
            told.clocks[whose] = await asyncio.to_thread(self._world.door.move_to, workflow_id, target)
        except StoryError:
            return False
        del told.unmoved[workflow_id]
        return True

    async def _until(self, moved: Callable[[Standing], bool]) -> Standing | None:
        """The order as it is when it has moved; None when it does not for a while."""
        deadline = time.monotonic() + _WAITS
        while time.monotonic() < deadline:
            standing = self._standing()
            if standing is not None and moved(standing):
                return standing
            await asyncio.sleep(_LOOK_EVERY)
        return None

    def _standing(self) -> Standing | None:
        return self._world.sight().orders.get(self._order)

    def _picked(self) -> dict[str, Decimal]:
        return self._world.sight().picked.get(self._order, {})

    def _owed(self) -> list[Owed]:
        return self._world.sight().owed.get(self._order, [])
