"""Normalisations by name."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import batch_norm

NORMS = ("batch", "layer", "instance", "none")
CRITIC_NORMS = (*NORMS, "spectral")


class InstanceNorm2d(nn.InstanceNorm2d):
    """torch's; a batch of one goes the way of batch norm, which is then the same and is faster.

    `x [N, C, H, W]`. Torch's own way copies maps whose channels come last, there and back; and at a
    batch of one its gradient is wrong (2.13, CPU) where the gradient that comes in has channels
    last, as behind a sum of branches.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        if len(input) > 1 or input.ndim != 4 or self.track_running_stats:
            return super().forward(input)
        return batch_norm(input, None, None, self.weight, self.bias, True, 0.0, self.eps)


def check_norm(norm: str, known: tuple[str, ...]) -> None:
    """Raise ValueError when `norm` is not one of `known`."""
    if norm not in known:
        raise ValueError(f"norm is {norm!r}; it must be one of {', '.join(known)}")


def norm2d(norm: str, channels: int) -> nn.Module:
    """The normalisation of [N, `channels`, H, W]; identity for "none" and "spectral".

    "layer" is over channels and pixels with one gain a channel, as in WGAN-GP (1704.00028).
    """
    match norm:
        case "batch":
            return nn.BatchNorm2d(channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "instance":
            return InstanceNorm2d(channels, affine=True)
        case _:
            return nn.Identity()
