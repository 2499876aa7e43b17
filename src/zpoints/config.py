"""All settings, one tree, one TOML file. Every default lives here and nowhere else.

A value that zpoints chooses by itself from the data or the machine is written ``"auto"``.
"""

import difflib
import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from zpoints.errors import UsageError

__all__ = [
    "AnalysisSettings",
    "AutoencoderSettings",
    "BudgetSettings",
    "ImageSettings",
    "JudgeSettings",
    "ReportSettings",
    "SampleSettings",
    "Settings",
    "TrainingSettings",
    "bytes_of",
]

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[float, Field(gt=0)]


UNITS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    # What tools that know only one kind of unit mean by it.
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "t": 1 << 40,
}


def bytes_of(text: str) -> int:
    """Bytes that a text means: a number and a unit, ``1.5GiB`` (2**30 bytes each) or ``1.5GB`` (10**9).

    Raises
    ------
    ValueError : no such text, or less than one byte.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower()) if text.isascii() else None
    if not found or found.group(2) not in UNITS:
        raise ValueError("a size is a number and a unit, as in 4GiB, 800MiB or 15GB")
    size = int(float(found.group(1)) * UNITS[found.group(2)])
    if not 1 <= size < 1 << 62:
        raise ValueError("a size is at least one byte, and less than 4 EiB")
    return size


def _size(text: str) -> str:
    """Check the form; what a size means is the budget's affair."""
    if text != "auto":
        bytes_of(text)
    return text


Size = Annotated[str, AfterValidator(_size)]


class Section(BaseModel):
    """One table of the TOML file: frozen, and closed against unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageSettings(Section):
    """Which pictures, and how they are cut and scaled."""

    source: str = "photo-faces"
    """``photo-faces``, ``faces``, ``orl``, ``olivetti``, ``lfw``, or a path: folder, zip, tar, CelebA's download,
    Parquet files, MNIST's files, .npy, .npz; or a pattern as ``shards/*.tar``."""
    count: Literal["auto"] | Positive = "auto"
    """At most so many pictures, the first ones; ``auto`` is all (``photo-faces`` and ``faces`` have no end: 5,000 and
    10,000)."""
    size: Literal["auto"] | tuple[Positive, Positive] = "auto"
    """(height, width); ``auto`` is the source's own (faces 64x64, orl 112x92, CelebA and folders 96x96)."""
    crop: Literal["auto", "none", "square"] | tuple[int, int, int, int] = "auto"
    """What is kept before scaling. ``auto``: the largest centred box that has the shape of `size`, so that nothing is
    stretched. ``none``, the whole picture; ``square``, the centred square; or a box (left, top, right, bottom) in
    pixels: these are stretched where `size` has another shape, and the screen says so."""
    colour: Literal["auto", "rgb", "grey"] = "auto"
    """``auto`` keeps grey pictures grey: one channel if 64 pictures from all parts of the source are grey."""
    white: Literal["auto"] | Annotated[float, Field(gt=0)] = "auto"
    """The value that is shown as white, in pictures of more than 8 bits and in arrays; 0 is black. ``auto``: 255 of
    bytes (1, where 64 pictures from all parts of the source hold 0 and 1 alone), 1 of floats, and of larger whole
    numbers the most that 8, 10, 12, 14 or 16 bits can hold, as many as those pictures need."""
    leave_out: tuple[str, ...] = ()
    """Files that are not used, by patterns as a shell has them: ``["*mask*", "thumbs/*"]``. Capitals count. A pattern
    with a ``/`` is compared with the whole path below the source, one without with the file's name."""
    validation: Share = 0.05
    """Share of the pictures that watches the training, where the source has no official split."""
    test: Share = 0.1
    """Share of the pictures that no stage before the judge sees, where the source has no official split."""
    max_megapixels: Annotated[float, Field(gt=0)] = 64.0
    """Larger pictures are rejected before they are decoded: they are bombs, or do not belong here."""

    @field_validator("crop")
    @classmethod
    def _box_has_area(cls, crop: Any) -> Any:
        if not isinstance(crop, str):
            left, top, right, bottom = crop
            if min(left, top) < 0 or right <= left or bottom <= top:
                raise ValueError(
                    "a box is left, top, right, bottom with 0 <= left < right and 0 <= top < bottom"
                )
        return crop


