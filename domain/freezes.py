"""Times in which nothing leaves the house."""

from enum import StrEnum

from domain.errors import DomainError


class FreezeReason(StrEnum):
    """Why nothing leaves the house."""

    STOP = "stop"
    """A person stopped it, say because of a wrong mass mailing."""
    RESTORE = "restore"
    """A backup was restored: what was sent after it is not known here."""


class EffectsNotFrozenError(DomainError):
    """Nothing is frozen."""

    code = "effects_not_frozen"


class NotReconciledError(DomainError):
    """A restored database has to be reconciled first. facts: since."""

    code = "not_reconciled"


class FindingsOpenError(DomainError):
    """A restored database was reconciled, and what was found is neither gone nor accepted. facts: count."""

    code = "findings_open"
