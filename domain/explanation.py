"""«Почему стоит заказ?»: what is to be said about an order, by which rule, and who can do something about it (U8).

Pure composing: the sentences themselves stand in `domain.wording.why` under the keys used here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from domain.allocation import Rule
from domain.credit import Reason, ReasonCode
from domain.credit_release import released_by
from domain.explanation_credit import REASON_RULES, CreditNow, Turn
from domain.money import ZERO
from domain.orders import OnExpiry, OrderStatus, Role, Wait, WaitReason
from domain.said import Can, Goods, Person, Said

WAIT_RULES = {
    WaitReason.ACCEPTANCE: "D6-1",
    WaitReason.APPROVAL: "D4-3",
    WaitReason.CREDIT_STOP: "D2-15",
    WaitReason.STOCK: "D7-13",
    WaitReason.PAYMENT: "D7-3",
    WaitReason.LATE_PAYMENT: "D7-9",
    WaitReason.PICKING: "D7-5",
    WaitReason.SHIPMENT: "D7-16",
    WaitReason.FINAL_PAYMENT: "D6-12",
    WaitReason.DUE_DATE: "D1-12",
    WaitReason.OVERDUE: "D10-3",
    WaitReason.DISPUTE: "D11-1",
    WaitReason.LIMIT_START: "D5-4",
    WaitReason.LIMIT_END: "D5-2",
    WaitReason.SUPPLY: "D7-12",
    WaitReason.CANCEL_ACKNOWLEDGEMENT: "D6-8",
    WaitReason.GATE: "D12-2",
}
"""The rule behind each wait: how long it lasts and what ends it."""
END_RULES = {
    "closed": "D6-12",
    "rejected": "D4-2",
    "cancelled": "D6-8",
    "expired": "D6-1",
    "approval_expired": "D4-3",
    "credit_stop_lapsed": "D2-15",
    "reservation_lapsed": "D7-9",
    "cancelled_by_admin": "D6-8",
}
"""The rule behind each end, by state, or by the reason that the system ended it for."""

CUSTOMER_PAYS = frozenset({WaitReason.PAYMENT, WaitReason.LATE_PAYMENT, WaitReason.FINAL_PAYMENT, WaitReason.OVERDUE})
SETTLES_ITSELF = frozenset({Turn.PASSES, Turn.EASES})
BY_THE_MANAGER = CUSTOMER_PAYS | {WaitReason.ACCEPTANCE, WaitReason.CREDIT_STOP, WaitReason.DUE_DATE}
BY_THE_WAREHOUSE = frozenset(
    {WaitReason.STOCK, WaitReason.PICKING, WaitReason.SHIPMENT, WaitReason.CANCEL_ACKNOWLEDGEMENT}
)


@dataclass(frozen=True, slots=True)
class Request:
    """An open request for approval. `next_rung` names what silence does at `next_at` (D4-3)."""

    kind: str
    tier: str
    people: tuple[Person, ...]
    next_rung: str | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """A revision that waits for approval while the older one is in force (D6-6)."""

    amount: Decimal
    until: datetime
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an order ended: when, by whom (None for the system), why, and what money became an advance (D6-9)."""

    at: datetime
    reason: str | None = None
    by: Person | None = None
    returned: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Goods that an order waits for, and the rule that left it without them when the queue was last decided."""

    rule: str
    goods: tuple[Goods, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """An order as it stands at the moment of the question; instants are on the company's clock.

    Attributes:
        needed: money that the wait itself asks for; credit asks for its own.
        prepaid: something has to be paid before the goods leave.
        days_overdue: how long its oldest unpaid invoice is past due, 0 for none.
        gate: what closes the shipment gate before picked goods (D12-2).
        ahead: what would close the gate if the goods were to leave now (D12-1).
        short: goods it waits for, and why there are none (D8).
        choose_until: the customer has a choice about them until then (D7-12).
        staff: who is there to decide, by role.
        expected_on: when the goods that it waits for are expected; None when nobody knows.
    """

    status: OrderStatus
    wait: Wait | None
    currency: str
    needed: Decimal = ZERO
    manager: str | None = None
    credit: CreditNow | None = None
    request: Request | None = None
    proposal: ProposedChange | None = None
    ending: Ending | None = None
    days_overdue: int = 0
    prepaid: bool = False
    gate: tuple[Reason, ...] = ()
    ahead: tuple[Reason, ...] = ()
    short: tuple[Shortfall, ...] = ()
    choose_until: datetime | None = None
    staff: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)
    expected_on: date | None = None

    @property
    def stopped(self) -> bool:
        return self.status is OrderStatus.STOPPED


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer: sentences in their order, the rules behind them, who ends the wait, how much money moves it."""

    said: tuple[Said, ...]
    rules: tuple[str, ...]
    who: str | None
    who_said: tuple[Said, ...]
    needed: Decimal
    people: tuple[Person, ...]
    reasons: tuple[Reason, ...] = ()


