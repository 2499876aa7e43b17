"""Fuzz one harness with atheris: python tests/fuzz/fuzz.py HARNESS SECONDS [FOLDER]. See README.md."""

import hashlib
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
# Numba compiles these, and cannot read instrumented code.
COMPILED = [
    f"zpoints.statistics.{path.stem}" for path in (HERE.parents[1] / "src/zpoints/statistics").glob("*.py")
]
with atheris.instrument_imports(
    include=["zpoints", "zipfile", "numpy.lib", "tomllib", "json", "zarr", "PIL"],
    exclude=COMPILED,
):
    import harnesses
    import seeds

from support import little_memory  # noqa: E402


def main(name: str, seconds: str, work: str = "fuzz") -> None:
    """Fuzz for some seconds; inputs that fail lie in WORK/failures, what covers more in WORK/corpus/HARNESS."""
    folder = Path(work)
    corpus, failures = folder / "corpus" / name, folder / "failures"
    for made in (corpus, failures):
        made.mkdir(parents=True, exist_ok=True)
    for content in seeds.seeds(name):
        (corpus / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))

    def once(data: bytes) -> None:
        """One input. A failure is noted, and the search goes on: one defect must not hide the others."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        try:
            harnesses.run(name, data, place)
        except Exception as error:
            _note(failures, name, data, error)

    options = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=0", "-max_len=8192"]
    options += [
        f"-artifact_prefix={failures}/{name}-",
        "-verbosity=0",
        str(corpus),
        str(HERE / "corpus" / name),
    ]
    (HERE / "corpus" / name).mkdir(parents=True, exist_ok=True)
    with little_memory(384):
        atheris.Setup([sys.argv[0], *options], once)
        atheris.Fuzz()


def _note(failures: Path, name: str, data: bytes, error: Exception) -> None:
    """Keep the shortest input of each kind of failure: the class of the error, and where in zpoints it arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "zpoints" in f.filename]
    where = f"{Path(frames[-1].filename).stem}-{frames[-1].lineno}" if frames else "here"
    path = failures / f"{name}-{type(error).__name__}-{where}"
    if not path.exists() or path.stat().st_size > len(data):
        path.write_bytes(data)
        Path(f"{path}.txt").write_text("".join(traceback.format_exception(error)), errors="replace")


if __name__ == "__main__":
    main(*sys.argv[1:])
