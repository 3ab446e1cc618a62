"""Has it learned its data by heart: authenticity, C_T, near copies, and a verdict in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.copying import DataCopying, c_t
from gansaku.metrics.estimate import Estimate, check_features, of_mean
from gansaku.metrics.neighbours import nearest, within

RARE = 0.01  # share of real points that mark the near end of what is usual
NEARER = 0.75  # of that end: nearer is a copy; in no class of MNIST new digits come so near
NEARER_TWINS = 0.5
WHOLLY = 0.75  # share of copies that is called by heart
PROBED = 2000  # training points that tell what is usual
LEAST = {"samples": 50, "training examples": 10}
Kind = Literal["by heart", "near copies", "no sign", "too few"]


def authenticity(train: Tensor, fake: Tensor) -> Estimate:
    """AuthPct: share of `fake [M, D]` that is farther from its nearest point of `train [N, D]`
    than that point is from its own nearest training neighbour.

    arXiv:2102.08921, section 4 (A). What is healthy depends on the data and is seldom 1/2: see
    `usual_closeness`. The error counts the drawing of the samples. Raises UserError for fewer
    than 2 rows.
    """
    return of_mean(closeness(train, fake) > 1)


def closeness(train: Tensor, fake: Tensor) -> Tensor:
    """d(x, t) / d(t, t') of each x of `fake [M, D]`, t its nearest point of `train [N, D]` and t'
    the nearest other one to t: `[M]` in float64; 0 for a copy, inf beside repeated points."""
    check_features(2, train=train, fake=fake)
    distance, t = nearest(fake, train)
    return _closeness(train, distance[:, 0], t[:, 0])


def _closeness(train: Tensor, distance: Tensor, t: Tensor) -> Tensor:
    rows, where = t.unique(return_inverse=True)  # only for these the neighbours are looked up
    own = nearest(train[rows], train, 1, skip=rows)[0][where, 0]
    return _ratio(distance, own)


def usual_closeness(train: Tensor, seed: int = 0, most: int = PROBED) -> Tensor:
    """The closeness of real points that were not trained on, as training points tell it: each
    of `most` of them is left out and compared with the rest.

    Of new points of the same distribution the closeness is distributed like this, in any
    dimension and with no held-out data.
    """
    check_features(3, train=train)
    rows = Noise(seed, ("memorisation",)).uniform(len(train)).argsort()[:most].to(train.device)
    distance, t = nearest(train[rows], train, 1, skip=rows)
    others, index = nearest(train[t[:, 0]], train, 2, skip=t[:, 0])
    left_out = index[:, 0] == rows  # the point's nearest other may be the one that is left out
    return _ratio(distance[:, 0], torch.where(left_out, others[:, 1], others[:, 0]))


def _ratio(distance: Tensor, own: Tensor) -> Tensor:
    return torch.where(distance == 0, 0.0, distance / own)


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """Rows that lie nearer to their nearest neighbour than a threshold."""

    near: Estimate  # share of all rows
    exact: int  # rows at distance 0
    pairs: Tensor  # [P, 2]: row and its nearest neighbour, in order of distance
    distances: Tensor  # [P]


def duplicates(x: Tensor, y: Tensor | None = None, *, threshold: float | Tensor) -> Duplicates:
    """Rows of `x [N, D]` that are at most `threshold` (one number, or `[N]`) from their nearest
    neighbour in `y [M, D]`, or within `x`: one pair a row, so that memory is bounded.

    `twin_distance` derives a threshold from training data; for copies of these, compare
    `closeness` with the bound of `examine`. Raises UserError for fewer than 2 rows.
    """
    found, index = within(x) if y is None else nearest(x, y)
    distance = found[:, 0]
    rows = ((distance <= threshold) & (distance < math.inf)).nonzero()[:, 0]
    rows = rows[distance[rows].argsort(stable=True)]
    pairs = torch.stack((rows, index[rows, 0]), 1)
    near = of_mean((distance <= threshold).double())
    return Duplicates(near, int((distance == 0).sum()), pairs, distance[rows])


def twin_distance(train: Tensor, n: int, seed: int = 0) -> float:
    """How near two of `n` samples are all but the same: half the distance that only the share
    `RARE` of as many training points have to their nearest neighbour among themselves."""
    check_features(2, train=train)
    rows = Noise(seed, ("twins",)).uniform(len(train)).argsort()[: max(n, 2)].to(train.device)
    usual = within(train[rows])[0][:, 0]
    return NEARER_TWINS * float(usual.quantile(RARE, interpolation="lower"))


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What one space (pixels, or some features) tells of the samples; see `examine`."""

    samples: int
    training: int
    closeness: Tensor  # [M]
    copies: Estimate  # share of samples whose closeness is at most `bound`
    bound: float
    copied: int  # different training points that those are copies of
    exact: int  # samples that are training points
    authenticity: Estimate
    usual: Estimate  # AuthPct that new real points would have
    usual_median: float  # of their closeness
    twins: Duplicates  # within the samples
    copying: DataCopying | None  # none without held-out data

    @property
    def chance(self) -> float:
        """The most copies that chance explains: 4 deviations above the share `RARE`, and 2 %."""
        probed = min(self.training, PROBED)
        share = max(RARE, 1 / (probed + 1))
        deviation = math.sqrt(share * (1 - share) * (1 / probed + 1 / self.samples))
        return share + 4 * deviation + 0.02

    @property
    def leaning(self) -> bool:
        """Authenticity is clearly below half of what is usual."""
        return self.authenticity.value + 4 * self.authenticity.error < self.usual.value / 2


def examine(train: Tensor, fake: Tensor, test: Tensor | None = None, seed: int = 0) -> Evidence:
    """All that neighbours in one space tell of `fake [M, D]` learned from `train [N, D]`.

    A sample is a copy where its closeness is at most `NEARER` times the value that only the
    share `RARE` of new real points fall below. `test [L, D]`: held-out data, for C_T. Raises
    UserError for fewer than 3 training points or 2 samples.
    """
    check_features(3, train=train)
    distance, t = nearest(fake, train)
    ratio = _closeness(train, distance[:, 0], t[:, 0])
    usual = usual_closeness(train, seed)
    bound = NEARER * float(usual.quantile(RARE, interpolation="lower"))
    near = ratio <= bound
    return Evidence(
        samples=len(fake),
        training=len(train),
        closeness=ratio,
        copies=of_mean(near),
        bound=bound,
        copied=len(t[near].unique()),
        exact=int((distance == 0).sum()),
        authenticity=of_mean(ratio > 1),
        usual=of_mean(usual > 1),
        usual_median=float(usual.median()),
        twins=duplicates(fake, threshold=twin_distance(train, len(fake), seed)),
        copying=None if test is None else _c_t(train, test, fake, seed),
    )


def _c_t(train: Tensor, test: Tensor, fake: Tensor, seed: int) -> DataCopying | None:
    """C_T, or None where no cell holds enough samples."""
    try:
        return c_t(train, test, fake, seed=seed)
    except UserError:
        return None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the data were learned by heart, in words, with what says so."""

    kind: Kind
    words: str
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        return self.words


def judge(spaces: Mapping[str, Evidence]) -> Verdict:
    """A verdict from the `Evidence` of each space, by name; the space with most copies counts.

    By heart: three quarters of the samples are copies. Near copies of some: more are than chance
    explains, or authenticity is clearly below half of what is usual. C_T is evidence and decides
    nothing: samples that are merely too smooth move it as well. Raises UserError for no space.
    """
    if not spaces:
        raise UserError("a verdict needs the evidence of at least one space but got none")
    name, most = max(spaces.items(), key=lambda item: item[1].copies.value)
    lines = tuple(line for space, found in spaces.items() for line in _lines(space, found))
    leaning = [space for space, found in spaces.items() if found.leaning]
    for what, count in (("samples", most.samples), ("training examples", most.training)):
        if count < LEAST[what]:
            short = f"Too few {what} to say: {count}, and {LEAST[what]} are needed."
            return Verdict("too few", short, lines)
    share = f"{most.copies.value:.0%} of {most.samples} samples"
    if most.copies.value >= WHOLLY and most.copies.value > most.chance:
        words = (
            f"Learned by heart: {share} are copies of {most.copied} training examples, by {name}."
        )
        return Verdict("by heart", words, lines)
    if any(found.copies.value > found.chance for found in spaces.values()):
        words = f"Near copies of some: {share} copy {most.copied} training examples, by {name}."
        return Verdict("near copies", words, lines)
    if leaning:
        words = (
            "Near copies of some: samples keep much closer to training examples than new data do"
        )
        return Verdict("near copies", f"{words}, by {' and '.join(leaning)}.", lines)
    words = f"No sign of memorisation: {share} are near copies, no more than chance explains."
    return Verdict("no sign", words, lines)


def _lines(name: str, found: Evidence) -> list[str]:
    """The evidence of one space in sentences."""
    copies = f"{found.copies.value:.1%} near copies (by chance up to {found.chance:.1%})"
    authentic, usual = (f"{one.value:.1%}" for one in (found.authenticity, found.usual))
    lines = [
        f"{name}: {copies}, {found.exact} exact",
        f"{name}: AuthPct {authentic} (new real data: {usual})",
        f"{name}: {found.twins.near.value:.1%} of the samples have a twin among them",
    ]
    if found.copying is None:
        return [*lines, f"{name}: C_T cannot be told: too little or nothing was held out"]
    value, error = found.copying.c_t
    side = "nearer than" if value < -3 * error else "no nearer than"
    return [*lines, f"{name}: C_T {value:.2f} ± {error:.2f}: {side} held-out data"]
