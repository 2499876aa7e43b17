"""A notebook shows a figure whether or not the user has imported pyplot."""

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure

from zpoints.plots.style import shown_in_notebooks


@pytest.fixture
def shell() -> Iterator[Any]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_figure_is_shown(shell: Any) -> None:
    figure = Figure(figsize=(2, 1))
    assert "image/png" not in shell.display_formatter.format(figure)[0]
    shown_in_notebooks()
    assert shell.display_formatter.format(figure)[0]["image/png"][1:4] == b"PNG"


def test_how_the_user_shows_figures_is_left_alone(shell: Any) -> None:
    formatter = shell.display_formatter.formatters["image/png"]
    formatter.for_type(Figure, lambda figure: b"mine")
    shown_in_notebooks()
    assert shell.display_formatter.format(Figure())[0]["image/png"] == b"mine"


def test_elsewhere_nothing_happens() -> None:
    shown_in_notebooks()
