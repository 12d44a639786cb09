"""Changes of what a customer may owe: asked for, decided, revoked; each leaves a row of the limit's history (D5).

The caller holds the credit account, then the customer (D3-6), and has the waiting orders decided again afterwards.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence.calendars import company_calendar
from activities.persistence.credit import contract_in_force
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.events import record_event
from activities.persistence.grant_notices import ask_deciders, tell_decided, tell_revoked
from activities.persistence.grants import counting, grant_of
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, UserRow
from activities.persistence.policies import policy_in_force
from activities.persistence.tasks import finish_tasks
from domain.credit_errors import GrantDecidedError, GrantNotFoundError, GrantNotInForceError
from domain.errors import InvalidInputError
from domain.grant_life import GrantStep, Origin, stage_of
from domain.limits import (
    Grant,
    GrantKind,
    GrantState,
    check_may_grant,
    check_window,
    effective_limit,
    widens,
)
from domain.orders import SYSTEM, Actor, Role
from domain.policy_override import check_changes
from domain.tasks import TaskKind

SUBJECT = "credit_grant"
"""What the journal calls a change of credit."""
STEPS = {"grant_begun": GrantStep.BEGIN, "grant_warned": GrantStep.WARN, "grant_ended": GrantStep.END}
"""What the journal calls the steps of a granted change."""
GIVEN = (GrantState.SCHEDULED, GrantState.IN_FORCE)


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change as it is asked for. `until_contract_end`: the window ends with the contract in force (D5-6)."""

    kind: GrantKind
    reason: str
    amount: Decimal | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    changes: Mapping[str, object] | None = None
    until_contract_end: bool = False


def request_change(
    session: Session, account: CreditAccountRow, customer: CustomerRow, new: NewChange, actor: Actor, *, at: datetime
) -> CreditGrantRow:
    """Ask for a change; those who may decide get a task and a notice (D5-1, D14).

    Raises:
        InvalidInputError: a field is missing, does not belong to the kind, or the window cannot be.
        TemporaryLimitTooLongError
    """
    today = company_calendar(session).day_of(at)
    valid_from, valid_to = _window(session, customer, new, today)
    body = None
    if new.kind is GrantKind.POLICY:
        body = check_changes(new.changes or {}, policy_in_force(session, today)[1])
    row = CreditGrantRow(
        credit_account_id=account.id,
        customer_id=customer.id,
        kind=new.kind,
        amount=new.amount,
        body=body,
        valid_from=valid_from,
        valid_to=valid_to,
        reason=new.reason,
        state=GrantState.REQUESTED,
        requested_by=UUID(actor.id),
        requested_at=at,
    )
    row.previous = _previous(session, account, row)
    session.add(row)
    session.flush()
    _journal(session, row, "grant_requested", actor, at=at)
    ask_deciders(session, row, customer, at=at)
    return row


def _window(session: Session, customer: CustomerRow, new: NewChange, today: date) -> tuple[date, date | None]:
    """First and last day; each field belongs to its kind."""
    needs_amount = new.kind in {GrantKind.BASE, GrantKind.TEMPORARY}
    for field, wrong in (
        ("amount", needs_amount != (new.amount is not None)),
        ("changes", (new.kind is GrantKind.POLICY) != (new.changes is not None)),
        ("until_contract_end", new.until_contract_end and (new.kind is not GrantKind.POLICY or bool(new.valid_to))),
        ("valid_to", new.kind is GrantKind.BASE and new.valid_to is not None),
    ):
        if wrong:
            raise InvalidInputError(field=field, reason="kind")
    valid_from, valid_to = new.valid_from or today, new.valid_to
    if valid_from < today:
        raise InvalidInputError(field="valid_from", reason="past")
    if new.until_contract_end:
        contract = contract_in_force(session, customer.id, today=today)
        if contract is None or contract.valid_until is None:
            raise InvalidInputError(field="until_contract_end", reason="no_end")
        valid_to = contract.valid_until
    check_window(new.kind, valid_from, valid_to, policy_in_force(session, today)[1], today=today)
    return valid_from, valid_to


