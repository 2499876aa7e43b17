"""docs/clusters.md: every block runs on this machine, with few pictures, 3 shards in place of 16, and stand-ins.

`sbatch` runs the tasks of its array one after the other, with their numbers; `aws` copies between folders; the queue
of `dask_jobqueue` is a cluster of this process. Commands of zpoints start as `processes` starts them, and not anew.
"""

import json
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import pages
import processes
from support import blobs
from zpoints.errors import ArrayError
from zpoints.files.arrays import open_rows

PAGE = (Path(__file__).parents[1] / "docs" / "clusters.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:#!.*\n)?# (\S+\.(?:sbatch|yaml|sh))\n")
COUNT = 700
QUICK = {
    "train": ["--set", "autoencoder.kind=pca", "--set", "autoencoder.latent=3"],
    "features": ["--set", "judge.features=pixels"],
}
"""What makes the page small; the page's own settings are kept."""
SBATCH = r"""#!/bin/bash
array=; script=; wrap=
while [ $# -gt 0 ]; do
  case "$1" in
    --array=*) array=${1#--array=} ;;
    --wrap) wrap=$2; shift ;;
    --dependency=afterok:*) [ "${1##*:}" = 4242 ] || exit 9 ;;
    --parsable|--mem=*) ;;
    -*) exit 8 ;;
    *) script=$1 ;;
  esac
  shift
done
if [ -n "$wrap" ]; then bash -c "$wrap" >&2; exit; fi
: "${array:=$(sed -n 's/^#SBATCH --array=//p' "$script")}"
log=$(sed -n 's/^#SBATCH --output=//p' "$script")
export SLURM_CPUS_PER_TASK=$(sed -n 's/^#SBATCH --cpus-per-task=//p' "$script")
for range in ${array//,/ }; do
  for k in $(seq "${range%-*}" "${range#*-}"); do
    SLURM_ARRAY_TASK_ID=$k bash "$script" > "${log//%a/$k}" 2>&1 || exit
  done
done
echo 4242
"""
AWS = f"""#!{sys.executable}
import shutil, sys
from fnmatch import fnmatch
from pathlib import Path
s3, cp, *rest = sys.argv[1:]
assert (s3, cp) == ("s3", "cp") and "--recursive" in rest
source, target = (Path(path.replace("s3://", "{{bucket}}/")) for path in rest[:2])
rules = [(name, rest[k + 1]) for k, name in enumerate(rest) if name in ("--exclude", "--include")]
for file in sorted(source.rglob("*")) if source.exists() else ():
    name = str(file.relative_to(source))
    takes = True
    for rule, pattern in rules:
        takes = rule == "--include" if fnmatch(name, pattern) else takes
    if file.is_file() and takes:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target / name)
"""


def page() -> list[tuple[str, str, str]]:
    """The blocks: kind, heading under which it stands, text with 3 shards in place of 16."""
    found = []
    for match in BLOCK.finditer(PAGE):
        heading = re.findall(r"^(?:#|##) ([A-Z].*|dask.*)$", PAGE[: match.start()], re.MULTILINE)[-1]
        text = match[2].replace("range(1, 17)", "range(1, 4)")
        found.append((match[1], heading, re.sub(r"\b16\b", "3", text)))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, stand-ins, the pictures, and what the first lines of the page make."""
    folder = tmp_path_factory.mktemp("clusters")
    (folder / "bucket").mkdir()
    np.save(folder / "blobs.npy", blobs(COUNT, 12, 12, 1))
    lines = next(text for kind, _, text in page() if kind == "sh").splitlines()
    assert lines[2].startswith("for k")
    shell(folder, "\n".join(lines[:2]))
    return folder


def shell(folder: Path, text: str, **variables: str) -> None:
    """Run a block to its end; every command of it must end well."""
    stands = {"sbatch": SBATCH, "aws": AWS.replace("{bucket}", str(folder / "bucket"))}
    pages.shell(
        folder,
        text.replace("~/pictures", "blobs.npy"),
        smaller=lambda arguments: [*arguments, *QUICK.get(arguments[0], [])],
        programs=stands,
        **variables,
    )


def under(heading: str) -> list[tuple[str, str]]:
    found = [(kind, text) for kind, where, text in page() if where == heading]
    assert found
    return found


def ready(place: Path, heading: str) -> list[str]:
    """Write the files of a section; returns its other blocks. The shards of the section before are taken away."""
    subprocess.run(["rm", "-rf", "shards", "analysis"], cwd=place, check=True)
    rest = []
    for _, text in under(heading):
        if name := FILE.match(text):
            (place / name[1]).write_text(text)
        else:
            rest.append(text)
    return rest


def whole(place: Path, of: int = 3) -> bool:
    """Whether all shards are there, and hold the rows of one process's file."""
    files = sorted((place / "shards").glob("part-*.npy"))
    if not (place / "whole").exists():
        processes.run(processes.MAIN, ["encode", "model", "images", "whole"], folder=place)
    z = np.load(place / "whole" / "z.npy")
    return len(files) == of and np.concatenate([np.load(file) for file in files]).tobytes() == z.tobytes()


