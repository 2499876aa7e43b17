"""Which columns of a table are components of vectors: decided by names and types, and said.

A column of lists holds whole vectors, and wins over columns of numbers. Of these, keys and labels are no components:
they are known by their names, or by being whole numbers beside others with fractions. Of the others those that are
numbered (z0, z1, ...) are the components, where there are more of them than of the rest. What is left out is named.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from zpoints.errors import ArrayError
from zpoints.files.arrays.numbered import families
from zpoints.files.arrays.rows import listed

__all__ = [
    "INTEGER",
    "LIST",
    "NUMBER",
    "RECORDS",
    "TEXTS",
    "WHOLE_LIST",
    "Choice",
    "Column",
    "Exactly",
    "choose",
    "wanted_columns",
]

LIST, NUMBER, INTEGER = "list of numbers", "number", "whole number"
WHOLE_LIST = "list of whole numbers"
TEXTS, RECORDS = "lists of numbers as text", "records of numbers"
"""What may be whole vectors, but is not read."""
CONVERSIONS = {
    TEXTS: "t['{name}'] = [[float(x) for x in s.strip('[] ').replace(',', ' ').split()] for s in t['{name}']]",
    RECORDS: "t = t.drop(columns='{name}').join(pandas.json_normalize(t['{name}']))",
}
"""How pandas makes of a table t one that is read."""
KEY = re.compile(
    r"(.*[_\-. ])?(ids?|uuid|guid|idx|index|keys?|labels?|targets?|class|classes|splits?|rows?)|y|unnamed: \d+"
    r"|__index_level_\d+__|__null_dask_index__"
)
"""Names of columns that tell vectors apart or what they show, in small letters."""
CAMEL = re.compile(r".*[a-z0-9](Id|ID|Idx|Index|Key|Label|Class|Split)s?")
NAMED = 20
"""So many columns are named in a note."""
BESIDE = "a number beside those that are numbered"
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
    kind : `LIST`, `WHOLE_LIST`, `NUMBER`, `INTEGER`, or in a word or two what else it holds.
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
    if lists := _lists(where, columns):
        found, why, all_said = lists, {c.name: c.kind for c in columns if c is not lists[0]}, ""
    else:
        why = _left_out(columns)
        found, all_said = _numbered(where, columns, [c for c in columns if c.name not in why])
        why |= {c.name: BESIDE for c in columns if c.name not in why and c not in found}
        _refuse_unread(where, columns, found)
    if not found:
        raise ArrayError(
            f"{where}: no column is a component: {listed([f'{name} ({words})' for name, words in why.items()])}; "
            "expected columns of numbers, or one of lists of numbers; --columns NAME,NAME takes others"
        )
    why = {c.name: why[c.name] for c in columns if c.name in why}  # in the table's order
    notes = _notes(where, found, why) + ((all_said,) if all_said else ())
    return _checked(where, columns, Choice(tuple(c.name for c in found), bool(lists), notes, tuple(why)))


def wanted_columns(wanted: str | Sequence[str]) -> Sequence[str]:
    """Names and patterns one by one; a text holds them between commas."""
    return [part.strip() for part in wanted.split(",")] if isinstance(wanted, str) else wanted


def _lists(where: str, columns: Sequence[Column]) -> list[Column]:
    """The one column of lists, if there is one. Lists of whole numbers beside others are tokens, boxes, places."""
    lists = [c for c in columns if c.kind == LIST] or [c for c in columns if c.kind == WHOLE_LIST]
    numbered = families([c.name for c in columns if c.kind == NUMBER and not c.is_key])
    if len(lists) == 1 and lists[0].kind == WHOLE_LIST and numbered:
        first, *_, last = next(iter(numbered.values()))
        raise ArrayError(
            f"{where}: which columns? {lists[0].name:.40} holds lists of whole numbers, and {first:.40} to "
            f"{last:.40} are numbered; name those that are the vectors by --columns, in Python by columns="
        )
    if len(lists) > 1:
        raise ArrayError(
            f"{where}: which column? {listed([c.name for c in lists])} hold lists of numbers; name one by "
            f"--columns {lists[0].name:.40}, in Python by columns='{lists[0].name:.40}'"
        )
    return lists


def _numbered(where: str, table: Sequence[Column], columns: list[Column]) -> tuple[list[Column], str]:
    """Those that are numbered, if these are most; and what is to be said if all are taken."""
    there = [column.name for column in columns]
    # One that was left out of the middle does not part the others.
    counted = families([c.name for c in table if c.kind in (NUMBER, INTEGER)])
    found = {shared: [name for name in each if name in there] for shared, each in counted.items()}
    found = {shared: each for shared, each in found.items() if len(each) > 1}
    if not found:
        return columns, ""
    names = next(iter(found.values()))
    whole = {c.name for c in columns if c.kind == INTEGER} >= set(names)
    if len(found) > 1 or (whole and any(c.kind == NUMBER for c in columns)):
        kinds = [f"{each[0]:.40} to {each[-1]:.40}" for each in found.values()]
        kinds += [c.name for c in columns if all(c.name not in each for each in found.values())]
        raise ArrayError(
            f"{where}: which columns? There are {listed(kinds)}; name those that are the vectors by --columns "
            f"'{next(iter(found)).replace('#', '*'):.40}', all of them by '*', in Python by columns="
        )
    beside = [column.name for column in columns if column.name not in names]
    if len(beside) < len(names):
        return [column for column in columns if column.name in names], ""
    return columns, (
        f"{where}: all {len(columns):,} columns of numbers are components, {listed(beside)} too, though "
        f"{names[0]:.40} to {names[-1]:.40} are numbered; {OTHERS}"
    )


def _refuse_unread(where: str, columns: Sequence[Column], found: Sequence[Column]) -> None:
    """Refuse to measure what lies beside the vectors, where these are written in a way that is not read."""
    for column in columns:
        if column.kind in CONVERSIONS and not families([c.name for c in found]):
            change = CONVERSIONS[column.kind].format(name=column.name)
            reads = "read_parquet" if where.lower().endswith((".parquet", ".pq")) else "read_csv"
            others = f"; --columns {found[0].name:.40} takes others" if found else ""
            raise ArrayError(
                f"{where}: column '{column.name:.40}' holds {column.kind}, which are not read as vectors; convert "
                f"it: python -c \"import pandas; t = pandas.{reads}({where!r}); {change}; t.to_parquet('z.parquet')\""
                f"{others}"
            )


def _left_out(columns: Sequence[Column]) -> dict[str, str]:
    """What is no component in a table without lists, and why."""
    names = {column.name.lower() for column in columns}
    numbers = [c for c in columns if c.kind in (NUMBER, INTEGER)]
    # A point in the plane is (x, y); without x, y is the answer that goes with a vector.
    keys = {c.name for c in numbers if c.is_key and not (c.name.lower() == "y" and "x" in names)}
    fractions = [c.name for c in numbers if c.kind == NUMBER and c.name not in keys]
    kept = _numbered_whole([c.name for c in numbers if c.name not in keys], fractions)
    why = {}
    for column in columns:
        if column.name in keys:
            why[column.name] = f"{column.kind}, {'an index' if column.index else 'a key by its name'}"
        elif column.kind not in (NUMBER, INTEGER):
            why[column.name] = column.kind
        elif column.kind == INTEGER and fractions and column.name not in kept:
            why[column.name] = "whole numbers beside others"
    return why


def _numbered_whole(names: Sequence[str], fractions: Sequence[str]) -> set[str]:
    """Whole numbers that may be components beside fractions: numbered together with some, as a component is that is
    always 0; or more than all fractions, where none of these are numbered."""
    found = families(names)
    mixed = [shared for shared, each in found.items() if set(each) & set(fractions)]
    if mixed:
        # Bare numbers are places and no names: the first column of a file without names may be the label.
        return {name for shared in mixed if shared != "#" for name in found[shared]}
    return {name for each in found.values() if len(each) > len(fractions) for name in each}


def _notes(where: str, found: Sequence[Column], why: dict[str, str]) -> tuple[str, ...]:
    if not why:
        return ()
    left = listed([f"{name} ({words})" for name, words in why.items()], NAMED)
    if found[0].kind in (LIST, WHOLE_LIST):
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
        if column.kind not in (LIST, WHOLE_LIST, NUMBER, INTEGER):
            raise ArrayError(
                f"{where}: column '{column.name:.60}' holds {column.kind}, no numbers; choose others"
            )
    lists = [column.name for column in found if column.kind in (LIST, WHOLE_LIST)]
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
