"""The page's own files, as served and as put into one file.

Modules name each other as ``zpoints/NAME``; an import map says where each of them is, on the server a file beside the
page, in an exported file the text itself.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files

__all__ = ["CSP", "MODULES", "one_file", "served_files", "served_page"]

MODULES = (
    "density",
    "file",
    "geometry",
    "gif",
    "main",
    "packing",
    "panels",
    "parts",
    "plane",
    "server",
    "state",
)
WORKER = "decoder.js"
NOTEBOOKS = "http://localhost:* http://127.0.0.1:* vscode-webview:"
"""Pages that may show the explorer in a frame: notebooks on this machine."""
CSP = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self' {frames}"
)


def _text(name: str) -> str:
    return (files("zpoints.explorer") / "page" / name).read_text(encoding="utf-8")


def served_files() -> dict[str, tuple[bytes, str]]:
    """The files beside the page and their types, by the only names that are served."""
    found = {f"{name}.js": (_text(f"{name}.js").encode(), "text/javascript") for name in MODULES}
    return found | {"style.css": (_text("style.css").encode(), "text/css")}


def served_page() -> tuple[str, str]:
    """The page, and the content policy that goes with it: nothing but what this server gives."""
    imports = json.dumps({"imports": {f"zpoints/{name}": f"./static/{name}.js" for name in MODULES}})
    digest = base64.b64encode(hashlib.sha256(imports.encode()).digest()).decode()
    page = _filled(
        style='<link rel="stylesheet" href="./static/style.css">',
        importmap=f'<script type="importmap">{imports}</script>',
        script='<script type="module" src="./static/main.js"></script>',
    )
    return page, CSP.format(scripts=f"'sha256-{digest}'", frames=NOTEBOOKS)


def one_file(data: bytes) -> str:
    """The page with everything in it: styles, modules, the Decoder's worker, and the data."""
    imports = {f"zpoints/{name}": _as_address(_text(f"{name}.js")) for name in MODULES}
    policy = (
        "default-src 'none'; script-src 'unsafe-inline' data: blob:; worker-src blob:; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return _filled(
        style=f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<style>\n{_text('style.css')}</style>",
        importmap=f'<script type="importmap">{json.dumps({"imports": imports})}</script>',
        script=f'<script type="text/plain" id="worker">{_text(WORKER)}</script>\n'
        f'<script type="text/plain" id="data">{base64.b64encode(data).decode("ascii")}</script>\n'
        '<script type="module">import "zpoints/main";</script>',
    )


def _as_address(text: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(text.encode()).decode("ascii")


def _filled(**parts: str) -> str:
    page = _text("index.html")
    replacements: Mapping[str, str] = {f"<!-- {name} -->": content for name, content in parts.items()}
    for place, content in replacements.items():
        assert place in page, place
        page = page.replace(place, content)
    return page