def test_every_section_is_tried() -> None:
    here = {"Many machines", "Slurm", "dask-jobqueue", "Kubernetes", "A cloud bucket"}
    elsewhere = {
        "Analysis on Dask",
        "Training on several GPUs or hosts",
    }  # test_dask.py, test_training_together.py
    assert {heading for _, heading, _ in page()} <= here | elsewhere


@pytest.mark.slow
def test_the_first_blocks(place: Path) -> None:
    first, second = (text for kind, text in under("Many machines") if kind == "sh")
    shell(place, f"rm -rf images model shards\n{first}")
    assert whole(place)
    assert json.loads((place / "analysis" / "analysis.json").read_text())["n"] < COUNT
    shell(place, second.replace("10000", "300"))
    assert json.loads((place / "compare" / "compare.json").read_text())
    assert open_rows(place / "pictures").shape == (300, 12, 12, 1)


def test_the_refusal_is_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shards").mkdir()
    for number in set(range(1, 17)) - {4, 9, 10}:
        np.save(f"shards/part-{number:05}-of-00016.npy", np.zeros((4, 2)))
    with pytest.raises(ArrayError) as refused:
        open_rows("shards")
    assert f"error: {refused.value}\n" in PAGE


@pytest.mark.slow
def test_slurm(place: Path) -> None:
    send, again = ready(place, "Slurm")
    shell(place, send)
    assert whole(place)
    assert (place / "analysis" / "analysis.json").is_file()
    logs = [(place / "logs" / f"encode-{k}.out") for k in (1, 2, 3)]
    assert all("of 3 shards are there" in log.read_text() for log in logs)
    (place / "shards" / "part-00002-of-00003.npy").unlink()
    shell(place, again)
    assert whole(place)
    assert "made before" in logs[2].read_text()
    assert "made before" not in logs[1].read_text()


@pytest.mark.slow
def test_kubernetes(place: Path) -> None:
    assert not ready(place, "Kubernetes")
    text = (place / "encode.yaml").read_text()
    assert "completions: 3\n" in text
    found = re.search(r"command: (\[.*\])\n", text)
    assert found
    program, option, command = json.loads(found[1].replace("/data", str(place)))
    assert (program, option) == ("sh", "-c")
    for index in range(3):
        shell(place, command, JOB_COMPLETION_INDEX=str(index))
    assert whole(place)
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load(text)
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][0] == "sh"


@pytest.mark.slow
def test_a_bucket(place: Path) -> None:
    one, all_ = ready(place, "A cloud bucket")
    bucket = place / "bucket" / "my-bucket" / "faces"
    bucket.mkdir(parents=True)
    for name in ("model", "images"):
        (place / name).rename(bucket / name)
    try:
        for k in (3, 1, 2):
            command = one.replace("one.sh", "../one.sh").replace("faces 3", f"faces {k}")
            shell(place, f"rm -rf host; mkdir host; cd host; {command}")
            assert len(list((place / "host" / "shards").iterdir())) == 2  # of one shard alone
        assert len(list((bucket / "shards").iterdir())) == 6
        shell(place, all_)
    finally:
        for name in ("model", "images"):
            (bucket / name).rename(place / name)
    assert whole(place)


@pytest.mark.slow
def test_dask_jobqueue(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")

    class SLURMCluster(distributed.LocalCluster):
        def __init__(self, cores: int, memory: str, walltime: str) -> None:
            super().__init__(0, threads_per_worker=cores, processes=False, dashboard_address=None)

        def scale(self, jobs: int) -> None:
            super().scale(min(jobs, 1))

    module = types.ModuleType("dask_jobqueue")
    module.SLURMCluster = SLURMCluster  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dask_jobqueue", module)
    monkeypatch.chdir(place)
    (block,) = ready(place, "dask-jobqueue")
    exec(compile(block, "clusters.md", "exec"), {"__name__": "__main__"})
    assert whole(place)
