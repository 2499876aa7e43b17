"""Shape annotations are checked in every test; Hypothesis has no deadline, and leaves nothing to chance.

`make test-slow` lets it draw examples anew in every run, and prints how to repeat one that fails:
`pytest --hypothesis-profile=random`.
"""

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