def explain(standing: Standing) -> Explanation:
    """What to say about an order: what it waits for, why, who lifts it, with how much money, and what happens then."""
    if standing.ending is not None:
        return _ended(standing, standing.ending)
    if standing.wait is None:
        return _explanation(standing, [Said("moving")], ())
    credit = standing.credit
    if credit is None:
        return _waiting(standing, standing.wait)
    return _held(standing, standing.wait, credit)


def ends_wait(wait: Wait, credit: CreditNow | None) -> tuple[str, tuple[Said, ...]]:
    """Who can end a wait: a role or the customer, and the same as sentences."""
    if wait.reason is WaitReason.APPROVAL and wait.who == Role.DIRECTOR:
        return wait.who, (Said("ended_by.director"),)
    if wait.reason is not WaitReason.CREDIT_STOP or credit is None:
        return wait.who, (Said(f"ended_by.{wait.reason}"),)
    cures = credit.cures(stopped=True) or (Said(f"turn.{credit.turn(stopped=True)}"),)
    money = {"currency": credit.facts.currency}
    who_said = tuple(Said(each.key, {**money, **each.figures}) for each in cures)
    return released_by(credit.codes(stopped=True)) or wait.who, who_said


def _held(standing: Standing, wait: Wait, credit: CreditNow) -> Explanation:
    """Stopped by credit, or waiting for an approval: the reasons as of now, their cures, the money, the people."""
    stopped, turn = standing.stopped, credit.turn(stopped=standing.stopped)
    told = credit.told(stopped=stopped)
    said = [_head(standing, wait), *credit.reason_sentences(told)]
    people = _who_helps(standing, credit, turn)
    if turn in SETTLES_ITSELF:
        said.append(Said(f"turn.{turn}"))
    else:
        said += [Said("turn.worsens")] if turn is Turn.WORSENS else []
        said += [*credit.cures(stopped=stopped), *credit.money_sentences(stopped=stopped)]
        said += credit.people_sentences(people) if stopped else _asked(standing.request, people)
        said += [*_manager(standing, wait), _then(standing, wait)]
    needed = credit.needed(stopped=stopped)
    return _explanation(standing, said, credit.rules(stopped=stopped), people, needed=needed, reasons=told)


def _head(standing: Standing, wait: Wait) -> Said:
    figures = {"until": wait.until, "needed": standing.needed, "days": standing.days_overdue}
    return Said(f"wait.{_case(standing, wait)}", figures)


def _then(standing: Standing, wait: Wait) -> Said:
    """What happens by itself at the end."""
    return Said(f"then.{_case(standing, wait)}", {"until": wait.until})


def _case(standing: Standing, wait: Wait) -> str:
    """The reason of a wait, or the narrower case that has words of its own."""
    match wait.reason:
        case WaitReason.APPROVAL if standing.request is not None and standing.request.kind == "price":
            return "approval_price"
        case WaitReason.FINAL_PAYMENT if standing.days_overdue > 0:
            return "final_payment_overdue"
        case WaitReason.PICKING if wait.on_expiry is OnExpiry.TASK:
            return "picking_paid"
        case WaitReason.LATE_PAYMENT if standing.needed <= 0:
            return "late_price" if standing.prepaid else "late_shipment"
        case reason:
            return reason


def _waiting(standing: Standing, wait: Wait) -> Explanation:
    """Any other wait, with what the shipment gate has to say and the change that is proposed meanwhile."""
    said = [_head(standing, wait), *_short(standing)]
    said += _gate(standing.gate)
    if wait.reason is WaitReason.GATE and not standing.gate:
        said.append(Said("gate_opens"))
    people = _around(standing, wait)
    if standing.request is not None:
        said += _asked(standing.request, people)
    elif wait.reason is WaitReason.GATE and people:
        said.append(Said("ask.people", {"people": people}))
    if wait.reason in BY_THE_MANAGER or standing.choose_until is not None:
        said += _manager(standing, wait)
    said.append(_then(standing, wait))
    if standing.ahead:
        said += [Said("ahead"), *_gate(standing.ahead)]
    rules = (*(REASON_RULES[reason.code] for reason in standing.gate), *_short_rules(standing))
    return _explanation(standing, said, rules, people, reasons=standing.gate or standing.ahead)


def _short(standing: Standing) -> list[Said]:
    """Which goods are missing and why, when they come, and what the customer may do about it."""
    said = [Said(f"short.{_cause(each)}", {"goods": each.goods}) for each in standing.short]
    if standing.expected_on is not None:
        said.append(Said("stock_expected", {"on": standing.expected_on}))
    if standing.choose_until is not None:
        said.append(Said("choice", {"until": standing.choose_until}))
    return said


def _short_rules(standing: Standing) -> list[str]:
    rules = [SHORT_RULES[_cause(each)] for each in standing.short]
    return [*rules, "D7-12"] if standing.choose_until is not None else rules


def _cause(short: Shortfall) -> str:
    return short.rule if short.rule in SHORT_RULES else Rule.RAN_OUT


SHORT_RULES: Mapping[str, str] = {
    Rule.RAN_OUT: "D8-1",
    Rule.HELD_BACK: "D8-2",
    Rule.WHOLE_ONLY: "D7-12",
    Rule.GATHERING: "D8-5",
}
"""Why goods are missing, with the rule behind it. A rule that is not here is told as RAN_OUT."""


