"""What the page may ask, and who may ask: only who knows the token, from this machine, in small pieces."""

import hmac
import json
import threading
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zpoints.errors import UsageError, ZPointsError, one_line
from zpoints.explorer.attributes import direction, find
from zpoints.explorer.packing import packed
from zpoints.explorer.page_files import served_files, served_page
from zpoints.explorer.plane import plane
from zpoints.explorer.point import checked, nearest, round_trip, usual_distance
from zpoints.explorer.space import Space
from zpoints.explorer.start import arrays_of, heading_of
from zpoints.explorer.thumbnails import thumbnails
from zpoints.statistics.core import mahalanobis
from zpoints.vectors.reduce import collect

__all__ = ["application"]

LARGEST = 1 << 20  # bytes of a question
MOST = 256  # vectors or pictures of one question
NEIGHBOURS = 6
THUMBNAIL = 64  # pixels to a side, at most

Headers = list[tuple[bytes, bytes]]


def application(space: Space, token: str, hosts: tuple[str, ...]) -> ASGIApp:
    """The server's application.

    Parameters
    ----------
    token : the first part of every address; who does not know it finds nothing.
    hosts : what a browser may call this server, as ``127.0.0.1:8123``.
    """
    answers = Answers(space)
    posts: dict[str, Callable[[Any], bytes]] = {
        "decode": answers.decode,
        "near": answers.near,
        "round-trip": answers.round_trip,
        "sample": answers.sample,
        "vectors": answers.vectors,
        "pictures": answers.pictures,
        "far": answers.far,
        "attribute": answers.attribute,
        "direction": answers.direction,
    }
    files, (page, policy) = served_files(), served_page()

    async def front(request: Request) -> Response:
        return HTMLResponse(page)

    async def static(request: Request) -> Response:
        # A name is looked up among those that there are; it never becomes a path.
        found = files.get(request.path_params["name"])
        return Response(found[0], media_type=found[1]) if found else _error(404, "there is no such file")

    async def start(request: Request) -> Response:
        return await _answered(answers.start)

    async def one_plane(request: Request) -> Response:
        basis, i, j = (request.path_params[name] for name in ("basis", "i", "j"))
        return await _answered(lambda: answers.plane(basis, i, j))

    def asked(answer: Callable[[Any], bytes]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                question = _question(request, await _body(request))
            except UsageError as error:
                return _error(413 if "too large" in str(error) else 400, str(error))
            except ClientDisconnect:
                return _error(400, "the question was not finished")
            if await request.is_disconnected():
                return _error(400, "nobody waits for the answer")
            return await _answered(lambda: answer(question))

        return endpoint

    routes = [
        Route(f"/{token}/", front),
        Route(f"/{token}/start", start),
        Route(f"/{token}/static/{{name}}", static),
        Route(f"/{token}/plane/{{basis}}/{{i:int}}/{{j:int}}", one_plane),
        *(Route(f"/{token}/{name}", asked(answer), methods=["POST"]) for name, answer in posts.items()),
    ]
    return Guard(Starlette(routes=routes), token, hosts, policy)


class Guard:
    """Refuses who does not call this server by its own name, knows no token, or asks from another page."""

    def __init__(self, inner: ASGIApp, token: str, hosts: tuple[str, ...], policy: str) -> None:
        self.inner, self.token, self.hosts = inner, token.encode(), hosts
        self.headers: Headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cache-control", b"no-store"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.inner(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self.headers]
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.inner)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = scope["headers"]
        names = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        if len(names) != 1 or names[0] not in self.hosts:
            return _error(421, "this server goes by another name")
        first = scope["path"].encode("utf-8", "surrogatepass").split(b"/")[1:2]
        if not first or not hmac.compare_digest(first[0], self.token):
            return _error(404, "there is nothing here")
        origins = [value.decode("latin-1").lower() for name, value in headers if name == b"origin"]
        if any(origin not in [f"http://{host}" for host in self.hosts] for origin in origins):
            return _error(403, "another page asks")
        return None


