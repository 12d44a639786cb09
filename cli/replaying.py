"""`./opora replay`: would this build break a process that runs somewhere?"""

import asyncio
import time

import typer

from activities.payload_keys import PayloadKeys
from activities.settings import SettingsError
from workflows.client import connect
from workflows.replaying import Replayed, histories_of, replay


def replay_command(temporal: str | None, query: str | None, limit: int | None) -> bool:
    """Fetch histories, replay them, print what came of it; True when all went well and there was anything to replay."""
    begun = time.monotonic()
    try:
        replayed = asyncio.run(_replay(temporal, query, limit))
    except RuntimeError as error:
        typer.echo(f"Temporal не отвечает: {error}", err=True)
        return False
    except SettingsError as error:
        typer.echo(str(error), err=True)
        return False
    for name, failure in sorted(replayed.failures.items()):
        typer.echo(f"✗ {name}: {failure}")
    typer.echo(
        f"Историй: {replayed.count}, не воспроизводится: {len(replayed.failures)}, {time.monotonic() - begun:.1f} с"
    )
    if replayed.failures:
        typer.echo("Эта сборка сломала бы идущие процессы: «A change of a workflow» в CONTRIBUTING.md")
    return not replayed.failures and replayed.count > 0


async def _replay(temporal: str | None, query: str | None, limit: int | None) -> Replayed:
    client = await connect(temporal, keys=PayloadKeys.from_env())
    return await replay(histories_of(client, query, limit=limit), converter=client.data_converter)
