"""C_T: a test of whether samples are nearer to the training data than held-out data are."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.estimate import Estimate, check_features
from gansaku.metrics.neighbours import nearest


@dataclasses.dataclass(frozen=True)
class DataCopying:
    """C_T with its standard error under the null, and the cells that it was taken over."""

    c_t: Estimate
    cells: int  # that held enough samples
    of: int

    @property
    def deviations(self) -> float:
        """How many of its own standard errors C_T is away from 0."""
        return self.c_t.value / self.c_t.error


def c_t(
    train: Tensor,
    test: Tensor,
    fake: Tensor,
    cells: int | None = None,
    seed: int = 0,
    least: int = 20,
) -> DataCopying:
    """C_T: far below 0 where samples are nearer to the training data than held-out data are.

    arXiv:2004.05675, section 3.2: the instance space is cut by k-means on `train [N, D]`; in each
    cell the distances of `fake [M, D]` and `test [L, D]` to the cell's training points give a
    Mann-Whitney U, z-scored; cells are averaged by their share of `test`. As in the paper, a cell
    with `least` samples or fewer (tau = 20/M) does not count. What differs: ranks of ties are
    shared, with the variance for it; a cell with no test or training point is left out (the
    authors' code refuses). `cells`: by default one for each 50 rows of the smaller of test and
    fake, at most 10. The error is the deviation that C_T has where nothing is copied:
    sqrt(sum of squared weights). Raises UserError where no cell has enough.
    """
    check_features(2, train=train, test=test, fake=fake)
    wanted = cells or max(1, min(10, min(len(test), len(fake)) // 50))
    centres = k_means(train, min(wanted, len(train)), seed)
    of_train, of_test, of_fake = (nearest(x, centres)[1][:, 0] for x in (train, test, fake))
    scores, weights = [], []
    for cell in range(len(centres)):
        t, p, q = train[of_train == cell], test[of_test == cell], fake[of_fake == cell]
        if len(q) > least and len(p) and len(t):
            scores.append(z_score(nearest(q, t)[0][:, 0], nearest(p, t)[0][:, 0]))
            weights.append(len(p))
    if not scores:
        found = f"the largest of {len(centres)} cells holds {int(of_fake.bincount().max())} samples"
        raise UserError(f"C_T needs a cell with more than {least} samples but {found}; draw more")
    share = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    value = float(share @ torch.tensor(scores, dtype=torch.float64))
    return DataCopying(Estimate(value, float(share.norm())), len(scores), len(centres))


def z_score(x: Tensor, y: Tensor) -> float:
    """The z-score of Mann-Whitney's U of `x [M]` above `y [N]`; ties share their ranks.

    Below 0 where x is the smaller. Without ties: (U - MN/2) / sqrt(MN (M+N+1) / 12).
    """
    m, n = len(x), len(y)
    _, group, sizes = torch.cat((x, y)).unique(return_inverse=True, return_counts=True)
    ranks = sizes.cumsum(0).double() - (sizes - 1) / 2
    u = float(ranks[group[:m]].sum()) - m * (m + 1) / 2
    tied = float((sizes.double() ** 3 - sizes).sum()) / ((m + n) * (m + n - 1))
    variance = m * n / 12 * (m + n + 1 - tied)
    return (u - m * n / 2) / math.sqrt(variance) if variance > 0 else 0.0


def k_means(x: Tensor, k: int, seed: int = 0, most: int = 50) -> Tensor:
    """Centres `[<= k, D]` of Lloyd's algorithm on `x [N, D]`, from a k-means++ start.

    Arthur & Vassilvitskii 2007; it ends when no point changes its cell, or after `most` rounds.
    """
    noise = Noise(seed, ("k-means",))
    centres = x[noise.integers(1, below=len(x)).to(x.device)].double()
    while len(centres) < k:
        odds = nearest(x, centres)[0][:, 0].square().cumsum(0)
        if not odds[-1] > 0:  # fewer different points than cells
            break
        at = torch.searchsorted(odds, noise.uniform(1).to(odds) * odds[-1], right=True)
        centres = torch.cat((centres, x[at.clamp(max=len(x) - 1)].double()))
    cell = nearest(x, centres)[1][:, 0]
    for _ in range(most):
        sums = torch.zeros_like(centres).index_add_(0, cell, x.double())
        counts = cell.bincount(minlength=len(centres))[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
        before, cell = cell, nearest(x, centres)[1][:, 0]
        if torch.equal(before, cell):
            break
    return centres
