"""Runs stages in their order. What is done stays done; what a change makes stale is done again, and nothing else."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from zpoints.config import Settings
from zpoints.errors import StageError, UsageError
from zpoints.files.settings import save_settings
from zpoints.run.first_edition import taken_over
from zpoints.run.folder import Run
from zpoints.run.foreign import changed_model, following
from zpoints.run.ownership import check_folder_of_run
from zpoints.run.requirements import check_budget
from zpoints.run.sampling import check_samplers
from zpoints.run.stage import Look, Shape, Stage, keys_of, whole
from zpoints.system.budget import Budget, current, within
from zpoints.system.lock import locked
from zpoints.system.meter import Meter
from zpoints.system.progress import Progress, Silent

__all__ = ["redo", "run_stages", "undone"]


def run_stages(run: Run, stages: tuple[Stage, ...], progress: Progress | None = None) -> list[str]:
    """Run every stage that is not done; returns the names of those that were run.

    Parameters
    ----------
    stages : in order, each after those that it needs.

    Raises
    ------
    UsageError : settings that cannot be meant, or a folder that is not a run's; nothing was touched.
    ZPointsError : what a stage could not do; everything finished before stays, and the next call goes on there.
    BudgetError : the memory that the settings allow cannot do; nothing was begun.
    StoppedError : the work outgrew its memory, and was stopped before the kernel would have killed it.
    """
    check_settings(run.settings)
    check_folder_of_run(run.folder)
    with locked(run.folder), within(Budget.of(run.settings.budget)):
        run.settings = following(run, stages, progress or Silent())
        return _Road(run, stages, progress or Silent()).go()


def redo(run: Run, stages: tuple[Stage, ...], name: str, progress: Progress | None = None) -> None:
    """Do one stage again, whether it is done or not, from the files of the stages before it.

    Parameters and errors as of `run_stages`.
    """
    check_settings(run.settings)
    with locked(run.folder), within(Budget.of(run.settings.budget)):
        road = _Road(run, stages, progress or Silent())
        stage = next(stage for stage in stages if stage.name == name)
        keys = keys_of(run, stages)
        road.work(stage, keys[name])
        # Made of files of other settings, it is not what these settings would give: the next run sees to it.
        if not all(road.stands(need, keys[need.name]) for need in stage.needs):
            road.forget(stage, [])


def undone(run: Run, stages: tuple[Stage, ...]) -> list[str]:
    """The stages that are not recorded as done, or whose files are gone; settings are not looked at."""
    recorded = run.record["stages"]
    return [
        stage.name
        for stage in stages
        if stage.name not in recorded
        or not all(_there(run, stage, part) for part in stage.parts(run.settings))
    ]


def check_settings(settings: Settings) -> None:
    """Refuse settings with names that no sampler, model or feature has, before any work.

    Raises
    ------
    UsageError : names the setting, and what was perhaps meant.
    """
    from zpoints.judging.features import FEATURES
    from zpoints.models.kinds import CODECS

    check_samplers(settings.samples)
    for name, registry, value in (
        ("autoencoder.kind", CODECS, settings.autoencoder.kind),
        ("judge.features", FEATURES, settings.judge.features),
    ):
        try:
            registry.check(value)
        except UsageError as error:
            raise UsageError(f"setting '{name}': {error}") from error


@dataclass
class _Road:
    """A run under way: what its record vouches for, and what is to be done."""

    run: Run
    stages: tuple[Stage, ...]
    progress: Progress
    entries: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    is_old: bool = False

    def __post_init__(self) -> None:
        record, keys = self.run.record, keys_of(self.run, self.stages)
        self.entries, self.parts = dict(record["stages"]), dict(record.get("parts", {}))
        self.is_old = "format" not in record
        if self.is_old:
            whole_keys = {name: whole(parts) for name, parts in keys.items()}
            self.entries = taken_over(self.entries, self.run.settings, whole_keys)
        for stage in self.stages:
            if stage.look and (entry := self.entries.get(stage.name)):
                self.looks[stage.name] = stage.look(self.run, keys[stage.name][""], entry)

    def go(self) -> list[str]:
        """All stages; returns the names of those that were run."""
        ran: list[str] = []
        self.say_what_changed()
        for stage in self.stages:
            keys = keys_of(self.run, self.stages)[stage.name]
            if self.stands(stage, keys):
                self.progress.say(
                    f"{stage.name}: done before, in {self.entries[stage.name]['seconds']:.1f} s"
                )
            else:
                if not ran or stage.smallest:  # at once, and again when the size of the pictures is known
                    check_budget(current(), self.run.settings, self.stages, self.shape())
                self.work(stage, keys)
                ran.append(stage.name)
            if stage is self.stages[0]:
                # Not before the pictures were found: a mistyped source leaves an older run as it was.
                save_settings(self.run.paths.config, self.run.settings)
        _close(self.run)
        return ran

    def stands(self, stage: Stage, keys: Mapping[str, str]) -> bool:
        """Whether a stage is done, as these settings want it."""
        entry = self.entries.get(stage.name)
        return (
            entry is not None
            and (self.looks[stage.name].valid if stage.name in self.looks else entry["key"] == whole(keys))
            and not self.todo(stage, keys)
        )

    def todo(self, stage: Stage, keys: Mapping[str, str]) -> dict[str, str]:
        """The parts of a stage that are to be done, with their keys."""
        if list(keys) == [""]:
            look, entry = self.looks.get(stage.name), self.entries.get(stage.name, {})
            fine = look.valid if look else entry.get("key") == keys[""]
            return {} if fine and _there(self.run, stage, "") else dict(keys)
        noted = self.parts.get(stage.name, {})
        return {
            part: key
            for part, key in keys.items()
            if noted.get(part, {}).get("key") != key or not _there(self.run, stage, part)
        }

    def work(self, stage: Stage, keys: Mapping[str, str]) -> None:
        """Do what is to be done of a stage, all of it where nothing is, and note it."""
        todo = self.todo(stage, keys) or (dict(keys) if list(keys) == [""] else {})
        if kept := [part for part in keys if part not in todo]:
            self.progress.say(f"{stage.name}: done before: {', '.join(kept)}")
        if stage.result is None:
            # Its files are about to be replaced: killed among them, no old record may vouch for new ones. What
            # tells itself whose it is stays as it was, in case the work cannot begin.
            self.forget(stage, kept)
        noted = self.parts.setdefault(stage.name, {}) if list(keys) != [""] else {}
        moment = time.monotonic()

        def done(part: str) -> None:
            nonlocal moment
            before, moment = moment, time.monotonic()
            noted[part] = {"key": keys[part], "seconds": round(moment - before, 3)}
            self.write()

        with Meter() as meter:
            note = stage.work(self.run, todo, self.progress, done)
        finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        entry = {
            "key": whole(keys),
            "recipe": stage.recipe,
            "finished": finished,
            **asdict(meter.cost),
            **note,
        }
        if noted:
            entry["seconds"] = round(sum(noted[part]["seconds"] for part in keys), 3)
        self.looks.pop(stage.name, None)
        self.entries[stage.name] = entry
        self.write()

    def forget(self, stage: Stage, kept: list[str]) -> None:
        """Take back that a stage is done, and all of its parts but some."""
        before = (self.entries.pop(stage.name, None), self.parts.get(stage.name))
        if stage.name in self.parts:
            noted = self.parts[stage.name]
            self.parts[stage.name] = {part: noted[part] for part in kept if part in noted}
        if before != (None, self.parts.get(stage.name)):
            self.write()

    def write(self) -> None:
        """Write what is done, in the order of the stages."""
        order = [stage.name for stage in self.stages]
        self.run.write_record(
            {name: self.entries[name] for name in order if name in self.entries},
            {name: self.parts[name] for name in order if self.parts.get(name)},
        )

    def shape(self) -> Shape | None:
        """The shape of the prepared pictures; None as long as there are none."""
        from zpoints.images.store import ImageStore

        try:
            return ImageStore.open(self.run.paths.images).shape
        except StageError:
            return None

    def say_what_changed(self) -> None:
        """Tell which finished stages are stale, and why."""
        stale = dict(self._stale())
        if stale:
            kept = [
                stage.name for stage in self.stages if stage.name in self.entries and stage.name not in stale
            ]
            rest = f"; still valid: {', '.join(kept)}" if kept else ""
            self.progress.say(f"{self._why(stale)}; to be done again: {', '.join(stale.values())}{rest}")
        for look in self.looks.values():
            if look.valid and look.said:
                self.progress.say(look.said)

    def _why(self, stale: Mapping[str, str]) -> str:
        outside = [look.said for look in self.looks.values() if look.said and not look.valid]
        if outside:
            return "; ".join(outside)
        if self.is_old:
            return "this run was made by an earlier version of zpoints"
        recipes = {stage.name: stage.recipe for stage in self.stages}
        if any(self.entries[name].get("recipe") != recipes[name] for name in stale):
            return "zpoints has changed since"
        model = changed_model(self.run)
        if model and self.stages[0].name not in stale:  # pictures depend on settings alone
            return f"the model {model} has changed since"
        return f"settings{model and f', and the model {model},'} have changed since"

    def _stale(self) -> Iterator[tuple[str, str]]:
        """Names of finished stages that no longer stand, and how to say them."""
        found: set[str] = set()
        all_keys = keys_of(self.run, self.stages)
        for stage in self.stages:
            keys, entry = all_keys[stage.name], self.entries.get(stage.name)
            if entry is None:
                continue
            look = self.looks.get(stage.name)
            fine = look.valid if look else entry["key"] == whole(keys)
            before = {need.name for need in stage.needs} & found
            if fine and not before:
                continue
            found.add(stage.name)
            noted = self.parts.get(stage.name, {})
            new = [part for part, key in keys.items() if noted.get(part, {}).get("key") != key]
            some = noted and 0 < len(new) < len(keys)
            yield stage.name, f"{stage.name} ({', '.join(new)})" if some else stage.name


def _there(run: Run, stage: Stage, part: str) -> bool:
    """Whether the files of a part are there."""
    return all(path.is_file() for path in stage.outputs(run, part))


def _close(run: Run) -> None:
    """Let go of results that were opened before they were made anew."""
    for name in ("store", "codec", "latents", "analysis", "scores"):
        vars(run).pop(name, None)
