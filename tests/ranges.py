"""A web server of a folder on this machine, which answers for ranges of bytes as the cloud's do, and counts them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

__all__ = ["Server", "serving"]


class Server(ThreadingHTTPServer):
    """Serves a folder.

    Attributes
    ----------
    ranges : whether it answers for ranges, or sends the whole file always. sent : bytes of each answer with content.
    forbidden : names that nobody may read.
    """

    daemon_threads = True
    ranges = True

    def __init__(self, folder: Path) -> None:
        self.sent: list[int] = []
        self.forbidden: set[str] = set()
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(SimpleHTTPRequestHandler):
    """Files, with their tags, and lists of folders."""

    server: Server

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = Path(self.translate_path(self.path))
        if path.name in self.server.forbidden:
            self.send_error(403)
        elif path.is_dir():
            super().do_GET() if body else super().do_HEAD()
        elif not path.is_file():
            self.send_error(404)
        else:
            self._send(path, body)

    def _send(self, path: Path, body: bool) -> None:
        content, status = path.read_bytes(), path.stat()
        asked = (
            re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if self.server.ranges else None
        )
        start, stop = (int(asked[1]), min(int(asked[2]) + 1, len(content))) if asked else (0, len(content))
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", f'"{status.st_mtime_ns:x}-{status.st_ino:x}"')
        self.end_headers()
        if body:
            self.server.sent.append(stop - start)
            self.wfile.write(content[start:stop])


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Inside, a folder is served."""
    with Server(folder) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
