"""The database against its processes: each rule at its boundary (W1, W2, W3)."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.messages import MessageState
from domain.watch import (
    AT_ONCE,
    GIVEN_UP_AFTER,
    GRACE,
    LONGEST_PLANNED,
    LONGEST_SENDING,
    POLLER_SILENCE,
    Effect,
    Finding,
    Kind,
    Known,
    Process,
    Thing,
    compare,
    overdue_effects,
    settle,
    silent_queues,
    still_tried,
)

NOW = datetime(2026, 4, 6, 5, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def kinds(thing: Thing | None, process: Process | None) -> list[Kind]:
    processes = {process.id: process} if process else {}
    return [finding.kind for finding in compare([thing] if thing else [], processes)]


@pytest.mark.parametrize(
    ("thing", "process", "found"),
    [
        (Thing("order/1", lives=True, state="ready"), Process("order/1", "ready"), []),
        (Thing("order/1", lives=True, state="ready"), None, [Kind.NO_PROCESS]),
        (Thing("order/1", lives=True, state="ready"), Process("order/2", "ready"), [Kind.NO_PROCESS, Kind.NO_ROW]),
        (Thing("order/1", lives=False, state="closed"), None, []),
        (Thing("order/1", lives=False, state="closed"), Process("order/1", "closed"), [Kind.OUTLIVES]),
        (Thing("order/1", lives=False, state="closed", posting=True), Process("order/1"), []),
        (Thing("order/1", lives=True, state="picking"), Process("order/1", "ready"), [Kind.BEHIND]),
        (Thing("order/1", lives=True, state="picking"), Process("order/1"), []),
        (Thing("invoice/1", lives=True), Process("invoice/1", "overdue"), []),
        (Thing("order/1", lives=True, state="confirmed", waits=False), Process("order/1", "confirmed"), [Kind.IDLE]),
        (Thing("order/1", lives=True, state="confirmed", waits=False), None, [Kind.NO_PROCESS]),
        (None, Process("order/1"), [Kind.NO_ROW]),
        (None, Process("grant/1"), [Kind.NO_ROW]),
        (None, Process("payment/1/allocate/2"), []),
        (None, Process("statement/1"), []),
        (None, Process("stock-sweep-2026"), []),
        (None, Process("statement/1", problem="WorkflowTaskFailed"), [Kind.BROKEN]),
        (Thing("order/1", lives=True), Process("order/1", problem="WorkflowTaskFailed"), [Kind.BROKEN]),
    ],
)  # fmt: skip
def test_things_and_processes(thing: Thing | None, process: Process | None, found: list[Kind]) -> None:
    assert kinds(thing, process) == found


@pytest.mark.parametrize(
    ("state", "process", "age", "found"),
    [
        (MessageState.SENDING, "order/1", LONGEST_SENDING, []),
        (MessageState.SENDING, "order/1", LONGEST_SENDING + MOMENT, [Kind.SENDING]),
        (MessageState.SENDING, None, LONGEST_SENDING + MOMENT, [Kind.SENDING]),
        (MessageState.PLANNED, "order/1", timedelta(days=30), []),
        (MessageState.PLANNED, "order/2", LONGEST_PLANNED, []),
        (MessageState.PLANNED, "order/2", LONGEST_PLANNED + MOMENT, [Kind.UNSENT]),
        (MessageState.PLANNED, None, GIVEN_UP_AFTER, []),
        (MessageState.PLANNED, None, GIVEN_UP_AFTER + MOMENT, [Kind.UNSENT]),
    ],
)
def test_messages_that_nobody_sends(state: MessageState, process: str | None, age: timedelta, found: list) -> None:
    effect = Effect("k", state, NOW - age, process)
    assert [finding.kind for finding in overdue_effects([effect], {"order/1"}, NOW)] == found


@pytest.mark.parametrize(("silence", "found"), [(None, 1), (POLLER_SILENCE, 0), (POLLER_SILENCE + MOMENT, 1)])
def test_queues_that_nobody_serves(silence: timedelta | None, found: int) -> None:
    assert len(list(silent_queues({"opora": NOW - silence if silence else None}, NOW))) == found


@pytest.mark.parametrize(
    ("process", "silence", "found"),
    [
        ("order/1", GRACE, 1),
        ("order/1", GRACE + MOMENT, 0),
        ("order/1#look", timedelta(0), 0),
        ("order/2", timedelta(0), 0),
    ],
)
def test_a_step_is_tried_while_its_process_is_open_and_its_attempts_report(
    process: str, silence: timedelta, found: int
) -> None:
    report = Finding(Kind.OWN_STEP, "order/1#look", seen_at=NOW - silence)
    assert list(still_tried([report], {process}, NOW, GRACE)) == [report] * found


def a(kind: Kind) -> Finding:
    return Finding(kind, "order/1")


@pytest.mark.parametrize("kind", sorted(set(Kind) - AT_ONCE))
def test_what_may_be_seen_in_passing_is_believed_after_the_grace(kind: Kind) -> None:
    first = settle([a(kind)], [], NOW)
    assert (first.new, first.believed) == ([a(kind)], [])
    known = Known(kind, "order/1", NOW, believed=False)
    early, late = (settle([a(kind)], [known], NOW + age) for age in (GRACE - MOMENT, GRACE))
    assert (early.seen, early.believed) == ([a(kind)], [])
    assert (late.seen, late.believed) == ([], [a(kind)])
    gone = settle([], [known], NOW)
    assert (gone.gone, gone.new, gone.believed) == ([known], [], [])


@pytest.mark.parametrize("kind", sorted(AT_ONCE))
def test_old_facts_are_believed_at_once(kind: Kind) -> None:
    assert settle([a(kind)], [], NOW).believed == [a(kind)]


def test_what_is_believed_stays_until_it_is_gone() -> None:
    known = Known(Kind.BROKEN, "order/1", NOW, believed=True)
    assert settle([a(Kind.BROKEN), a(Kind.BROKEN)], [known], NOW).seen == [a(Kind.BROKEN)]
    assert settle([a(Kind.IDLE)], [known], NOW).gone == [known]
