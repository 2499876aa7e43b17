"""The examples in the docstrings of everything that is exported: each one runs, and shows what it says."""

import doctest
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import zpoints

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documented(name: str) -> Iterator[tuple[str, Any]]:
    """An exported object; of a module, all that it exports."""
    found = getattr(zpoints, name)
    if not isinstance(found, ModuleType):
        yield name, found
        return
    for inner in found.__all__:
        member = getattr(found, inner)
        if inspect.isclass(member) or inspect.isroutine(member):
            yield f"{name}.{inner}", member


EVERY = [pair for name in zpoints.__all__ for pair in documented(name)]


def examples(name: str, found: Any) -> list[doctest.DocTest]:
    # Methods are found with their class; what a class inherits is not its own.
    return [
        test
        for test in doctest.DocTestFinder(recurse=inspect.isclass(found)).find(found, name)
        if test.examples
    ]


@pytest.mark.parametrize(("name", "found"), EVERY, ids=[name for name, _ in EVERY])
def test_the_examples_run(name: str, found: Any) -> None:
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    failures: list[str] = []
    for test in examples(name, found):
        runner.run(test, out=failures.append, clear_globs=True)
    assert not failures, "".join(failures)


@pytest.mark.parametrize(("name", "found"), EVERY, ids=[name for name, _ in EVERY])
def test_everything_has_an_example(name: str, found: Any) -> None:
    lacking = not examples(name, found) and not (inspect.isclass(found) and issubclass(found, Exception))
    assert not lacking
