"""Channels of latent arrays: mean and standard deviation over all vectors and positions, as a sum over blocks."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from jaxtyping import Float, Num

__all__ = ["ChannelSums", "Channels", "Order", "by_position"]

Order = Literal["channels-first", "channels-last"]


@dataclass(frozen=True)
class Channels:
    """Which axis of a latent array is that of the channels.

    Attributes
    ----------
    shape : of one latent array, of at least two axes.
    order : whether the first axis is that of the channels, or the last.

    Examples
    --------
    >>> channels = Channels((4, 32, 32), "channels-first")
    >>> channels.count, channels.positions
    (4, (32, 32))
    """

    shape: tuple[int, ...]
    order: Order

    @classmethod
    def guessed(cls, shape: tuple[int, ...]) -> "tuple[Channels, bool]":
        """The likelier order of a shape, and whether there is a reason for it.

        Channels come first if only then all axes of positions are of equal length, last if only then; of equals, the
        shorter axis is that of the channels. Where that does not tell either, they are taken to come first.

        Examples
        --------
        >>> for shape in ((4, 32, 32), (32, 32, 4), (512, 1, 1), (256, 4, 4), (16, 64), (8, 8, 8)):
        ...     channels, sure = Channels.guessed(shape)
        ...     print(shape, channels.order, sure)
        (4, 32, 32) channels-first True
        (32, 32, 4) channels-last True
        (512, 1, 1) channels-first True
        (256, 4, 4) channels-first True
        (16, 64) channels-first True
        (8, 8, 8) channels-first False
        """
        first, last = (len(set(positions)) == 1 for positions in (shape[1:], shape[:-1]))
        if first == last:
            first, last = shape[0] < shape[-1], shape[-1] < shape[0]
        return cls(shape, "channels-last" if last else "channels-first"), first or last

    @property
    def count(self) -> int:
        """Number of channels."""
        return self.shape[0] if self.order == "channels-first" else self.shape[-1]

    @property
    def positions(self) -> tuple[int, ...]:
        """Lengths of the other axes."""
        return self.shape[1:] if self.order == "channels-first" else self.shape[:-1]

    def of(self, vectors: Num[np.ndarray, "m d"]) -> Num[np.ndarray, "m c p"]:
        """Vectors as channels and positions."""
        if self.order == "channels-first":
            return vectors.reshape(len(vectors), self.count, -1)
        return vectors.reshape(len(vectors), -1, self.count).swapaxes(1, 2)


@dataclass(frozen=True, eq=False)
class ChannelSums:
    r"""Sums over vectors of what each of them has in a channel on average; mergeable.

    With :math:`x_{rp}` the value of vector r at position p, and c a centre of the channel, a vector's own averages
    are :math:`m_r = \frac 1 P \sum_p (x_{rp} - c)` and :math:`q_r = \frac 1 P \sum_p (x_{rp} - c)^2`.

    The values of one vector depend on each other, the vectors do not. So the standard errors are those of averages
    over n vectors, not over n P values, which would be smaller, often many times:

    .. math:: \mathrm{SE}(\bar x) = \frac{s(m)}{\sqrt n}, \qquad \mathrm{SE}(s) = \frac{s(q)}{2 s \sqrt n}

    with s(m) and s(q) the standard deviations of :math:`m_r` and :math:`q_r` over the vectors, and c the mean.

    Attributes
    ----------
    n : number of vectors. positions : values that each has in a channel.
    centre : c of each channel.
    sums : of m, q, m squared and q squared, over the vectors.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(2.0, 3.0, size=(500, 4, 8, 8))
    >>> channels, centre = Channels((4, 8, 8), "channels-first"), z.mean(axis=(0, 2, 3))
    >>> found = ChannelSums.of(z.reshape(500, -1), channels, centre)
    >>> bool(np.allclose(found.mean, centre)), bool(np.allclose(found.std, z.std(axis=(0, 2, 3), ddof=1)))
    (True, True)
    """

    n: int
    positions: int
    centre: Float[np.ndarray, " c"]
    sums: Float[np.ndarray, "4 c"]

    @classmethod
    def of(cls, vectors: Num[np.ndarray, "m d"], channels: Channels, centre: Float[np.ndarray, " c"]) -> Self:
        """Summarise one block."""
        x = channels.of(np.asarray(vectors, np.float64)) - centre[:, None]
        mean, square = x.mean(axis=2), np.einsum("mcp,mcp->mc", x, x) / x.shape[2]
        sums = np.stack(
            [mean.sum(axis=0), square.sum(axis=0), (mean**2).sum(axis=0), (square**2).sum(axis=0)]
        )
        return cls(len(x), x.shape[2], centre, sums)

    def __add__(self, other: Self) -> Self:
        """Sums of both sets together."""
        return type(self)(self.n + other.n, self.positions, self.centre, self.sums + other.sums)

    @property
    def mean(self) -> Float[np.ndarray, " c"]:
        """Mean over all vectors and positions."""
        return self.centre + self.sums[0] / self.n

    @property
    def std(self) -> Float[np.ndarray, " c"]:
        """Standard deviation over all vectors and positions (unbiased variance, were they independent)."""
        first, second, *_ = self.sums / self.n
        count = self.n * self.positions
        return np.sqrt(np.maximum(second - first**2, 0.0) * count / (count - 1))

    @property
    def mean_error(self) -> Float[np.ndarray, " c"]:
        """Standard error of `mean`."""
        return self._spread(0, 2) / np.sqrt(self.n)

    @property
    def std_error(self) -> Float[np.ndarray, " c"]:
        """Standard error of `std`; 0 for a channel that does not vary."""
        std = self.std
        return self._spread(1, 3) / (2 * np.where(std > 0, std, 1.0) * np.sqrt(self.n))

    def _spread(self, first: int, second: int) -> Float[np.ndarray, " c"]:
        total, squares = self.sums[first], self.sums[second]
        return np.sqrt(np.maximum(squares - total**2 / self.n, 0.0) / (self.n - 1))


def by_position(
    channels: Channels, n: int, mean: Float[np.ndarray, " d"], variance: Float[np.ndarray, " d"]
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """Mean and standard deviation at each position, over all vectors and channels, positions in C order.

    Parameters
    ----------
    n : number of vectors. mean, variance : of every component (unbiased variance).
    """
    means, variances = (channels.of(values[None])[0] for values in (mean, variance))
    centre, count = means.mean(axis=0), n * channels.count
    squares = (n - 1) * variances.sum(axis=0) + n * ((means - centre) ** 2).sum(axis=0)
    return centre, np.sqrt(squares / (count - 1))
