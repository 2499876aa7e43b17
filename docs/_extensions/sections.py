"""Docstrings as zpoints writes them: NumPy's sections, with what a name *means* behind its colon.

Types stand in signatures, where a type checker reads them. So an entry is ``name : meaning``, several names may share
one meaning, and several short entries may share a line. They become definition lists.
"""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["LISTS", "TEXTS", "converted", "entries", "setup"]

LISTS = ("Parameters", "Attributes", "Raises", "Warns")
TEXTS = ("Returns", "Yields", "References", "Examples", "Notes", "Source")
NAMES = r"\*{0,2}\w+(?:, \*{0,2}\w+)*"
ENTRY = re.compile(rf"({NAMES}) : (.*)")
NEXT = re.compile(rf"(?<=\.) (?={NAMES} : )")


def converted(lines: list[str]) -> list[str]:
    """The lines of a docstring, its sections as reStructuredText."""
    out: list[str] = []
    at = 0
    while at < len(lines):
        title = lines[at].strip()
        underlined = at + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[at + 1].strip())
        if not underlined or title not in LISTS + TEXTS:
            out.append(lines[at])
            at += 1
            continue
        end = _end(lines, at + 2)
        body = lines[at + 2 : end]
        out += [
            "",
            f".. rubric:: {title}",
            "",
            *(_entries(body) if title in LISTS else _text(title, body)),
            "",
        ]
        at = end
    return out


def _end(lines: list[str], start: int) -> int:
    """Where the section ends: before the next underlined title."""
    for at in range(start, len(lines) - 1):
        if lines[at].strip() in LISTS + TEXTS and re.fullmatch(r"-{3,}", lines[at + 1].strip()):
            return at
    return len(lines)


def entries(body: list[str]) -> list[tuple[list[str], str]]:
    """The entries of a section: names, and what they mean."""
    found: list[tuple[list[str], str]] = []
    for line in body:
        if not line.startswith(" ") and ENTRY.match(line):
            for part in NEXT.split(line):
                match = ENTRY.match(part)
                assert match
                found.append((match[1].split(", "), match[2]))
        elif found:
            names, meaning = found[-1]
            # An entry may end in the middle of a line, and another one begin there.
            first, *others = NEXT.split(f"{meaning} {line.strip()}".strip())
            found[-1] = (names, first)
            found += [(match[1].split(", "), match[2]) for match in map(ENTRY.match, others) if match]
    return found


def _entries(body: list[str]) -> list[str]:
    out: list[str] = []
    for names, meaning in entries(body):
        out += ["", ", ".join(f"**{_plain(name)}**" for name in names), f"    {meaning}"]
    return out


def _plain(name: str) -> str:
    return name.replace("*", r"\*")


def _text(title: str, body: list[str]) -> list[str]:
    if title != "References":
        return body
    # One reference begins where the line before ended with its address.
    out: list[str] = []
    fresh = True
    for line in body:
        text = line.strip()
        if text:
            out.append(f"- {text}" if fresh else f"  {text}")
            fresh = bool(re.search(r"https?://\S+$", text))
    return out


def _process(app: "Sphinx", what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    lines[:] = converted(lines)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Convert every docstring that autodoc reads."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
