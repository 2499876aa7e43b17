"""Which columns of a table are components of vectors: decided by names and types, and said.

A column of lists holds whole vectors, and wins over columns of numbers. Of these, keys and labels are no components:
they are known by their names, or by being whole numbers beside others with fractions. What is left out is named.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from zpoints.errors import ArrayError
from zpoints.files.arrays.rows import listed

__all__ = ["INTEGER", "LIST", "NUMBER", "Choice", "Column", "Exactly", "choose", "wanted_columns"]

LIST, NUMBER, INTEGER = "list of numbers", "number", "whole number"
KEY = re.compile(
    r"(.*[_\-. ])?(ids?|uuid|guid|idx|index|keys?|labels?|targets?|class|classes|splits?|rows?)|y|unnamed: \d+"
    r"|__index_level_\d+__|__null_dask_index__"
)
"""Names of columns that tell vectors apart or what they show, in small letters."""
CAMEL = re.compile(r".*[a-z0-9](Id|ID|Idx|Index|Key|Label|Class|Split)s?")
NAMED = 20
"""So many columns are named in a note."""
OTHERS = "choose others by --columns, in Python by columns="


class Exactly(tuple[str, ...]):
    """Names of columns as they are, in the order of the components; no patterns."""


Wanted = str | Sequence[str] | None
"""Names and patterns of columns: ``"z_*"``, ``"z1,z2"``, ``["z1", "z2"]``; None leaves it to the rules."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    kind : `LIST`, `NUMBER`, `INTEGER`, or in a word or two what else it holds.
    index : whether it is known to be an index.
    """

    name: str
    kind: str
    index: bool = False

    @property
    def is_key(self) -> bool:
        """Whether it is an index, a key or a label by its name."""
        return self.index or bool(KEY.fullmatch(self.name.strip().lower()) or CAMEL.fullmatch(self.name))


@dataclass(frozen=True)
class Choice:
    """The components: columns of numbers, or the items of one column of lists.

    Attributes
    ----------
    names : of the columns, in the order of the components.
    lists : whether it is one column of lists.
    notes : what was left out, and why.
    left_out : the names of these columns.
    """

    names: tuple[str, ...]
    lists: bool
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def choose(where: str, columns: Sequence[Column], wanted: Wanted = None) -> Choice:
    """Which columns are components.

    Parameters
    ----------
    where : what messages call the table.
    columns : all of them, in the table's order.
    wanted : names or patterns; None leaves it to the rules of this module.

    Raises
    ------
    ArrayError : no column, several columns of lists, or `wanted` names what is none or no number.

    Examples
    --------
    >>> table = [Column("id", INTEGER), Column("z0", NUMBER), Column("z1", NUMBER), Column("path", "text")]
    >>> found = choose("z.csv", table)
    >>> found.names
    ('z0', 'z1')
    >>> found.notes[0].partition("; left out: ")[2]
    'id (whole number, a key by its name), path (text); choose others by --columns, in Python by columns='
    >>> choose("z.csv", table, "z1").names
    ('z1',)
    """
    if wanted is not None:
        return _asked(where, columns, wanted_columns(wanted))
    lists = [column for column in columns if column.kind == LIST]
    if len(lists) > 1:
        raise ArrayError(
            f"{where}: which column? {listed([c.name for c in lists])} hold lists of numbers; name one by "
            f"--columns {lists[0].name:.40}, in Python by columns='{lists[0].name:.40}'"
        )
    if lists:
        found, why = lists, {c.name: c.kind for c in columns if c is not lists[0]}
    else:
        why = _left_out(columns)
        found = [column for column in columns if column.name not in why]
    if not found:
        raise ArrayError(
            f"{where}: no column is a component: {listed([f'{name} ({words})' for name, words in why.items()])}; "
            "expected columns of numbers, or one of lists of numbers; --columns NAME,NAME takes others"
        )
    return _checked(
        where,
        columns,
        Choice(tuple(c.name for c in found), bool(lists), _notes(where, found, why), tuple(why)),
    )


def wanted_columns(wanted: str | Sequence[str]) -> Sequence[str]:
    """Names and patterns one by one; a text holds them between commas."""
    return [part.strip() for part in wanted.split(",")] if isinstance(wanted, str) else wanted


def _left_out(columns: Sequence[Column]) -> dict[str, str]:
    """What is no component in a table without lists, and why."""
    names = {column.name.lower() for column in columns}
    numbers = [c for c in columns if c.kind in (NUMBER, INTEGER)]
    # A point in the plane is (x, y); without x, y is the answer that goes with a vector.
    keys = {c.name for c in numbers if c.is_key and not (c.name.lower() == "y" and "x" in names)}
    fractions = any(c.kind == NUMBER and c.name not in keys for c in numbers)
    why = {}
    for column in columns:
        if column.name in keys:
            why[column.name] = f"{column.kind}, {'an index' if column.index else 'a key by its name'}"
        elif column.kind not in (NUMBER, INTEGER):
            why[column.name] = column.kind
        elif column.kind == INTEGER and fractions:
            why[column.name] = "whole numbers beside others"
    return why


def _notes(where: str, found: Sequence[Column], why: dict[str, str]) -> tuple[str, ...]:
    if not why:
        return ()
    left = listed([f"{name} ({words})" for name, words in why.items()], NAMED)
    if found[0].kind == LIST:
        what = f"components are the items of column {found[0].name}"
    else:
        what = f"components are {len(found):,} column(s), {_span([c.name for c in found])}"
    return (f"{where}: {what}; left out: {left}; {OTHERS}",)


def _span(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{names[0]}, {names[1]} to {names[-1]}"


def _asked(where: str, columns: Sequence[Column], wanted: Sequence[str]) -> Choice:
    names = [column.name for column in columns]
    for part in wanted:
        if part not in names and (
            isinstance(wanted, Exactly) or not any(fnmatchcase(n, part) for n in names)
        ):
            raise ArrayError(f"{where}: no column '{part:.60}'; there are {listed(names, NAMED)}")
    if isinstance(wanted, Exactly):
        by_name = {column.name: column for column in columns}
        found = [by_name[name] for name in wanted]
    else:
        # The name itself goes before the pattern: a column may be called z[0].
        found = [
            c
            for c in columns
            if any(c.name == p or (p not in names and fnmatchcase(c.name, p)) for p in wanted)
        ]
    for column in found:
        if column.kind not in (LIST, NUMBER, INTEGER):
            raise ArrayError(
                f"{where}: column '{column.name:.60}' holds {column.kind}, no numbers; choose others"
            )
    lists = [column.name for column in found if column.kind == LIST]
    if lists and len(found) > 1:
        raise ArrayError(
            f"{where}: {listed([c.name for c in found])} cannot go together: {lists[0]:.60} holds whole vectors; "
            "choose it alone, or columns of numbers"
        )
    chosen = tuple(c.name for c in found)
    others = tuple(name for name in names if name not in chosen)
    return _checked(where, columns, Choice(chosen, bool(lists), left_out=others))


def _checked(where: str, columns: Sequence[Column], choice: Choice) -> Choice:
    names = [column.name for column in columns]
    twice = [name for name in choice.names if names.count(name) > 1] if len(set(names)) < len(names) else []
    if twice:
        raise ArrayError(f"{where}: {names.count(twice[0])} columns are called '{twice[0]:.60}'; rename them")
    return choice
