"""Whatever dies on the way, a story leaves behind what it leaves undisturbed: every activity, at every moment.

Each story is told twice beside each other: in peace, and by workers that remember no process from one wait to the next
and die at every moment of every activity, one attempt after another. `./opora matrix` takes the moments one by one.
"""

import inspect
from typing import get_args, get_type_hints

import pytest
from support.awaits import OLDER_COURSES, sites
from support.crashes import CALLED, MOMENTS, Crashes, Point, everywhere
from support.facts import difference
from support.house import FEW
from support.mortal_mail import MortalMail
from support.registry import activities_offered
from support.stories import FURTHER_WAITS, STORIES, Asked, Story, Told, tell, told_at_once
from temporalio.client import Client

from activities import wiring
from activities.fresh_payments import PaymentSource
from activities.notifications import Mailer, SentLetters
from cli.local.postgres import Postgres
from domain.orders import WaitReason
from workflows.registry import WORKFLOWS

pytestmark = pytest.mark.anyio

ASKED = {"ask_for_payments"}
"""Asked three times only: `./opora matrix` loses its answer."""
SENT_BY_THE_WATCHDOG = {"deliver"}
"""Tried three times a round by it; the stories of the processes themselves lose its answer."""
KNOWN_TO_HAVE_ARRIVED = {"deliver"}
"""A letter whose worker died at `taken` is found in the mailbox and not sent again; `./opora matrix` loses the call's
end by itself."""
MORTAL: dict[type, type] = {Mailer: MortalMail, PaymentSource: Asked}
"""Each way out of the house that an adapter goes, and what lets its caller die before, inside and after a call. The
engine is no such way: it is there in every test."""
LOOKED_AT = {SentLetters}
"""Nothing changes there: who dies over it looks again, as one who dies before its step."""
told: dict[Story, Told] = {}


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_no_crash_shows(story: Story, postgres_server: Postgres, client: Client) -> None:
    peace, storm = await told_at_once([
        tell(story, postgres_server, client, Crashes()),
        tell(story, postgres_server, client, Crashes(everywhere()), cached_workflows=FEW),
    ])  # fmt: skip
    told[story] = peace
    spared = ASKED | (SENT_BY_THE_WATCHDOG if story.file == "watchdog" else set())
    for moment in MOMENTS:
        known = KNOWN_TO_HAVE_ARRIVED if moment == CALLED else set()
        assert at(moment, storm.crashes.struck) >= at(moment, peace.crashes.points) - spared - known, moment
    assert not difference(peace.facts, storm.facts)


def at(moment: str, points: list[Point]) -> set[str]:
    """The activities that came to a moment, once or more often."""
    return {point.activity for point in points if point.moment.split()[0] == moment}


async def in_peace(stories: list[Story], server: Postgres, client: Client) -> list[Told]:
    """Stories that went undisturbed; one that has been told by another test is not told again."""
    missing = [story for story in stories if story not in told]
    now = await told_at_once(tell(each, server, client, Crashes()) for each in missing)
    told.update(zip(missing, now, strict=True))
    return [told[story] for story in stories]


async def test_every_activity_is_driven(postgres_server: Postgres, client: Client) -> None:
    driven = [each.crashes.driven for each in await in_peace(STORIES, postgres_server, client)]
    left_out = activities_offered(client) - set().union(*driven)
    assert not left_out, f"no story of this list does {sorted(left_out)}: add one to STORIES of support/stories.py"


async def test_every_moment_is_met(postgres_server: Postgres, client: Client) -> None:
    met = {point.moment.split()[0] for each in await in_peace(STORIES, postgres_server, client)
           for point in each.crashes.points}  # fmt: skip
    assert met == set(MOMENTS)


def ways_out() -> set[type]:
    """The protocols that the activities are built on."""
    groups = [each for each in vars(wiring).values() if inspect.isclass(each) and each.__name__.endswith("Activities")]
    hints = [hint for group in groups for hint in get_type_hints(group.__init__).values()]
    return {each for hint in hints for each in (hint, *get_args(hint)) if getattr(each, "_is_protocol", False)}


def test_every_way_out_has_moments_to_die_at() -> None:
    left_out = {each.__name__ for each in ways_out() ^ (MORTAL.keys() | LOOKED_AT)}
    assert not left_out, f"give {left_out} moments, as support/mortal_mail.py has them"
    for way, mortal in MORTAL.items():
        calls = [name for name, _ in inspect.getmembers(way, inspect.isfunction) if not name.startswith("_")]
        assert calls
        for source in (inspect.getsource(getattr(mortal, name)) for name in calls):
            assert source.find("reach(CALL)") < source.find("reach(CALLED)"), source
            assert "reach(CALL)" in source, source


async def test_every_wait_is_met(postgres_server: Postgres, client: Client) -> None:
    """`./opora matrix` restarts the workers with no memory at each of them."""
    stories = [each.met for each in await in_peace(STORIES + FURTHER_WAITS, postgres_server, client)]
    left_out = {
        "workflows": {each.__name__ for each in WORKFLOWS}.difference(*(met.kinds for met in stories)),
        "reasons to wait": set(WaitReason).difference(*(met.reasons for met in stories)),
        "awaits": {site.name for site in sites()}.difference(OLDER_COURSES, *(met.sites for met in stories)),
    }
    assert not any(left_out.values()), f"no story comes to {left_out}: add one to support/stories.py"
