"""Whether two finished runs hold the same results: ``python -m tests.same OLD NEW``.

Bytes of pixels, weights and z-points; values of tables, histograms and samples to within 1e-9. A column that was
renamed since counts as the same. Rank correlations may differ, since small samples are ranked exactly now.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

TOLERANCE = 1e-9
BYTES = ("images/pixels.npy", "model/weights.safetensors", "latents/z.npy")
TABLES = ("components", "planes", "trimming")
RENAMED = {"axes": "basis"}
SHARPER = {"rank_correlation"}  # of columns and arrays


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Largest relative difference, of numbers above 1, and absolute one of smaller numbers; NaN equals NaN."""
    if a.shape != b.shape:
        return float("inf")
    if a.dtype.kind not in "fiub" or not a.size:
        return 0.0 if np.array_equal(a, b) else float("inf")
    x, y = a.astype(np.float64), b.astype(np.float64)
    if not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return float("inf")
    there = np.isfinite(x)
    x, y = x[there], y[there]
    return float(np.max(np.abs(x - y) / np.maximum(1.0, np.abs(x)), initial=0.0))


def tables(old: Path, new: Path) -> dict[str, float]:
    """The largest difference of each table, over the columns that both have."""
    found = {}
    for name in TABLES:
        a, b = (
            pd.read_parquet(run / f"analysis/{name}.parquet").rename(columns=RENAMED) for run in (old, new)
        )
        lost = set(a) - set(b)
        if lost:
            raise SystemExit(f"{name}: columns are gone: {', '.join(sorted(lost))}")
        for column in sorted(set(a) - SHARPER):
            found[f"{name}.{column}"] = apart(a[column].to_numpy(), b[column].to_numpy())
    return found


def arrays(old: Path, new: Path, file: str) -> dict[str, float]:
    """The largest difference of each array of an .npz file that both runs have."""
    with np.load(old / file) as a, np.load(new / file) as b:
        names = [name for name in a.files if not any(word in name for word in SHARPER)]
        return {f"{file}:{name}": apart(a[name], b[name]) for name in names}


def numbers(tree: object, place: str = "") -> dict[str, float]:
    """All numbers of a JSON tree, by their place."""
    if isinstance(tree, dict):
        parts = [numbers(value, f"{place}.{key}") for key, value in tree.items()]
    elif isinstance(tree, list):
        parts = [numbers(value, f"{place}[{key}]") for key, value in enumerate(tree)]
    else:
        return {place: float(tree)} if isinstance(tree, int | float) else {}
    return {name: value for part in parts for name, value in part.items()}


def scalars(old: Path, new: Path) -> dict[str, float]:
    """Differences of the numbers in analysis.json, apart from what the work cost."""
    a, b = (numbers(json.loads((run / "analysis/analysis.json").read_text())) for run in (old, new))
    cost = ("seconds", "peak_", "version")
    same = {name for name in a if not any(word in name for word in cost) and "rank" not in name}
    return {f"analysis.json{n}": apart(np.array(a[n]), np.array(b.get(n, np.nan))) for n in sorted(same)}


def main() -> None:
    """Compare, print what differs most, and fail where something differs by more than allowed."""
    old, new = map(Path, sys.argv[1:3])
    for name in BYTES:
        if digest(old / name) != digest(new / name):
            raise SystemExit(f"{name}: other bytes")
        print(f"{name}: the same {(old / name).stat().st_size:,} bytes")
    found = tables(old, new) | scalars(old, new) | arrays(old, new, "analysis/histograms.npz")
    found |= arrays(old, new, "analysis/distribution.npz")
    methods = sorted(path.parent.name for path in (old / "samples").glob("*/z.npy"))
    for method in methods:
        for name in ("z", "pictures"):
            file = f"samples/{method}/{name}.npy"
            found[file] = apart(np.load(old / file), np.load(new / file))
    wrong = {name: value for name, value in found.items() if not value <= TOLERANCE}
    worst = max(found, key=lambda name: found[name])
    print(f"{len(found):,} columns, arrays and numbers; samplers {', '.join(methods)}")
    print(f"largest difference: {worst} {found[worst]:.2g}")
    for name, value in wrong.items():
        print(f"differs by {value:.2g}: {name}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
