"""Questions that build on each other, fused into as few readings of the vectors as their order allows.

What is asked is written as it is thought: one coroutine per line of thought, which awaits the answers that it
needs and the lines that it builds on. All lines go on until each waits for an answer; then one reading
(`reduce`) answers all questions that are open, and the lines go on. So the number of readings is the length
of the longest chain of questions, whoever asks them. (S. Marlow, L. Brandy, J. Coens, J. Purdy, There is no
fork: an abstraction for efficient, concurrent, and concise data access (2014),
https://doi.org/10.1145/2628136.2628144)
"""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import numpy as np

from zpoints.system.meter import return_freed_memory
from zpoints.system.progress import Progress
from zpoints.vectors.reduce import Executor, Question, Source, reduce

__all__ = ["Inquiries", "Line", "line"]

Result = TypeVar("Result")
Given = ParamSpec("Given")


class _Answer:
    """The answer to one question, once the vectors were read."""

    def __init__(self, question: Question, label: str, besides: int) -> None:
        self.question, self.label, self.besides = question, label, besides
        self.given, self.value = False, None

    def __await__(self) -> Generator[None, None, Any]:
        while not self.given:
            yield
        value, self.value = self.value, None  # large ones live no longer than who asked for them wants
        return value


class Line(Generic[Result]):
    """A line of thought under way; other lines may await its result, which is kept."""

    def __init__(self, coroutine: Coroutine[None, None, Result]) -> None:
        self.coroutine, self.ended = coroutine, False
        self.result: Result

    def __await__(self) -> Generator[None, None, Result]:
        while not self.ended:
            yield
        return self.result

    def go_on(self) -> None:
        """Until it waits for something that is not there yet, or ends."""
        try:
            self.coroutine.send(None)
        except StopIteration as end:
            self.result, self.ended = end.value, True


class Inquiries:
    """Lines of thought about one source.

    Parameters
    ----------
    source : the vectors.
    size : vectors per block.
    progress : told of every reading, by the labels of what is asked in it.
    executor : who reads; threads by default.

    Attributes
    ----------
    readings : how often the vectors were read.
    """

    def __init__(
        self,
        source: Source,
        size: int | None = None,
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.source, self.size, self.progress, self.executor = source, size, progress, executor
        self.readings = 0
        self._lines: list[Line[Any]] = []
        self._asked: list[_Answer] = []

    def ask(self, question: Question, label: str, besides: int = 0) -> Awaitable[Any]:
        """The answer, after the next reading.

        Parameters
        ----------
        label : a word or two for the progress.
        besides : bytes that the work on one block takes, besides three float64 copies of it.
        """
        answer = _Answer(question, label, besides)
        self._asked.append(answer)
        return answer

    def turn_to(self, source: Source) -> None:
        """From the next reading on, the questions are about another source: some components of the same vectors."""
        self.source = source

    def start(self, coroutine: Coroutine[None, None, Result]) -> Line[Result]:
        """A line of thought, which goes on in the next `run`."""
        started = Line(coroutine)
        self._lines.append(started)
        return started

    def run(self, last: Line[Result]) -> Result:
        """Read the vectors as often as it takes to end all lines; the result of one of them."""
        try:
            while self._think():
                if not self._asked:
                    raise RuntimeError("lines of thought wait for each other")
                self._read()
        finally:
            for each in self._lines:
                each.coroutine.close()
        return last.result

    def _think(self) -> bool:
        """Let all lines go on until each waits for an answer; False when all have ended."""
        before: tuple[int, ...] | None = None
        while (now := self._state()) != before:
            before = now
            for each in [each for each in self._lines if not each.ended]:
                each.go_on()
        return not all(each.ended for each in self._lines)

    def _state(self) -> tuple[int, ...]:
        return len(self._lines), sum(each.ended for each in self._lines), len(self._asked)

    def _read(self) -> None:
        asked, self._asked = self._asked, []
        self.readings += 1
        return_freed_memory()
        label = ", ".join(dict.fromkeys(each.label for each in asked))
        # Values that are too large are noticed when the sums are looked at.
        with np.errstate(over="ignore", invalid="ignore"):
            answers = reduce(
                self.source,
                tuple(each.question for each in asked),
                size=self.size,
                besides=sum(each.besides for each in asked),
                label=label,
                progress=self.progress,
                executor=self.executor,
            )
        for each, answer in zip(asked, answers, strict=True):
            each.given, each.value = True, answer


class HasInquiries(Protocol):
    """What has methods that are lines."""

    inquiries: Inquiries


Self = TypeVar("Self", bound=HasInquiries)


def line(
    method: Callable[Concatenate[Self, Given], Coroutine[None, None, Result]],
) -> Callable[Concatenate[Self, Given], Line[Result]]:
    """A method that is a line of thought: the first call starts it, later ones with equal arguments give the same."""

    @wraps(method)
    def once(self: Self, *args: Given.args, **kwargs: Given.kwargs) -> Line[Result]:
        known = self.__dict__.setdefault("_started", {})
        key = (method.__name__, args, tuple(sorted(kwargs.items())))
        if key not in known:
            known[key] = self.inquiries.start(method(self, *args, **kwargs))
        return known[key]

    return once
