"""The credit limit: base, temporary, unlimited; asked for by one person, given by another (D1-9, D5)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.credit_errors import LimitNeedsHeadError, OwnLimitError, TemporaryLimitTooLongError
from domain.errors import InvalidInputError
from domain.money import ZERO
from domain.orders import Role
from domain.policy import Policy


class GrantKind(StrEnum):
    """What is granted; the words are those of the API."""

    BASE = "base"
    TEMPORARY = "temporary"
    UNLIMITED = "unlimited"
    POLICY = "policy"


class GrantState(StrEnum):
    """Where a change of credit stands."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    IN_FORCE = "in_force"
    REJECTED = "rejected"
    REVOKED = "revoked"


class LimitSource(StrEnum):
    """Where the effective limit comes from."""

    BASE = "base"
    TEMPORARY = "temporary"
    UNLIMITED = "unlimited"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Grant:
    """A change that was decided on and may count on a day; `valid_to` is its last day, None for no end."""

    kind: GrantKind
    valid_from: date
    valid_to: date | None
    amount: Decimal | None = None
    body: Mapping[str, object] | None = None

    def covers(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class EffectiveLimit:
    """`L` on a day (D1-9). An unlimited account keeps its `amount` for show."""

    amount: Decimal
    source: LimitSource
    until: date | None = None

    @property
    def unlimited(self) -> bool:
        return self.source is LimitSource.UNLIMITED


def effective_limit(base: Decimal, grants: Iterable[Grant], on: date, *, suspended: bool = False) -> EffectiveLimit:
    """D1-9: suspended is 0 whatever was granted (D5-8); then unlimited; then temporary, which replaces the base and
    does not add to it (D5-1), the newest of several; then the newest base limit that has begun."""
    if suspended:
        return EffectiveLimit(ZERO, LimitSource.SUSPENDED)
    counting = sorted((each for each in grants if each.covers(on)), key=lambda each: each.valid_from)
    newest = {each.kind: each for each in counting}
    begun = newest.get(GrantKind.BASE)
    amount = base if begun is None or begun.amount is None else begun.amount
    if GrantKind.UNLIMITED in newest:
        return EffectiveLimit(amount, LimitSource.UNLIMITED, newest[GrantKind.UNLIMITED].valid_to)
    temporary = newest.get(GrantKind.TEMPORARY)
    if temporary is not None and temporary.amount is not None:
        return EffectiveLimit(temporary.amount, LimitSource.TEMPORARY, temporary.valid_to)
    return EffectiveLimit(amount, LimitSource.BASE)


def policy_overlay(grants: Iterable[Grant], on: date) -> dict[str, object]:
    """What a customer's own contract changes in the policy on a day; later overrides outweigh earlier ones (D5-6)."""
    overlay: dict[str, object] = {}
    for grant in sorted((each for each in grants if each.covers(on)), key=lambda each: each.valid_from):
        overlay.update(grant.body or {})
    return overlay


def check_window(kind: GrantKind, valid_from: date, valid_to: date | None, policy: Policy, *, today: date) -> None:
    """A grant that ends ends after it begins and not in the past; a temporary limit lasts no longer than the
    policy allows, 90 days by default (D5-1).

    Raises:
        InvalidInputError: the window is upside down, over, or its end is missing.
        TemporaryLimitTooLongError
    """
    if kind is GrantKind.BASE:
        return
    if valid_to is None:
        raise InvalidInputError(field="valid_to", reason="required")
    if valid_to < valid_from or valid_to < today:
        raise InvalidInputError(field="valid_to", reason="window")
    if kind is GrantKind.TEMPORARY and (valid_to - valid_from).days + 1 > policy.temporary_limit_days:
        raise TemporaryLimitTooLongError(field="valid_to", days=policy.temporary_limit_days)


def check_may_grant(
    role: Role, person: str, *, requester: str | None, owner: str | None, kind: GrantKind, raises: bool
) -> None:
    """Head and director give limits (D14). Whatever has an end is given by another than its requester (D5-1), and what
    widens credit by another than the customer's own manager: nobody opens the gate for an order of their own (D4-5).

    Raises:
        LimitNeedsHeadError, OwnLimitError
    """
    if role not in {Role.HEAD, Role.DIRECTOR}:
        raise LimitNeedsHeadError(role=role)
    own_request = person == requester and kind is not GrantKind.BASE
    if own_request or (raises and person == owner):
        raise OwnLimitError(action="grant")


def widens(base: Decimal, before: Iterable[Grant], after: Iterable[Grant], *, since: date) -> bool:
    """Whether the customer may owe more on any day from `since` on under `after` than under `before` (D4-5, D5-4).

    An override of the policy is taken for widening: its figures pull in different directions.
    """
    old, new = tuple(before), tuple(after)
    if _policies(old) != _policies(new):
        return True
    days = {since}
    for each in (*old, *new):
        days.add(each.valid_from)
        if each.valid_to is not None:
            days.add(each.valid_to + timedelta(days=1))
    return any(_more(effective_limit(base, old, day), effective_limit(base, new, day)) for day in days if day >= since)


def _policies(grants: Iterable[Grant]) -> list[Grant]:
    return [each for each in grants if each.kind is GrantKind.POLICY]


def _more(before: EffectiveLimit, after: EffectiveLimit) -> bool:
    if before.unlimited or after.unlimited:
        return after.unlimited and not before.unlimited
    return after.amount > before.amount
