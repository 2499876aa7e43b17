"""The pages for users, README among them: every block of code is executed, here or where `ELSEWHERE` says.

Blocks of ``python`` and ``console`` run as they stand, in one folder for a page. Blocks of ``sh`` run in a folder
with pictures, vectors, a model, an analysis and a run; `smaller` makes their commands quick, and `STANDS` takes the
place of other programs. Every command of theirs is also read with all its options, which is quick.
"""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image

import pages
import processes
from pages import DOCS, PAGES, ROOT, blocks, page_name
from support import blobs
from zpoints.cli.commands import app
from zpoints.cli.options import settings_of
from zpoints.config import Settings

ELSEWHERE = {
    "clusters.md": "test_clusters_page.py",
    "your-model.md": "test_your_model.py",
    "extending.md": "test_architecture.py",
    "study.md": "test_study_page.py",
    "architecture.md": "test_architecture.py",
}
"""Pages whose blocks another test executes; notebooks are `test_notebook_pages.py`'s."""
WORDS = {"text", "mermaid", "{generated}", "{eval-rst}", "{include}", "{toctree}"}
"""Blocks that are no code."""
STANDS = {
    "pip": "#!/bin/bash\nexit 0\n",
    "make": "#!/bin/bash\nexit 0\n",
}
"""What installs packages, or runs all of this; extras and targets are looked up by tests of their own."""
NOT_AS_IT_STANDS = {
    "zpoints explore": "it serves until it is stopped: a page is exported instead (tests/explorer has the server)",
    "zpoints run": "of 240 made pictures, by a linear model: others are downloaded, or are the reader's own",
    "zpoints judge": "by the pixels: the network's weights are downloaded",
}
"""Commands that get further options or others in `smaller`, and why. All else runs word by word."""
RUN = [
    *(
        "--set",
        "images.size=[16,16]",
        "--set",
        "images.count=240",
        "--set",
        "images.test=0.4",
        "--set",
        "judge.features=pixels",
    ),
    *("--set", 'samples.methods=["normal"]', "--set", "samples.count=24", "--set", "judge.count=20"),
]
LINEAR = ["--set", "autoencoder.kind=pca", "--set", "autoencoder.latent=8"]
HERE = [page for page in PAGES if page_name(page) not in ELSEWHERE and not pages.is_notebook(page)]


def having(*kinds: str) -> list[Path]:
    return [page for page in HERE if any(kind in kinds for kind, _ in blocks(page))]


def slow(page: Path) -> Any:
    """Marked as slow, but for the README and the pages whose blocks show errors and notes."""
    quick = page.name in ("README.md", "your-vectors.md", "gaussianity.md")
    return page if quick else pytest.param(page, marks=pytest.mark.slow)


def smaller(arguments: list[str]) -> list[str]:
    """The arguments of a command, made small."""
    if arguments[0] == "explore" and "--export" not in arguments:
        return [*arguments, "--export", "page.html"]
    if arguments[0] == "run":
        foreign = "--model" in arguments
        given = "--source" in arguments and not arguments[arguments.index("--source") + 1].isalpha()
        source = [] if given else ["--set", "images.source=pictures"]
        return [*arguments, *RUN, *source, *([] if foreign else LINEAR)]
    return arguments


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's home: pictures, a run, its parts by the names that the pages use, vectors, a model of PyTorch.

    One for each page: what one makes anew, another does not expect.
    """
    home = tmp_path_factory.mktemp("home")
    for name in ("pictures", "celeba"):
        (home / name).mkdir()
        for number, pixels in enumerate(blobs(240, 16, 16, 3)):
            Image.fromarray(pixels).save(home / name / f"{number:03}.png")
    (home / "settings.toml").write_text('[images]\nsource = "pictures"\n')
    random = np.random.default_rng(0)
    for name in ("z.npy", "train/z.npy", "test/z.npy"):
        (home / name).parent.mkdir(exist_ok=True)
        np.save(home / name, random.normal(size=(600, 8)))
    net = next(text for kind, text in blocks(DOCS / "your-model.md") if text.startswith("# net/net.py"))
    (home / "net").mkdir()
    (home / "net" / "net.py").write_text(net)
    weights = "import runpy, torch; torch.manual_seed(0); net = runpy.run_path('net.py')['Autoencoder']()"
    processes.run(f"{weights}; torch.save(net.state_dict(), 'weights.pt')", folder=home / "net")
    shell(home, "zpoints run --source ~/pictures --out runs/faces")
    for name in ("images", "model", "latents", "analysis"):
        (home / name).symlink_to(home / "runs" / "faces" / name)
    index = home / "images" / "index.parquet"
    table = pd.read_parquet(index)
    table.assign(Smiling=np.arange(len(table)) % 2).to_parquet(index)
    return home


def shell(home: Path, text: str) -> str:
    done = pages.shell(
        home, text, smaller=smaller, programs=STANDS, code=pages.WITHOUT_FIGURES, HOME=str(home)
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_is_executed_somewhere(page: Path) -> None:
    kinds = {kind for kind, _ in blocks(page)} - WORDS
    if (elsewhere := ELSEWHERE.get(page_name(page))) is not None:
        assert Path(__file__).with_name(elsewhere).is_file()
    elif pages.is_notebook(page):
        assert kinds <= {"{code-cell}", "sh"}
    else:
        assert kinds <= {"python", "console", "sh", "toml"}


@pytest.mark.parametrize("page", [slow(page) for page in having("python", "console")], ids=page_name)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if page.name == "README.md":  # its vectors are the reader's
        np.save("z.npy", np.random.default_rng(0).normal(size=(600, 8)))
    known: dict[str, object] = {}
    for kind, block in blocks(page):
        if kind == "python":
            exec(compile(block, str(page), "exec"), known)
        elif kind == "console":
            for command, expected in commands(block):
                said(command, expected, tmp_path)


def commands(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it says; some of them, in their order."""
    found: list[tuple[str, list[str]]] = []
    for text in block.splitlines():
        if text.startswith("$ "):
            found.append((text[2:], []))
        else:
            found[-1][1].append(text)
    return found


