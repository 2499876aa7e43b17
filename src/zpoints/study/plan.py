"""What a study is to do: read from a TOML file, and laid out as cells, each the settings of one run."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zpoints.config import Settings
from zpoints.errors import UsageError
from zpoints.files.documents import fingerprint
from zpoints.files.settings import read_toml, with_values

__all__ = ["Block", "Cell", "Plan", "read_plan"]

HEADLINES = (
    "card.whitened",
    "card.negentropy_per_axis",
    "card.kappa",
    "card.effective_rank",
    "pictures.rmse",
    "judge.normal.ratio",
    "judge.best.ratio",
)
"""Figures that are drawn and put into sentences, where the file names no others."""
TABLES = ("name", "figures", "base", "sources", "variants", "grid")
OF_BLOCK = ("name", "sources", "variants", "seeds", "factors", "with")
NAME = re.compile(r"^\w[\w-]*$")
MOST_CELLS = 100_000
NO_RESULT = {"name", "budget", "report"}
"""Sections of settings that no figure depends on."""


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes
    ----------
    source, variant : their names in the file; empty where it has none. seed : of everything random.
    settings : of the run.
    name : of its folder; other settings, another name.
    """

    source: str
    variant: str
    seed: int
    settings: Settings
    name: str

    @property
    def condition(self) -> str:
        """The same for all cells that differ by the seed alone."""
        return _fingerprint(self.settings, {*NO_RESULT, "seed"})

    @property
    def words(self) -> str:
        """What it is, in a line of progress or an error."""
        named = [part for part in (self.source, self.variant) if part]
        return " ".join([*named, f"seed {self.seed}", f"({self.name})"])


@dataclass(frozen=True)
class Block:
    """One ``[[grid]]``: factors that are crossed with one another.

    Attributes
    ----------
    name : of the block. factors : those that have several values, with the values' words, in the file's order;
        ``source`` and ``variant`` among them.
    cells : name of each cell, and the word of its value of each factor.
    """

    name: str
    factors: dict[str, tuple[str, ...]]
    cells: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Plan:
    """A whole study: its cells, each once, whichever blocks it is in, and the `figures` for plots and sentences."""

    name: str
    figures: tuple[str, ...]
    cells: tuple[Cell, ...]
    blocks: tuple[Block, ...]
    settings: tuple[str, ...]
    """Dotted names of all settings that are factors of some block, or that a block sets for itself."""


def read_plan(path: Path) -> Plan:
    """Read the TOML file of a study.

    Raises
    ------
    UsageError : one line: what is wrong, where.
    """
    tree = read_toml(path)
    _known(tree, TABLES, str(path))
    named = {kind: _named(tree, kind, path) for kind in ("sources", "variants")}
    blocks = tree.get("grid", [{}])
    if not isinstance(blocks, list) or not blocks or not all(isinstance(block, dict) for block in blocks):
        raise UsageError(f"{path}: 'grid' must be tables, each headed [[grid]]")
    base = with_values(Settings(), _flat(_table(tree, "base", str(path))), f"{path}: [base]")
    layout = _Layout(path, base, named)
    for number, block in enumerate(blocks, 1):
        layout.add(block, number)
    return Plan(
        _text(tree, "name", path) or path.stem,
        _figures(tree, path),
        tuple(layout.cells.values()),
        tuple(layout.blocks),
        tuple(dict.fromkeys(layout.settings)),
    )