def _gate(reasons: Iterable[Reason]) -> list[Said]:
    reasons = list(reasons)
    told = [Said(f"reason.{reason.code}", reason.figures) for reason in reasons]
    cures = [Said(f"gate_cure.{reason.code}") for reason in reasons if reason.code in GATE_CURES]
    return told + list(dict.fromkeys(cures))


GATE_CURES = frozenset(ReasonCode) - {ReasonCode.WATCH, ReasonCode.OVERDUE_NOTE, ReasonCode.DISCOUNT}
"""What can close the shipment gate (D12-1); each has a sentence about what opens it."""


def _who_helps(standing: Standing, credit: CreditNow, turn: Turn) -> tuple[Person, ...]:
    if standing.request is not None:
        return standing.request.people
    if turn in SETTLES_ITSELF:
        return ()
    roles = credit.helpers(stopped=standing.stopped)
    found = [person.doing(can) for role, can in roles for person in standing.staff.get(role, ())]
    return (*dict.fromkeys(found), *_owner(standing, Can.COLLECT))


def _around(standing: Standing, wait: Wait) -> tuple[Person, ...]:
    """Who can end a wait that credit has no say in."""
    if standing.request is not None:
        return standing.request.people
    if wait.reason is WaitReason.GATE:
        return tuple(person.doing(Can.DECIDE) for person in standing.staff.get(Role.HEAD, ()))
    if wait.reason in BY_THE_WAREHOUSE:
        asks = _owner(standing, Can.HANDLE) if standing.choose_until is not None else ()
        return (*asks, *(person.doing(Can.HANDLE) for person in standing.staff.get(Role.WAREHOUSE, ())))
    return _owner(standing, Can.COLLECT if wait.reason in CUSTOMER_PAYS else Can.HANDLE)


def _owner(standing: Standing, can: Can) -> tuple[Person, ...]:
    return (Person(standing.manager, Role.MANAGER, can=can),) if standing.manager else ()


def _asked(request: Request | None, people: tuple[Person, ...]) -> list[Said]:
    """Who is asked, and when silence asks the next one (D4-3, D4-4)."""
    if request is None:
        return []
    if not people:
        return [Said("ask.nobody")]
    said = [Said("ask.people", {"people": people})]
    if request.next_rung is not None:
        key = request.next_rung if request.tier != Role.DIRECTOR else f"{request.next_rung}_director"
        said.append(Said(f"climb.{key}", {"at": request.next_at}))
    return said


def _manager(standing: Standing, wait: Wait) -> list[Said]:
    if standing.manager is None or wait.reason is WaitReason.APPROVAL:
        return []
    return [Said("manager", {"name": standing.manager})]


def _ended(standing: Standing, ending: Ending) -> Explanation:
    """Why and by whom an order ended, what became of its money, and what can be done now (D6-4, D6-5, D6-9)."""
    said, by_itself = [], ending.reason in END_RULES and ending.by is None
    said.append(Said(f"ended.{ending.reason if by_itself else standing.status}", {"at": ending.at}))
    if ending.by is not None:
        said += [Said("ended.by", {"people": (ending.by,)}), *_because(ending.reason or "")]
    if ending.returned > 0:
        said.append(Said("ended.returned", {"amount": ending.returned}))
    closed = standing.status is OrderStatus.CLOSED
    said.append(Said("ended.again" if closed else "ended.copy"))
    rule = END_RULES[ending.reason if by_itself and ending.reason else standing.status]
    return _explanation(standing, said, (rule, "D6-4"))


def _because(reason: str) -> list[Said]:
    """What a person wrote, without its last full stop; nothing when they wrote nothing."""
    text = reason.strip().rstrip(".")
    return [Said("because", {"reason": text})] if text else []


def _explanation(
    standing: Standing,
    said: list[Said],
    rules: tuple[str, ...],
    people: tuple[Person, ...] = (),
    *,
    needed: Decimal | None = None,
    reasons: tuple[Reason, ...] = (),
) -> Explanation:
    """The answer in one piece; a change that waits for approval is told besides (D6-6)."""
    wait, proposal = standing.wait, standing.proposal
    if wait is not None:
        rules = (*rules, WAIT_RULES[wait.reason], *(("D12-1",) if standing.ahead else ()))
    if proposal is not None:
        said = [*said, Said("proposal", {"amount": proposal.amount, "until": proposal.until})]
        said += [Said("ask.people", {"people": proposal.people})] if proposal.people else []
        rules, people = (*rules, "D6-6"), (*people, *proposal.people)
    who, who_said = ends_wait(wait, standing.credit) if wait is not None else (None, ())
    money = {"currency": standing.currency}
    return Explanation(
        said=tuple(Said(each.key, {**money, **each.figures}) for each in said),
        rules=tuple(dict.fromkeys(rules)),
        who=who,
        who_said=who_said,
        needed=standing.needed if needed is None else needed,
        people=tuple(dict.fromkeys(people)),
        reasons=reasons,
    )
