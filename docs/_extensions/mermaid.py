"""Fences of the language ``mermaid``, drawn when the site is built: see `diagrams`."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from diagrams import floors, road

__all__ = ["setup"]


class Mermaid(SphinxDirective):
    """A fence of the language ``mermaid``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        html = floors(text) if "subgraph" in text else road(text)
        return [nodes.raw("", html, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("mermaid", Mermaid)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
