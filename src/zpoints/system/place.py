"""Which of several processes this one is, as torchrun and the operators of clusters say it: in the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from zpoints.errors import UsageError

__all__ = ["Place"]

NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    """The place of a process among those that work together.

    Attributes
    ----------
    rank, world : its number, from 0 on, and how many they are on all hosts.
    local_rank, local_world : the same on its own host.

    Examples
    --------
    >>> from zpoints.system.place import Place
    >>> said = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    >>> Place.here(said | {"MASTER_ADDR": "first-host", "MASTER_PORT": "29500"})
    Place(rank=3, world=4, local_rank=1, local_world=2)
    >>> Place.here({}).alone
    True
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @classmethod
    def here(cls, environment: Mapping[str, str] | None = None) -> Self:
        """What the environment says; a process of its own where it does not say all of it.

        Without LOCAL_RANK and LOCAL_WORLD_SIZE each process has a host of its own.

        Raises
        ------
        UsageError : the numbers make no sense.
        """
        said = os.environ if environment is None else environment
        if not all(name in said for name in NEEDED):
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        texts = [said.get(name, default) for name, default in zip(names, "0101", strict=True)]
        try:
            place = cls(*map(int, texts))
        except ValueError:
            place = cls(-1)
        if not (0 <= place.rank < place.world and 0 <= place.local_rank < place.local_world <= place.world):
            told = ", ".join(f"{name}={text:.20}" for name, text in zip(names, texts, strict=True))
            raise UsageError(
                f"the environment says {told}, which fits no process; unset these, or use torchrun"
            )
        return place

    @property
    def alone(self) -> bool:
        """Whether there are no others."""
        return self.world == 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files and talks to the user."""
        return self.rank == 0

    @property
    def hosts(self) -> int:
        """How many hosts there are, where each has as many processes as this one."""
        return self.world // self.local_world