def said(command: str, expected: list[str], folder: Path) -> None:
    """A command says what stands there."""
    program, *arguments = shlex.split(command)
    assert program == "zpoints"
    done = processes.run(processes.MAIN, arguments, folder=folder)
    refused = any(text.startswith("error: ") for text in expected)
    assert bool(done.returncode) == refused, done.stderr
    lines = [text for text in done.stderr.splitlines() if text.startswith(("note: ", "error: "))]
    assert lines == expected


@pytest.mark.parametrize("page", having("toml"), ids=page_name)
def test_settings_are_understood(page: Path) -> None:
    for kind, block in blocks(page):
        if kind == "toml":
            Settings.of(tomllib.loads(block), page.name)


def lines_of(page: Path) -> list[list[str]]:
    """The commands in a page's blocks of ``sh``, split into words; comments are left out."""
    texts = [text.replace("\\\n", " ") for kind, text in blocks(page) if kind == "sh"]
    words = [shlex.split(line, comments=True) for text in texts for line in text.splitlines()]
    return [line for line in words if line]


@pytest.mark.parametrize("page", [page for page in PAGES if page_name(page) not in ELSEWHERE], ids=page_name)
def test_every_command_is_understood(page: Path) -> None:
    """Programs, commands, options, names of settings, extras and targets are there."""
    group: Any = typer.main.get_command(app)
    for program, *arguments in lines_of(page):
        if program == "zpoints":
            context = group.make_context("zpoints", list(arguments), resilient_parsing=False)
            name, command, rest = group.resolve_command(context, arguments)
            while hasattr(command, "resolve_command"):
                name, command, rest = command.resolve_command(context, rest)
            parsed = command.make_context(name, list(rest), parent=context)
            settings_of(changes=parsed.params.get("changes"))
        elif program == "pip":
            assert arguments[0] == "install"
            extras = re.findall(r"[\w-]+", arguments[1].partition("[")[2])
            assert set(extras) <= set(PROJECT["optional-dependencies"])
        else:
            assert program == "make"
            assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.slow
@pytest.mark.parametrize("page", having("sh"), ids=page_name)
def test_the_commands_of_a_page_run(page: Path, place: Path) -> None:
    for kind, block in blocks(page):
        if kind == "sh":
            shell(place, block)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_to_files(page: Path) -> None:
    """Headings are the builder's matter, which ends with a warning where one is missing."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        path = target.partition("#")[0]
        if path and "://" not in path:
            assert (page.parent / path).exists(), target


def test_pictures_are_few_and_small() -> None:
    kinds = ("*.png", "*.jpg", "*.webp", "*.gif", "*.svg")
    sizes = [path.stat().st_size for kind in kinds for path in DOCS.rglob(kind)]
    assert sum(sizes) < 4_000_000
