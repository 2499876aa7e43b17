"""How many threads pay, found out while working.

PyTorch cuts each operation into as many parts as it has threads, and waits for all of them. Where another program
keeps one of the processors busy, one part waits for its turn there, and everything waits for it: on two processors
a training falls to a tenth, while a single thread would lose nothing. So work that goes in equal steps is timed, and
goes on with fewer threads for as long as that is quicker.

Not a bit is changed on a quiet machine: fewer threads are tried only where other programs are seen at work, or
where the steps become slower than they were.
"""

import math
import sys
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Self

from zpoints.system.load import OtherPrograms
from zpoints.system.thread_count import fixed_threads, processors

__all__ = ["Pace", "Search"]

BUSY = 0.3  # processors that others keep busy, from which on it may pay to leave them alone
SLOWER = 1.25  # times the time of a step before, from which on something has happened
BETTER = (
    0.93  # fewer threads must take less than so much of the time of all: else results would hang on noise
)
WORTHLESS = 4.0  # times the best: a number of threads that needs so much longer is not measured to its end
LEAST_SECONDS = 0.06  # of steps that are timed together: short ones vary
PAUSE = 1.0  # seconds without a step, after which what other programs did before says nothing
FIRST_WAIT, LONGEST_WAIT = 4.0, 64.0  # seconds between two tries of other numbers of threads


