"""Approval: whose decision it is, how silence climbs, and when an answer still holds (D4)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

from domain.business_calendar import BusinessCalendar
from domain.credit import CreditDecision, CreditFacts, Outcome, Reason, ReasonCode, counting_overdue
from domain.credit_errors import ApprovalOfAnotherRevisionError, NotYourApprovalError, OwnApprovalError
from domain.money import percent_of
from domain.orders import Role
from domain.policy import Policy


class ApprovalKind(StrEnum):
    """What is asked for."""

    PRICE = "price"
    CREDIT = "credit"
    GATE = "gate"


class Tier(StrEnum):
    """Whose decision it is (D4-1)."""

    HEAD = "head"
    DIRECTOR = "director"


class Rung(IntEnum):
    """How far an unanswered request has climbed (D4-3)."""

    ASKED = 0
    REMINDED = 1
    DEPUTY = 2
    NEXT_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Ladder:
    """When each rung of one request comes; silence ends in a rejection, never in an approval (D4-3)."""

    reminder_at: datetime
    deputy_at: datetime
    next_level_at: datetime
    expires_at: datetime

    def due(self, now: datetime) -> Rung:
        """The highest rung that has come."""
        times = (self.reminder_at, self.deputy_at, self.next_level_at)
        return Rung(sum(at <= now for at in times))

    def next_at(self, now: datetime) -> datetime | None:
        """When the next rung comes; None when only the end is left."""
        later = [at for at in (self.reminder_at, self.deputy_at, self.next_level_at) if at > now]
        return min(later) if later else None


def ladder(asked_at: datetime, policy: Policy, calendar: BusinessCalendar) -> Ladder:
    """D4-3: by the policy, reminder after 4 working hours by default, deputy after 1 working day, next level after 2,
    rejection after 3."""
    return Ladder(
        reminder_at=calendar.add_working_hours(asked_at, policy.approval_reminder_hours),
        deputy_at=calendar.after_working_days(asked_at, policy.approval_deputy_days),
        next_level_at=calendar.after_working_days(asked_at, policy.approval_next_level_days),
        expires_at=calendar.after_working_days(asked_at, policy.approval_working_days),
    )


def needs_director(facts: CreditFacts, decision: CreditDecision, policy: Policy) -> bool:
    """D4-1: with the second tier on, a large excess or an old overdue goes on to the director: by the policy, above
    half the limit or older than 7 days by default."""
    if not policy.second_tier:
        return False
    large = decision.excess > percent_of(facts.limit, policy.second_tier_excess_percent)
    return large or counting_overdue(facts, policy).days > policy.second_tier_overdue_days


def within_ceiling(decision: CreditDecision, ceiling: Decimal) -> bool:
    """Whether an approval given up to `ceiling` still covers the exposure it meets (D4-7)."""
    return decision.outcome is Outcome.AUTO or (decision.outcome is Outcome.APPROVAL and decision.exposure <= ceiling)


def still_valid(approved_at: datetime, now: datetime, policy: Policy) -> bool:
    """D4-12: by the policy, for 10 days by default, an approved order's own excess does not hold it up again."""
    return now <= approved_at + timedelta(days=policy.approval_valid_days)


@dataclass(frozen=True, slots=True)
class Answerer:
    """A person who answers a request. `asked`: the request was addressed to them, or to somebody they stand in for."""

    id: str
    role: Role
    region: str | None
    asked: bool


def check_answerer(
    person: Answerer,
    *,
    tier: Tier,
    barred: Collection[str],
    customer_region: str | None,
    revision: int,
    seen_revision: int | None,
) -> None:
    """Four eyes (D4-5), the branch's head or the director (D4-1), and the very revision that was looked at (D4-6).

    Raises:
        OwnApprovalError, NotYourApprovalError, ApprovalOfAnotherRevisionError
    """
    if person.id in barred:
        raise OwnApprovalError(action="approve")
    if person.role is Role.ADMIN:  # whoever names an admin a deputy (D14)
        raise NotYourApprovalError(tier=tier)
    own_branch = person.role is Role.HEAD and person.region in {None, customer_region}
    if not (person.asked or person.role is Role.DIRECTOR or (tier is Tier.HEAD and own_branch)):
        raise NotYourApprovalError(tier=tier)
    if seen_revision is not None and seen_revision != revision:
        raise ApprovalOfAnotherRevisionError(revision=revision, seen=seen_revision)


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A price asked for beside the price list's, per unit; None where the list had none."""

    price: Decimal
    list_price: Decimal | None


def discount_reason(lines: Iterable[PricedLine], policy: Policy) -> Reason | None:
    """D4-15: the deepest discount off the price list, when it is deeper than a manager may give alone."""
    discounts = [
        100 * (line.list_price - line.price) / line.list_price
        for line in lines
        if line.list_price is not None and line.list_price > 0
    ]
    deepest = max(discounts, default=Decimal(0))
    if deepest <= policy.free_discount_percent:
        return None
    figures = {"discount": f"{deepest:.1f}", "allowed": f"{policy.free_discount_percent:f}"}
    return Reason(ReasonCode.DISCOUNT, Outcome.APPROVAL, figures)
