"""Bringing a database to the present schema: Alembic, forward only."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from activities.persistence.schema import METADATA

HERE = Path(__file__).parent / "migrations"


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Apply every migration that is missing; a repeat changes nothing."""
    command.upgrade(_config(engine), "head")


def at_head(engine: Engine) -> bool:
    """Whether the database has every migration."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head()


def head() -> str:
    """The newest migration that this release knows."""
    return str(ScriptDirectory(str(HERE)).get_current_head())


def is_known(revision: str) -> bool:
    """Whether a database of this migration can be brought to the present schema."""
    return revision in {script.revision for script in ScriptDirectory(str(HERE)).walk_revisions()}


def drift(engine: Engine) -> list[str]:
    """Differences between the tables as declared and as migrated; empty when there are none."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [str(difference) for difference in compare_metadata(context, METADATA)]
