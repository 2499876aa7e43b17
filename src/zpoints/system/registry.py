"""What can be added to: a name, and behind it a member, built in or of a package that is installed beside zpoints.

A package adds a member by an entry point of the registry's group, for example in its pyproject.toml::

    [project.entry-points."zpoints.samplers"]
    spiral = "my_package.spiral:Spiral"

Nothing else is to be edited: the name works in settings, on the command line and in Python from then on.
"""

import difflib
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from zpoints.errors import UsageError, ZPointsError, reason

__all__ = ["Registry"]

Member = TypeVar("Member")


class Registry(Generic[Member]):
    """Members by name, each loaded at its first use.

    Parameters
    ----------
    kind : what a member is, in a word or two, for messages: ``"sampler"``.
    group : of the entry points that packages add members by: ``"zpoints.samplers"``.
    built_in : name to ``"module:attribute"``, or to the member itself where loading it costs nothing.

    Examples
    --------
    >>> numbers = Registry("number", "example.numbers", {"pi": "math:pi"})
    >>> numbers.names()
    ['pi']
    >>> round(numbers["pi"], 2)
    3.14
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, Any]) -> None:
        self.kind, self.group, self.built_in = kind, group, dict(built_in)
        self._loaded: dict[str, Member] = {}

    @cached_property
    def _foreign(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name in self.built_in or point.name in found:
                warnings.warn(
                    f"{self.kind} '{point.name}' of {_package(point)} is left out: the name is taken",
                    stacklevel=2,
                )
            else:
                found[point.name] = point
        return found

    def names(self) -> list[str]:
        """All names: the built-in ones first, then those of other packages, sorted."""
        more = [name for name in self._loaded if name not in self.built_in and name not in self._foreign]
        return [*self.built_in, *sorted(self._foreign), *sorted(more)]

    def origin(self, name: str) -> str:
        """The package that a member comes from, or the script that has added it."""
        if name in self._foreign:
            return _package(self._foreign[name])
        return "zpoints" if name in self.built_in else "this script"

    def add(self, name: str, member: Member) -> None:
        """Add a member for this process, in a notebook or a script.

        Raises
        ------
        UsageError : the name is taken.
        """
        if name in self:
            raise UsageError(f"{self.kind} '{name}': the name is taken; choose another one")
        self._loaded[name] = member

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self._foreign or name in self._loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __getitem__(self, name: str) -> Member:
        """The member of that name.

        Raises
        ------
        UsageError : there is none, or the package that brings it cannot be loaded.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def check(self, name: str) -> str:
        """The name, if there is such a member; nothing is loaded.

        Raises
        ------
        UsageError : there is none; names the nearest one, or all.
        """
        if name not in self:
            close = difflib.get_close_matches(name, self.names(), 1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(self.names())}"
            raise UsageError(f"unknown {self.kind} '{name:.100}'; {hint}")
        return name

    def _load(self, name: str) -> Any:
        self.check(name)
        if name in self.built_in:
            built_in = self.built_in[name]
            if not isinstance(built_in, str):
                return built_in
            module, _, attribute = built_in.partition(":")
            return getattr(import_module(module), attribute)
        point = self._foreign[name]
        try:
            return point.load()
        except ZPointsError:
            raise
        except Exception as error:  # whatever a package of others does at its import
            raise UsageError(
                f"{self.kind} '{name}' of {_package(point)} cannot be loaded ({reason(error)}); "
                "mend or remove that package"
            ) from error


def _package(point: EntryPoint) -> str:
    return f"the package {point.dist.name}" if point.dist else f"'{point.value}'"
