"""What can be seen in samples: pure functions of tensors, each a number with a plain meaning."""

from __future__ import annotations

import torch
from torch import Tensor

BRIGHT = 0.9  # |pixel| beyond it counts as at an end of the range
TWIN = 0.1  # of the data's typical distance to the nearest neighbour: nearer is the same again


def mean_distance(x: Tensor) -> float:
    """Mean Euclidean distance between different rows of `x [N, D]`."""
    n = len(x)
    return float(torch.cdist(x, x).sum()) / max(n * (n - 1), 1)


def diversity(samples: Tensor, real: Tensor) -> float:
    """Mean distance between samples, over that between data: 1 is as varied, 0 is all the same."""
    return mean_distance(samples) / max(mean_distance(real), 1e-12)


def nearest_other(x: Tensor) -> Tensor:
    """Distance of each row of `x [N, D]` to the nearest other row: `[N]`."""
    return torch.cdist(x, x).fill_diagonal_(torch.inf).amin(1)


def share_nearer(x: Tensor, a: Tensor, b: Tensor) -> float:
    """The share of `x [N, K]` whose nearest row of `a` is nearer than that of `b`; not itself."""

    def nearest(to: Tensor) -> Tensor:
        return nearest_other(x) if to is x else torch.cdist(x, to).amin(1)

    return float((nearest(a) < nearest(b)).double().mean())


def repeats(samples: Tensor, real: Tensor) -> float:
    """The share of samples that have a twin among the samples, nearer than data ever lies."""
    bound = TWIN * float(nearest_other(real).median())
    return float((nearest_other(samples) < bound).float().mean())


def copies(x: Tensor) -> float:
    """The share of rows of `x [N, ...]` that are equal to an earlier one."""
    flat = x.flatten(1)
    return 1.0 - len(torch.unique(flat, dim=0)) / len(flat)


def constant(x: Tensor) -> float:
    """The share of images that are one flat colour in every channel."""
    flat = x.flatten(2)
    return float(((flat.amax(2) - flat.amin(2)).amax(1) < 1e-3).float().mean())


def midtones(x: Tensor) -> float:
    """The share of pixels that lie well inside the range, |x| < BRIGHT."""
    return float((x.abs() < BRIGHT).float().mean())


def contrast(x: Tensor) -> float:
    """Mean standard deviation of the pixels of an image."""
    return float(x.flatten(1).std(1).mean())


def grid(samples: Tensor, real: Tensor) -> float:
    """How much more the detail of samples depends on the place in a grid than that of data does.

    Upsampling by strided kernels paints some rows and columns otherwise than their neighbours
    (Odena et al. 2016, Distill). Detail is the second difference along an axis, sorted by phase:
    place modulo 2, or modulo 4. A grid is told by its power, which differs from phase to phase,
    and by its mean, the same in every image; each as a share of all power of detail, of samples
    or of data, whichever has more: a grid in what nobody sees is none. 0 is as in the data. Both
    are `[N, C, H, W]` of the same size; images below 8 pixels give 0.
    """
    if min(real.shape[2:]) < 8:
        return 0.0
    found = []
    for axis, period in ((2, 2), (2, 4), (3, 2), (3, 4)):
        (mean, power), (usual, usual_power) = (_phases(x, axis, period) for x in (samples, real))
        most = max(float(power.mean()), float(usual_power.mean())) + 1e-12
        fixed = (mean - usual).square().mean()
        uneven = (power - usual_power).std(correction=0)
        found.append(float(torch.maximum(fixed, uneven)) / most)
    return max(found)


def _phases(x: Tensor, axis: int, period: int) -> tuple[Tensor, Tensor]:
    """Of the second difference along an axis: mean (less that of all) and power by phase."""
    detail = x.double().movedim(axis, -1).diff(n=2) / 4
    whole = detail.shape[-1] // period * period
    by_phase = detail[..., :whole].reshape(-1, period)
    mean = by_phase.mean(0)
    return mean - mean.mean(), by_phase.square().mean(0)


def moments_distance(a: Tensor, b: Tensor) -> float:
    """Frechet distance of normal distributions fitted to `a [N, K]` and `b [M, K]`, in float64."""
    a, b = a.double(), b.double()
    ca, cb = _cov(a), _cov(b)
    values, vectors = torch.linalg.eigh(ca)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cb @ root).clamp(min=0).sqrt().sum()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    return float((gap + ca.trace() + cb.trace() - 2 * cross).clamp(min=0))


def auc(high: Tensor, low: Tensor) -> float:
    """The chance that one of `high [N]` is above one of `low [M]`; ties count half."""
    above = (high[:, None] > low).double() + 0.5 * (high[:, None] == low).double()
    return float(above.mean())


def told_apart(a: Tensor, b: Tensor) -> float:
    """How well simple classifiers tell `a [N, K]` from `b [M, K]`: 0.5 not at all, 1 always.

    The better of two: Fisher's discriminant on the coordinates and their squares (the area under
    the ROC curve on the half that it was not fitted to, both ways), and the nearest other sample
    of either set (arXiv:1610.06545; the share of right answers).
    """
    folds = [_judged(a[i::2], b[i::2], a[1 - i :: 2], b[1 - i :: 2]) for i in (0, 1)]
    return max(sum(folds) / 2, _by_neighbour(a, b), 0.5)


def _by_neighbour(a: Tensor, b: Tensor) -> float:
    n = min(len(a), len(b))
    own, other = (nearest_other(x[:n]) for x in (a, b))
    between = torch.cdist(a[:n], b[:n])
    right = (own < between.amin(1)).double().mean() + (other < between.amin(0)).double().mean()
    return float(right) / 2


def _judged(a: Tensor, b: Tensor, judged_a: Tensor, judged_b: Tensor) -> float:
    a, b, judged_a, judged_b = (_with_squares(x.double()) for x in (a, b, judged_a, judged_b))
    within = _cov(a) + _cov(b)
    ridge = 0.01 * within.diagonal().mean() + 1e-9
    within += ridge * torch.eye(len(within), dtype=within.dtype)
    direction = torch.linalg.solve(within, a.mean(0) - b.mean(0))
    return auc(judged_a @ direction, judged_b @ direction)


def _with_squares(x: Tensor) -> Tensor:
    return torch.cat((x, x.square().clamp(max=100.0)), 1)


def _cov(x: Tensor) -> Tensor:
    """`[K, K]`, of one coordinate too."""
    return torch.atleast_2d(torch.cov(x.T))
