"""The explorer's speed: a drag in Chromium, another plane, the exported file.

python -m benchmarks.explorer runs/faces          # a run of 64x64 pictures
python -m benchmarks.explorer --wide              # 10,000 vectors of 256 components, 64x64 pictures
python -m benchmarks.explorer --planes            # 170,000 x 256 vectors, without a model
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

MOVES = 300
EVERY = 16  # milliseconds between two moves of the pointer
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", nargs="?")
    parser.add_argument("--planes", action="store_true")
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--serve-wide", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_wide:
        _serve_wide()
        return
    from playwright.sync_api import sync_playwright

    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as place:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        if arguments.planes:
            _planes(browser, Path(place))
        elif arguments.wide:
            _wide(browser)
        else:
            _live(browser, arguments.run)
            _file(browser, arguments.run, Path(place))
        browser.close()


def _served(*what: str) -> tuple[subprocess.Popen[str], str, float]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "zpoints", "explore", *what, "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().strip(), started


def _live(browser: Any, run: str) -> None:
    server, url, started = _served(run)
    page = _opened(browser, url)
    _until(page, "performance.getEntriesByName('zpoints: plane').length > 0")
    print(f"usable, with its first plane, {time.perf_counter() - started:.1f} s after the command")
    _until(page, "performance.getEntriesByName('zpoints: picture').length > 0")
    print(f"its first picture {time.perf_counter() - started:.1f} s after the command")
    _drag(page, "live")
    print(f"anonymous memory of the server: {_rss(server.pid):.0f} MiB")
    server.terminate()
    server.wait()


def _file(browser: Any, run: str, place: Path) -> None:
    out = place / "explorer.html"
    subprocess.run([sys.executable, "-m", "zpoints", "explore", run, "--export", str(out), "-q"], check=True)
    print(f"the file: {out.stat().st_size / 1e6:.1f} MB")
    _drag(_opened(browser, out.as_uri()), "file")


def _wide(browser: Any) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.explorer", "--serve-wide"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    page = _opened(browser, server.stdout.readline().strip())
    _until(page, "performance.getEntriesByName('zpoints: picture').length > 0")
    for _ in range(3):
        _drag(page, "live, 256 components")
    print(f"anonymous memory of the server: {_rss(server.pid):.0f} MiB")
    server.kill()
    server.wait()


def _serve_wide() -> None:
    """An explorer of the default network for 256 components, without training: it takes as long as a trained one."""
    import zpoints as zp
    from zpoints.config import AutoencoderSettings, TrainingSettings
    from zpoints.models.autoencoder.codec import NetworkCodec
    from zpoints.models.autoencoder.network import Architecture, Autoencoder
    from zpoints.system.device import Device

    network = Autoencoder(Architecture.of((64, 64, 3), AutoencoderSettings(latent=256))).eval()
    codec = NetworkCodec(network, Device.of(TrainingSettings(device="cpu")))
    z = np.random.default_rng(0).normal(size=(10_000, 256)).astype(np.float32)
    with zp.explore(z, codec) as explorer:
        print(explorer.url, flush=True)
        time.sleep(600)


def _drag(page: Any, name: str) -> None:
    """Move the pointer on a figure of eight; from each picture, the time since the move that it shows."""
    page.wait_for_timeout(3000)
    page.evaluate("performance.clearMeasures()")
    box = page.locator("#overlay").bounding_box()
    x, y, r = box["x"] + 0.47 * box["width"], box["y"] + 0.53 * box["height"], 0.2 * box["width"]
    page.mouse.move(x, y)
    page.mouse.down()
    started = time.perf_counter()
    for k in range(MOVES):
        t = 2 * math.pi * k / MOVES
        page.mouse.move(x + r * math.sin(t), y - r * math.sin(2 * t))
        left = started + (k + 1) * EVERY / 1000 - time.perf_counter()
        time.sleep(max(left, 0))
    took = time.perf_counter() - started
    page.mouse.up()
    times = np.array(page.evaluate("performance.getEntriesByName('zpoints: picture').map((m) => m.duration)"))
    print(
        f"{name}: {len(times)} pictures in {took:.1f} s, {len(times) / took:.0f} a second; move to picture: median "
        f"{np.median(times):.0f} ms, 95 of 100 within {np.quantile(times, 0.95):.0f} ms"
    )


def _planes(browser: Any, place: Path) -> None:
    random = np.random.default_rng(0)
    mix = random.normal(size=(256, 256)).astype(np.float32) / 16
    z = np.concatenate([random.normal(size=(10_000, 256)).astype(np.float32) @ mix for _ in range(17)])
    np.save(place / "z.npy", z)
    del z
    server, url, _ = _served(str(place / "z.npy"))
    page = _opened(browser, url)
    _until(page, "performance.getEntriesByName('zpoints: plane').length > 0")
    for basis in ("z", "pca"):
        page.select_option("#basis", basis)
        page.wait_for_timeout(2500)
        page.evaluate("performance.clearMeasures()")
        for k in range(10):
            page.fill("#axis-i", str(10 + k))
            page.press("#axis-i", "Tab")
            _until(page, f"performance.getEntriesByName('zpoints: plane').length > {k}")
            page.wait_for_timeout(1500)
        times = page.evaluate("performance.getEntriesByName('zpoints: plane').map((m) => m.duration)")
        print(
            f"another plane ({basis}) of 170,000 x 256: median {np.median(times):.0f} ms, most {max(times):.0f} ms"
        )
    print(f"anonymous memory of the server: {_rss(server.pid):.0f} MiB")
    server.terminate()
    server.wait()


def _opened(browser: Any, address: str) -> Any:
    page = browser.new_page(viewport={"width": 1400, "height": 950})
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=120_000)
    return page


def _until(page: Any, expression: str) -> None:
    end = time.monotonic() + 120
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)


def _rss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return math.nan


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
