"""A worker of the product in a process of its own, which is killed with -9 at one point, once: `POINT`, `MARK`."""

import asyncio
import os
import signal
from pathlib import Path

from support.crashes import Attempt, Crashes, Point
from support.house import serving
from support.mortal_mail import MortalMail

from activities.persistence.engine import make_engine
from activities.settings import Settings
from workflows.client import connect


async def main() -> None:
    """Serve until killed; with the mark in place nothing kills it from inside."""
    mark, wanted = Path(os.environ["MARK"]), os.environ["POINT"]

    def strikes(attempt: Attempt, point: Point) -> bool:
        return str(point) == wanted and not mark.exists()

    def die() -> None:
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

    settings = Settings.from_env()
    client = Crashes(strikes, die).on(await connect())
    async with serving(settings, make_engine(settings.database_url), client, mailer=MortalMail(settings)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