class BudgetSettings(Section):
    """How much memory and how many threads the work may take. Results depend on it by rounding at most."""

    ram: Size = "auto"
    """Anonymous memory of the process, as ``11GiB``; ``auto`` is 80 % of what the machine, the container and
    ``ulimit -d`` allow."""
    vram: Size = "auto"
    """Memory of the GPU, as ``15GiB``; ``auto`` is 80 % of it."""
    threads: Positive | Literal["auto"] = "auto"
    """Threads on the processor. ``auto``: as many as there are processors, and in PyTorch fewer for as long as other
    programs take some of them and fewer are quicker. A training rounds otherwise with another number of threads: a
    number makes its weights repeatable to the bit also on a busy machine."""


class AutoencoderSettings(Section):
    """The model: by default a network of convolutions of stride 2 down to a vector, and the mirror image up again."""

    kind: str = "autoencoder"
    """``autoencoder``, the network; ``pca``, the leading principal axes of the pictures' pixels, found in seconds and
    without PyTorch; ``foreign``, a model that another tool trained; or a kind of an installed package. Of the
    settings below ``pca`` takes `latent` alone, and of ``[training]`` nothing."""
    model: str = ""
    """Of kind ``foreign``: the model's folder or file, or ``folder/net.py:Class``. Its size of pictures, colours and
    latent vector take the place of what the settings say."""
    channels: Annotated[tuple[Positive, ...], Field(min_length=1)] = (32, 64, 128, 512)
    """Channels of each convolutional layer of the Encoder; the Decoder has them in reverse."""
    kernel: Annotated[int, Field(ge=2, le=11)] = 4
    """Height and width of each convolution's kernel, in pixels."""
    latent: Positive = 64
    """Number of latent components d. More of them give better reconstructions, and a law that takes more pictures to
    learn: 64 suit some thousand pictures, 128 some ten thousand, 256 CelebA."""
    activation: Literal["relu", "leaky_relu", "selu"] = "leaky_relu"
    """What follows each convolution but the last one of the Decoder, which has a sigmoid."""
    batch_norm: bool = False
    """Normalise each channel over the batch, before the activation."""

    @model_validator(mode="after")
    def _model_is_taken(self) -> Self:
        if self.model and self.kind != "foreign":
            raise ValueError(f"model = {self.model!r:.100} needs kind = 'foreign'")
        return self


