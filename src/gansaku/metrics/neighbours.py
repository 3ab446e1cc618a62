"""Nearest neighbours, and the measures that count them: precision, recall, density, coverage."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.estimate import Estimate, check_features, of_mean

ROWS, COLUMNS = 1024, 4096  # of a block of distances: 32 MB in float64
GATHERED = 2**22  # numbers that a list of pairs may take up at once


@dataclasses.dataclass(frozen=True)
class PrecisionRecall:
    """Share of samples inside the real manifold, and of real points inside the samples'."""

    precision: Estimate
    recall: Estimate


@dataclasses.dataclass(frozen=True)
class DensityCoverage:
    """How densely real neighbourhoods are filled, and the share of them that are reached."""

    density: Estimate
    coverage: Estimate


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall of `fake [M, D]` against `real [N, D]`.

    arXiv:1904.06991, equations 1 and 2: a manifold is the union of closed balls about a set's
    points, each reaching to the point's k-th neighbour in its own set. Errors are binomial: for
    precision they count the drawing of `fake`, for recall that of `real`, the manifold being
    given. The manifold's own drawing adds to that: in simulations the whole spread was 1 to 1.5
    times the error. Raises UserError for sets of k points or fewer.
    """
    _check(k, real=real, fake=fake)
    precision = of_mean(in_balls(fake, real, within(real, k)[0][:, -1]) > 0)
    recall = of_mean(in_balls(real, fake, within(fake, k)[0][:, -1]) > 0)
    return PrecisionRecall(precision, recall)


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> DensityCoverage:
    """Density and coverage of `fake [M, D]` against `real [N, D]`, arXiv:2002.09797, section 3.

    Density: in how many real balls a sample lies, over k; near 1 for samples of the real
    distribution, above it where they crowd. Coverage: the share of real balls that hold a
    sample; for M = N samples of the real distribution 1 - 2^-k is expected (section 4.2). Balls
    are closed, which differs from the authors' code only where distances tie. The error of
    density counts the drawing of `fake`, that of coverage (binomial) the drawing of `real`; the
    whole spread was 1 to 2 times as large in simulations. Raises UserError for sets of k points
    or fewer.
    """
    _check(k, real=real, fake=fake)
    radii = within(real, k)[0][:, -1]
    density = of_mean(in_balls(fake, real, radii).double() / k)
    coverage = of_mean(nearest(real, fake)[0][:, 0] <= radii)
    return DensityCoverage(density, coverage)


def within(x: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Distances and indices `[N, k]` of each point's k nearest others in `x [N, D]`.

    A point is left out as its own neighbour by its number, so that equal points are neighbours
    at distance 0. Raises UserError for k points or fewer.
    """
    return nearest(x, x, k, skip=torch.arange(len(x), device=x.device))


def nearest(x: Tensor, y: Tensor, k: int = 1, skip: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Euclidean distances (float64) and indices `[N, k]` of the k points of `y [M, D]` nearest
    to each of `x [N, D]`, in order of distance.

    Row i of `x` is not matched with point `skip[i]`. Exact: blocks of a matrix product choose
    candidates with room for their rounding, and the distances of these are computed from
    differences, so that equal points are at 0. Memory is that of a block, whatever N and M.
    Raises UserError where `y` holds too few points.
    """
    check_features(1, x=x, y=y)
    if not 1 <= k <= len(y) - (skip is not None):
        others = len(y) - (skip is not None)
        raise UserError(f"{k} neighbours asked for but found {others} other points")
    found = [_row_block(part, y, k, rows) for part, rows in _parts(x, skip)]
    return torch.cat([d for d, _ in found]).sqrt(), torch.cat([i for _, i in found])


def in_balls(x: Tensor, centres: Tensor, radii: Tensor) -> Tensor:
    """In how many of the closed balls about `centres [M, D]` each of `x [N, D]` lies: `[N]`.

    Distances too near a radius for the matrix product to tell are computed from differences.
    """
    check_features(1, x=x, centres=centres)
    counts = []
    for part, _ in _parts(x, None):
        count = torch.zeros(len(part), dtype=torch.int64, device=x.device)
        for start, block, squares, slack in _blocks(part, centres):
            squared = radii[start : start + len(block)].square()
            inside = squares <= squared
            i, j = ((squares - squared).abs() <= slack[:, None]).nonzero(as_tuple=True)
            inside[i, j] = _exact(part, block, i, j).sqrt() <= radii[start + j]
            count += inside.sum(1)
        counts.append(count)
    return torch.cat(counts)


def _parts(x: Tensor, skip: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    for start in range(0, len(x), ROWS):
        stop = start + ROWS
        yield x[start:stop].double(), None if skip is None else skip[start:stop]


def _blocks(x: Tensor, y: Tensor) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Blocks of `y` with squared distances `[N, columns]` to it, and how far off they may be."""
    centre = y[0].double()  # near the data: what is far from the origin keeps its digits
    x = x - centre
    own = x.square().sum(1)
    for start in range(0, len(y), COLUMNS):
        block = y[start : start + COLUMNS].double()
        other = block - centre
        norms = other.square().sum(1)
        squares = torch.addmm(norms, x, other.T, alpha=-2).add_(own[:, None])
        rounding = 4 * (x.shape[1] + 4) * torch.finfo(torch.float64).eps
        yield start, block, squares, rounding * (own + norms.max())


def _row_block(x: Tensor, y: Tensor, k: int, skip: Tensor | None) -> tuple[Tensor, Tensor]:
    """The k smallest squared distances of each row, with their indices, over all blocks of y."""
    best = x.new_full((len(x), k), math.inf)
    index = torch.zeros(len(x), k, dtype=torch.int64, device=x.device)
    for start, block, squares, slack in _blocks(x, y):
        if skip is not None:
            i = ((skip >= start) & (skip < start + len(block))).nonzero()[:, 0]
            squares[i, skip[i] - start] = math.inf
        least = squares.topk(min(k, squares.shape[1]), largest=False).values[:, -1]
        if squares.shape[1] < k:
            least = torch.full_like(least, math.inf)
        bound = torch.minimum(least + 2 * slack, best[:, -1] + slack)
        i, j = ((squares <= bound[:, None]) & squares.isfinite()).nonzero(as_tuple=True)
        squares.fill_(math.inf)[i, j] = _exact(x, block, i, j)
        columns = torch.arange(start, start + len(block), device=x.device).expand(len(x), -1)
        both, where = torch.cat((best, squares), 1), torch.cat((index, columns), 1)
        best, order = both.topk(k, largest=False, sorted=True)
        index = where.gather(1, order)
    return best, index


def _exact(x: Tensor, y: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """Squared distances of the pairs (x_i, y_j), from differences, a bounded number at a time."""
    step = max(GATHERED // x.shape[1], 1)
    pairs = zip(i.split(step), j.split(step), strict=True)
    return torch.cat([(x[a] - y[b]).square().sum(1) for a, b in pairs])


def _check(k: int, **sets: Tensor) -> None:
    check_features(2, **sets)
    for name, x in sets.items():
        if len(x) <= k:
            found = f"found {len(x)}"
            raise UserError(f"{name}: {k} neighbours need {k + 1} rows or more but {found}")