@dataclass
class _Layout:
    """Blocks read so far, and their cells."""

    path: Path
    base: Settings
    named: dict[str, dict[str, dict[str, Any]]]
    cells: dict[str, Cell] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)

    def add(self, tree: dict[str, Any], number: int) -> None:
        """Cross the factors of one block."""
        name = _text(tree, "name", self.path) or f"block {number}"
        where = f"{self.path}: grid '{name}'"
        _known(tree, OF_BLOCK, where)
        common = _flat(_table(tree, "with", where))
        factors = self._factors(tree, where)
        count = 1
        for _, values in factors:
            count *= len(values)
        if count > MOST_CELLS:
            raise UsageError(f"{where}: {count:,} cells; a block has at most {MOST_CELLS:,}")
        cells: dict[str, dict[str, str]] = {}
        for chosen in itertools.product(*(values for _, values in factors)):
            words = {factor: word for (factor, _), (word, _) in zip(factors, chosen, strict=True)}
            settings = dict(common)
            for _, given in chosen:
                settings |= given
            found = _cell(self.base, words, settings, where)
            # The same run may have other words in another block; the first ones stay.
            cell = self.cells.setdefault(_fingerprint(found.settings, NO_RESULT), found)
            if cell.name in cells:
                raise UsageError(f"{where}: two cells have the same settings; name each value once")
            cells[cell.name] = words
        several = {factor: tuple(word for word, _ in values) for factor, values in factors if len(values) > 1}
        if name in [block.name for block in self.blocks]:
            raise UsageError(f"{where}: two grids have this name")
        self.blocks.append(Block(name, several, cells))
        self.settings += [*(factor for factor, _ in factors if "." in factor), *common]

    def _factors(
        self, tree: dict[str, Any], where: str
    ) -> list[tuple[str, list[tuple[str, dict[str, Any]]]]]:
        """Each factor with its values: a word, and the settings that it stands for; the seed is the last one."""
        found: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = []
        for kind, factor in (("sources", "source"), ("variants", "variant")):
            known = self.named[kind]
            chosen = _list(tree, kind, where) if kind in tree else []
            for name in chosen:
                if name not in known:
                    there = f"there are {', '.join(known)}" if known else f"the file has no [{kind}.NAME]"
                    raise UsageError(f"{where}: {kind} names '{name!s:.100}'; {there}")
            if chosen:
                found.append((factor, [(name, known[name]) for name in chosen]))
        for setting, values in _flat(_table(tree, "factors", where)).items():
            if not isinstance(values, list) or not values:
                raise UsageError(f"{where}: factor '{setting}' = {values!r:.100} must be a list of values")
            found.append((setting, [(_word(value), {setting: value}) for value in values]))
        seeds = _list(tree, "seeds", where) if "seeds" in tree else [self.base.seed]
        found.append(("seed", [(_word(seed), {"seed": seed}) for seed in seeds]))
        return found


def _cell(base: Settings, words: Mapping[str, str], values: dict[str, Any], where: str) -> Cell:
    settings = with_values(base, values, where)
    source, variant = words.get("source", ""), words.get("variant", "")
    key = _fingerprint(settings, NO_RESULT)
    label = "-".join([*filter(None, [source]), f"s{settings.seed}", key])
    settings = with_values(settings, {"name": label}, where)
    return Cell(source, variant, settings.seed, settings, label)


def _fingerprint(settings: Settings, but: set[str]) -> str:
    return fingerprint(settings.model_dump(mode="json", exclude=but))[:12]


def _named(tree: Mapping[str, Any], kind: str, path: Path) -> dict[str, dict[str, Any]]:
    """Sources or variants: a name, and the settings that it stands for."""
    found = {}
    for name, values in _table(tree, kind, str(path)).items():
        if not NAME.match(name):
            raise UsageError(f"{path}: [{kind}.{name:.100}]: a name is letters, digits, '-' and '_'")
        found[name] = _flat(_table({name: values}, name, f"{path}: [{kind}.{name}]"))
    return found


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Tables within tables as dotted names."""

    def walk() -> Iterator[tuple[str, Any]]:
        for name, value in tree.items():
            if isinstance(value, dict):
                yield from _flat(value, f"{before}{name}.").items()
            else:
                yield f"{before}{name}", value

    return dict(walk())


def _word(value: Any) -> str:
    """A value as a level's name."""
    if isinstance(value, list):
        return "-".join(map(_word, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _known(tree: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in tree:
        if name not in names:
            raise UsageError(f"{where}: unknown '{name!s:.100}'; known here: {', '.join(names)}")


def _table(tree: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = tree.get(name, {})
    if not isinstance(found, dict):
        raise UsageError(f"{where}: '{name}' = {found!r:.100} must be a table of settings")
    return found


def _list(tree: Mapping[str, Any], name: str, where: str) -> list[Any]:
    found = tree[name]
    if not isinstance(found, list) or not found or len({_word(value) for value in found}) < len(found):
        raise UsageError(f"{where}: '{name}' = {found!r:.100} must be a list of different values")
    return found


def _text(tree: Mapping[str, Any], name: str, path: Path) -> str:
    found = tree.get(name, "")
    if not isinstance(found, str):
        raise UsageError(f"{path}: '{name}' = {found!r:.100} must be a text")
    return found


def _figures(tree: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Names only: which figures there are is known when the cells are done."""
    if "figures" not in tree:
        return HEADLINES
    found = _list(tree, "figures", str(path))
    if not all(isinstance(name, str) and "." in name for name in found):
        raise UsageError(f"{path}: 'figures' = {found!r:.100} must be names of columns, as 'card.kappa'")
    return tuple(found)
