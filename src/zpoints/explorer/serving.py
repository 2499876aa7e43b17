"""The server at work: a free port of this machine, a token, a thread, and a browser."""

import contextlib
import html
import secrets
import socket
import threading
import time
import webbrowser
from types import TracebackType
from typing import Any, Self

from zpoints.errors import UsageError, reason
from zpoints.explorer.space import Space, open_space
from zpoints.system.extras import need

__all__ = ["Explorer", "explore"]

HOST = "127.0.0.1"
STARTING = 30.0  # seconds
HEIGHT = 900  # pixels of the frame in a notebook


class Explorer:
    """A running explorer. In a notebook it shows itself; `close` ends it, and so does the end of the process.

    Parameters
    ----------
    space : what there is to explore.
    port : 0 takes a free one.

    Attributes
    ----------
    url : its address, with the token without which nothing is answered.

    Raises
    ------
    UsageError : the port is taken, or the extra ``explore`` is not installed.

    Examples
    --------
    >>> import zpoints as zp
    >>> with zp.Run("runs/faces").explore() as explorer:  # doctest: +SKIP
    ...     print(explorer.url)
    """

    def __init__(self, space: Space, port: int = 0) -> None:
        need("uvicorn", "explore", "the explorer", "--export writes a file that needs no server")
        import uvicorn

        from zpoints.explorer.server import application

        self.space = space
        self._socket = _listening(port)
        number = self._socket.getsockname()[1]
        token = secrets.token_urlsafe(24)
        self.url = f"http://{HOST}:{number}/{token}/"
        hosts = (f"{HOST}:{number}", f"localhost:{number}")
        config = uvicorn.Config(
            application(space, token, hosts),
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="explorer", daemon=True
        )
        self._thread.start()
        if space.get_codec is not None:  # opened while the page loads
            threading.Thread(target=self._open_codec, name="open codec", daemon=True).start()
        until = time.monotonic() + STARTING
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)

    def _open_codec(self) -> None:
        with contextlib.suppress(Exception):  # the first picture that is asked for says what is wrong
            _ = self.space.codec

    def wait(self) -> None:
        """Until it ends."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """End the server; pages that are open say so at their next question."""
        self._server.should_exit = True
        self._thread.join(5.0)
        self._socket.close()

    def browse(self) -> bool:
        """Open it in the browser; False where there is none."""
        try:
            return webbrowser.open(self.url)
        except webbrowser.Error:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "" if self._thread.is_alive() else ", closed"
        return f"Explorer({self.url}{state})"

    def _repr_html_(self) -> str:
        address = html.escape(self.url)
        return (
            f'<iframe src="{address}" style="width: 100%; height: {HEIGHT}px; border: 0" '
            f'title="zpoints explorer"></iframe><p><a href="{address}" target="_blank">{address}</a></p>'
        )


def explore(
    source: Any,
    codec: Any = None,
    *,
    latents: Any = None,
    images: Any = None,
    columns: Any = None,
    port: int = 0,
) -> Explorer:
    """Serve the explorer of a run, an analysis or vectors to the browser of this machine.

    Parameters
    ----------
    source : a `Run` or its folder; an `Analysis` or its folder; or vectors, as `LatentSet.open` takes them, of which
        only the distribution is measured then, and no plane is ranked.
    codec : a `Codec` or the folder of a trained model; without one, everything but the pictures.
    latents : the vectors, where an analysis was loaded without them.
    images : an `ImageStore` or its folder, with a picture for each vector.
    columns : of a table that are components.
    port : 0 takes a free one.

    Returns
    -------
    Explorer : shows itself in a notebook; its ``url`` is for a browser, and `Explorer.close` ends it.

    Raises
    ------
    UsageError : an analysis without vectors, a port that is taken, or the extra ``explore`` is not installed.
    ArrayError : things that do not belong together.

    Examples
    --------
    >>> import numpy as np, zpoints as zp
    >>> a = zp.analyse(np.random.default_rng(0).normal(size=(500, 3)))
    >>> with a.explore() as explorer:
    ...     explorer.url.startswith("http://127.0.0.1:")
    True
    """
    return Explorer(open_space(source, latents=latents, codec=codec, images=images, columns=columns), port)


def _listening(port: int) -> socket.socket:
    # By this protocol's number asyncio knows that answers shall not wait for each other: 40 ms for every one.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except (OSError, OverflowError) as error:
        found.close()
        raise UsageError(
            f"explore: port {port} cannot be had ({reason(error)}); leave --port out to take a free one"
        ) from error
    found.listen(64)
    return found
