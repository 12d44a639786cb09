"""ETag and If-Match: an edit names the version it was made on (412 when stale, 428 when missing)."""

import re
from typing import Annotated

from fastapi import Depends, Header

from api.paging import invalid
from domain.errors import StaleVersionError, VersionRequiredError

_TAG = re.compile(r'(?:W/)?(?P<quote>"?)(?P<version>\d{1,9})(?P=quote)', re.ASCII)


def etag(version: int) -> dict[str, str]:
    """The header of an answer that may be edited."""
    return {"ETag": f'"{version}"'}


async def _if_match(
    if_match: Annotated[
        str | None, Header(max_length=100, description="ETag правимой версии. / ETag of the version.")
    ] = None,
) -> str:
    if if_match is None:
        raise VersionRequiredError
    return if_match


IfMatch = Annotated[str, Depends(_if_match)]


def check_version(if_match: str, current: int) -> None:
    """Refuse an edit of another version than the current one; `*` is any.

    Raises:
        StaleVersionError: the object has changed since.
    """
    if if_match.strip() == "*":
        return
    versions = [_TAG.fullmatch(tag.strip()) for tag in if_match.split(",")]
    if not all(versions):
        raise invalid("If-Match", "bad_version", "header")
    if current not in {int(tag["version"]) for tag in versions if tag}:
        raise StaleVersionError(current=current)
