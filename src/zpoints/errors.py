"""The few exceptions a user meets. Each message is one line: what, where, what to do."""

__all__ = [
    "ArrayError",
    "BudgetError",
    "DiskError",
    "LeftOutWarning",
    "SourceError",
    "StageError",
    "UsageError",
    "ZPointsError",
    "one_line",
    "reason",
]


def one_line(text: str) -> str:
    """The text with whatever is no printable character spelt out: the name of a file may hold a newline."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def reason(error: BaseException) -> str:
    """What a library's error says, as far as it fits into a message of one line."""
    first = str(error).strip().partition("\n")[0].strip()
    return first[:200] or type(error).__name__


class ZPointsError(Exception):
    """Base of all errors that are the input's or the machine's fault, not a bug of zpoints.

    The command line prints the message as ``error: ...`` and ends with `exit_status`. Those that are about what was
    given (`UsageError`, `SourceError`, `ArrayError`) are also `ValueError`: users of Python expect it.
    """

    exit_status = 1

    def __str__(self) -> str:
        return one_line(super().__str__())


class UsageError(ZPointsError, ValueError):
    """A command or a setting that cannot be meant: an unknown name, a value out of range."""

    exit_status = 2


class SourceError(ZPointsError, ValueError):
    """Pictures that cannot be had: no such path, no network, not one readable picture."""


class ArrayError(ZPointsError, ValueError):
    """An array that cannot be used: wrong shape, wrong type, NaN, too few vectors, a constant component."""


class StageError(ZPointsError):
    """A stage of a run that cannot go on: files of the stage before are missing or do not fit together."""


class BudgetError(ZPointsError):
    """Work that does not fit the memory that it may take."""


class DiskError(ZPointsError):
    """A folder that cannot take what is to be written: its disk is full, or it is read-only."""


class LeftOutWarning(UserWarning):
    """What was left out of what was given, or had to be guessed about it: columns of a table, arrays of a file."""
