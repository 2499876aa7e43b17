"""What a long stage says before it begins: how much memory it will use, and how long it will take."""

from zpoints.system.budget import current
from zpoints.system.sizes import clock, in_words

__all__ = ["forecast"]


def forecast(stage: str, what: str, ram: int, seconds: float, vram: int = 0) -> str:
    """One line: the work, its memory beside the budget, its time.

    Parameters
    ----------
    ram, vram : expected peaks in bytes; 0 where they are not known.
    seconds : expected time.
    """
    budget = current()
    memory = [f"about {in_words(ram)} of RAM (budget {budget.words})"] if ram else []
    if vram:
        limit = f" (budget {in_words(budget.vram)})" if budget.vram else ""
        memory.append(f"{in_words(vram)} of GPU memory{limit}")
    return f"{stage}: {what}; will use {' and '.join(memory) or 'little memory'}, and take about {clock(seconds)}"
