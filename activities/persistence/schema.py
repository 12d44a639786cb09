"""The whole schema: whoever opens a database knows every table, since foreign keys cross their files."""

from sqlmodel import SQLModel

from activities.persistence import (  # noqa: F401 - fill the metadata
    credit_tables,
    money_tables,
    order_tables,
    party_tables,
    record_tables,
    stock_tables,
    watch_tables,
)

METADATA = SQLModel.metadata
