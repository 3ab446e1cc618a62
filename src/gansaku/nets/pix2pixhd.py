"""The networks of pix2pixHD (1711.11585) as Everybody Dance Now uses them (1808.07371)."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.layers.norm import InstanceNorm2d
from gansaku.nets.layers.resample import channels_last

WIDEST = 512  # channels of a critic
STRIDES = 3  # halvings of a critic
Outputs = list[list[Tensor]]  # of a critic: for each scale its features, the logits last


class GlobalGenerator(nn.Module):
    """The global generator (1711.11585, section 3.2): halvings, residual blocks, doublings.

    `x [N, inputs, H, W] -> [N, outputs, H, W] in [-1, 1]`, for sides that pass `check_size`: they
    are reflected up to a multiple of 2^halvings and cut again. As the authors' code has it:
    7 x 7 convolutions at the ends, instance norm without gains, reflected borders. With `still`
    the last convolution begins at 0, so that a residual begins at nothing. At (6, 3), width 64,
    3 halvings and 9 blocks it has 45,602,755 parameters.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 64,
        halvings: int = 3,
        blocks: int = 9,
        still: bool = False,
    ) -> None:
        super().__init__()
        self.step = 2**halvings
        widths = [width * 2**level for level in range(halvings + 1)]
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7), *_normed(width)]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, 2, 1), *_normed(after)]
        layers += [Residual(widths[-1]) for _ in range(blocks)]
        for before, after in itertools.pairwise(widths[::-1]):
            layers += [nn.ConvTranspose2d(before, after, 3, 2, 1, 1), *_normed(after)]
        last = nn.Conv2d(width, outputs, 7)
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), last, nn.Tanh())
        dcgan_init(self)
        if still:
            nn.init.zeros_(last.weight)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        more = (-width % self.step, -height % self.step)
        if any(more):
            x = F.pad(x, (0, more[0], 0, more[1]), mode="reflect")
        return self.layers(x)[:, :, :height, :width]


def check_size(size: tuple[int, int], halvings: int) -> None:
    """Raise ValueError for a (height, width) of which so many halvings leave less than 2 pixels."""
    least = max(4, 2 * 2**halvings)
    if min(size) < least:
        raise ValueError(
            f"frames of {size[0]}x{size[1]} are too small for {halvings} halvings: sides must be "
            f"{least} or more; use a larger --size or fewer --halvings"
        )


class Residual(nn.Module):
    """Convolve, norm, ReLU, convolve, norm, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), *_normed(width)]
        second = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), InstanceNorm2d(width)]
        self.branch = nn.Sequential(*first, *second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class FaceGenerator(nn.Module):
    """What a face lacks, from its figure and its painting (1808.07371, section 3.3, equation 6).

    `figure [N, inputs, H, W], painted [N, outputs, H, W], middles [N, 2] (y, x) -> painted` with
    a residual added in a box of `side` pixels around each middle; it begins at 0. The generator
    is pix2pixHD's, with as many of the `halvings` as the box allows. Raises ValueError for a box
    below 4 pixels.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, width: int, halvings: int, blocks: int
    ) -> None:
        super().__init__()
        if side < 4:
            raise ValueError(f"a face's box of {side} pixels is too small: 4 is the least")
        self.side = side
        halvings = min(halvings, side.bit_length() - 2)  # two pixels must be left
        self.residual = GlobalGenerator(inputs + outputs, outputs, width, halvings, blocks, True)

    def forward(self, figure: Tensor, painted: Tensor, middles: Tensor) -> Tensor:
        boxes = corners(middles, self.side, (figure.shape[2], figure.shape[3]))
        seen = crops(torch.cat([figure, painted], 1), boxes, self.side)
        return laid_on(painted, self.residual(seen), boxes)

    def crops(self, x: Tensor, middles: Tensor) -> Tensor:
        """The faces of pictures `x [N, C, H, W]`, `[N, C, side, side]`."""
        return crops(x, corners(middles, self.side, (x.shape[2], x.shape[3])), self.side)


class MultiscaleCritic(nn.Module):
    """PatchGAN critics of one shape, each seeing the input at half the side of the one before.

    (1711.11585, sections 3.2 and 3.3.) `x [N, inputs, H, W] -> for each scale its features, the
    logits [N, 1, h, w] last`. Convolutions of 4 x 4 padded by 2, instance norm without gains. The
    authors' critic of faces has batch norm instead, which at their batch of 1 is the same but for
    gains; this one does not tie a batch's samples together.
    """

    def __init__(self, inputs: int, width: int = 64, scales: int = 2) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Patch(inputs, width) for _ in range(scales))
        dcgan_init(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Outputs:
        found = []
        for critic in self.scales:
            found.append(critic(x))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return found


class Patch(nn.Module):
    """One critic of patches of 70 pixels: `x [N, inputs, H, W] -> the outputs of all layers`."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        widths = [min(width * 2**level, WIDEST) for level in range(STRIDES + 1)]
        layers = [nn.Sequential(nn.Conv2d(inputs, widths[0], 4, 2, 2), nn.LeakyReLU(0.2, True))]
        for level in range(1, STRIDES + 1):
            stride = 2 if level < STRIDES else 1
            conv = nn.Conv2d(widths[level - 1], widths[level], 4, stride, 2)
            norm = InstanceNorm2d(widths[level])
            layers.append(nn.Sequential(conv, norm, nn.LeakyReLU(0.2, True)))
        self.layers = nn.ModuleList([*layers, nn.Conv2d(widths[-1], 1, 4, 1, 2)])

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found


def corners(middles: Tensor, side: int, size: tuple[int, int]) -> Tensor:
    """The top left of boxes of `side` around `middles [N, 2]` (y, x), kept inside: int64 `[N, 2]`.

    Raises ValueError where a frame of `size` (height, width) has no place for a box.
    """
    if min(size) < side:
        raise ValueError(f"a box of {side} pixels does not fit into {size[0]}x{size[1]}")
    first = (middles - (side - 1) / 2).round().long()
    places = zip(first.unbind(1), size, strict=True)
    return torch.stack([place.clamp(0, length - side) for place, length in places], 1)


def crops(x: Tensor, boxes: Tensor, side: int) -> Tensor:
    """The boxes of `side` with top left `boxes [N, 2]` of `x`: `[N, C, side, side]`."""
    return x.movedim(1, -1)[_places(boxes, side)].movedim(-1, 1)


def laid_on(x: Tensor, patches: Tensor, boxes: Tensor) -> Tensor:
    """`x [N, C, H, W]` with `patches [N, C, side, side]` added at `boxes`; x is not changed."""
    places = _places(boxes, patches.shape[-1])
    laid = x.movedim(1, -1).index_put(places, patches.movedim(1, -1), accumulate=True)
    return laid.movedim(-1, 1)


def _places(boxes: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Index of every pixel of every box: sample, row, column."""
    span = torch.arange(side, device=boxes.device)
    samples = torch.arange(len(boxes), device=boxes.device)[:, None, None]
    return samples, boxes[:, 0, None, None] + span[:, None], boxes[:, 1, None, None] + span


def _normed(width: int) -> list[nn.Module]:
    return [InstanceNorm2d(width), nn.ReLU(True)]
