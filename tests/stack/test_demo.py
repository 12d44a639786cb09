"""The seed's story on a whole local stack that seals its payloads, while its parts are killed one after another."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack import RunningStack, opora, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(330)]

PARTS = ("worker", "api", "temporal", "postgres", "worker")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("story") / "data", "--encrypt") as running:
        yield running


def kill_in_turn(stack: RunningStack, over: threading.Event, killed: list[str]) -> None:
    """kill -9 one part after another while the story is told."""
    for part in PARTS:
        if over.wait(2.5):
            return
        os.kill(stack.pid(part), signal.SIGKILL)
        killed.append(part)


def test_the_story_happens_whatever_is_killed(stack: RunningStack) -> None:
    over, killed = threading.Event(), []
    killer = threading.Thread(target=kill_in_turn, args=(stack, over, killed))
    killer.start()
    try:
        told = opora("demo", "--script", "--data", stack.data, timeout=300)
    finally:
        over.set()
        killer.join()

    assert told.returncode == 0, told.stdout[-3000:]
    assert set(killed) == set(PARTS)
    letters = stack.get("/mail").json()
    seen = [(letter["to"], letter["subject"], letter["text"]) for letter in letters]
    assert len(seen) == len(set(seen)), "a letter was sent twice"
    stored = b"".join(path.read_bytes() for path in (stack.data / "temporal").iterdir())
    assert b"binary/encrypted" in stored
    assert [text for text in ('"order_id"', "Заказ", "Ромашка") if text.encode() in stored] == []


def test_a_story_that_cannot_happen_ends_with_a_plain_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    told = opora("demo", "--script", "--data", blocked / "inside")

    assert told.returncode == 1
    assert "Traceback" not in told.stdout + told.stderr
