"""Shape annotations are checked in every test; Hypothesis has no deadline, and leaves nothing to chance.

`make test-slow` lets it draw examples anew in every run, and prints how to repeat one that fails:
`pytest --hypothesis-profile=random`.
"""

import inspect
import os
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

import support

if TYPE_CHECKING:
    from zpoints.run.folder import Run

support.check_shapes()

hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("random", deadline=None, derandomize=False, print_blob=True)
hypothesis.settings.load_profile("fixed")


OF_POSIX = ("SIGKILL", "os.fork", "os.kill", "/proc/", "setrlimit", '"bash"')
"""What a test cannot do without, where it stands in its own lines."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On Windows, tests that need POSIX are skipped, each with its reason."""
    for item in items if os.name == "nt" else ():
        text = inspect.getsource(item.function) if isinstance(item, pytest.Function) else ""
        if missing := [word for word in OF_POSIX if word in text]:
            item.add_marker(pytest.mark.skip(reason=f"needs POSIX: {', '.join(missing)}"))


@pytest.fixture(scope="session")
def cloud() -> np.ndarray:
    """2,000 correlated normal vectors of 5 components, float32."""
    z = support.correlated(2000, 5).astype(np.float32)
    z.flags.writeable = False
    return z


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without figures: for tests of all else."""
    support.no_figures(monkeypatch.setattr)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A small run, every stage of it, made by the command line; its report has no figures. Tests work on copies."""
    import faults

    return faults.finished_run(tmp_path_factory.mktemp("finished"))