def decide_change(
    session: Session,
    account: CreditAccountRow,
    customer: CustomerRow,
    row: CreditGrantRow,
    actor: Actor,
    *,
    approve: bool,
    comment: str | None,
    at: datetime,
) -> None:
    """Give or refuse what was asked for; nothing is given for days that are over (D5-1, D5-4).

    Raises:
        GrantDecidedError, LimitNeedsHeadError, OwnLimitError, InvalidInputError
    """
    if row.state != GrantState.REQUESTED:
        raise GrantDecidedError(state=row.state, by=_name(session, row.decided_by))
    today = company_calendar(session).day_of(at)
    since = max(row.valid_from, today)
    _check_decider(session, account, customer, row, actor, approve=approve, since=since)
    if approve:
        check_window(GrantKind(row.kind), since, row.valid_to, policy_in_force(session, today)[1], today=today)
        _put_in_force(session, account, customer, row, since=since, today=today)
    else:
        row.state = GrantState.REJECTED
    row.decided_by, row.decided_at, row.comment = UUID(actor.id), at, comment or None
    session.flush()
    _journal(session, row, "grant_approved" if approve else "grant_rejected", actor, at=at, comment=row.comment)
    if approve and row.valid_from <= today:
        record_event(session, SUBJECT, row.id, "grant_begun", SYSTEM, at=at)
    finish_tasks(session, TaskKind.LIMIT_CHANGE, actor, at=at, about={"grant_id": str(row.id)}, comment=row.comment)
    tell_decided(session, row, customer, granted=approve, at=at)


def _check_decider(
    session: Session,
    account: CreditAccountRow,
    customer: CustomerRow,
    row: CreditGrantRow,
    actor: Actor,
    *,
    approve: bool,
    since: date,
) -> None:
    """A refusal takes nobody's second pair of eyes."""
    before = [grant_of(each) for each in counting(session, account.id)]
    given = Grant(GrantKind(row.kind), since, row.valid_to, row.amount, row.body)
    raises = approve and widens(account.base_limit, before, [*before, given], since=since)
    for owner in _owners(session, customer):
        check_may_grant(
            actor.role,
            actor.id,
            requester=str(row.requested_by) if approve else None,
            owner=owner,
            kind=GrantKind(row.kind),
            raises=raises,
        )


def _owners(session: Session, customer: CustomerRow) -> set[str]:
    """Whose own orders credit would let pass: the customer's manager, and the managers of the orders that wait for
    credit on its account, whoever the customer was given to meanwhile (D4-5)."""
    query = select(OrderRow.manager_id).where(
        OrderRow.credit_account_id == customer.credit_account_id,
        col(OrderRow.status).in_(["awaiting_approval", "stopped"]),
    )
    return {str(customer.manager_id), *map(str, session.exec(query.distinct()))}


def _put_in_force(
    session: Session, account: CreditAccountRow, customer: CustomerRow, row: CreditGrantRow, *, since: date, today: date
) -> None:
    fold_due(session, account, today=today)
    row.valid_from = since
    row.previous = _previous(session, account, row)
    if row.kind != GrantKind.BASE:
        row.state = GrantState.IN_FORCE
    elif since > today:
        row.state = GrantState.SCHEDULED
    else:
        assert row.amount is not None
        row.state, account.base_limit = GrantState.IN_FORCE, row.amount
        customer.version += 1


def revoke_change(
    session: Session,
    account: CreditAccountRow,
    customer: CustomerRow,
    row: CreditGrantRow,
    actor: Actor,
    *,
    reason: str,
    at: datetime,
) -> None:
    """End a change before its time; confirmed orders stand (D5-2). A base limit in force is changed by another one.

    Raises:
        GrantNotInForceError, LimitNeedsHeadError, OwnLimitError
    """
    today = company_calendar(session).day_of(at)
    counted = counting(session, account.id)
    state = stage_of(row.state, row.valid_from, row.valid_to, today=today)
    folded = row.kind == GrantKind.BASE and row.valid_from <= today
    if folded or state not in GIVEN:
        raise GrantNotInForceError(state=state)
    before = [grant_of(each) for each in counted]
    after = [grant_of(each) for each in counted if each.id != row.id]
    raises = widens(account.base_limit, before, after, since=today)
    for owner in _owners(session, customer):
        check_may_grant(actor.role, actor.id, requester=None, owner=owner, kind=GrantKind(row.kind), raises=raises)
    row.state, row.ended_at = GrantState.REVOKED, at
    session.flush()
    _journal(session, row, "grant_revoked", actor, at=at, reason=reason)
    tell_revoked(session, row, customer, UUID(actor.id), reason=reason, at=at)


def set_base(
    session: Session,
    account: CreditAccountRow,
    customer: CustomerRow,
    amount: Decimal,
    actor: Actor,
    *,
    owners: Collection[UUID | None],
    at: datetime,
) -> None:
    """Head or director sets the base limit from today on, without a request (D14).

    Args:
        owners: whoever is the customer's manager, and will be.

    Raises:
        LimitNeedsHeadError, OwnLimitError
    """
    today = company_calendar(session).day_of(at)
    fold_due(session, account, today=today)
    before = [grant_of(each) for each in counting(session, account.id)]
    raises = widens(account.base_limit, before, [*before, Grant(GrantKind.BASE, today, None, amount)], since=today)
    for owner in {*map(str, owners), *_owners(session, customer)}:
        check_may_grant(actor.role, actor.id, requester=None, owner=owner, kind=GrantKind.BASE, raises=raises)
    take_over_base(session, account, customer, amount, actor, on=today, at=at)


