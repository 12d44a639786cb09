"""How a call to the outside may fail; what may be repeated depends on it."""


class AdapterError(Exception):
    """Something outside did not do what it was asked."""


class TransientError(AdapterError):
    """Nothing was accepted: the same call may be repeated later."""


class HeldError(TransientError):
    """Nothing may leave the house now; a repeat after the thaw goes."""


class PermanentError(AdapterError):
    """Refused for good: repeating the same call will not help."""


class OutcomeUnknownError(AdapterError):
    """The line broke after the handing over had begun: it may have been accepted."""
