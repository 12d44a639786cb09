"""The schedule of a chaos run: pure, from its seed alone, with every kind of trouble in it."""

import random
from collections import Counter
from dataclasses import replace

from cli.chaos.plan import EVERY_WORKER, EVERYTHING, KINDS, LINKS, PROGRAMS, SERVERS, WORKERS, make_plan


def test_the_same_seed_is_the_same_schedule() -> None:
    first = make_plan(7, 100, 12)
    random.seed(0)  # whoever else draws numbers changes nothing
    assert make_plan(7, 100, 12) == first


def test_another_seed_is_another_schedule() -> None:
    one, other = make_plan(1, 50, 10), make_plan(2, 50, 10)
    assert replace(one, seed=2) != other
    assert [fault.at for fault in one.faults] != [fault.at for fault in other.faults]
    assert [story.lines for story in one.stories] != [story.lines for story in other.stories]


def test_as_many_orders_and_kills_as_were_asked_for() -> None:
    plan = make_plan(3, 37, 13)
    assert (len(plan.stories), plan.kills) == (37, 13)
    assert [story.number for story in plan.stories] == list(range(37))


def test_every_part_is_killed_and_every_kind_of_fault_comes() -> None:
    faults = [fault for seed in range(20) for fault in make_plan(seed, 100, 12).faults]
    killed = Counter(fault.target for fault in faults if fault.verb == "kill")
    assert set(killed) == {*PROGRAMS, *SERVERS, EVERYTHING, EVERY_WORKER}
    assert {fault.verb for fault in faults} == {"kill", "stop", "cut", "reset", "swallow", "slow", "silence"}
    assert {fault.target for fault in faults if fault.verb not in {"kill", "stop"}} == set(LINKS)
    stopped = {fault.target: fault.lasts for fault in faults if fault.verb == "stop" and fault.lasts > 1}
    assert set(stopped) == {*PROGRAMS, *SERVERS}
    longest = {target for target, lasts in stopped.items() if lasts > 12}
    assert longest == set(WORKERS), "a worker sleeps longer than a step may take, and nobody else does"
    assert {fault.lasts for fault in faults if fault.verb == "kill" and fault.target == EVERY_WORKER} == {20.0}


def test_twelve_kills_are_twelve_parts_of_the_bag() -> None:
    """No seed spends its kills on one part."""
    for seed in range(50):
        killed = Counter(fault.target for fault in make_plan(seed, 100, 12).faults if fault.verb == "kill")
        assert max(killed.values()) <= 2, seed
        assert killed[EVERYTHING] == killed[EVERY_WORKER] == 1, seed


def test_faults_come_one_after_another_while_orders_are_alive() -> None:
    for seed in range(20):
        plan = make_plan(seed, 30, 10)
        times = [fault.at for fault in plan.faults]
        assert times == sorted(times)
        assert times[0] > 0
        assert times[-1] <= plan.span
        assert all(0 <= story.at < plan.span for story in plan.stories)


def test_every_kind_of_story_is_told() -> None:
    stories = [story for seed in range(10) for story in make_plan(seed, 100, 10).stories]
    assert {story.kind for story in stories} == set(KINDS)
    verbs = {step.do for story in stories for step in story.steps}
    assert {"place", "agree", "revise", "pay_ahead", "pay_invoices", "pick", "ship", "cancel", "overdue", "age",
            "close_short", "unpick", "acknowledge", "served", "part_served", "restock",
            "raise_limit"} == verbs  # fmt: skip
    words = {step.word for story in stories for step in story.steps}
    assert {"approve", "reject", "payment", "statement"} <= words
    ladder = [step.days for story in stories if story.kind == "overdue" for step in story.steps if step.do == "overdue"]
    assert {5, 12, 20, 42} == set(ladder), "past +3, +7, +14 and +30"


def test_a_run_lasts_minutes() -> None:
    assert make_plan(1, 100, 12).span < 90
    assert make_plan(1, 15, 4).span < 30
