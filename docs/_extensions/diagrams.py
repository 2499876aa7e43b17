"""The pages' Mermaid diagrams as plain HTML and SVG, so that no script has to be fetched to see them.

Of Mermaid's language what the pages use is known: a ``flowchart`` of floors (subgraphs with names in them, one above
the other), and one of arrows, ``a[text] -->|label| b``.
"""

import re
from html import escape

import networkx as nx

__all__ = ["floors", "road"]

NODE = r"(\w+)(?:\[([^\]]+)\])?"
ARROW = re.compile(rf"^\s*{NODE} -->(?:\|([^|]+)\|)? {NODE}\s*$")
SUBGRAPH = re.compile(r'subgraph \w+\["([^"]+)"\]\n(.*?)\n\s*end', re.DOTALL)
WIDTH, HEIGHT, ACROSS, DOWN = 104, 28, 128, 62  # of a box, and from box to box, in pixels


def floors(text: str) -> str:
    """Floors one above the other, each with its name and its rooms, as HTML."""
    rows = []
    for name, rooms in SUBGRAPH.findall(text):
        boxes = "".join(f"<code>{escape(room)}</code>" for room in rooms.split())
        rows.append(f"<li><span>{escape(name)}</span><div>{boxes}</div></li>")
    return f'<ol class="floors">{"".join(rows)}</ol>'


def road(text: str) -> str:
    """Boxes and arrows from above to below, as SVG."""
    graph, names = nx.DiGraph(), {}
    for line in text.splitlines():
        if found := ARROW.match(line):
            a, a_name, label, b, b_name = found.groups()
            graph.add_edge(a, b, label=label or "")
            names |= {key: name for key, name in ((a, a_name), (b, b_name)) if name}
    if graph.number_of_edges() == 0:
        raise ValueError("a flowchart without arrows")
    at = _places(graph)
    right, low = max(x for x, _ in at.values()), max(y for _, y in at.values())
    parts = [_arrow(at[a], at[b], label) for a, b, label in graph.edges(data="label")]
    parts += [_box(at[key], names.get(key, key)) for key in graph]
    head = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
    )
    size = f'viewBox="0 0 {right + WIDTH / 2 + 40:.0f} {low + HEIGHT:.0f}"'
    label = 'role="img" aria-label="What is made of what, from above to below"'
    return f'<svg class="road" {size} {label}>{head}{"".join(parts)}</svg>'


def _places(graph: "nx.DiGraph[str]") -> dict[str, tuple[float, float]]:
    """Rows by the longest way from a beginning; within one, nodes in the order of those that lead to them."""
    at: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(nx.topological_generations(graph)):
        before = {key: [at[p][0] for p in graph.predecessors(key)] or [0.0] for key in row}
        for place, key in enumerate(sorted(row, key=lambda key: sum(before[key]) / len(before[key]))):
            at[key] = (WIDTH / 2 + 2 + place * ACROSS, (number + 0.5) * DOWN)
    return at


def _arrow(start: tuple[float, float], end: tuple[float, float], label: str) -> str:
    """Straight to the next row; where it is farther, around what lies between, each length at its own distance."""
    (x, y), (u, v) = (start[0], start[1] + HEIGHT / 2), (end[0], end[1] - HEIGHT / 2 - 2)
    rows = round((end[1] - start[1]) / DOWN)
    if rows > 1:
        out = WIDTH / 2 + 26 * rows
        (x, y), (u, v) = (start[0] + WIDTH / 2, start[1]), (end[0] + WIDTH / 2 + 2, end[1])
        way, middle = (
            f"C{x + out:.0f} {y:.0f} {u + out:.0f} {v:.0f} {u:.0f} {v:.0f}",
            (x + u) / 2 + 0.75 * out,
        )
    else:
        way, middle = f"L{u:.0f} {v:.0f}", (x + u) / 2
    path = f'<path class="arrow" d="M{x:.0f} {y:.0f}{way}" marker-end="url(#tip)"/>'
    if not label:
        return path
    return path + f'<text class="label" x="{middle + 5:.0f}" y="{(y + v) / 2 + 4:.0f}">{escape(label)}</text>'


def _box(at: tuple[float, float], name: str) -> str:
    x, y = at
    rect = (
        f'<rect x="{x - WIDTH / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
    )
    return f'{rect}<text x="{x:.0f}" y="{y + 4:.0f}">{escape(name)}</text>'
