"""What is published holds what it needs, and says the same everywhere."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

import zpoints
from support import blobs
from zpoints.cli.commands import EXAMPLES

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "zpoints"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = ["3.11", "3.12", "3.13"]


def build(tree: Path, out: Path, *kinds: str) -> None:
    """What `python -m build` does in a tree, without an environment of its own."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out), *kinds]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and an sdist."""
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out)
    assert len(list(out.iterdir())) == 2
    return out


def contents(wheel: Path) -> dict[str, str]:
    """Digest of each file of a wheel; RECORD is made of the others."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if not name.endswith("/RECORD")
        }


def files_of_the_package() -> set[str]:
    """All that lies below it, but for what Python makes."""
    return {
        f"zpoints/{path.relative_to(SOURCES).as_posix()}"
        for path in SOURCES.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(dist: Path) -> None:
    found = contents(next(dist.glob("*.whl")))
    inside = {name for name in found if not re.match(r"zpoints-[\d.]+\.dist-info/", name)}
    assert inside == files_of_the_package()
    kinds = {name.rpartition(".")[2] for name in inside}
    assert {"py", "typed", "js", "css", "html", "npz"} <= kinds
    for name in ("zpoints/py.typed", "zpoints/report/templates/report.html"):
        assert found[name] == hashlib.sha256((ROOT / "src" / name).read_bytes()).hexdigest()


def test_the_wheel_says_what_it_is(dist: Path) -> None:
    wheel = next(dist.glob("*.whl"))
    assert wheel.name == f"zpoints-{zpoints.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        folder = f"zpoints-{zpoints.__version__}.dist-info"
        metadata = archive.read(f"{folder}/METADATA").decode()
        assert "zpoints = zpoints.cli.commands:main" in archive.read(f"{folder}/entry_points.txt").decode()
    assert f"\nVersion: {zpoints.__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    # Of the core, nothing that is large and that only a training needs.
    core = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert "numpy" in core
    assert "torch" not in core


def test_the_sdist_builds_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    inside = {name.partition("/")[2] for name in names}
    assert {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "tests/test_release.py"} <= inside
    assert not [name for name in inside if re.search(r"(^|/)(\.venv|runs|__pycache__|\.ci)(/|$)", name)]
    build(tree, tmp_path / "dist", "-t", "wheel")
    assert contents(next((tmp_path / "dist").glob("*.whl"))) == contents(next(dist.glob("*.whl")))


# --- what is said beside it


def test_the_version_is_said_once_and_meant_everywhere() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "src/zpoints/__init__.py"
    newest = re.search(
        r"^## (\S+?):?(\s|$)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert newest
    assert newest.group(1) in (zpoints.__version__, "Unreleased")


def test_the_citation_is_one() -> None:
    """By the fields that the format, version 1.2.0, demands, and those that must fit the package."""
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert found["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(found)
    assert all({"name"} <= set(author) or {"family-names"} <= set(author) for author in found["authors"])
    assert found["type"] in ("software", "dataset")
    assert found["version"] == zpoints.__version__
    assert found["license"] == PROJECT["project"]["license"]
    for reference in found["references"]:
        assert {"type", "title", "authors"} <= set(reference)


def workflow() -> dict[str, dict]:
    """The jobs of the public checks."""
    text = (ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["jobs"]


def test_the_public_checks_take_the_systems_and_pythons_that_are_promised() -> None:
    matrix = workflow()["test"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    promised = [
        text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"] if "Python :: 3." in text
    ]
    assert promised == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    assert PROJECT["tool"]["mypy"]["python_version"] == PYTHONS[0]


def test_the_public_checks_call_what_there_is() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    steps = [step.get("run", "") for job in workflow().values() for step in job["steps"]]
    called = {target for run in steps for target in re.findall(r"^make (\S+)", run, re.MULTILINE)}
    assert called <= targets
    commands = {function.__name__ for function in EXAMPLES}
    for run in steps:
        assert set(re.findall(r"^zpoints (\S+)", run, re.MULTILINE)) <= commands
        for extra in re.findall(r"\[(\w+)\]\"", run):
            assert extra in PROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("name", ["bug.yml", "idea.yml"])
def test_the_forms_of_issues_are_forms(name: str) -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    for part in form["body"]:
        assert part["type"] in ("textarea", "input", "dropdown", "checkboxes", "markdown")
        assert part["attributes"].get("label")
    names = [part["id"] for part in form["body"]]
    assert len(set(names)) == len(names)


# --- installed, and nothing else


EVERYWHERE = (
    "PATH",
    "HOME",
    "TMPDIR",
    "SYSTEMROOT",
    "LANG",
    "PIP_INDEX_URL",
    "PIP_CONFIG_FILE",
    "XDG_CONFIG_DIRS",
)
SCRIPT = """
import numpy as np, zpoints as zp
a = zp.analyse(np.load("z.npy", mmap_mode="r"))
assert a.planes.shape[0] == 15, a.planes
z = zp.samplers.Ellipse(sigma=3.0).fit(a).sample(64, seed=0)
assert z.shape == (64, 6)
a.plot.plane(1, 2).savefig("plane.png")
print(zp.__file__)
"""


@pytest.mark.slow  # installs some hundred MB
def test_the_wheel_works_in_an_empty_environment(dist: Path, tmp_path: Path) -> None:
    """The core alone, away from the sources: vectors, the road without PyTorch, and what lacks its extra."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    environment = {name: os.environ[name] for name in EVERYWHERE if name in os.environ}
    work = tmp_path / "work"
    work.mkdir()

    def run(program: str, *arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(programs / program), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    wheel = next(dist.glob("*.whl"))
    run("python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
    random = np.random.default_rng(0)
    np.save(work / "z.npy", random.normal(size=(800, 6)) @ random.normal(size=(6, 6)))
    np.save(work / "blobs.npy", blobs(150, 16, 16, 3))

    assert run("zpoints", "version").stdout.strip() == zpoints.__version__
    told = json.loads(run("zpoints", "doctor", "--no-speed", "--json").stdout)
    assert told["problems"] == []
    missing = {part["name"]: [one["version"] for one in part["packages"]] for part in told["parts"]}
    assert None not in missing["core"]
    assert set(missing["train"]) == {None}

    run("zpoints", "analyse", "z.npy", "analysis")
    run("zpoints", "sample", "analysis", "new", "--method", "ellipse", "--count", 100)
    assert np.load(work / "new" / "z.npy").shape == (100, 6)
    assert str(home) in run("python", "-c", SCRIPT).stdout
    small = [
        "autoencoder.kind=pca",
        "autoencoder.latent=4",
        "judge.features=pixels",
        'samples.methods=["normal"]',
    ]
    run("zpoints", "run", "--source", "blobs.npy", *(part for one in small for part in ("--set", one)))
    assert (work / "runs" / "blobs" / "report" / "index.html").is_file()

    for command in (["demo"], ["run", "--source", "blobs.npy", "--out", "runs/other"]):
        (line,) = run("zpoints", *command, status=2).stderr.splitlines()[-1:]
        assert line.startswith("error: ")
        assert "pip install 'zpoints[train]'" in line