@dataclass
class Search:
    """Which number of threads is quickest: told the time of each step, it says how many the next one takes.

    Parameters
    ----------
    most : threads at the most; where it is 1 there is nothing to find.
    others : tells how many processors other programs keep busy; NaN while it is not known yet, so that nothing is
        tried for it, and None where nobody ever knows.
    clock : seconds.

    Attributes
    ----------
    threads : for the next step.
    """

    most: int
    others: Callable[[], float | None]
    clock: Callable[[], float] = time.perf_counter
    threads: int = 0
    chosen: int = 0
    tries: list[int] = field(default_factory=list)
    times: dict[int, float] = field(default_factory=dict)
    recent: list[float] = field(default_factory=list)
    reference: float | None = None
    warm: bool = False
    count: int = 0
    seconds: float = 0.0
    wait: float = FIRST_WAIT
    next_try: float = 0.0

    def __post_init__(self) -> None:
        self.threads = self.chosen = self.chosen or self.most
        self.next_try = self.clock()

    def done(self, seconds: float) -> None:
        """A step has been made with `threads` threads, in so much time."""
        if self.most == 1:
            return
        slow = seconds > WORTHLESS * min(self.times.values(), default=seconds)
        if self.warm:  # the first step with another number of threads makes ready what these need
            self.warm = False
            if not slow:
                return
        self.count, self.seconds = self.count + 1, self.seconds + seconds
        worthless = self.tries and slow
        if self.seconds < LEAST_SECONDS and not worthless:
            return
        each = self.seconds / self.count
        self.count, self.seconds = 0, 0.0
        if self.tries:
            self._tried(each)
        else:
            self._watched(each)

    def _watched(self, each: float) -> None:
        """No other numbers are tried at the moment: has something changed?"""
        self.recent = [*self.recent[-2:], each]
        if self.reference is None or each < self.reference:
            self.reference = each if self.reference is None else 0.5 * (self.reference + each)
        if (fewer := self._quicker_after_all()) is not None:
            self._choose(fewer)
            return
        if self.clock() < self.next_try:
            return
        others, full = self.others(), len(self.recent) == 3
        slower = full and min(self.recent) > SLOWER * self.reference
        if slower or (self.chosen == self.most and self._crowded(others)):
            self._try(self._numbers(others))
        elif self.chosen < self.most and self._room(others):
            self._try([self.chosen, *(n for n in reversed(self._numbers(others)) if n > self.chosen)])

    def _quicker_after_all(self) -> int | None:
        """Fewer threads that were quicker, when last tried, than the chosen ones are now.

        A try is short. After a pause the system gives a thread more of a shared processor for a while, so that all
        threads can win a try that they lose in the long run.
        """
        if len(self.recent) < 3:
            return None
        now = sum(self.recent) / 3
        found = min(
            (n for n in self.times if n < self.chosen), key=lambda n: self.times[n], default=self.chosen
        )
        return found if found < self.chosen and self.times[found] < BETTER * now else None

    def _crowded(self, others: float | None) -> bool:
        return others > BUSY if others is not None else self.reference is not None and not self.times

    def _room(self, others: float | None) -> bool:
        """Whether more threads than now would find a processor, as far as one knows."""
        return others is None or self.most - others >= self.chosen + 1 - BUSY

    def _numbers(self, others: float | None) -> list[int]:
        """Numbers of threads that are tried, from the largest."""
        found = {self.most, self.most - 1, 3 * self.most // 4, self.most // 2, self.most // 4, self.chosen, 1}
        if others is not None and not math.isnan(others):
            found.add(round(self.most - others))
        return sorted((n for n in found if 1 <= n <= self.most), reverse=True)

    def _try(self, numbers: list[int]) -> None:
        self.tries, self.times = numbers, {}
        self._set(numbers[0])

    def _set(self, threads: int) -> None:
        self.warm = threads != self.threads
        self.threads = threads

    def _tried(self, each: float) -> None:
        now = self.tries.pop(0)
        self.times[now] = each
        best = min(self.times, key=lambda n: self.times[n])
        few_enough = now <= self.most // 2 and each > SLOWER * self.times[best]
        if few_enough and now < best:
            self.tries = []  # still fewer would take still longer
        if self.tries:
            self._set(self.tries[0])
            return
        if self.most in self.times and self.times[best] > BETTER * self.times[self.most]:
            best = self.most
        self._choose(best)

    def _choose(self, threads: int) -> None:
        self.wait = FIRST_WAIT if threads != self.chosen else min(2 * self.wait, LONGEST_WAIT)
        self.next_try = self.clock() + self.wait
        self.chosen, self.reference, self.recent = threads, self.times[threads], []
        self._set(threads)


class Pace:
    """Steps of work by PyTorch on the processor, each with as many threads as pay at the moment.

    Steps of different kinds or sizes are told apart by their key. A new kind begins with the number of threads that
    the last search of any of them found. ``with pace:`` around many steps keeps that number between them as well.
    One thread's steps are timed at a time; those that others make meanwhile are made as they are.

    Parameters
    ----------
    on_processor : whether PyTorch works on the processor at all; a GPU's steps are left alone.

    Attributes
    ----------
    news : words on the last change, once; None where nothing has changed since.

    Examples
    --------
    >>> pace = Pace()
    >>> with pace.step("squares"):
    ...     total = sum(n * n for n in range(100))
    """

    def __init__(self, on_processor: bool = True) -> None:
        self.on_processor = on_processor
        self.searches: dict[Hashable, Search] = {}
        self.others = OtherPrograms()
        self.lock = Lock()
        self.ended = time.perf_counter()
        self.before: int | None = None
        self._news: str | None = None

    def __enter__(self) -> Self:
        """Until the end, PyTorch keeps the number of threads of the last step."""
        if self.on_processor and (torch := sys.modules.get("torch")):
            self.before = torch.get_num_threads()
        return self

    def __exit__(self, *_: object) -> None:
        """PyTorch has its threads again."""
        if self.before is not None:
            _set_threads(self.before)
            self.before = None

    @contextmanager
    def step(self, key: Hashable = None) -> Iterator[None]:
        """One step inside."""
        torch = sys.modules.get("torch")
        if torch is None or not self.on_processor or not self.lock.acquire(blocking=False):
            yield
            return
        try:
            before = torch.get_num_threads()
            most = min(self.before or before, processors())
            search = self._search(key, fixed_threads() or most)
            _set_threads(search.threads)
            started = time.perf_counter()
            if started - self.ended > PAUSE:
                self.others.begin()
            try:
                yield
            finally:
                self.ended = time.perf_counter()
                seconds = self.ended - started
                if self.before is None:
                    _set_threads(before)
            if fixed_threads() is None:
                self._note(search, seconds)
        finally:
            self.lock.release()

    @property
    def searching(self) -> bool:
        """Whether other numbers of threads are being tried."""
        return any(search.tries for search in self.searches.values())

    @property
    def news(self) -> str | None:
        """See the class."""
        news, self._news = self._news, None
        return news

    def _search(self, key: Hashable, most: int) -> Search:
        found = self.searches.get(key)
        if found is None or found.most != most:
            found = Search(most, lambda: self.others.processors, chosen=_last_found.get(most, most))
            self.searches[key] = found
        return found

    def _note(self, search: Search, seconds: float) -> None:
        chosen = search.chosen
        search.done(seconds)
        if search.chosen == chosen:
            return
        _last_found[search.most] = search.chosen
        others = self.others.found
        busy = "" if math.isnan(others) else f"other programs keep {others:.1f} processors busy: "
        self._news = f"{busy}{search.chosen} of {search.most} threads work from here on, as is quickest now"


def _set_threads(count: int) -> None:
    torch = sys.modules["torch"]
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


_last_found: dict[int, int] = {}
"""Of all threads so many were the quickest, when last anybody looked."""
