"""Trouble of the local stack that a person can cure: one plain sentence, exit code 1, no traceback."""


class StackError(Exception):
    """One sentence that says what is wrong and what to do."""
