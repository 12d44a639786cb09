"""Single processes with settings from the environment: what a production host runs."""

import os
import sys

from activities.payload_keys import PayloadKeys
from activities.settings import Settings, SettingsError
from cli.local.data import ROOT
from cli.local.problems import StackError

_GRACE = 20
"""Seconds that callers get for their answers when a production API is told to stop; container engines wait longer."""


def settings() -> Settings:
    """The environment's settings; a missing or malformed one is a sentence."""
    try:
        PayloadKeys.from_env()
        return Settings.from_env()
    except SettingsError as error:
        raise StackError(str(error)) from None


def run_migrations() -> None:
    """Apply what is missing and say so."""
    from sqlalchemy.exc import OperationalError

    from activities.persistence.engine import make_engine
    from activities.persistence.migrate import at_head, upgrade

    engine = make_engine(settings().database_url, pool_size=1)
    try:
        if at_head(engine):
            print("База данных уже в нынешней схеме.")
            return
        upgrade(engine)
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StackError(f"PostgreSQL по адресу OPORA_DATABASE_URL не отвечает или отказал: {reason}") from None
    finally:
        engine.dispose()
    print("База данных приведена к нынешней схеме.")


def run_api(host: str, port: int) -> None:
    """Answer HTTP in this process until SIGTERM."""
    from cli.local.serve import listen, serve

    settings()
    listener = listen(host, port)
    print(f"API слушает {host}:{listener.getsockname()[1]}", flush=True)
    serve(listener, grace=_GRACE)


def replace_by(argv: list[str]) -> None:
    """Become another program in our own directory."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(argv[0], argv)