class TrainingSettings(Section):
    """How the network learns: AdamW under a one-cycle schedule."""

    epochs: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    """``auto`` shows 72,000 pictures in all, in at least 8 and at most 200 epochs; 0 keeps the first weights as they
    are (with ``start = "random"``: an untrained network)."""
    batch: Positive = 32
    """Small batches learn more from each picture; a GPU works faster with larger ones."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """The peak of the one-cycle schedule."""
    start: Literal["auto", "principal-axes", "random"] = "auto"
    """The first weights. ``principal-axes``: the network begins as a linear autoencoder, found in seconds from up to
    2,000 training pictures; that saves a short training most of its time. ``auto`` does so where the layers allow it
    (`activation` relu or leaky_relu, no `batch_norm`)."""
    mirror: bool = True
    """Pictures are shown as they are and mirrored, left to right, in turns: each gives the network two. For letters,
    digits, and all else that is never seen mirrored, ``false`` spends nothing on that."""
    clip_gradient: Annotated[float, Field(ge=0)] = 0.1
    """Longer gradients are cut to this length, so that one bad batch cannot undo the training; 0 is off."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """By this share, times the learning rate, all weights shrink in each step."""
    loss: Literal["mse", "l1", "binary_cross_entropy"] = "l1"
    """``l1``, the mean absolute difference, leaves pictures less blurred than ``mse``."""
    shuffle: Literal["auto", "full", "blocks"] = "auto"
    """``full``: a true random permutation in each epoch. ``blocks``: runs of 64 neighbours in random order, pictures
    permuted within windows of some thousand, for disks that read single pictures slowly. ``auto`` is ``full``, unless
    a trial at the start shows that the disk cannot keep up."""
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    """When the loss is no longer a number: so many times in a row the training goes back to its last good
    checkpoint, and on at half the learning rate. ``--retry`` is 3."""
    device: str = "auto"
    """``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``mps``."""
    devices: Literal["auto"] | Positive = 1
    """GPUs of this host that train together, or processes on a processor; ``auto`` is all GPUs. `batch` is that of
    all together, so the result is one device's but for rounding; with `batch_norm` each takes the means of its own
    slice of a batch. ``torchrun`` says it by itself."""
    nodes: Positive = 1
    """Hosts that train together, as many as ``torchrun --nnodes`` has started: this only checks the number."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """``auto`` is bfloat16 where the processor multiplies it faster than float32, and float16 on GPUs that have fast
    products of that alone (compute capability 7: V100, T4). float16 has a narrow range: losses are scaled."""

    without_result: ClassVar[frozenset[str]] = frozenset({"device", "devices", "nodes", "retries"})

    def result(self) -> dict[str, Any]:
        """The settings that the trained network depends on: not where it is trained, by how many, how patiently."""
        return self.model_dump(exclude=set(self.without_result))


class AnalysisSettings(Section):
    """How the latent vectors are measured."""

    block: Literal["auto"] | Positive = "auto"
    """Vectors per block; the results do not depend on it. ``auto`` is about a million numbers: 4,096 vectors of 256
    components, and never fewer than 256 vectors or more than 65,536."""
    bin_width: Literal["auto"] | Width = "auto"
    """Width of the histograms' bins in the latent components' own units (the articles: 0.25); ``auto`` is Freedman
    and Diaconis' rule. Fits and verdicts do not depend on it: they use bins of 1/64 sigma."""
    pca_bin_width: Literal["auto"] | Width = "auto"
    """The same along the principal axes (the articles: 0.5)."""
    pca: Literal["covariance", "pearson"] = "covariance"
    """The matrix whose eigenvectors are the principal axes; ``pearson`` divides every component by its standard
    deviation first."""
    pca_of: Literal["all", "trimmed", "core", "sample"] = "all"
    """The vectors that decide the principal axes, and what samplers learn: all, the survivors of the FWHM cut at
    `trim_factor`, the robust core, or `pca_sample` random ones (the articles: 80,000 of the cut set)."""
    pca_sample: Annotated[int, Field(ge=2)] = 80_000
    """Vectors that ``pca_of = "sample"`` draws at random; all, if there are fewer."""
    layout: Literal["auto", "channels-first", "channels-last"] = "auto"
    """Where latent arrays with a shape, as (n, 4, 32, 32), have their channels; of vectors it says nothing. ``auto``
    goes by the shape, and says what it took."""
    by: str = ""
    """A column of the pictures' index, as an attribute or class: figures by group are then measured too. Empty for
    none."""
    trim_factors: Annotated[tuple[Width, ...], Field(min_length=1)] = (1.25, 1.35, 1.45, 1.55, 1.7, 1.8)
    """Factors of the FWHM cut, rising: a vector is dropped if any component lies farther from its centre than the
    factor times its FWHM."""
    trim_factor: Width = 1.7
    """The one that `pca_of = "trimmed"` uses; one of `trim_factors`."""

    def block_of(self, dimension: int) -> int:
        """Vectors of `dimension` components per block."""
        return min(max((1 << 20) // dimension, 256), 1 << 16) if self.block == "auto" else self.block

    @model_validator(mode="after")
    def _factors_rise(self) -> Self:
        if list(self.trim_factors) != sorted(set(self.trim_factors)):
            raise ValueError(f"trim_factors must rise: {list(self.trim_factors)}")
        if self.trim_factor not in self.trim_factors:
            raise ValueError(
                f"trim_factor {self.trim_factor:g} is none of trim_factors {list(self.trim_factors)}"
            )
        return self


class SampleSettings(Section):
    """New latent vectors."""

    methods: tuple[str, ...] = ("flow-matching", "mixture", "normal", "ellipse", "independent")
    """Names of `zpoints.samplers.SAMPLERS`; whoever runs them checks these."""
    count: Positive = 256
    """Vectors (and pictures) per method."""
    sigma: Annotated[float, Field(gt=0)] = 3.0
    """Level k of the confidence ellipses that `ellipse` and `ellipse-pairs` stay inside."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Below 1 nearer to where latent vectors are dense, above 1 farther out."""
    options: dict[str, dict[str, Any]] = {}
    """Settings of single samplers, a table each: ``[samples.options.ellipse]`` with ``order = "variance"``, say. They
    are the arguments of the sampler's constructor, and go before `sigma` and `temperature`."""


class JudgeSettings(Section):
    """How samplers are compared, by held-out pictures."""

    features: str = "efficientnet-lite0"
    """What pictures are compared by: a network whose weights come once from the package index; ``inception`` (the
    published FID) and ``dinov2``, whose weights come from their makers; ``pixels``, which needs no network; or
    features of an installed package."""
    second: str = "pixels"
    """A second kind of features, by which the samplers are put into order once more: do both agree? ``pixels`` costs
    next to nothing; ``none`` leaves it out."""
    count: Annotated[int, Field(ge=20)] = 10_000
    """Pictures per sampler; as many as are held out, if these are fewer."""
    axes: Literal["auto"] | Positive = "auto"
    """Leading principal axes of the features in which the Fréchet distance is taken; ``auto`` is 64, and for
    ``inception`` and ``dinov2`` all, as papers do."""


class ReportSettings(Section):
    """What the report shows."""

    components: Positive = 12
    """Number densities of so many components, the ones with the largest standard deviation."""
    planes: Positive = 4
    """So many of the most and of the least elliptic planes."""
    sheet: Positive = 48
    """Pictures on each contact sheet."""


class Settings(Section):
    """All settings of a run.

    A frozen tree, one section for each table of the TOML file. Every field has a default, and is checked by its type;
    a name that is not there is refused.

    Attributes
    ----------
    name, seed : of the run; every random number follows from the seed.
    budget, images, autoencoder, training, analysis, samples, judge, report : the sections.

    Examples
    --------
    >>> import zpoints as zp
    >>> settings = zp.Settings.of({"training": {"epochs": 20}}, "this example")
    >>> settings.training.epochs, settings.autoencoder.latent
    (20, 64)
    """

    name: Annotated[str, Field(pattern=r"^\.*[\w-][\w.-]*$")] = "faces"
    """The run's folder is ``runs/NAME``."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Every random number of the run follows from it."""
    budget: BudgetSettings = BudgetSettings()
    images: ImageSettings = ImageSettings()
    autoencoder: AutoencoderSettings = AutoencoderSettings()
    training: TrainingSettings = TrainingSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    samples: SampleSettings = SampleSettings()
    judge: JudgeSettings = JudgeSettings()
    report: ReportSettings = ReportSettings()

    @classmethod
    def of(cls, tree: dict[str, Any], where: str) -> Self:
        """Check a `tree` of values, as a TOML file gives it; `where` names their origin in the error line.

        Raises
        ------
        UsageError : an unknown name, or a value that cannot be meant; the first of them is named.
        """
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise UsageError(f"{where}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]["loc"][:2]
    same = [problem for problem in error.errors() if problem["loc"][:2] == first]
    # Of a union's complaints the deepest ones are about the form that the user meant.
    depth = max(len(problem["loc"]) for problem in same)
    deepest = [problem for problem in same if len(problem["loc"]) == depth]
    problem = deepest[0]
    path = [str(part) for part in problem["loc"]]
    name = ".".join(part for part in path if part.isidentifier() and "-" not in part)
    if problem["type"] == "extra_forbidden":
        section: Any = Settings
        for part in path[:-1]:
            section = type(section.model_fields[part].default)
        known = list(section.model_fields)
        close = difflib.get_close_matches(path[-1], known, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
        return f"unknown setting '{'.'.join(path):.100}'; {hint}"
    given = f"{problem['input']!r:.100}"
    messages = [found["msg"].removeprefix("Value error, ") for found in deepest]
    return f"setting '{name}' = {given}: {'; or: '.join(dict.fromkeys(messages))}"
