"""Brings the database up to date and seeds it: a short-lived child, so that the supervisor stays small.

`python -m cli.local.prepare KEYS_FILE`
"""

import sys
from pathlib import Path

from activities.persistence.engine import make_engine
from activities.persistence.migrate import upgrade
from activities.settings import Settings
from cli.local.people import keep_keys, seed


def prepare(keys_file: Path) -> None:
    """Migrate, then seed; both change nothing the second time."""
    engine = make_engine(Settings.from_env().database_url, pool_size=1)
    upgrade(engine)
    seed(engine, keep_keys(keys_file))
    engine.dispose()


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
