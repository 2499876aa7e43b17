"""A run in one line, and as a few rows and a picture for a notebook."""

import base64
import html
import io
from collections.abc import Iterator
from contextlib import suppress

from zpoints.errors import ZPointsError
from zpoints.files.documents import read_json
from zpoints.run.paths import Paths

__all__ = ["in_html", "in_words"]

WIDTH = 560  # pixels of the picture


def in_words(paths: Paths) -> str:
    """One line: the folder, and what is known so far."""
    return f"Run({str(paths.folder)!r}: {', '.join(text for _, text in _facts(paths)) or 'nothing done yet'})"


def in_html(paths: Paths) -> str:
    """The same as a small table, with the samplers' pictures or the reconstructions below."""
    rows = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>'
        f'<td style="text-align: left">{html.escape(text)}</td></tr>'
        for name, text in [("run", str(paths.folder)), *_facts(paths)]
    )
    return f"<table>{rows}</table>{_picture(paths)}"


def _facts(paths: Paths) -> Iterator[tuple[str, str]]:
    """What files of a run say; those that are missing or damaged say nothing."""
    with suppress(ZPointsError, OSError, KeyError, TypeError, ValueError):
        told = read_json(paths.images / "prepare.json")
        yield "pictures", f"{told['count']:,} pictures of {told['height']}x{told['width']}"
    with suppress(ZPointsError, OSError, KeyError, TypeError, ValueError, IndexError):
        summary = read_json(paths.analysis / "analysis.json")
        yield "z-points", f"{summary['n']:,} z-points of {summary['d']} components"
        yield "verdict", str(summary["verdict"][0])
    with suppress(ZPointsError, OSError, KeyError, TypeError, ValueError):
        if best := read_json(paths.judging / "scores.json").get("best"):
            yield "sampler", f"best sampler {best}"
    with suppress(ZPointsError, OSError, KeyError, TypeError, ValueError):
        if done := read_json(paths.record)["stages"]:
            yield "stages", f"done: {' '.join(done)}"


def _picture(paths: Paths) -> str:
    from PIL import Image

    for path in (paths.judging / "samplers.png", paths.model / "reconstructions.png"):
        with suppress(OSError, ValueError):
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((WIDTH, 2 * WIDTH))
            buffer = io.BytesIO()
            picture.save(buffer, "WEBP", quality=80)
            data = base64.b64encode(buffer.getvalue()).decode("ascii")
            return f'<img src="data:image/webp;base64,{data}" alt="{path.stem}">'
    return ""
