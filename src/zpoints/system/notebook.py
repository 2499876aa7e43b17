"""How a result shows itself in a notebook: a few sentences and a small picture, and its figures as methods.

Figures are drawn on a higher floor than results are measured on, and an import never runs upwards. So a result only
knows that there may be figures: the package's own ``__init__``, above all floors, says by `bind` which module draws
them, and that is imported when the first figure is asked for.
"""

import base64
import html
import textwrap
from collections.abc import Callable, Iterable
from importlib import import_module
from types import MethodType, ModuleType
from typing import Any

__all__ = ["WIDTH", "Figures", "bind", "card", "explored", "in_lines", "shortened"]

WIDTH = 110  # characters of a line of a repr

_BOUND: dict[str, str] = {}


def bind(figures: str, explorer: str = "") -> None:
    """Say which module draws, and which one explores. Neither is imported before it is needed.

    Parameters
    ----------
    figures : a module with ``FIGURES``, names of its functions by the name of the class that they draw, and
        ``picture(result)``, a small PNG of one, or None.
    explorer : a module with ``explore(result, ...)``.
    """
    _BOUND.update(figures=figures, explorer=explorer)


def explored(result: object, **options: Any) -> Any:
    """The explorer of a result; it lives on a higher floor, as the figures do."""
    return import_module(_BOUND["explorer"]).explore(result, **options)


def _drawing() -> ModuleType | None:
    return import_module(_BOUND["figures"]) if "figures" in _BOUND else None


class Figures:
    """The figures of one result as methods: the functions of `zpoints.plots`, with the result filled in.

    Parameters
    ----------
    result : what they show, for example an `Analysis`.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> "plane" in dir(a.plot)
    True
    >>> a.plot.spectrum()  # doctest: +ELLIPSIS
    <Figure size ...>
    """

    def __init__(self, result: object) -> None:
        self._result = result

    def __getattr__(self, name: str) -> Callable[..., Any]:
        names = self._names()
        if name not in names:
            raise AttributeError(f"no figure '{name}'; there are {', '.join(names) or 'none'}")
        return MethodType(getattr(_drawing(), name), self._result)

    def __dir__(self) -> list[str]:
        return self._names()

    def __repr__(self) -> str:
        return f"figures of {type(self._result).__name__}: {', '.join(self._names())}"

    def _names(self) -> list[str]:
        module = _drawing()
        return [] if module is None else list(module.FIGURES.get(type(self._result).__name__, ()))


def card(title: str, lines: Iterable[str], result: object = None, below: bool = False) -> str:
    """HTML of a result: title, picture (where one is drawn of such a result), and a few lines.

    Parameters
    ----------
    title, lines : plain text; it is escaped here.
    result : what the picture shows; None for no picture.
    below : whether the picture stands below the lines.
    """
    text = [f'<div style="max-width: 52em; margin-top: .2em">{html.escape(line)}</div>' for line in lines]
    picture = _image(title, result)
    parts = [f'<div style="font-weight: 600; margin-bottom: .3em">{html.escape(title)}</div>']
    parts += [*text, *picture] if below else [*picture, *text]
    return f"<div>{''.join(parts)}</div>"


def _image(title: str, result: object) -> list[str]:
    module = None if result is None else _drawing()
    png = None if module is None else module.picture(result)
    if not png:
        return []
    data = base64.b64encode(png).decode("ascii")
    return [f'<img alt="{html.escape(title)}" src="data:image/png;base64,{data}" style="max-width: 100%">']


def in_lines(text: str, most: int) -> list[str]:
    """The text in at most so many lines; what does not fit is left out, and an ellipsis says so."""
    return textwrap.wrap(text, WIDTH, max_lines=most, placeholder=" ...")


def shortened(text: str) -> str:
    """As much of the text as fits into one line."""
    return textwrap.shorten(text, WIDTH, placeholder=" ...")
