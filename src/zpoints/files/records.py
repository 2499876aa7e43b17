"""Results as typed records: attributes for programs, plain JSON in files, and a check on the way between them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from zpoints.errors import ArrayError
from zpoints.files.documents import read_json, write_json
from zpoints.files.readable import ANEW

__all__ = ["Bases", "Document", "Record"]


class Record(Mapping[str, Any]):
    """A frozen data class that is read by attribute (``s.region.mean_length``) or by key (``s["region"]``).

    It never changes, holds finite numbers, texts, truth values, None, and tuples and records of them, and equals any
    mapping of the same content. Subclasses are decorated with ``@dataclass(frozen=True, eq=False)``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Size(Record):
    ...     n: int
    ...     mean: float | None = None
    >>> size = Size.from_dict({"n": 3, "mean": 0.5}, "the example")
    >>> size.mean, size["n"], size.to_dict()
    (0.5, 3, {'n': 3, 'mean': 0.5})
    """

    # Read by pydantic: a text is no number, an unknown name is an error, NaN is no figure.
    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "strict": True,
        "extra": "forbid",
        "allow_inf_nan": False,
    }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> Self:
        """The record of plain values, as JSON has them.

        Parameters
        ----------
        content : names and values. where : the file or whatever it comes from, for messages.

        Raises
        ------
        ArrayError : a name is missing or unknown, or a value is of another type; the first of them is named.
        """
        from pydantic import ValidationError

        try:
            # By way of the text: what is in memory is then what a file would give back.
            return _adapter(cls).validate_json(json.dumps(content))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ArrayError(f"{where}: '{place:.100}': {first['msg'].lower():.100}; {ANEW}") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and values, as JSON has them."""
        found: dict[str, Any] = _adapter(type(self)).dump_python(self, mode="json")
        return found

    def __getitem__(self, name: str) -> Any:
        if name in self._names():
            return getattr(self, name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]  # type: ignore[arg-type]  # subclasses are data classes


class Document(Record):
    """A record that is a file of its own, with the version of its format; a file of the first one has none."""

    VERSION: ClassVar[int]

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> Self:
        """The record of plain values, measured or read.

        Raises
        ------
        ArrayError : as `Record.from_dict`, or the format is a newer one.
        """
        version = content.get("version", 1)
        if type(version) is not int or not 1 <= version <= cls.VERSION:
            raise ArrayError(
                f"{where}: format '{version!s:.20}', where this zpoints knows formats up to {cls.VERSION}; "
                "update zpoints, or make the file anew"
            )
        return super().from_dict({**content, "version": cls.VERSION}, where)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a JSON file. Raises ArrayError: it is missing, damaged, or of a newer format."""
        return cls.from_dict(read_json(path), str(path))

    def write(self, path: Path) -> None:
        """Write a JSON file, atomically."""
        write_json(path, self.to_dict())


@cache
def _adapter(kind: type[Record]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Bases(Record, Generic[Value]):
    """One value for the latent components, ``z``, and one for the principal axes, ``pca``."""

    z: Value
    pca: Value
