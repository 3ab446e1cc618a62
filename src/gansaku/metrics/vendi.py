"""Vendi score: how many different samples a set holds, in effect."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.estimate import Estimate, check_features, jackknife


def vendi(features: Tensor, q: float = 1.0, folds: int = 10) -> Estimate:
    """The effective number of different rows of `features [N, D]`, from 1 to min(N, D).

    arXiv:2210.02410, equation 3: exp of the Shannon entropy of the eigenvalues of K / N, K the
    cosine kernel; of order `q` (arXiv:2310.12952): 2 weighs what is frequent, 0.5 what is rare.
    For N > D the D x D matrix X^T X / N has the same eigenvalues, so that N may be large. The
    error is a jackknife over folds and counts the drawing of the rows, not that the score grows
    with N: compare only sets of one size. Raises UserError for rows of length 0 and q < 0.
    """
    check_features(1, features=features)
    lengths = features.double().norm(dim=1)
    if not (lengths > 0).all():
        zeros = int((lengths == 0).sum())
        raise UserError(f"{zeros} of {len(features)} rows are all zeros: they have no direction")
    x = F.normalize(features.double(), dim=1, eps=1e-300)
    wide = len(x) <= x.shape[1]
    whole = x @ x.T if wide else x.T @ x
    value = _effective(whole / len(x), q)
    if len(x) < 2 * folds:
        return Estimate(value, math.nan)
    fold = torch.arange(len(x), device=x.device) % folds
    parts = [_left_out(whole, x, fold == k, q, wide) for k in range(folds)]
    return Estimate(value, jackknife(parts))


def vendi_of_kernel(kernel: Tensor, q: float = 1.0) -> float:
    """The score of any symmetric similarity `[N, N]` with ones on its diagonal.

    Raises UserError where it is none.
    """
    if kernel.ndim != 2 or not torch.allclose(kernel, kernel.mT):
        raise UserError(f"a kernel is a symmetric matrix but found {list(kernel.shape)}")
    if not torch.allclose(kernel.diagonal(), torch.ones_like(kernel.diagonal())):
        raise UserError("a similarity is 1 on its diagonal; divide by the roots of k(x, x) k(y, y)")
    return _effective(kernel.double() / len(kernel), q)


def _left_out(whole: Tensor, x: Tensor, out: Tensor, q: float, wide: bool) -> float:
    """The score without the rows `out`: of a part of the Gram matrix, or of X^T X less theirs."""
    left = int((~out).sum())
    kept = whole[~out][:, ~out] if wide else whole - x[out].T @ x[out]
    return _effective(kept / left, q)


def _effective(matrix: Tensor, q: float) -> float:
    """exp of the Renyi entropy of order q of a matrix's eigenvalues, which sum to 1."""
    if not q >= 0:
        raise UserError(f"the order q must be 0 or more, not {q}")
    values = torch.linalg.eigvalsh(matrix)
    values = values[values > len(matrix) * torch.finfo(values.dtype).eps]
    values = values / values.sum()
    if q == 1:
        return float(torch.special.entr(values).sum().exp())
    if math.isinf(q):
        return float(1 / values.max())
    return float(values.pow(q).sum() ** (1 / (1 - q)))
