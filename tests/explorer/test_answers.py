"""What the page is told, beside independent computations."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load
from scipy.spatial import cKDTree
from scipy.stats import gaussian_kde

import zpoints as zp
from support import correlated, line
from zpoints.errors import ArrayError, UsageError, ZPointsError
from zpoints.explorer.attributes import attributes_of, direction, possible
from zpoints.explorer.export import export_page
from zpoints.explorer.packing import packed
from zpoints.explorer.plane import coordinates, plane
from zpoints.explorer.point import checked, nearest, usual_distance
from zpoints.explorer.space import POINTS, Space, open_space
from zpoints.explorer.start import arrays_of, heading_of
from zpoints.explorer.thumbnails import thumbnails
from zpoints.vectors.latent_set import LatentSet


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return correlated(3000, 5)


@pytest.fixture(scope="module")
def measured(vectors: np.ndarray) -> Space:
    return open_space(zp.analyse(vectors))


@pytest.mark.parametrize(("basis", "i", "j"), [("z", 0, 3), ("z", 4, 1), ("pca", 0, 1), ("pca", 3, 2)])
def test_a_plane_is_that_of_the_vectors(
    measured: Space, vectors: np.ndarray, basis: str, i: int, j: int
) -> None:
    heading, arrays = plane(measured, basis, i, j)
    pca = measured.distribution.pca
    values = (vectors if basis == "z" else pca.transform(vectors))[:, [i, j]]
    np.testing.assert_allclose(coordinates(measured, basis, [i, j]), values, atol=2e-6)
    np.testing.assert_allclose(arrays["points"], values, atol=2e-6)
    covariance, centre = np.cov(values.T), values.mean(axis=0)
    off = values - centre
    squares = np.einsum("na,ab,nb->n", off, np.linalg.inv(covariance), off)
    for sigma, share in zip((1, 2, 2.5, 3), heading["coverage"], strict=True):
        assert share == pytest.approx((squares <= sigma**2).mean(), abs=2 / len(values))
    assert heading["r"] == pytest.approx(np.corrcoef(values.T)[0, 1], abs=1e-6)
    # The page draws contours at these densities: the estimate has them where it is SciPy's.
    unit = (off / values.std(axis=0, ddof=1)).T
    kde, grid = gaussian_kde(unit), np.linspace(*heading["reach"], len(arrays["density"]))
    for a, b in [(96, 96), (110, 80), (70, 100)]:
        assert arrays["density"][a, b] == pytest.approx(kde([grid[a], grid[b]])[0], rel=0.02, abs=1e-4)
    for heights in (arrays["margin_i"], arrays["margin_j"]):
        assert heights.sum() * 9 / len(heights) == pytest.approx(1, abs=0.01)
    if basis == "z":
        measures = measured.analysis.planes.loc[(min(i, j), max(i, j))]
        assert heading["measured"]["rank"] == measures["rank"]


@pytest.mark.parametrize(
    ("basis", "i", "j"), [("z", 0, 0), ("z", 0, 5), ("z", -1, 2), ("pca", 0, 9), ("x", 0, 1)]
)
def test_there_is_no_such_plane(measured: Space, basis: str, i: int, j: int) -> None:
    with pytest.raises(UsageError) as caught:
        plane(measured, basis, i, j)
    assert "no plane" in line(caught.value)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.integers(1, 9), st.integers(1, 6))
def test_the_nearest_vectors_are_the_nearest(seed: int, n: int, d: int, count: int) -> None:
    random = np.random.default_rng(seed)
    z, point = random.normal(size=(n, d)) + 100.0, random.normal(size=d) + 100.0
    found = nearest(LatentSet.open(z), point, count)
    distances, _ = cKDTree(z).query(point, k=np.arange(1, min(count, n) + 1))
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(z[found.numbers] - point, axis=1), found.distances, rtol=1e-9)


def test_rows_of_a_subset_are_numbered_by_themselves() -> None:
    z = np.random.default_rng(0).normal(size=(100, 3))
    latents = LatentSet.open(z, rows=np.arange(10, 60))
    assert nearest(latents, z[25], 1).numbers.tolist() == [15]


def test_the_usual_distance_is_the_median_to_the_nearest_other(vectors: np.ndarray) -> None:
    few = vectors[:60]  # all of which are looked at
    distances, _ = cKDTree(few).query(few, k=2)
    assert usual_distance(LatentSet.open(few)) == pytest.approx(np.median(distances[:, 1]), rel=1e-6)


def test_directions_are_differences_of_means_and_slopes(space: Space) -> None:
    z, index = space.latents.array(), space.index
    bright = index["bright"].to_numpy()
    np.testing.assert_allclose(direction(space, "bright"), z[bright].mean(axis=0) - z[~bright].mean(axis=0))
    third = (index["kind"] == "third").to_numpy()
    chosen = sorted(index["kind"].unique()).index("third")
    np.testing.assert_allclose(
        direction(space, "kind", chosen), z[third].mean(axis=0) - z[~third].mean(axis=0)
    )
    x = index["brightness"].to_numpy()
    slope = np.array([np.polyfit(x, component, 1)[0] for component in z.T])
    np.testing.assert_allclose(
        direction(space, "brightness"), slope * x.astype(np.float32).std(), rtol=1e-4, atol=1e-6
    )
    for name, number in (("no such", 1), ("kind", 7)):
        with pytest.raises(UsageError):
            direction(space, name, number)


def test_which_columns_are_attributes() -> None:
    index = pd.DataFrame(
        {
            "smiling": [1, -1, 1, -1],
            "class": ["a", "b", None, "b"],
            "age": [20.5, np.nan, 31.0, 42.0],
            "same": [3, 3, 3, 3],
            "lists": [[1], [2], [3], [4]],
        }
    )
    found = {attribute.name: attribute for attribute in attributes_of(index)}
    assert [*found] == ["smiling", "class", "age"]
    assert found["smiling"].values.tolist() == [1, 0, 1, 0]
    assert np.isnan(found["class"].values[2])
    assert possible(found["smiling"]) == [1]
    assert possible(found["class"]) == []  # one `a` is no mean


def test_more_vectors_than_dots() -> None:
    z = np.random.default_rng(0).normal(size=(POINTS + 500, 2)).astype(np.float32)
    many = open_space(z)
    rows = many.shown
    assert len(rows) == POINTS == len(set(rows.tolist()))
    _, arrays = plane(many, "z", 0, 1)
    np.testing.assert_allclose(arrays["points"], z[rows], atol=1e-6)
    assert heading_of(many)["lists"][0]["name"] == "Strongest correlation"


def test_what_the_page_begins_with(space: Space) -> None:
    heading, arrays = heading_of(space), arrays_of(space)
    assert heading["samplers"] == list(space.samplers)
    assert [one["kind"] for one in heading["attributes"]] == ["yes or no", "class", "number"]
    least = next(one for one in heading["lists"] if one["name"] == "Least elliptic")
    assert tuple(least["planes"][0][:2]) == space.analysis.planes["rank"].idxmin()
    z = space.latents.array()
    u = ((z - arrays["mean"]) / arrays["scale"]) @ arrays["axes"].T / np.sqrt(arrays["variance"])
    np.testing.assert_allclose(np.cov(u.T), np.eye(u.shape[1]), atol=1e-3)


def test_dead_components_have_no_planes() -> None:
    z = correlated(400, 4)
    z[:, 1] = 2.0
    half = open_space(zp.analyse(z))
    assert heading_of(half)["dead"] == [1]
    assert np.isfinite(arrays_of(half)["correlation"]).all()
    with pytest.raises(UsageError, match="component 1 is constant"):
        plane(half, "z", 0, 1)
    assert plane(half, "z", 0, 2)[0]["axes"] == [0, 2]


def test_thumbnails_are_small_and_in_order(space: Space) -> None:
    numbers = np.array([3, 0, 3])
    pixels = space.store.pixels[space.rows[numbers]]
    np.testing.assert_array_equal(thumbnails(space, numbers, 64), pixels)
    small = thumbnails(space, numbers, 8)
    assert max(small.shape[1:3]) == 8
    assert abs(small.mean() - pixels.mean()) < 1
    with pytest.raises(UsageError):
        thumbnails(space, np.array([space.latents.n]), 8)


def test_answers_are_safetensors_with_json() -> None:
    data = packed({"nan": float("nan"), "list": np.arange(3), "number": np.float32(0.5)}, {"z": np.eye(2)})
    np.testing.assert_array_equal(load(data)["z"], np.eye(2))
    length = int.from_bytes(data[:8], "little")
    notes = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["json"])
    assert notes == {"nan": None, "list": [0, 1, 2], "number": 0.5}


def test_things_that_do_not_belong_together(space: Space, vectors: np.ndarray, explored_run) -> None:
    odd = {
        "pictures of these": lambda: open_space(zp.analyse(vectors), images=explored_run.paths.images),
        "the model takes vectors of": lambda: open_space(vectors, codec=explored_run.paths.model).codec,
        "give its vectors too": lambda: open_space(explored_run.paths.analysis),
        "were measured": lambda: open_space(explored_run.paths.analysis, latents=vectors),
    }
    for says, work in odd.items():
        with pytest.raises(ZPointsError) as caught:
            work()
        assert says in line(caught.value), says
    for z in (np.ones(4, np.float32)[:3], np.full(4, np.nan, np.float32), np.empty(0, np.float32)):
        with pytest.raises(ArrayError):
            checked(z, space)


def test_chosen_rows_have_their_own_pictures(explored_run) -> None:
    """Vectors of one split, and a folder with the pictures of all: the space is the run's own."""
    run, split = explored_run, explored_run.store.rows("train")
    latents = LatentSet.open(run.paths.latents, split)
    found = open_space(run.paths.analysis, latents=latents, codec=run.paths.model, images=run.paths.images)
    np.testing.assert_array_equal(found.rows, split)
    pd.testing.assert_frame_equal(found.index, Space.of_run(run).index)
    numbers = np.arange(5)
    np.testing.assert_array_equal(thumbnails(found, numbers, 64), run.store.pixels[split[:5]])


def test_a_sampler_that_cannot_be_read_is_left_out_of_the_file_with_a_note(space: Space, tmp_path) -> None:
    """As after a change of what samplers are: the page is written, and says so."""
    (tmp_path / "sampler.npz").write_bytes(b"of another time")
    name, kept = next(iter(space.samplers.items()))
    odd = replace(space, samplers={"mixture": tmp_path / "sampler.npz", name: kept}, get_codec=None)
    out = export_page(odd, tmp_path / "page.html")
    (data,) = re.findall(r'<script type="text/plain" id="data">([^<]+)</script>', out.read_text())
    content = base64.b64decode(data)
    length = int.from_bytes(content[:8], "little")
    heading = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["json"])
    assert heading["samplers"] == [name]
    assert any(note.startswith("Without the sampler mixture: ") for note in heading["notes"])
    assert load(content)["sampler_0"].shape[1] == space.latents.dimension
