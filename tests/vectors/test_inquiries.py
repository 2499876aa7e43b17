"""Lines of thought: fused into as few readings as the longest chain of questions has."""

import gc
import weakref

import numpy as np
import pytest

from zpoints.errors import ArrayError
from zpoints.vectors.inquiries import Inquiries, line
from zpoints.vectors.latent_set import LatentSet
from zpoints.vectors.reduce import Serial

X = np.arange(40.0).reshape(20, 2)


def total(block):  # type: ignore[no-untyped-def]
    return block.sum()


class Thoughts:
    """A chain of three questions, a short one beside it, and one that needs no answer."""

    def __init__(self) -> None:
        self.inquiries = Inquiries(LatentSet.open(X), 6, executor=Serial())
        self.calls: list[str] = []

    @line
    async def mean(self):  # type: ignore[no-untyped-def]
        self.calls.append("mean")
        return await self.inquiries.ask(lambda block: block.sum(axis=0), "mean") / 20

    @line
    async def scatter(self):  # type: ignore[no-untyped-def]
        mean = await self.mean()
        return await self.inquiries.ask(lambda block: (block - mean).T @ (block - mean), "scatter")

    @line
    async def axes(self):  # type: ignore[no-untyped-def]
        return np.linalg.eigh(await self.scatter())[1]

    @line
    async def spread(self):  # type: ignore[no-untyped-def]
        axes, mean = await self.axes(), await self.mean()
        return await self.inquiries.ask(lambda block: (((block - mean) @ axes) ** 2).sum(axis=0), "spread")

    @line
    async def beside(self, power):  # type: ignore[no-untyped-def]
        first = await self.inquiries.ask(lambda block: (block**power).sum(), "beside")
        return first, await self.inquiries.ask(lambda block: (block**power).max(initial=-1) * 0, "beside")

    @line
    async def everything(self):  # type: ignore[no-untyped-def]
        for begin in (self.spread, lambda: self.beside(2), lambda: self.beside(power=3)):
            begin()
        return await self.spread(), (await self.beside(2))[0], (await self.beside(power=3))[0]


def test_as_many_readings_as_the_longest_chain():
    thoughts = Thoughts()
    spread, square, cube = thoughts.inquiries.run(thoughts.everything())
    assert thoughts.inquiries.readings == 3
    assert thoughts.calls == ["mean"], "a line is gone through once"
    assert (square, cube) == ((X**2).sum(), (X**3).sum())
    np.testing.assert_allclose(spread, np.linalg.eigvalsh(np.cov(X.T) * 19), atol=1e-9)


def test_what_needs_no_vectors_reads_none():
    class Idle:
        inquiries = Inquiries(LatentSet.open(X))

        @line
        async def answer(self) -> int:
            return 42

    idle = Idle()
    assert idle.inquiries.run(idle.answer()) == 42
    assert idle.inquiries.readings == 0


def test_the_labels_of_a_reading():
    labels = []

    class Progress:
        def task(self, label, total, unit="images", done=0):  # type: ignore[no-untyped-def]
            labels.append(label)
            return self

        def __enter__(self):  # type: ignore[no-untyped-def]
            return self

        def __exit__(self, *error):  # type: ignore[no-untyped-def]
            pass

        def advance(self, amount=1, note=""):  # type: ignore[no-untyped-def]
            pass

    thoughts = Thoughts()
    thoughts.inquiries.progress = Progress()  # type: ignore[assignment]
    thoughts.inquiries.run(thoughts.everything())
    assert labels == ["beside, mean", "beside, scatter", "spread"]


def test_errors_come_out_and_no_line_is_left_behind():
    class Failing(Thoughts):
        @line
        async def scatter(self):  # type: ignore[no-untyped-def]
            await self.mean()
            raise ArrayError("no scatter")

    thoughts = Failing()
    with pytest.raises(ArrayError, match="no scatter"):
        thoughts.inquiries.run(thoughts.everything())
    assert all(each.coroutine.cr_frame is None for each in thoughts.inquiries._lines)  # type: ignore[attr-defined]


def test_lines_that_wait_for_each_other_are_refused():
    class Circle(Thoughts):
        @line
        async def one(self):  # type: ignore[no-untyped-def]
            return await self.other()

        @line
        async def other(self):  # type: ignore[no-untyped-def]
            return await self.one()

    circle = Circle()
    with pytest.raises(RuntimeError, match="wait for each other"):
        circle.inquiries.run(circle.one())


def test_a_large_answer_lives_no_longer_than_who_asked_wants():
    class Large:
        def __add__(self, other):  # type: ignore[no-untyped-def]
            return self

    alive = []

    class Groups(Thoughts):
        @line
        async def groups(self):  # type: ignore[no-untyped-def]
            before = None
            for _ in range(3):
                if before is not None:
                    gc.collect()
                    alive.append(before() is not None)
                large = await self.inquiries.ask(lambda block: Large(), "large")
                before = weakref.ref(large)
                del large

    groups = Groups()
    groups.inquiries.run(groups.groups())
    assert alive == [False, False]
