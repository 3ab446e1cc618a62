"""Losses on latent codes: divergences from the prior in closed form, and reconstruction terms."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cosine_similarity


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) || N(0, I)) in nats, `[N]` of `[N, D]`.

    arXiv:1312.6114, appendix B.
    """
    terms = mean.square() + log_variance.exp() - 1.0 - log_variance
    return 0.5 * terms.flatten(1).sum(1)


def reparameterised(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """A draw from N(mean, exp(log_variance)) that has gradients (arXiv:1312.6114, section 2.4)."""
    return mean + (0.5 * log_variance).exp() * noise


def fitted_divergence(codes: Tensor) -> Tensor:
    """KL(N(m, diag s^2) || N(0, I)) a coordinate, in nats, of the moments of `codes [N, D]`.

    arXiv:1704.02304, equation 8, over D: mean_j (s_j^2 + m_j^2) / 2 - log s_j - 1/2, with s_j the
    deviation over the batch (divisor N). The authors' code has the variance in place of s_j.
    """
    mean = codes.mean(0)
    variance = (codes - mean).square().mean(0)
    return 0.5 * (variance + mean.square() - 1.0 - (variance + 1e-12).log()).mean()


def sphere_divergence(codes: Tensor) -> Tensor:
    """`fitted_divergence` of `codes [N, D]` on the unit sphere, scaled to unit variance.

    Uniform codes on the sphere have variance 1/D a coordinate and so score 0. On the sphere the
    quadratic terms sum to a constant: the slope is that of the divergence without the scaling.
    """
    return fitted_divergence(codes * codes.shape[1] ** 0.5)


def half_squared(x: Tensor, target: Tensor) -> Tensor:
    """Half the squared Euclidean distance, summed over a sample and averaged over the batch.

    -log N(x | target, I) but for a constant (arXiv:1512.09300, equation 8).
    """
    return 0.5 * (x - target).square().flatten(1).sum(1).mean()


def cosine_gap(codes: Tensor, target: Tensor) -> Tensor:
    """1 - cos(codes, target), averaged over the batch `[N, D]`: 0 where directions agree."""
    return (1.0 - cosine_similarity(codes, target)).mean()
