"""The explorer as one file, which works by double click: vectors, thumbnails, and a Decoder that runs in the page."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from zpoints.errors import ArrayError
from zpoints.explorer.attributes import attributes_of, directions, possible
from zpoints.explorer.packing import packed
from zpoints.explorer.page_files import one_file
from zpoints.explorer.point import usual_distance
from zpoints.explorer.space import Space
from zpoints.explorer.start import arrays_of, heading_of
from zpoints.explorer.thumbnails import thumbnails
from zpoints.explorer.weights import decoder_arrays
from zpoints.files.atomic import atomic_path
from zpoints.images.sheets import contact_sheet
from zpoints.system.progress import Progress, Silent
from zpoints.system.sizes import in_words
from zpoints.vectors.latent_set import some_of

__all__ = ["export_page"]

VECTORS = 8 << 20  # bytes that vectors may take; of more, some are drawn at random
SHEET = 6 << 20  # bytes that thumbnails may take
DRAWN = 240  # vectors of each sampler
SIDES = ((5000, 48), (20_000, 32))  # thumbnails up to so many, and pixels to a side
COLUMNS = 128  # of the sheet of thumbnails
PLANES = (
    (0, 1),
    (0, 2),
    (1, 2),
)  # of principal axes, that are decoded beforehand where the page cannot decode
STEPS, REACH = 15, 3.0  # pictures to a side, and standard deviations to either side
QUALITY = 82


def export_page(space: Space, out: str | Path, progress: Progress | None = None) -> Path:
    """Write the explorer into one HTML file, without a server, other files, or a network.

    zpoints' own Decoder runs in the page itself. Of another model the file has pictures that are decoded beforehand,
    for three planes of principal axes, and says so.

    Parameters
    ----------
    out : the file.

    Returns
    -------
    Path : the file.
    """
    out, progress = Path(out).expanduser(), progress or Silent()
    heading, notes = heading_of(space), []
    chosen = _chosen(space)
    arrays = {**_narrow(arrays_of(space)), "shown": chosen.astype(np.int32)}
    arrays["vectors"] = space.latents.subset(chosen).array().astype(np.float16)
    if len(chosen) < space.latents.n:
        notes.append(
            f"Densities and neighbours in this file are those of {len(chosen):,} of the {space.latents.n:,} "
            "z-points, drawn at random."
        )
    heading["usual"] = usual_distance(space.latents)
    heading["samplers"], drawn_vectors = _samples(space, notes)
    arrays |= drawn_vectors
    arrays |= _attributes(space, chosen)
    if space.store is not None:
        heading["thumbs"], arrays["thumbs"] = _thumbs(space, chosen, notes)
    if space.codec is not None:
        own, more = _decoder(space, notes, progress)
        heading |= own
        arrays |= more
    heading["notes"] = notes
    with atomic_path(out) as temporary:
        temporary.write_text(one_file(packed(heading, arrays)), encoding="utf-8")
    for note in notes:
        progress.say(f"{out}: {note}")
    progress.say(f"{out}: {in_words(out.stat().st_size)}")
    return out


def _samples(space: Space, notes: list[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """The samplers whose files can be read, with some vectors of each; of the others a note."""
    found: dict[str, np.ndarray] = {}
    for name in space.samplers:
        try:
            found[name] = space.sampler(name).sample(DRAWN, seed=1).astype(np.float16)
        except ArrayError as error:
            notes.append(f"Without the sampler {name}: {error}.")
    return [*found], {f"sampler_{k}": z for k, z in enumerate(found.values())}


def _chosen(space: Space) -> Int[np.ndarray, " k"]:
    """The vectors that the file holds."""
    numbers, most = space.shown, max(VECTORS // (2 * space.latents.dimension), 100)
    return some_of(numbers, most, seed=0)


def _narrow(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Large matrices in float16: a correlation to 3 digits is enough for ellipses on a screen."""
    return {
        name: array.astype(np.float16) if array.ndim == 2 and array.size > 1 << 18 else array
        for name, array in arrays.items()
    }


def _attributes(space: Space, chosen: Int[np.ndarray, " k"]) -> dict[str, np.ndarray]:
    found = attributes_of(space.index)
    wanted = [(k, number) for k, attribute in enumerate(found) for number in possible(attribute)]
    ways = directions(space, [(found[k], number) for k, number in wanted]).astype(np.float32)
    arrays = {f"attribute_{k}": attribute.values[chosen] for k, attribute in enumerate(found)}
    return arrays | {f"direction_{k}_{number}": way for (k, number), way in zip(wanted, ways, strict=True)}


def _thumbs(
    space: Space, chosen: Int[np.ndarray, " k"], notes: list[str]
) -> tuple[dict[str, int], UInt8[np.ndarray, " b"]]:
    """Thumbnails on one sheet, as JPEG; of the first vectors only, if the sheet grows too large."""
    side = next((side for most, side in SIDES if len(chosen) <= most), SIDES[-1][1])
    count = len(chosen)
    while True:
        small = np.concatenate(
            [thumbnails(space, part, side) for part in np.array_split(chosen[:count], -(-count // 4096))]
        )
        data = _jpeg(small, COLUMNS)
        if len(data) <= SHEET or count < 100:
            break
        count = int(0.9 * count * SHEET / len(data))
    if count < len(chosen):
        notes.append(f"Thumbnails of {count:,} of these vectors are in this file.")
    height, width = small.shape[1:3]
    return {"columns": min(COLUMNS, count), "height": height, "width": width, "count": count}, np.frombuffer(
        data, np.uint8
    )


def _jpeg(pictures: UInt8[np.ndarray, "m h w c"], columns: int) -> bytes:
    data = io.BytesIO()
    contact_sheet(pictures, columns, gap=0).save(data, "JPEG", quality=QUALITY)
    return data.getvalue()


def _decoder(
    space: Space, notes: list[str], progress: Progress
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The Decoder where the page can do what it does; else pictures of some planes."""
    codec = space.codec
    if codec is not None and codec.kind == "autoencoder" and hasattr(codec, "network"):
        network, arrays = decoder_arrays(codec.network)
        return {"network": network}, arrays
    pca = space.distribution.pca
    planes = [(i, j) for i, j in PLANES if j < pca.rank]
    notes.append(
        f"This file cannot decode: it has {STEPS * STEPS} pictures of each of {len(planes)} planes of principal "
        "axes, decoded when it was written. Start `zpoints explore` for all others."
    )
    places = np.linspace(-REACH, REACH, STEPS)
    grids, arrays, shape = [], {}, (0, 0)
    with progress.task("decode", len(planes) * STEPS, "rows") as task:
        for k, (i, j) in enumerate(planes):
            pictures = []
            for v in places:  # rows of the sheet
                u = np.zeros((STEPS, pca.rank))
                u[:, i], u[:, j] = places, v
                assert codec is not None
                pictures.append(codec.decode(pca.unwhiten(u).astype(np.float32)))
                task.advance()
            all_pictures = np.concatenate(pictures)
            shape = all_pictures.shape[1:3]
            arrays[f"grid_{k}"] = np.frombuffer(_jpeg(all_pictures, STEPS), np.uint8)
            grids.append({"basis": "pca", "i": i, "j": j, "steps": STEPS, "reach": REACH})
    return {"grids": grids, "decoded": list(shape), "codec": False}, arrays