class Answers:
    """The answers, packed."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.model = threading.Lock()  # one picture after the other: two at once would both be late

    def start(self) -> bytes:
        return packed(heading_of(self.space), arrays_of(self.space))

    def plane(self, basis: Any, i: int, j: int) -> bytes:
        return packed(*plane(self.space, basis, i, j))

    def decode(self, question: Any) -> bytes:
        z = self._vectors(question)
        with self.model:
            return packed({}, {"pictures": self._codec.decode(z)})

    def near(self, question: Any) -> bytes:
        found = nearest(self.space.latents, self._vectors(question)[0].astype(np.float64), NEIGHBOURS)
        arrays = {"numbers": found.numbers.astype(np.int32), "distances": found.distances.astype(np.float32)}
        return packed({"usual": self._usual}, arrays)

    def round_trip(self, question: Any) -> bytes:
        z = self._vectors(question)[0]
        self._codec  # noqa: B018 refuses where there is none
        with self.model:
            picture, heading = round_trip(self.space, z)
        return packed(heading, {"pictures": picture[None]})

    def sample(self, question: Any) -> bytes:
        count, temperature = _whole(question, "count"), question.get("temperature", 1.0)
        sampler = self.space.sampler(str(question.get("name")))
        if not isinstance(temperature, int | float):
            raise UsageError("temperature: a number is expected")
        sampler.temperature = float(temperature)
        sampler.check_settings()
        return packed({}, {"z": sampler.sample(min(count, MOST), seed=_whole(question, "seed"))})

    def vectors(self, question: Any) -> bytes:
        return packed({}, {"z": self._rows(self._numbers(question)).astype(np.float32)})

    def pictures(self, question: Any) -> bytes:
        return packed({}, {"pictures": thumbnails(self.space, self._numbers(question), THUMBNAIL)})

    def far(self, question: Any) -> bytes:
        count, skip = min(_whole(question, "count"), MOST), _whole(question, "skip")
        order, distances = self._far
        skip = skip % max(len(order), 1)
        chosen = order[skip : skip + count]
        return packed(
            {}, {"numbers": chosen.astype(np.int32), "distances": distances[chosen].astype(np.float32)}
        )

    def attribute(self, question: Any) -> bytes:
        attribute = find(self.space, str(question.get("name")))
        return packed({}, {"values": attribute.values[self.space.shown]})

    def direction(self, question: Any) -> bytes:
        found = direction(self.space, str(question.get("name")), _whole(question, "chosen"))
        return packed({}, {"direction": found.astype(np.float32)})

    @property
    def _codec(self) -> Any:
        if (codec := self.space.codec) is None:
            raise UsageError("there is no model to decode with")
        return codec

    @cached_property
    def _usual(self) -> float:
        return usual_distance(self.space.latents)

    @cached_property
    def _far(self) -> tuple[np.ndarray, np.ndarray]:
        pca = self.space.distribution.pca
        distances = np.sqrt(collect(self.space.latents, lambda block: mahalanobis(block, pca)))
        return np.argsort(-distances, kind="stable"), distances

    def _vectors(self, question: Any) -> np.ndarray:
        if not isinstance(question, bytes) or len(question) % 4:
            raise UsageError("float32 numbers are expected")
        z = checked(np.frombuffer(question, "<f4").copy(), self.space)
        if len(z) > MOST:
            raise UsageError(f"{len(z):,} vectors; ask for {MOST} at a time")
        return z

    def _numbers(self, question: Any) -> np.ndarray:
        numbers = question.get("numbers") if isinstance(question, dict) else None
        n = self.space.latents.n
        whole = isinstance(numbers, list) and all(type(one) is int and 0 <= one < n for one in numbers)
        if not whole or not numbers or len(numbers) > MOST:
            raise UsageError(f"numbers: 1 to {MOST} whole numbers of 0 to {n - 1} are expected")
        return np.array(numbers, np.int64)

    def _rows(self, numbers: np.ndarray) -> np.ndarray:
        """Vectors in any order, also twice."""
        different, place = np.unique(numbers, return_inverse=True)
        return self.space.latents.subset(different).array()[place]


async def _answered(work: Callable[[], bytes]) -> Response:
    try:
        return Response(await run_in_threadpool(work), media_type="application/octet-stream")
    except (ZPointsError, MemoryError) as error:
        return _error(400, one_line(str(error)) or "the system gave no more memory")
    except Exception as error:
        return _error(500, one_line(f"unexpected {type(error).__name__}: {error}"))


async def _body(request: Request) -> bytes:
    """What was sent, read only as far as it may be long."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > LARGEST:
        raise UsageError(f"too large: a question has at most {LARGEST:,} bytes")
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LARGEST:
            raise UsageError(f"too large: a question has at most {LARGEST:,} bytes")
    return bytes(found)


def _question(request: Request, body: bytes) -> Any:
    """Numbers as they are, all else as JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/octet-stream":
        return body
    # No other page can send either type without asking first, which is not granted.
    if kind != "application/json":
        raise UsageError("content-type: application/json or application/octet-stream is expected")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("this is no JSON") from error
    if not isinstance(found, dict):
        raise UsageError("an object is expected")
    return found


def _whole(question: Any, name: str) -> int:
    value = question.get(name, 0) if isinstance(question, dict) else None
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise UsageError(f"{name}: a whole number is expected")
    return value


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)
