"""Pages that are read off the code: settings, commands, samplers, the keys of files."""

from collections.abc import Callable

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from commands_text import commands_page
from records import records_page
from settings_text import settings_page
from zpoints.analysis.card_figures import Gaussianity
from zpoints.analysis.summary import AnalysisSummary
from zpoints.comparison.summary import ComparisonSummary
from zpoints.judging.result import Judgement
from zpoints.samplers import SAMPLERS

__all__ = ["samplers_table", "setup"]


def samplers_table() -> str:
    """Every sampler: the name that settings know, its class, what it says of itself, and what it is fitted on."""
    rows = ["| name | class | draws | fitted on |", "|---|---|---|---|"]
    for name in SAMPLERS.built_in:
        kind = SAMPLERS[name]
        needs = "the vectors" if kind.needs_vectors else "the distribution"
        summary = " ".join(kind().description.split())
        rows.append(f"| `{name}` | {{py:obj}}`~zpoints.samplers.{kind.__name__}` | {summary} | {needs} |")
    return "\n".join(rows)


PAGES: dict[str, Callable[[], str]] = {
    "settings": settings_page,
    "commands": commands_page,
    "samplers": samplers_table,
    "analysis.json": lambda: records_page(AnalysisSummary),
    "scores.json": lambda: records_page(Judgement),
    "compare.json": lambda: records_page(ComparisonSummary),
    "card.json": lambda: records_page(Gaussianity),
}


class Generated(SphinxDirective):
    """``{generated} settings``: a page's text, made when the site is built."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(PAGES[self.arguments[0]](), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