def take_over_base(
    session: Session,
    account: CreditAccountRow,
    customer: CustomerRow,
    amount: Decimal,
    actor: Actor,
    *,
    on: date,
    at: datetime,
    origin: Origin = Origin.CARD,
) -> None:
    """Put a base limit in force as it was entered, with its row of history: on the card, or by an import."""
    person = None if actor.id == SYSTEM.id else UUID(actor.id)
    row = CreditGrantRow(
        credit_account_id=account.id,
        customer_id=customer.id,
        kind=GrantKind.BASE,
        amount=amount,
        previous=account.base_limit,
        valid_from=on,
        reason=origin,
        state=GrantState.IN_FORCE,
        requested_by=person,
        requested_at=at,
        decided_by=None if actor.role is Role.MANAGER else person,
        decided_at=at,
    )
    account.base_limit = amount
    session.add(row)
    _journal(session, row, "grant_approved", actor, at=at)


def fold_due(session: Session, account: CreditAccountRow, *, today: date) -> None:
    """Scheduled base limits whose day has come become the account's own, in the order of their days. The effective
    limit is the same before and after (D1-9)."""
    due = [each for each in counting(session, account.id) if each.state == GrantState.SCHEDULED]
    for row in sorted(due, key=lambda each: each.valid_from):
        if row.valid_from > today or row.amount is None:
            continue
        row.state, account.base_limit = GrantState.IN_FORCE, row.amount
        customer = session.get_one(CustomerRow, row.customer_id, with_for_update=True, populate_existing=True)
        customer.version += 1
    session.flush()


def find_change(session: Session, grant_id: UUID) -> CreditGrantRow:
    """A change of credit, not locked: lock its account, then refresh it.

    Raises:
        GrantNotFoundError
    """
    row = session.get(CreditGrantRow, grant_id)
    if row is None:
        raise GrantNotFoundError
    return row


def changes_of(session: Session, customer_id: UUID, *, after: UUID | None, limit: int) -> list[CreditGrantRow]:
    """The history of a customer's credit, newest first."""
    query = select(CreditGrantRow).where(CreditGrantRow.customer_id == customer_id)
    return _page(session, query, after, limit)


def changes_in(
    session: Session, state: str | None, *, today: date, after: UUID | None, limit: int
) -> list[CreditGrantRow]:
    """Changes of all customers in a state as people are told it, newest first."""
    row = CreditGrantRow
    given = col(row.state).in_(GIVEN)
    over = col(row.valid_to).is_not(None) & (col(row.valid_to) < today)
    query = select(row)
    match state:
        case None:
            pass
        case GrantState.SCHEDULED:
            query = query.where(given, row.valid_from > today)
        case GrantState.IN_FORCE:
            query = query.where(given, row.valid_from <= today, ~over)
        case "ended":
            query = query.where(given, over)
        case _:
            query = query.where(row.state == state)
    return _page(session, query, after, limit)


def _page(session: Session, query: Any, after: UUID | None, limit: int) -> list[CreditGrantRow]:
    if after is not None:
        query = query.where(CreditGrantRow.id < after)
    return list(session.exec(query.order_by(col(CreditGrantRow.id).desc()).limit(limit)))


def _previous(session: Session, account: CreditAccountRow, row: CreditGrantRow) -> Decimal | None:
    """What counted on the first day without this change: the base limit for a base one, the effective one else."""
    if row.kind == GrantKind.POLICY:
        return None
    grants = [grant_of(each) for each in counting(session, account.id) if each.id != row.id]
    if row.kind == GrantKind.BASE:
        grants = [each for each in grants if each.kind is GrantKind.BASE]
    return effective_limit(account.base_limit, grants, row.valid_from).amount


def _name(session: Session, person: UUID | None) -> str | None:
    return session.get_one(UserRow, person).name if person else None


def _journal(session: Session, row: CreditGrantRow, event: str, actor: Actor, *, at: datetime, **data: Any) -> None:
    record_event(
        session,
        SUBJECT,
        row.id,
        event,
        actor,
        at=at,
        customer_id=str(row.customer_id),
        kind=row.kind,
        amount=None if row.amount is None else str(row.amount),
        previous=None if row.previous is None else str(row.previous),
        changes=row.body,
        valid_from=row.valid_from.isoformat(),
        valid_to=row.valid_to.isoformat() if row.valid_to else None,
        **data,
    )
