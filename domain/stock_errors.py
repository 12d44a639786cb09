"""Refusals about goods. The conventions are those of `domain.errors`."""

from domain.errors import DomainError, NotFoundError


class ItemGroupNotFoundError(NotFoundError):
    """facts: code."""

    code = "item_group_not_found"


class ItemGroupExistsError(DomainError):
    """facts: code."""

    code = "item_group_exists"
