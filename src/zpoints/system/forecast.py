"""What a long stage says before it begins: how much memory it will use, and how long it will take."""

from zpoints.system.budget import current
from zpoints.system.sizes import in_words

__all__ = ["clock", "forecast"]

SHORT = 10.0  # seconds; what takes no longer needs no word about it


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


def clock(seconds: float) -> str:
    """A time as people say it: ``40 s``, ``9 min``, ``2 h 53 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
