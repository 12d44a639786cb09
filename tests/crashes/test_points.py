"""Every place where a worker can die, one by one: `./opora matrix`."""

import pytest
from support.crashes import Crashes, once_at
from support.facts import difference
from support.stories import STORIES, Story, every_story, tell, told_at_once
from temporalio.client import Client

from cli.local.postgres import Postgres

CROWDS = {
    Story("payment_workflows", "one_file_uploaded_by_four_at_once_is_imported_once"),
    Story("watchdog", "what_is_planted_is_found_by_kind_and_repaired_where_it_is_safe"),
    Story("watchdog", "work_under_load_raises_no_alarm"),
}
"""Dozens of processes that must move at once and in time; a worker without any memory cancels the steps of one for
another. The tests of the stories themselves tell them with almost none."""
OVER_IN_ONE_TASK = {
    Story("invoice_workflow", "d10_5_a_late_start_acts_once"),
    Story("payment_workflows", "one_payment_told_by_four_at_once_is_one"),
}
"""No process of theirs has to be left."""
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


@pytest.mark.parametrize("story", [each for each in every_story() if each not in CROWDS], ids=str)
async def test_a_worker_that_forgets_every_process_at_every_wait(
    story: Story, postgres_server: Postgres, client: Client
) -> None:
    """Whoever waits is read back from history by what finds no memory of it, as after a restart of its worker."""
    forgotten = await tell(story, postgres_server, client, Crashes(), cached_workflows=0)
    assert forgotten.met.not_read_back == set()
    assert forgotten.met.left or story in OVER_IN_ONE_TASK
    if story in STORIES:
        kept = await tell(story, postgres_server, client, Crashes())
        assert not difference(kept.facts, forgotten.facts)
