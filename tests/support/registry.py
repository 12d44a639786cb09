"""What the product offers to its workflows, by name."""

from sqlalchemy import create_engine
from temporalio.client import Client

from activities.settings import Settings
from activities.wiring import build_activities, build_mail_activities


def activities_offered(client: Client) -> set[str]:
    """Every activity that a worker of the product registers."""
    settings = Settings(database_url="postgresql+psycopg://")
    engine = create_engine(settings.database_url)
    offered = build_activities(settings, engine, client) + build_mail_activities(settings, engine)
    return {each.__name__ for each in offered}
