"""How a process does a step of its own: one short transaction of ours, or a word to a neighbour, safe to repeat.

It runs within the workflow task: a fifth of the price of a regular activity, which is written down before it begins,
may be paused and reset, and shows its attempts; these report themselves when they are many (`activities.attempts`). So
a step that somebody waits for at the door, one that touches the outside, and every step of a process begun before there
were such steps is a regular one.
"""

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.handoff import HandoffActivities
    from workflows import options

OWN_STEPS = "own-steps"
"""Processes that began before take every step as a regular activity, and are listed anew after each."""


async def own_step(step: Any, *args: Any, preset: dict[str, Any] = options.DATABASE) -> Any:
    """Run a step within the workflow task; `preset`: how a process of the older course runs it.

    Raises:
        ActivityError: as its regular form does.
    """
    if workflow.patched(OWN_STEPS):
        return await workflow.execute_local_activity_method(step, args=args, **options.OWN)
    return await workflow.execute_activity_method(step, args=args, **preset)


async def tell(workflow_ids: list[str], signal: str) -> None:
    """Signal neighbours that something changed for them."""
    await own_step(HandoffActivities.signal_workflows, workflow_ids, signal, preset=options.HANDOFF)
