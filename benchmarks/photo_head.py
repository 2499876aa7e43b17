"""Fit the end of the network behind the source `photo-faces`, and tell how near its faces come to full ones.

    python -m benchmarks.photo_head --side 64 --write          # fits it, and puts it into the package
    python -m benchmarks.photo_head --side 64 --sheet s.png    # tells the error of the one that is there

Full pictures of 1024x1024, scaled down, are what it has to give. Of the last block those channels are kept that the
colours depend on most, by a linear map from all of them; from fewer channels of the block's first half the kept ones
are found again by least squares, and the colours from 3x3 neighbourhoods of the kept ones. The error is that of faces
that had no part in the fit.
"""

import argparse
import time

import numpy as np
from PIL import Image

from zpoints.images.sources.photo_faces import (
    BATCH,
    PRECISION,
    STYLE,
    Block,
    Ending,
    Painter,
    load_network,
    noise_of,
    openvino_core,
    place_of,
)
from zpoints.system.progress import Silent

FITTED, TESTED = 7, 8  # seeds of the two sets of faces
KEPT = {64: (192, 96), 128: (128, 64)}  # channels of the first and of the second half of the block
RIDGE = 1e-4
SHARE = 4  # one pixel of so many takes part in the fit: neighbours say nearly the same
CHOOSING = 40  # faces that decide which channels are kept
SHEET = 12


