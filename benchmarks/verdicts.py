"""Does the verdict name what was planted, and is it silent where the cloud is normal?

python -m benchmarks.verdicts kinds [SEEDS] [NAME ...]     # 27 planted clouds of 20,000 x 32
python -m benchmarks.verdicts alarms [RUNS]                # normal clouds of few and of many vectors
"""

import sys
import time
from collections import Counter
from pathlib import Path

import zpoints as zp

TESTS = Path(__file__).parents[1] / "tests"
SIZES = (
    (20, 10),
    (25, 8),
    (25, 20),
    (40, 20),
    (100, 60),
    (100, 150),
    (300, 200),
    (500, 5),
    (5000, 50),
    (20_000, 64),
)
SLOW = 1000  # vectors from which on a tenth of the runs must do


def kinds(seeds: int, names: list[str]) -> None:
    """Right verdicts of each planted cloud."""
    from analysis.test_verdict_kinds import EXPECTED  # type: ignore[import-not-found]  # of the tests
    from planted import planted  # type: ignore[import-not-found]  # of the tests

    for name in names or EXPECTED:
        kind, word = EXPECTED[name]
        started, found = time.monotonic(), []
        for seed in range(seeds):
            a = zp.analyse(planted(name, seed=seed))
            found.append(a.summary.kind if a.summary.kind != kind or word in a.verdict[0] else a.verdict[0])
        right = sum(one == kind for one in found)
        wrong = {text: count for text, count in Counter(found).items() if text != kind}
        print(
            f"{name:18s} {right:3d} of {seeds}, {time.monotonic() - started:.0f} s", wrong or "", flush=True
        )


def alarms(runs: int) -> None:
    """Normal clouds that are called something else, every other one strongly correlated."""
    from analysis.test_verdict_kinds import alarms as found_in

    for n, d in SIZES:
        count = runs if n < SLOW else max(runs // 10, 1)
        print(f"{n:6,d} x {d:3d}: {found_in(n, d, count)} of {count}", flush=True)


def main() -> None:
    """As the command line says."""
    sys.path[:0] = [str(TESTS)]
    what, *rest = sys.argv[1:]
    if what == "kinds":
        kinds(int(rest[0]) if rest else 20, rest[1:])
    else:
        alarms(int(rest[0]) if rest else 200)


if __name__ == "__main__":
    main()
