"""Who may let a customer pay later than usual (D2-6, D14)."""

from domain.errors import TermsNeedHeadError
from domain.orders import Role

LONGER = frozenset({Role.HEAD, Role.DIRECTOR, Role.ADMIN})
"""Who sets the terms of a customer."""


def check_deferral(role: Role, days: int | None, usual: int) -> None:
    """D2-6: a contract that defers payment beyond the customer's usual terms would open the term gate; only those who
    set the terms enter one (D14). None keeps the usual terms.

    Raises:
        TermsNeedHeadError
    """
    if days is not None and days > usual and role not in LONGER:
        raise TermsNeedHeadError(field="deferral_days", days=usual)
