"""A run with a model of another tool: the pictures follow the model, not the model the pictures."""

from contextlib import suppress

from zpoints.config import Settings
from zpoints.errors import UsageError, ZPointsError
from zpoints.files.documents import read_json
from zpoints.files.settings import load_settings, with_values
from zpoints.run.folder import Run
from zpoints.run.requirements import check_budget
from zpoints.run.stage import Stage
from zpoints.system.budget import current
from zpoints.system.progress import Progress

__all__ = ["changed_model", "following"]


def following(run: Run, stages: tuple[Stage, ...], progress: Progress) -> Settings:
    """The run's settings, with the size of pictures, colours and latent components that its model has.

    Raises
    ------
    UsageError : the settings ask for pictures that the model does not take; or there is no such model.
    BudgetError : the memory that the settings allow is too little for the model, or for a stage after it.
    """
    settings = run.settings
    if settings.autoencoder.kind != "foreign" or not settings.autoencoder.model:
        return settings
    from zpoints.models.foreign.format import Place

    height, width, channels, dimension = _shape_of_model(run, stages)
    colour = "grey" if channels == 1 else "rgb"
    given = settings.images
    if given.size not in ("auto", (height, width)):
        raise UsageError(
            f"images.size = {list(given.size)}: the model takes {height}x{width} pictures; leave it out, or give "
            f"[{height},{width}]"
        )
    if given.colour not in ("auto", colour):
        raise UsageError(
            f"images.colour = '{given.colour}': the model takes {colour}; leave it out, or give '{colour}'"
        )
    progress.say(
        f"model: {settings.autoencoder.model}: {height}x{width} {colour} pictures, {dimension:,} components"
    )
    values = {
        "images.size": [height, width],
        "images.colour": colour,
        "autoencoder.latent": dimension,
        # From anywhere the run is to find its model.
        "autoencoder.model": Place.of(settings.autoencoder.model).text,
    }
    return with_values(settings, values, settings.autoencoder.model)


def changed_model(run: Run) -> str:
    """The run's model, if it is the one that the finished stages had, and its files are others since; else empty."""
    from zpoints.models.foreign.looking import mark_of

    text = run.settings.autoencoder.model
    with suppress(ZPointsError):
        before = read_json(run.paths.model / "model.json").get("mark")
        same = load_settings(run.paths.config).autoencoder.model == text
        return text if same and before not in (None, mark_of(text)) else ""
    return ""


def _shape_of_model(run: Run, stages: tuple[Stage, ...]) -> tuple[int, int, int, int]:
    """(height, width, channels, components): as the run knows them from before, or by a look at the model."""
    from zpoints.models.foreign.looking import look, mark_of

    text, known = run.settings.autoencoder.model, run.paths.model / "model.json"
    with suppress(ZPointsError, KeyError):  # what is damaged is written anew
        content = read_json(known) if known.is_file() else {}
        if content.get("mark", "gone") == mark_of(text) != "gone":
            return content["height"], content["width"], content["colours"], content["latent"]
    # Before its libraries are imported; how many components it has is not known yet.
    one = run.settings.autoencoder.model_copy(update={"latent": 1})
    check_budget(current(), run.settings.model_copy(update={"autoencoder": one}), stages)
    found = look(text, device=run.settings.training.device).codec
    return (*found.shape, found.dimension)
