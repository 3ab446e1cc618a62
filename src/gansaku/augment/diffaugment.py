"""DiffAugment: the same strong changes to real and fake, through which gradients flow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from gansaku.augment.base import Augmentation, Augmenter, Draws, split_alpha, take, words

POLICIES = ("color", "translation", "cutout")


@dataclasses.dataclass(frozen=True)
class DiffAugment(Augmentation):
    """Differentiable augmentation of all that the critic sees (arXiv:2006.10738, sec. 3 and 4).

    color: brightness + U(-0.5, 0.5), saturation * U(0, 2), contrast * U(0.5, 1.5), in this order;
    translation: up to 1/8 of each side, zeros move in; cutout: a rectangle of half of each side
    is zero. Applied in this order whatever the order of the text. Raises ValueError at any other
    word, and at images without 1 to 4 channels (an alpha channel keeps its values under color).
    """

    policy: str = "color,translation,cutout"

    def __post_init__(self) -> None:
        words("DiffAugment", self.policy, POLICIES)

    def build(self) -> DiffAugmenter:
        return DiffAugmenter(self)


class DiffAugmenter(Augmenter):
    """The module of `DiffAugment`; it has no state."""

    def __init__(self, config: DiffAugment) -> None:
        super().__init__()
        self.policy = words("DiffAugment", config.policy, POLICIES)

    def forward(self, x: Tensor, noise: Draws) -> Tensor:
        split_alpha(x)  # refuses what is no image, whatever the policy
        draw = noise.uniform(len(x), 7)  # one draw is one copy to an accelerator
        if "color" in self.policy:
            x = color(x, draw[:, :3])
        if "translation" in self.policy:
            x = translate(x, draw[:, 3:5])
        if "cutout" in self.policy:
            x = cutout(x, draw[:, 5:7])
        return x

    def watch(self, real_logits: Tensor | list[Tensor]) -> dict[str, Tensor]:
        return {}

    def adapt(self, stats: Mapping[str, Tensor], images: int) -> None:
        pass


def color(x: Tensor, draw: Tensor) -> Tensor:
    """Brightness, saturation and contrast by `draw` [N, 3] from U(0, 1)."""
    colors, alpha = split_alpha(x)
    brightness, saturation, contrast = draw.to(x.dtype)[:, :, None, None, None].unbind(1)
    colors = colors + (brightness - 0.5)
    if colors.shape[1] == 3:  # a grey picture has no saturation to change
        grey = colors.mean(1, keepdim=True)
        colors = (colors - grey) * (saturation * 2.0) + grey
    level = colors.mean((1, 2, 3), keepdim=True)
    colors = (colors - level) * (contrast + 0.5) + level
    return torch.cat((colors, alpha), 1) if alpha.shape[1] else colors


def translate(x: Tensor, draw: Tensor, share: float = 0.125) -> Tensor:
    """Moves by whole pixels, up to `share` of each side, by `draw` [N, 2] from U(0, 1)."""
    height, width = x.shape[2:]
    rows, row_there = _moved(height, draw[:, 0], share)
    columns, column_there = _moved(width, draw[:, 1], share)
    there = row_there[:, :, None] & column_there[:, None, :]
    return take(x, rows[:, :, None] * width + columns[:, None, :]) * there[:, None].to(x.dtype)


def _moved(size: int, draw: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Where each of `size` places comes from, [N, size], and whether that is in the picture."""
    most = int(size * share + 0.5)
    shift = (draw * (2 * most + 1)).long() - most
    source = torch.arange(size, device=draw.device) - shift[:, None]
    return source.clamp(0, size - 1), (source >= 0) & (source < size)


def cutout(x: Tensor, draw: Tensor, share: float = 0.5) -> Tensor:
    """Zeroes a rectangle of `share` of each side, its centre anywhere, by `draw` [N, 2]."""
    rows, columns = (
        _covered(size, at, share) for size, at in zip(x.shape[2:], draw.unbind(1), strict=True)
    )
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


def _covered(size: int, draw: Tensor, share: float) -> Tensor:
    """Which of `size` places lie under the rectangle, [N, size]."""
    length = int(size * share + 0.5)
    # An even length has one more place to stand, so that both ends are cut equally often
    centre = (draw * (size + 1 - length % 2)).long()
    place = torch.arange(size, device=draw.device) - (centre - length // 2)[:, None]
    return (place >= 0) & (place < length)
