"""What every augmentation of the critic's input shares: its interface, policy text and channels."""

from __future__ import annotations

import abc
import difflib
from collections.abc import Iterable, Mapping
from typing import Protocol

from torch import Tensor, nn


class Draws(Protocol):
    """The part of a noise source that augmentations use."""

    def normal(self, n: int, *shape: int) -> Tensor: ...

    def uniform(self, n: int, *shape: int) -> Tensor: ...


class Augmenter(nn.Module, abc.ABC):
    """Differentiable changes to what the critic sees, real and fake alike.

    All state is in buffers. What happens to row i depends on row i of the noise alone.
    """

    @abc.abstractmethod
    def forward(self, x: Tensor, noise: Draws) -> Tensor:
        """x [N, C, H, W] in [-1, 1] with C from 1 to 4 -> the same shape; ValueError otherwise."""

    @abc.abstractmethod
    def watch(self, real_logits: Tensor | list[Tensor]) -> dict[str, Tensor]:
        """The numbers that `adapt` wants to see, averaged over parts and ranks."""

    @abc.abstractmethod
    def adapt(self, stats: Mapping[str, Tensor], images: int) -> None:
        """Moves the state after a critic's update on `images` real samples."""


class Augmentation(abc.ABC):
    """The settings of an augmentation, a frozen dataclass; `build` makes its module."""

    @abc.abstractmethod
    def build(self) -> Augmenter: ...


def words(owner: str, policy: str, known: Iterable[str]) -> frozenset[str]:
    """The words of a policy text; raises ValueError at one that is not known."""
    known = tuple(known)
    asked = [word.strip() for word in policy.split(",") if word.strip()]
    for word in asked:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{owner} has no policy {word!r} (it has {', '.join(known)}){hint}")
    return frozenset(asked)


def split_alpha(x: Tensor) -> tuple[Tensor, Tensor]:
    """Colour channels [N, 1 or 3, H, W] and alpha [N, 0 or 1, H, W]: colour changes spare alpha."""
    if x.ndim != 4 or not 1 <= x.shape[1] <= 4:
        raise ValueError(
            f"augmentation takes images [N, C, H, W] with 1 to 4 channels, not {list(x.shape)}"
        )
    colors = 1 if x.shape[1] <= 2 else 3
    return x[:, :colors], x[:, colors:]


def take(x: Tensor, index: Tensor) -> Tensor:
    """Pixels of x [N, C, H, W] at `index` [N, H, W], which counts y * W + x."""
    picked = index.flatten(1)[:, None].expand(-1, x.shape[1], -1)
    return x.flatten(2).gather(2, picked).view_as(x)
