"""The instant of a request: read once, passed on as `as_of`."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


async def now() -> datetime:
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(now)]
"""The instant of the request, aware UTC; routes pass it on as `as_of`."""
