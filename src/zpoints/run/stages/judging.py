"""Judge: all samplers anew, since each is compared with the same held-out pictures, whose features cost most."""

from collections.abc import Mapping
from typing import Any

from zpoints.errors import SourceError
from zpoints.judging.result import Judgement
from zpoints.run.folder import Run
from zpoints.run.requirements import for_judging
from zpoints.run.stage import Done, Stage
from zpoints.run.stages.vectors import SAMPLE
from zpoints.system.progress import Progress

__all__ = ["JUDGE"]


def _work(run: Run, todo: Mapping[str, str], progress: Progress, done: Done) -> dict[str, Any]:
    from zpoints.run import work

    try:
        return {"held_out": work.judge(run, progress).n}
    except SourceError as error:
        # Everything else is there, and one command makes up for it.
        why = f"{error}; later: zpoints judge {run.folder}"
        progress.say(f"judge: {why}")
        Judgement(n=0, skipped=why).write(run.paths.judging / "scores.json")
        return {"held_out": 0}


JUDGE = Stage(
    "judge",
    _work,
    lambda run, part: [run.paths.judging / "scores.json"],
    needs=(SAMPLE,),
    recipe=2,  # 1 took plain distances, and called narrow samplers copies
    depends=lambda settings: settings.judge.model_dump(),
    smallest=for_judging,
    smaller="choose a smaller judge.count",
)
