"""Who may ask the server, and what it says to all others; what becomes of it at its end."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from safetensors.numpy import load

from zpoints.errors import UsageError
from zpoints.explorer.serving import Explorer
from zpoints.explorer.space import Space


def ask(
    explorer: Explorer, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """One request; `path` comes after the token, or is whole with a slash at its beginning."""
    address = urlsplit(explorer.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(
        "GET" if body is None else "POST", path if path[:1] == "/" else address.path + path, body, named
    )
    response = connection.getresponse()
    found = response.status, response.read(), {key.lower(): value for key, value in response.getheaders()}
    connection.close()
    return found


def numbers(*values: float) -> bytes:
    return np.array(values, np.float32).tobytes()


BINARY, JSON = {"content_type": "application/octet-stream"}, {"content_type": "application/json"}


def test_it_answers_who_knows_the_token(explorer: Explorer, space: Space) -> None:
    status, page, headers = ask(explorer, "")
    assert (status, b"<title>zpoints explorer</title>" in page) == (200, True)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert ask(explorer, "static/main.js")[2]["content-type"].startswith("text/javascript")
    z = space.latents.array()[:3].astype(np.float32)
    status, body, _ = ask(explorer, "decode", z.tobytes(), **BINARY)
    assert status == 200
    np.testing.assert_array_equal(load(body)["pictures"], space.codec.decode(z))
    status, body, _ = ask(explorer, "round-trip", z[:1].tobytes(), **BINARY)
    again = space.codec.encode(space.codec.decode(z[:1]))
    np.testing.assert_array_equal(load(body)["pictures"], space.codec.decode(again))
    for question in ({"numbers": [5, 2, 5]}, {"numbers": [7]}):
        body = ask(explorer, "vectors", json.dumps(question).encode(), **JSON)[1]
        np.testing.assert_allclose(load(body)["z"], space.latents.array()[question["numbers"]], rtol=1e-6)


def test_it_draws_by_its_samplers(explorer: Explorer, space: Space) -> None:
    name = next(iter(space.samplers))
    for temperature in (1.0, 0.5):
        question = {"name": name, "count": 24, "temperature": temperature, "seed": 3}
        _, body, _ = ask(explorer, "sample", json.dumps(question).encode(), **JSON)
        sampler = space.sampler(name)
        sampler.temperature = temperature
        np.testing.assert_array_equal(load(body)["z"], sampler.sample(24, seed=3))
    for wrong in (
        {"temperature": 0},
        {"temperature": "x"},
        {"temperature": None},
        {"name": "x"},
        {"count": -1},
        {"seed": 0.5},
    ):
        assert ask(explorer, "sample", json.dumps(question | wrong).encode(), **JSON)[0] == 400, wrong


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 404),
        ("/x/start", {}, 404),
        ("static/../server.py", {}, 404),
        ("static/..%2fserver.py", {}, 404),
        ("static//etc/passwd", {}, 404),
        ("plane/z/0/99999", {}, 400),
        ("plane/z/0/0", {}, 400),
        ("start", {"host": "evil.example"}, 421),
        ("start", {"host": "127.0.0.1"}, 421),
        ("start", {"origin": "http://evil.example"}, 403),
        ("start", {"origin": "null"}, 403),
        ("decode", {}, 405),
    ],
)
def test_all_others_are_refused(explorer: Explorer, path: str, headers: dict[str, str], status: int) -> None:
    found, body, _ = ask(explorer, path, **headers)
    assert found == status
    assert b"Traceback" not in body


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("decode", b"abc", BINARY, 400),
        ("decode", b"", BINARY, 400),
        ("decode", numbers(1.0, 2.0), BINARY, 400),
        ("decode", numbers(np.nan, 0, 0, 0), BINARY, 400),
        ("decode", numbers(*range(4 * 300)), BINARY, 400),
        ("decode", b"{}", JSON, 400),
        ("decode", numbers(0, 0, 0, 0), {"content_type": "text/plain"}, 400),
        ("decode", b"x" * ((1 << 20) + 1), BINARY, 413),
        ("vectors", b'{"numbers": [-1]}', JSON, 400),
        ("vectors", b'{"numbers": [1e9]}', JSON, 400),
        ("vectors", b'{"numbers": "x"}', JSON, 400),
        ("vectors", b"[" * 100_000, JSON, 400),
        ("vectors", b"\xff\xfe", JSON, 400),
        ("attribute", b'{"name": {"a": 1}}', JSON, 400),
        ("direction", b'{"name": "kind", "chosen": 99}', JSON, 400),
        ("far", b'{"count": true}', JSON, 400),
    ],
)
def test_questions_that_are_none(
    explorer: Explorer, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    found, answer, _ = ask(explorer, path, body, **headers)
    assert found == status
    assert len(json.loads(answer)["error"].splitlines()) == 1


def test_a_body_without_an_end_is_not_read(explorer: Explorer) -> None:
    """A gigabyte is announced, or comes in pieces without a length."""
    address = urlsplit(explorer.url)
    for head in (b"Content-Length: 1073741824", b"Transfer-Encoding: chunked"):
        with socket.create_connection((address.hostname, address.port), timeout=30) as raw:
            path = f"{address.path}decode".encode()
            raw.sendall(
                b"POST "
                + path
                + b" HTTP/1.1\r\nHost: "
                + address.netloc.encode()
                + b"\r\nContent-Type: application/octet-stream\r\n"
                + head
                + b"\r\n\r\n"
            )
            piece = b"10000\r\n" + bytes(1 << 16) + b"\r\n" if b"chunked" in head else bytes(1 << 16)
            sent, refused = 0, b""
            try:
                while sent < 1 << 26:
                    raw.sendall(piece)
                    sent += len(piece)
            except OSError:
                pass  # it has hung up
            try:
                refused = raw.recv(100)
            except OSError:
                assert sent < 1 << 26
        assert sent < 1 << 26 or b" 413 " in refused
    assert ask(explorer, "")[0] == 200


def hostile(explorer: Explorer, count: int, seed: int) -> None:
    draw = random.Random(seed)
    pieces = [
        "..",
        "%2e%2e",
        "%00",
        "static",
        "plane",
        "decode",
        "start",
        "\\",
        "x" * 300,
        "z",
        "-1",
        "%ff",
        "~",
        "vectors",
    ]
    contents = [
        b"",
        b"\x00" * 16,
        b"{}",
        b'{"numbers":',
        b"[1]",
        bytes(range(256)),
        numbers(1e38, -1e38, 1, 2),
    ]
    for _ in range(count):
        path = "/".join(draw.choices(pieces, k=draw.randint(0, 4)))
        if draw.random() < 0.3:
            path = "/" + path
        headers = {}
        if draw.random() < 0.2:
            headers["host"] = draw.choice(["a", "127.0.0.1:1", "localhost", "[::1]", ""])
        if draw.random() < 0.2:
            headers["origin"] = draw.choice(["null", "http://a", "https://127.0.0.1", "x"])
        if draw.random() < 0.5:
            headers |= draw.choice([BINARY, JSON, {"content_type": "x"}])
        body = draw.choice(contents) if draw.random() < 0.6 else None
        try:
            status, answer, _ = ask(explorer, path, body, **headers)
        except (http.client.HTTPException, ConnectionError):
            continue  # hung up on: an answer as well
        assert status < 500, (path, body, headers, answer)
        assert b"Traceback" not in answer
    assert ask(explorer, "")[0] == 200


def test_hostile_requests(explorer: Explorer) -> None:
    hostile(explorer, 400, seed=1)


@pytest.mark.slow
def test_ten_thousand_hostile_requests(explorer: Explorer) -> None:
    hostile(explorer, 10_000, seed=2)


def test_a_port_that_is_taken(explorer: Explorer, space: Space) -> None:
    with pytest.raises(UsageError, match="leave --port out"):
        Explorer(space, urlsplit(explorer.url).port or 0)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_with_its_terminal_and_leaves_nothing_behind(explored_run, tmp_path: Path, how: int) -> None:
    if signal.getsignal(how) is signal.SIG_IGN:
        pytest.skip("these tests were told to outlive their terminal, and so is what they start")
    command = [sys.executable, "-m", "zpoints", "explore", str(explored_run.folder), "--no-browser"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        url = server.stdout.readline().strip()
        address = urlsplit(url)
        try:
            with socket.create_connection((address.hostname, address.port), timeout=10):
                server.send_signal(how)
                server.wait(30)
            assert "Traceback" not in server.stderr.read()
        finally:
            server.kill()
    assert server.returncode in ((0,) if how == signal.SIGINT else (0, -how, 130))
    for _ in range(50):
        try:
            socket.create_connection((address.hostname, address.port), timeout=1).close()
        except OSError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("somebody still listens")
    assert not [path for path in tmp_path.iterdir() if "zpoints" in path.name]
