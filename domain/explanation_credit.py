"""What credit has to say about an order that it holds, by the figures of the moment of the question (U8, D2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.credit import CreditDecision, CreditFacts, OrderAsk, Outcome, Reason, ReasonCode
from domain.credit_release import (
    BANS,
    OVER_CEILING,
    OVERDUE,
    STOPS,
    TERMS,
    asks_afterwards,
    money_to_release,
    oldest_counting,
    told_reasons,
)
from domain.limits import EffectiveLimit, LimitSource
from domain.money import ZERO
from domain.orders import Role
from domain.policy import Policy, StopRelease
from domain.reconsideration import WaitingOrder, kept_until_paid
from domain.said import Can, Person, Said

REASON_RULES = {
    ReasonCode.OVER_LIMIT: "D2-2",
    ReasonCode.ORDER_OVER_2X: "D2-3",
    ReasonCode.DEBT_OVER_2X: "D2-3",
    ReasonCode.NO_CREDIT: "D5-5",
    ReasonCode.OVERDUE_NOTE: "D2-5",
    ReasonCode.OVERDUE_APPROVAL: "D2-5",
    ReasonCode.OVERDUE_STOP: "D2-5",
    ReasonCode.OVERDUE_LEGAL: "D2-5",
    ReasonCode.TERM_LONGER: "D2-6",
    ReasonCode.NO_CONTRACT: "D2-6",
    ReasonCode.DISCOUNT: "D4-15",
    ReasonCode.NO_RATE: "D2-17",
    ReasonCode.NO_TRADE: "D2-8",
    ReasonCode.LEGAL_CASE: "D2-8",
    ReasonCode.WATCH: "D2-9",
    ReasonCode.PREPAYMENT_MISSING: "D12-1",
    ReasonCode.NO_ADDRESS: "D12-1",
    ReasonCode.NO_RECIPIENT: "D12-1",
    ReasonCode.OLD_DATA: "D12-1",
    ReasonCode.NOTHING_RESERVED: "D12-1",
}
"""The rule behind each reason."""
BY_AMOUNT = OVER_CEILING | {ReasonCode.OVER_LIMIT, ReasonCode.WATCH}
CURED = (
    STOPS
    | TERMS
    | {
        ReasonCode.OVER_LIMIT,
        ReasonCode.OVERDUE_APPROVAL,
        ReasonCode.DISCOUNT,
        ReasonCode.NO_RATE,
    }
)
"""Reasons that hold an order; each has a sentence about what lifts it."""


class Turn(StrEnum):
    """What the figures of now make of an order that was held by those of an earlier moment."""

    STANDS = "stands"
    KEPT = "kept"
    """Nothing stops it but the rule to wait until nothing is owed (D2-14)."""
    PASSES = "passes"
    EASES = "eases"
    WORSENS = "worsens"
    """It waits for an approval that would meet a stop (D4-7)."""


_TURN_RULES = {Turn.KEPT: "D2-14", Turn.PASSES: "D2-13", Turn.EASES: "D2-13", Turn.WORSENS: "D4-7"}


@dataclass(frozen=True, slots=True)
class TradeStop:
    """Who stopped trade with the customer by hand, when and why."""

    at: datetime
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CreditNow:
    """A held order's credit as of the question.

    Attributes:
        price: the discount that somebody has to approve first (D4-15).
        stopped_for: reasons of the decision that stopped it.
        full_prepayment: money that would make the order prepaid.
    """

    facts: CreditFacts
    policy: Policy
    decision: CreditDecision
    limit: EffectiveLimit
    base_limit: Decimal = ZERO
    full_prepayment: Decimal = ZERO
    price: Reason | None = None
    trade_stop: TradeStop | None = None
    stopped_for: tuple[str, ...] = ()

    @property
    def suspended(self) -> bool:
        """The limit was taken away and not yet given back (D5-8)."""
        return self.limit.source is LimitSource.SUSPENDED

    def turn(self, *, stopped: bool) -> Turn:
        """Whether the order still stands where it was put (D2-13, D2-14, D4-7)."""
        outcome = self.decision.outcome
        if not stopped:
            if outcome is Outcome.STOP:
                return Turn.WORSENS
            return Turn.PASSES if outcome is Outcome.AUTO and self.price is None else Turn.STANDS
        if outcome is Outcome.STOP:
            return Turn.STANDS
        ask = OrderAsk(self.facts.order_credit)
        if kept_until_paid(WaitingOrder("", ask, self.policy, True, self.stopped_for), self.facts):
            return Turn.KEPT
        return Turn.PASSES if outcome is Outcome.AUTO else Turn.EASES

    def told(self, *, stopped: bool) -> tuple[Reason, ...]:
        """The reasons as people are told them, the price first."""
        codes = told_reasons([reason.code for reason in self.decision.reasons])
        reasons = tuple(reason for reason in self.decision.reasons if reason.code in codes)
        return reasons if stopped or self.price is None else (self.price, *reasons)

    def codes(self, *, stopped: bool) -> tuple[str, ...]:
        return tuple(reason.code for reason in self.told(stopped=stopped))

    def needed(self, *, stopped: bool) -> Decimal:
        """How much money moves the order on (D2-8, D2-12, D2-14)."""
        codes, turn = self.codes(stopped=stopped), self.turn(stopped=stopped)
        if turn is Turn.KEPT:
            return self.facts.debt
        if turn is Turn.STANDS and not stopped and TERMS & set(codes):
            return self.full_prepayment
        return ZERO if turn is Turn.PASSES else money_to_release(codes, self.facts, self.policy)

    def rules(self, *, stopped: bool) -> tuple[str, ...]:
        """The rules behind the reasons, worst first, then those behind what becomes of the order."""
        codes, turn = self.codes(stopped=stopped), self.turn(stopped=stopped)
        rules = [
            "D5-8" if self.suspended and code == ReasonCode.NO_CREDIT else REASON_RULES[ReasonCode(code)]
            for code in codes
        ]
        if turn in _TURN_RULES:
            rules.append(_TURN_RULES[turn])
        elif self._until_nothing_is_owed(stopped=stopped):
            rules.append("D2-14")
        if self.limit.source is LimitSource.TEMPORARY and BY_AMOUNT & set(codes):
            rules.append("D5-1")
        return tuple(rules)

    def reason_sentences(self, told: Iterable[Reason]) -> list[Said]:
        """Each reason, with what makes it clear: who stopped trade, which invoice, whose limit."""
        told = list(told)
        said: list[Said] = []
        for reason in told:
            code = reason.code
            suspended = code is ReasonCode.NO_CREDIT and self.suspended
            said.append(Said("reason.NO_CREDIT_SUSPENDED" if suspended else f"reason.{code}", reason.figures))
            if code is ReasonCode.NO_TRADE and self.trade_stop is not None:
                said += _trade_stop(self.trade_stop)
            if code in OVERDUE | {ReasonCode.OVERDUE_APPROVAL}:
                said += self._oldest_invoice()
        if self.price is not None and len(told) > 1 and told[0] is self.price:
            said.append(Said("price_first"))
        return said + self._limit_sentences(told)

    def cures(self, *, stopped: bool) -> tuple[Said, ...]:
        """Who and what lifts each reason; of a stopped order only what stops it."""
        if self._until_nothing_is_owed(stopped=stopped):
            return (Said("money.debt_zero", {"needed": self.needed(stopped=stopped)}),)
        lifted = STOPS if self._stops(stopped=stopped) else CURED
        if ReasonCode.LEGAL_CASE in self.codes(stopped=stopped):
            lifted = BANS  # the case outweighs what it is about
        said = [
            Said(f"cure.{self._variant(reason.code)}", reason.figures)
            for reason in self.told(stopped=stopped)
            if reason.code in lifted
        ]
        seen: dict[str, Said] = {}
        for each in said:
            seen.setdefault(each.key, each)
        return tuple(seen.values())

    def money_sentences(self, *, stopped: bool) -> list[Said]:
        """What money does; nothing where it takes somebody's word besides (D2-8, D4-15)."""
        codes, needed = set(self.codes(stopped=stopped)), self.needed(stopped=stopped)
        if needed <= 0 or codes & {ReasonCode.NO_TRADE, ReasonCode.DISCOUNT}:
            return []
        money = {"needed": needed}
        if ReasonCode.LEGAL_CASE in codes:
            return [Said("money.case", money)]
        if self._until_nothing_is_owed(stopped=stopped):
            return self._prepaid(needed)
        if not self._stops(stopped=stopped):
            key = "approval_prepaid" if codes & TERMS else "approval"
            return [Said(f"money.{key}", money), *self._prepaid(needed)]
        asks = asks_afterwards(codes, self.facts, self.policy, paid=needed)
        key = "stop_then_approval" if asks else "stop"
        return [Said(f"money.{key}", money), *self._prepaid(needed, besides=asks)]

    def helpers(self, *, stopped: bool) -> list[tuple[str, Can]]:
        """Roles that can lift a reason by their word (D14)."""
        codes = set(self.codes(stopped=stopped))
        roles: list[tuple[str, Can]] = []
        if ReasonCode.LEGAL_CASE in codes:
            roles.append((Role.LAWYER, Can.CLEAR_CASE))
        if ReasonCode.NO_TRADE in codes:
            roles += [(Role.HEAD, Can.LIFT_BAN), (Role.DIRECTOR, Can.LIFT_BAN)]
        if ReasonCode.NO_CREDIT in codes and self.suspended:
            roles.append((Role.DIRECTOR, Can.RESTORE_LIMIT))
        elif codes & OVER_CEILING:
            roles += [(Role.HEAD, Can.SET_LIMIT), (Role.DIRECTOR, Can.SET_LIMIT)]
        return roles

    def people_sentences(self, people: Iterable[Person]) -> list[Said]:
        """The people who can lift it by their word, by what they can do."""
        said = []
        for can in (Can.CLEAR_CASE, Can.LIFT_BAN, Can.RESTORE_LIMIT, Can.SET_LIMIT):
            named = tuple(person for person in people if person.can is can)
            if named:
                said.append(Said(f"can.{can}", {"people": named}))
        return said

    def _variant(self, code: ReasonCode) -> str:
        if code is ReasonCode.NO_CREDIT and self.suspended:
            return "NO_CREDIT_SUSPENDED"
        if code is ReasonCode.LEGAL_CASE and self.facts.order_credit == 0:
            return "LEGAL_CASE_PREPAID"
        return code

    def _stops(self, *, stopped: bool) -> bool:
        """Whether it is a stop that has to be lifted: the order's own, or the one that an approval would meet."""
        return stopped or self.decision.outcome is Outcome.STOP

    def _until_nothing_is_owed(self, *, stopped: bool) -> bool:
        """D2-14: what stopped the order for debt holds it until the debt is zero."""
        if self.turn(stopped=stopped) is Turn.KEPT:
            return True
        zero = self.policy.stop_release is StopRelease.DEBT_ZERO and self.facts.debt > 0
        codes = set(self.codes(stopped=stopped))
        return stopped and zero and bool(codes & (OVERDUE | OVER_CEILING)) and not codes & BANS

    def _prepaid(self, needed: Decimal, *, besides: bool = False) -> list[Said]:
        """The other way: full prepayment passes amount, term and overdue whatever the debt (D2-8)."""
        cheaper = 0 < self.full_prepayment < needed
        if not cheaper and not (besides and self.full_prepayment > 0):
            return []
        return [Said("money.prepaid", {"prepayment": self.full_prepayment})]

    def _oldest_invoice(self) -> list[Said]:
        oldest = oldest_counting(self.facts, self.policy)
        if oldest is None:
            return []
        return [Said("overdue.oldest", {"invoice": oldest.invoice_number, "due": oldest.due_date})]

    def _limit_sentences(self, told: Iterable[Reason]) -> list[Said]:
        """Where the limit comes from, when that matters (D1-9, D5-1)."""
        if self.limit.unlimited:
            return [Said("limit.unlimited", {"until": self.limit.until})]
        if self.limit.source is not LimitSource.TEMPORARY or not any(reason.code in BY_AMOUNT for reason in told):
            return []
        figures = {"limit": self.limit.amount, "until": self.limit.until, "base": self.base_limit}
        return [Said("limit.temporary", figures)]


def _trade_stop(stop: TradeStop) -> list[Said]:
    said = [
        Said("trade_stop.by", {"by": stop.by, "at": stop.at}) if stop.by else Said("trade_stop.at", {"at": stop.at})
    ]
    reason = (stop.reason or "").strip().rstrip(".")
    return [*said, Said("because", {"reason": reason})] if reason else said
