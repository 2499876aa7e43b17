"""A small run to explore, a server for it, and a browser, where there is one."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browsers import BROWSERS

from zpoints.explorer.serving import Explorer
from zpoints.explorer.space import Space

if TYPE_CHECKING:
    from zpoints.run.folder import Run


@pytest.fixture(scope="session")
def explored_run(finished_run: "Run", tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A copy of the run whose pictures have attributes."""
    from faults import copy_without

    run = copy_without(finished_run, tmp_path_factory.mktemp("explored") / "run")
    index = run.store.index.copy()
    brightness = run.store.pixels.reshape(len(index), -1).mean(axis=1)
    index["bright"] = brightness > np.median(brightness)
    index["kind"] = np.where(np.arange(len(index)) % 3 == 0, "third", "other")
    index["brightness"] = brightness
    index.to_parquet(run.paths.images / "index.parquet")
    return type(run)(run.folder)


@pytest.fixture(scope="session")
def space(explored_run: "Run") -> Space:
    return Space.of_run(explored_run)


@pytest.fixture(scope="session")
def explorer(space: Space) -> Iterator[Explorer]:
    with Explorer(space) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by Playwright, whose event loop must not outlive the tests that want it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is tried with Playwright")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"the page is tried in a browser, and there is none of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def exported(space: Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from zpoints.explorer.export import export_page

    return export_page(space, tmp_path_factory.mktemp("exported") / "page.html")
