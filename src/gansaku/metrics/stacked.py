"""Stacked MNIST: three digits as the channels of one image, a thousand modes to be found."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.estimate import Estimate

MODES = 1000
PROTOCOL = 26_000  # samples that arXiv:1705.07761 and arXiv:1712.04086 judge by


@dataclasses.dataclass(frozen=True)
class StackedModes:
    """Modes with a sample, and KL(samples' modes || uniform) in nats with its standard error.

    A finite sample of a perfect generator misses modes and has a divergence above 0 too:
    `ideal_covered` and `ideal_kl` are what it would have on average at this number of samples.
    """

    covered: int
    reverse_kl: Estimate
    samples: int
    ideal_covered: float
    ideal_kl: float
    warning: str  # empty where there are as many samples as the papers take
    modes: int = MODES

    def __str__(self) -> str:
        return f"{self.covered} of {self.modes} modes, reverse KL {self.reverse_kl}"


def stack(digits: Tensor, labels: Tensor, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """`n` images of three random digits as R, G and B: arXiv:1611.02163 section 3.3.1.

    `digits [N, 1, H, W]` in [-1, 1] with `labels [N]` in 0..9 -> `[n, 3, H, W]` and labels in
    0..999 (100 R + 10 G + B). Image i is the same whatever `n`. Raises UserError for images of
    several channels or other labels.
    """
    if digits.ndim != 4 or digits.shape[1] != 1 or labels.shape != digits.shape[:1]:
        found = f"digits {list(digits.shape)}, labels {list(labels.shape)}"
        raise UserError(f"digits [N, 1, H, W] with labels [N] are stacked; found {found}")
    if len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise UserError("labels of digits are 0 to 9, and there is one at least")
    rows = Noise(seed, ("stacked",)).integers(n, 3, below=len(digits))
    return digits[rows][:, :, 0], number(labels[rows])


def number(digits: Tensor) -> Tensor:
    """Digits `[N, 3]` -> modes `[N]` in 0..999."""
    return (digits.long() * torch.tensor([100, 10, 1])).sum(1)


def stacked_modes(images: Tensor, classifier: Callable[[Tensor], Tensor]) -> StackedModes:
    """Modes covered and reverse KL of `images [N, 3, H, W]` in [-1, 1], by a digit classifier.

    arXiv:1611.02163 section 3.3.1, with the 26,000 samples of arXiv:1705.07761 and
    arXiv:1712.04086. `classifier`: one-channel images `[M, 1, H, W]` -> logits `[M, 10]`
    (`DigitClassifier.logits`); each channel has the digit of its largest logit, and a mode is
    covered by one sample. Figures depend on the classifier: its mistakes cover modes as well.
    Raises UserError for images of other than 3 channels.
    """
    if images.ndim != 4 or images.shape[1] != 3 or len(images) < 2:
        found = f"found {list(images.shape)}"
        raise UserError(f"stacked digits are 2 or more images [N, 3, H, W]; {found}")
    digits = [
        classifier(part.flatten(0, 1)[:, None]).argmax(1).view(-1, 3) for part in images.split(256)
    ]
    return modes_of(number(torch.cat(digits)))


def modes_of(labels: Tensor, modes: int = MODES) -> StackedModes:
    """The same from the samples' modes `[N]` in 0..modes-1."""
    n = len(labels)
    counts = torch.bincount(labels, minlength=modes)
    covered, divergence = ideal(n, modes)
    warning = _warning(n, covered, divergence)
    return StackedModes(
        int((counts > 0).sum()), _kl(counts), n, covered, divergence, warning, modes
    )


def ideal(n: int, modes: int = MODES) -> tuple[float, float]:
    """Expected modes covered and reverse KL of `n` samples of the uniform distribution.

    Exact: each count is Binomial(n, 1 / modes). For many samples the divergence is about
    (modes - 1) / 2n: .019 at 26,000.
    """
    k = torch.arange(n + 1, dtype=torch.float64)
    choose = torch.lgamma(k.new_tensor(n + 1.0)) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    share = k.new_tensor(1 / modes)
    mass = (choose + k * share.log() + (n - k) * torch.log1p(-share)).exp()
    divergence = modes * mass @ torch.xlogy(k / n, k * modes / n)
    return modes * float(1 - mass[0]), float(divergence)


def _kl(counts: Tensor) -> Estimate:
    """KL(counts || uniform), its error by the delta method to second order (Basharin 1959).

    The plain first-order variance is itself inflated by (K - 1) / n, which is taken off: a
    jackknife would claim 1.7 times the error where all modes are alike.
    """
    n = float(counts.sum())
    share = counts[counts > 0].double() / n
    ratio = (share * len(counts)).log()
    value = float(share @ ratio)
    free = len(share) - 1
    first = max(float(share @ (ratio - value).square()) - free / n, 0.0) / n
    return Estimate(value, math.sqrt(first + free / (2 * n**2)))


def _warning(n: int, covered: float, divergence: float) -> str:
    if n >= PROTOCOL:
        return ""
    ideally = f"a perfect generator would show {covered:.1f} modes and a reverse KL of"
    return f"{n:,} samples are fewer than the usual {PROTOCOL:,}: {ideally} {divergence:.3f}"
