"""Normalisations by name."""

from __future__ import annotations

from torch import nn

NORMS = ("batch", "layer", "instance", "none")
CRITIC_NORMS = (*NORMS, "spectral")


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
            return nn.InstanceNorm2d(channels, affine=True)
        case _:
            return nn.Identity()
