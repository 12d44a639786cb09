"""Whatever dies on the way, a story leaves behind what it leaves undisturbed: every activity, at every moment.

Each story is told twice beside each other: in peace, and by workers that remember no process from one wait to the next
and die at every moment of every activity, one attempt after another. `./opora matrix` takes the moments one by one.
"""

import pytest
from support.crashes import ANSWER, BEFORE, Crashes, Point, everywhere
from support.facts import difference
from support.house import FEW
from support.registry import activities_offered
from support.stories import STORIES, Story, tell, told_at_once
from temporalio.client import Client

from cli.local.postgres import Postgres

pytestmark = pytest.mark.anyio

ASKED = {"ask_for_payments"}
"""Asked three times only: `./opora matrix` loses its answer."""
SENT_BY_THE_WATCHDOG = {"deliver"}
"""Tried three times a round by it; the stories of the processes themselves lose its answer."""
driven: dict[Story, set[str]] = {}


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_no_crash_shows(story: Story, postgres_server: Postgres, client: Client) -> None:
    peace, storm = await told_at_once([
        tell(story, postgres_server, client, Crashes()),
        tell(story, postgres_server, client, Crashes(everywhere()), cached_workflows=FEW),
    ])  # fmt: skip
    driven[story] = peace.crashes.driven
    spared = ASKED | (SENT_BY_THE_WATCHDOG if story.file == "watchdog" else set())
    for moment in (BEFORE, ANSWER):
        assert at(moment, storm.crashes.struck) >= at(moment, peace.crashes.points) - spared
    assert not difference(peace.facts, storm.facts)


def at(moment: str, points: list[Point]) -> set[str]:
    """The activities that came to a moment."""
    return {point.activity for point in points if point.moment == moment}


async def test_every_activity_is_driven(postgres_server: Postgres, client: Client) -> None:
    for story in STORIES:
        if story not in driven:
            driven[story] = (await tell(story, postgres_server, client, Crashes())).crashes.driven
    left_out = activities_offered(client) - set().union(*driven.values())
    assert not left_out, f"no story of this list does {sorted(left_out)}: add one to STORIES of support/stories.py"
