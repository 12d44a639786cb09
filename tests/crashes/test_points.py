"""Every place where a worker can die, one by one: `./opora matrix`."""

import pytest
from support.crashes import Crashes, once_at
from support.facts import difference
from support.stories import STORIES, Story, tell, told_at_once
from temporalio.client import Client

from cli.local.postgres import Postgres

pytestmark = [pytest.mark.anyio, pytest.mark.matrix, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_no_single_crash_shows(story: Story, postgres_server: Postgres, client: Client) -> None:
    peace = await tell(story, postgres_server, client, Crashes())
    points = sorted(set(peace.crashes.points))

    crashed = await told_at_once(tell(story, postgres_server, client, Crashes(once_at(each))) for each in points)

    missed = [str(point) for point, run in zip(points, crashed, strict=True) if run.crashes.struck != [point]]
    assert missed == [], "the story did not come there again"
    differing = {
        str(at): said for at, run in zip(points, crashed, strict=True) if (said := difference(peace.facts, run.facts))
    }
    assert differing == {}


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_a_worker_that_forgets_every_process_at_every_wait(
    story: Story, postgres_server: Postgres, client: Client
) -> None:
    kept, forgotten = await told_at_once(
        tell(story, postgres_server, client, Crashes(), cached_workflows=cached) for cached in (500, 0)
    )
    assert not difference(kept.facts, forgotten.facts)
