"""How much of the memory pictures may take that are decoded at the same time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from zpoints.errors import BudgetError
from zpoints.system.sizes import in_words

__all__ = ["ByteSemaphore"]


class ByteSemaphore:
    """Lets work in as long as all that is inside needs at most `room` bytes; the rest waits at the door.

    Small pictures are decoded by all threads at once, large ones by as many as fit.
    """

    def __init__(self, room: int) -> None:
        self.room, self.inside = room, 0
        self._changed = threading.Condition()

    @contextmanager
    def space(self, need: int) -> Iterator[None]:
        """Inside, the work has `need` bytes for itself. Raises `BudgetError` if there will never be as many."""
        if need > self.room:
            # Not a reason to leave a picture out: which pictures are used must not depend on the budget.
            raise BudgetError(
                f"a picture needs {in_words(need)} to be decoded, and the budget has {in_words(self.room)} for that; "
                f"give --ram {in_words(2 * need).replace(' ', '')} more, or leave such pictures "
                "out with a smaller images.max_megapixels"
            )
        with self._changed:
            self._changed.wait_for(lambda: self.inside + need <= self.room)
            self.inside += need
        try:
            yield
        finally:
            with self._changed:
                self.inside -= need
                self._changed.notify_all()