class Fit:
    """Least squares with an offset, of rows that come block by block."""

    def __init__(self) -> None:
        self.gram: np.ndarray | float = 0.0
        self.moment: np.ndarray | float = 0.0

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        x = np.c_[x, np.ones(len(x), np.float32)]
        self.gram = self.gram + (x.T @ x).astype(np.float64)
        self.moment = self.moment + (x.T @ y.astype(np.float32)).astype(np.float64)

    def solved(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (outputs, inputs) and offsets."""
        gram = np.array(self.gram)
        gram[np.diag_indices(len(gram) - 1)] += RIDGE * np.trace(gram) / len(gram)
        found = np.linalg.solve(gram, self.moment).T
        return found[:, :-1], found[:, -1]


class Network:
    """The whole network, and what happens in one of its blocks."""

    def __init__(self, side: int) -> None:
        import openvino

        core = openvino_core()
        whole = load_network("SynthesisNetwork", Silent())
        self.whole, self.side = core.compile_model(whole, "CPU"), side
        within = load_network("SynthesisNetwork", Silent())
        within.reshape([BATCH, STYLE])
        self.block = Block(within, side)
        outputs = [self.block.spread.output(0), self.block.second_rectified.output(0)]
        model = openvino.Model(outputs, within.get_parameters(), "within")
        self.within = core.compile_model(model, "CPU", PRECISION)

    def full(self, styles: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8, from full pictures."""
        found = []
        for style in styles:
            image = self.whole([style[None]])["img"][0].transpose(1, 2, 0)
            picture = Image.fromarray(np.rint((image.clip(-1, 1) + 1) * 127.5).astype(np.uint8))
            found.append(np.asarray(picture.resize((self.side, self.side), Image.Resampling.LANCZOS)))
        return np.stack(found)

    def features(self, styles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(4, channels, side, side) before the last product of the block, and at its end."""
        found = self.within([styles])
        return found[0], found[1]


def rows_of(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])


def neighbourhoods(x: np.ndarray) -> np.ndarray:
    """(4, c, s, s) to (4 s s, 9 c): what a 3x3 convolution with zeros around sees."""
    n, channels, side, _ = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * side * side, channels * 9)


def fit(network: Network, styles: np.ndarray, pictures: np.ndarray) -> Ending:
    """The ending that gives these pictures of these styles."""
    inner, outer = KEPT[network.side]
    random = np.random.default_rng(FITTED)
    pixels = BATCH * network.side**2

    def some() -> np.ndarray:
        return random.choice(pixels, pixels // SHARE, replace=False)

    plain, spread_before, spread_after = Fit(), [], []
    for first in range(0, CHOOSING, BATCH):
        before, after = network.features(styles[first : first + BATCH])
        plain.add(rows_of(after), pictures[first : first + BATCH].reshape(-1, 3))
        spread_before.append(before.std(axis=(0, 2, 3)))
        spread_after.append(after.std(axis=(0, 2, 3)))
    counts = np.linalg.norm(plain.solved()[0], axis=0) * np.mean(spread_after, axis=0)
    kept = np.sort(np.argsort(-counts)[:outer])
    second = network.block.second_sum.input_value(0).get_node().input_value(0).get_node()
    weight = second.input_value(1).get_node().get_data()[kept, :, 0, 0]
    counts = np.linalg.norm(weight, axis=0) * np.mean(spread_before, axis=0)
    chosen = np.sort(np.argsort(-counts)[:inner])
    again = Fit()
    for first in range(0, CHOOSING, BATCH):
        x = rows_of(network.features(styles[first : first + BATCH])[0])[some()]
        again.add(x[:, chosen], x @ weight.T)
    fewer, offset = again.solved()
    noise, own = Block.noise_and_offset(network.block.second_sum)
    offset, slope = offset + own[0, kept, 0, 0], float(Block.slope(network.block.second_rectified).ravel()[0])
    colours = Fit()
    for first in range(0, len(styles), BATCH):
        before, _ = network.features(styles[first : first + BATCH])
        x = np.einsum("kc,nchw->nkhw", fewer.astype(np.float32), before[:, chosen], optimize=True)
        x = x + noise + offset.astype(np.float32)[None, :, None, None]
        x = np.where(x > 0, x, slope * x).astype(np.float32)
        pick = some()
        colours.add(neighbourhoods(x)[pick], pictures[first : first + BATCH].reshape(-1, 3)[pick])
    head, shift = colours.solved()
    arrays = (fewer, offset, head.reshape(3, outer, 3, 3), shift)
    return Ending(chosen.astype(np.int32), *(array.astype(np.float32) for array in arrays))


def drawn(network: Network, painter: Painter, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Styles of faces, and full pictures of them."""
    styles, pictures = [], []
    for first in range(0, count, BATCH):
        styles.append(painter.styles(noise_of(seed, first, first + BATCH)))
        pictures.append(network.full(styles[-1]))
        print(f"{first + BATCH} of {count} full pictures", flush=True)
    return np.concatenate(styles), np.concatenate(pictures)


def main() -> None:
    """Fit, tell the error, and lay some faces below full ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, choices=(64, 128), default=64)
    parser.add_argument("--fit", type=int, default=160, help="full pictures of the fit")
    parser.add_argument("--write", action="store_true", help="fit, and put the result into the package")
    parser.add_argument("--sheet", help="a PNG of full faces above the fast ones")
    given = parser.parse_args()
    network = Network(given.side)
    if given.write:
        nothing = Ending(
            np.zeros(1, np.int32), np.zeros((1, 1)), np.zeros(1), np.zeros((3, 1, 3, 3)), np.zeros(3)
        )
        found = fit(network, *drawn(network, Painter(given.side, Silent(), nothing), FITTED, given.fit))
        arrays = {name: value.astype(np.float16) for name, value in vars(found).items() if name != "inner"}
        np.savez(str(place_of(given.side)), inner=found.inner, **arrays)
    painter = Painter(given.side, Silent())
    _, full = drawn(network, painter, TESTED, 48)
    started = time.perf_counter()
    mine = np.concatenate([painter.paint(noise_of(TESTED, n, n + BATCH)) for n in range(0, 48, BATCH)])
    took = (time.perf_counter() - started) / 48
    error = np.sqrt(((full.astype(float) - mine) ** 2).mean())
    print(f"root mean square error of 48 other faces: {error:.2f} of 255; {took * 1000:.1f} ms a face")
    if given.sheet:
        rows = [
            np.concatenate(list(part[n : n + SHEET]), axis=1)
            for n in range(0, 48, SHEET)
            for part in (full, mine)
        ]
        Image.fromarray(np.concatenate(rows)).save(given.sheet)


if __name__ == "__main__":
    main()
