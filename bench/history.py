"""How much of a history an order leaves with the engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.temporal_view import described
from bench.stack import MeasuredStack
from workflows.client import connect

MOST_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class History:
    """Events and bytes of all processes of one order, on the average."""

    events: float
    size: float


async def history(stack: MeasuredStack, orders: Sequence[Sequence[str]]) -> History:
    """Of orders by the ids of their processes; of the first few, where there are many.

    An invoice that was paid before it was written needs no process and has none.
    """
    client = await connect(stack.temporal)
    looked_at = orders[:MOST_LOOKED_AT]
    events = size = 0
    for process in (each for order in looked_at for each in order):
        found = await described(client, process)
        if found is not None:
            events += found.workflow_execution_info.history_length
            size += found.workflow_execution_info.history_size_bytes
    return History(events / len(looked_at), size / len(looked_at))
