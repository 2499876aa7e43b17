"""Every public docstring, counted: what it takes with shapes and units, what it refuses, where it comes from.

That each has an example, and that these run, is `test_examples.py`'s matter.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import zpoints
from test_examples import EVERY

NOT_ARGUMENTS = {"self", "cls", "args", "kwargs", "_args", "_kwargs"}
NOTHING_TO_REFUSE = {
    *(f"plots.{name}" for name in ("card", "components", "differences", "history", "learning_curve")),
    *(f"plots.{name}" for name in ("mahalanobis", "most_turned_plane", "normality", "overview", "picture")),
    *(f"plots.{name}" for name in ("png", "spectrum", "survivors")),
    "walks.attribute_direction",
    "walks.farthest",
}
"""Functions that take what zpoints has made and checked, and have nothing to refuse."""
ELEMENTARY = {"plots.components", "plots.coverage", "plots.densities", "plots.plane", "samplers.Core"} | {
    *(f"samplers.{name}" for name in ("Independent", "Interval")),
    "walks.along_axis",
}
"""Formulas of any textbook: no source is given."""
UNITS = {
    "angle": r"degrees",
    "dpi": r"per inch",
    "sigma": r"sigma|standard deviations|level",
    "temperature": r"multiplies|nearer|see above|`Sampler`",
    "steps": r"number|so many|parameter of each|pictures",
}
"""Arguments that are quantities, and what the docstring must say of them."""
SHAPE = re.compile(r"\((?:n|m|k|d|s|c|count|steps)\b[^)]*\)")
"""What tells the shape of an array."""


def functions() -> Iterator[tuple[str, Any]]:
    yield from ((name, found) for name, found in EVERY if not inspect.isclass(found))


def classes() -> Iterator[tuple[str, Any]]:
    for name, found in EVERY:
        if inspect.isclass(found) and not issubclass(found, Exception):
            yield name, found


def methods() -> Iterator[tuple[str, Any]]:
    """The public methods that a class defines itself, and not its properties."""
    for name, found in classes():
        for inner, member in vars(found).items():
            function = getattr(member, "__func__", member)
            if not inner.startswith("_") and inspect.isfunction(function):
                yield f"{name}.{inner}", function


def named(found: Any) -> list[str]:
    return [name for name in inspect.signature(found).parameters if name not in NOT_ARGUMENTS]


def explained(doc: str, *titles: str) -> dict[str, str]:
    """The names that sections explain, and how."""
    entry = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.*)", re.DOTALL)
    known: dict[str, str] = {}
    for title in titles:
        section = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-{{3,}}|\Z)", doc, re.MULTILINE | re.DOTALL)
        for text in re.split(r"\n(?! )|(?<=\.) (?=[\w*, ]+ : )", section[1]) if section else ():
            if match := entry.match(text):
                known |= {name.strip("* "): match[2] for name in match[1].split(", ")}
    return known


def ids(pairs: Iterator[tuple[str, Any]]) -> Any:
    found = list(pairs)
    return {"argvalues": found, "ids": [name for name, _ in found]}


@pytest.mark.parametrize(("name", "found"), **ids(functions()))
def test_a_function_explains_what_it_takes_and_what_it_refuses(name: str, found: Any) -> None:
    doc = inspect.getdoc(found) or ""
    known = explained(doc, "Parameters")
    assert not set(named(found)) - set(known), "no meaning is given"
    assert ("\nRaises\n---" in doc) != (name in NOTHING_TO_REFUSE)


@pytest.mark.parametrize(("name", "found"), **ids(classes()))
def test_a_class_explains_its_arguments(name: str, found: Any) -> None:
    doc = inspect.getdoc(found) or ""
    assert not set(named(found)) - set(explained(doc, "Parameters", "Attributes")), "no meaning is given"


@pytest.mark.parametrize(("name", "found"), **ids(methods()))
def test_a_method_names_its_arguments(name: str, found: Any) -> None:
    doc = inspect.getdoc(found) or ""
    lacking = [one for one in named(found) if not re.search(rf"\b{one}\b", doc)]
    assert not lacking


@pytest.mark.parametrize(("name", "found"), **ids(functions()))
def test_quantities_have_units(name: str, found: Any) -> None:
    known = explained(inspect.getdoc(found) or "", "Parameters")
    for argument in set(named(found)) & set(UNITS):
        assert re.search(UNITS[argument], known[argument]), argument


@pytest.mark.parametrize(("name", "found"), **ids((*functions(), *methods())))
def test_arrays_have_shapes(name: str, found: Any) -> None:
    """By the annotation (jaxtyping names the axes), or in words."""
    returns = inspect.signature(found).return_annotation
    if "ndarray" in str(returns) and "jaxtyping" not in str(returns):
        assert SHAPE.search(inspect.getdoc(found) or "")


@pytest.mark.parametrize(("name", "found"), **ids((*functions(), *classes())))
def test_a_formula_has_a_source(name: str, found: Any) -> None:
    doc = inspect.getdoc(found) or ""
    formula = ":math:" in doc or ".. math::" in doc
    assert "\nReferences\n---" in doc or not formula or name in ELEMENTARY
    assert name not in ELEMENTARY or "\nReferences\n---" not in doc, "it has a source now"


def test_all_that_is_public_was_counted() -> None:
    assert {name.partition(".")[0] for name, _ in EVERY} == {*zpoints.__all__}
    assert len(list(functions())) > 40
    assert len(list(classes())) > 20
    assert {name for name, _ in EVERY} >= NOTHING_TO_REFUSE | ELEMENTARY
