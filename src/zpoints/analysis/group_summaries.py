"""The scalar results by group. A part of ``analysis.json``."""

from dataclasses import dataclass

from zpoints.files.records import Record

__all__ = ["GroupSummary", "GroupsSummary", "PairSummary"]

NAMED = 6  # groups in a sentence
SURE = 5.0  # standard errors from which on a gain counts as measured


@dataclass(frozen=True, eq=False)
class GroupSummary(Record):
    """Normality within one group.

    Attributes
    ----------
    name : the value that its vectors have in common. count : of all vectors. measured : of these, in memory.
    axes : leading principal axes of the whole, at most a fifth as many as vectors were measured.
    scale_variance : variance of each vector's squared scale, and the standard error of a normal sample's.
    skewness, kurtosis : Mardia's, in standard errors of a normal sample; the skewness along `skewness_axes`.
    std, normal_std : of the squared Mahalanobis distance. ks_distance, normal_ks_distance : of the distances.
    normal : whether neither of Mardia's tests rejects, at 0.001 over all tests of all groups.
    """

    name: str
    count: int
    measured: int
    axes: int
    skewness_axes: int
    scale_variance: float
    scale_variance_error: float
    skewness: float | None
    kurtosis: float | None
    std: float
    normal_std: float
    ks_distance: float
    normal_ks_distance: float
    normal: bool

    @property
    def sentence(self) -> str:
        """The group in words."""
        tests = [
            f"{name} {z:+.1f}"
            for name, z in (("skewness", self.skewness), ("kurtosis", self.kurtosis))
            if z is not None
        ]
        kind = "normal within the noise" if self.normal else "not normal"
        return (
            f"{self.name} ({self.count:,} vectors): {kind} along "
            f"{self.axes:,} axes; variance of each vector's squared scale {self.scale_variance:+.3f} +/- "
            f"{self.scale_variance_error:.3f}; Mardia's tests, in standard errors: {', '.join(tests)}."
        )


@dataclass(frozen=True, eq=False)
class PairSummary(Record):
    """Two groups; see `statistics.groups`. Distances are corrected for chance, `covariance_z` is in its spreads."""

    a: str
    b: str
    distance: float
    distance_error: float | None
    distance_p: float | None
    covariance_distance: float
    covariance_null: float
    covariance_z: float


@dataclass(frozen=True, eq=False)
class GroupsSummary(Record):
    """What groups of the vectors have in common, and in what they differ.

    Attributes
    ----------
    by : the column. vectors : that belong to a group that was measured. measured : of these, in memory.
    unknown : vectors without a value. small : groups of fewer than `fewest` vectors, left out. more : further groups,
        left out because only the largest are measured. left_out : vectors of both.
    groups : the measured ones. nearest, farthest : pairs by the distance of their centres.
    least_alike : the pair whose covariances differ most. covariance_p : of covariances that are all the same.
    covariance_axes, centre_axes : leading principal axes in which they were compared.
    gain, shared_gain : mean log density of held-out vectors by a mixture of normals by group, less that by one
        normal, nats a vector; with a covariance for each group, and with one for all. chance : the first of groups at
        random.
    gain_beyond, gain_error : beyond chance, and its standard error. held_out : vectors.
    """

    by: str
    vectors: int
    measured: int
    unknown: int
    small: int
    more: int
    left_out: int
    fewest: int
    groups: tuple[GroupSummary, ...]
    nearest: PairSummary
    farthest: PairSummary
    least_alike: PairSummary
    covariance_p: float
    covariance_axes: int
    centre_axes: int
    gain: float
    shared_gain: float
    chance: float
    gain_beyond: float
    gain_error: float
    held_out: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """Which groups, how normal each is, how far apart, and whether one normal or a mixture."""
        return (
            f"By {self.by}: {self._which}. {self._normality} {self._apart}",
            self.question,
        )

    @property
    def question(self) -> str:
        """One normal, or a mixture of normals by group?"""
        found = f"{self.gain:+.3g} nats a vector"
        error = f"{self.gain_beyond:+.3g} +/- {self.gain_error:.2g}"
        if self.gain_beyond > SURE * self.gain_error:
            text = (
                f"A mixture of normals by {self.by} describes held-out vectors better than one normal: {found}, "
                f"{error} beyond groups dealt at random; {self.shared_gain:+.3g} with one covariance for all"
            )
        elif self.gain_beyond < -SURE * self.gain_error:
            text = (
                f"A mixture of normals by {self.by} describes held-out vectors worse than one of groups dealt at "
                f"random ({found}, {error})"
            )
        else:
            text = (
                f"One normal or a mixture of normals by {self.by}: held-out vectors cannot tell ({found}, {error} "
                "beyond groups dealt at random)"
            )
        return f"{text}."

    @property
    def _which(self) -> str:
        names = ", ".join(f"{group.name} ({group.count:,})" for group in self.groups[:NAMED])
        rest = f" and {len(self.groups) - NAMED} more" if len(self.groups) > NAMED else ""
        left = [
            f"{self.small:,} group(s) of fewer than {self.fewest} vectors" if self.small else "",
            f"{self.more:,} group(s) beyond the {len(self.groups)} largest" if self.more else "",
            f"{self.unknown:,} vectors without a value" if self.unknown else "",
        ]
        said = ", ".join(part for part in left if part)
        out = f"; left out: {said}" if said else ""
        drawn = f"; measured on {self.measured:,} drawn at random" if self.measured < self.vectors else ""
        return f"{len(self.groups)} groups, {names}{rest}{out}{drawn}"

    @property
    def _normality(self) -> str:
        normal, count = sum(group.normal for group in self.groups), len(self.groups)
        if normal == count:
            return "Each is normal within its noise."
        scales = sorted(group.scale_variance for group in self.groups)
        return (
            f"{normal or 'None'} of {count} {'is' if normal < 2 else 'are'} normal within the noise; variance of "
            f"each vector's squared scale within groups {scales[0]:+.2f} to {scales[-1]:+.2f}."
        )

    @property
    def _apart(self) -> str:
        far, near, other = self.farthest, self.nearest, self.least_alike
        pair = "" if len(self.groups) == 2 else f" (nearest: {near.a} and {near.b}, {near.distance:.2f})"
        names = "" if len(self.groups) == 2 else f" of {far.a} and {far.b}"
        error = "" if far.distance_error is None else f" +/- {far.distance_error:.2f}"
        text = (
            f"The centres{names} lie {far.distance:.2f}{error} standard deviations apart{pair}; covariances "
        )
        if self.covariance_p > 0.01:
            return f"{text}differ by no more than chance (p = {self.covariance_p:.2f})."
        factor = float(2.718281828459045 ** (other.covariance_distance / self.covariance_axes**0.5))
        whose = "" if len(self.groups) == 2 else f", most of all those of {other.a} and {other.b}"
        return f"{text}differ{whose}: typically by a factor of {factor:.2f} in the variance along an axis."
