"""The few exceptions a user meets. Each message is one line: what, where, what to do."""

__all__ = [
    "ArrayError",
    "BudgetError",
    "DiskError",
    "SourceError",
    "StageError",
    "UsageError",
    "ZPointsError",
]


class ZPointsError(Exception):
    """Base of all errors that are the input's or the machine's fault, not a bug of zpoints.

    The command line prints the message as ``error: ...`` and ends with `exit_status`.
    """

    exit_status = 1


class UsageError(ZPointsError):
    """A command or a setting that cannot be meant: an unknown name, a value out of range."""

    exit_status = 2


class SourceError(ZPointsError):
    """Pictures that cannot be had: no such path, no network, not one readable picture."""


class ArrayError(ZPointsError):
    """An array that cannot be used: wrong shape, wrong type, NaN, too few vectors, a constant component."""


class StageError(ZPointsError):
    """A stage of a run that cannot go on: files of the stage before are missing or do not fit together."""


class BudgetError(ZPointsError):
    """Work that does not fit the memory that it may take."""


class DiskError(ZPointsError):
    """A folder that cannot take what is to be written: its disk is full, or it is read-only."""
