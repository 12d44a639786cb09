"""What a piece of a test may cost this process: processor time and memory, as bounds on a `with`."""

import gc
import resource
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Whatever happens inside takes less processor time than this, children that ended included.

    What the tests before it left in memory is kept from the collector, which would walk through all of it: after
    some thousands of them that takes longer than most bounds.
    """
    gc.freeze()
    try:
        begun = _spent()
        yield
        assert _spent() - begun < seconds
    finally:
        gc.unfreeze()


@contextmanager
def in_memory(most: int) -> Iterator[None]:
    """Whatever happens inside takes at its peak fewer bytes of this process than this."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def _spent() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
