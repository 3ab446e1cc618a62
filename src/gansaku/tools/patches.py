"""Pictures of one picture's patches, without training: their distribution, matched directly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise

BINS = 1024  # of a direction's projections: ranks are read from histograms
BANK = 32  # sets of directions that take turns at a level
ROWS = 16  # of patches whose projections are looked at together
ROUNDS, AT_ONCE = 4, 5  # corrections of an enlargement, and steps before each
RATE = 0.003  # of these steps
TAKEN = 0.7  # of the error, by a correction: all of it would ring
COLUMNS = 5  # of pixels that one output of the transposed convolution makes: fastest on a CPU


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matching:
    """GPDM's numbers (arXiv:2203.11862), those of its authors' code for reshuffling."""

    patch: int = 7  # pixels a side
    projections: int = 64  # random directions of a step
    steps: int = 300  # of Adam, at each level
    lr: float = 0.01  # in units of [-1, 1]
    coarsest: int = 21  # pixels, at most, of the coarsest level's shorter side
    factor: float = 0.85  # of a level's sides to those of the next finer
    noise: float = 1.5  # standard deviation at full size, before it is reduced to the coarsest
    jitter: float = 0.1  # the same where an image enters instead of noise


@dataclasses.dataclass(frozen=True)
class Patches:
    """A picture `[C, h, w]` in [-1, 1] whose patch statistics new pictures are given.

    Generating Natural Images with Direct Patch Distributions Matching, arXiv:2203.11862: from
    the coarsest level up, Adam moves the pixels of a picture of any size until its 7x7 patches,
    projected on random directions, are distributed as those of `picture` (equation 3: the mean
    distance of sorted projections). Two things differ, for speed. Ranks are read from
    histograms of 1,024 bins, exact but for ties within a bin; and a level's directions are a
    bank of 32 x 64 that take turns, so that the reference is projected once and not 300 times.
    Raises UserError for a picture that is smaller than two patches.
    """

    picture: Tensor
    matching: Matching = Matching()
    told: Callable[[int, int], None] = lambda done, total: None  # of pixel updates, by `play`

    def __post_init__(self) -> None:
        least, (height, width) = 2 * self.matching.patch, self.picture.shape[-2:]
        if self.picture.ndim != 3 or min(height, width) < least:
            raise UserError(
                f"a picture of {height}x{width} pixels has too few patches: each side must be "
                f"{least} pixels or more"
            )

    @property
    def channels(self) -> int:
        """1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha."""
        return self.picture.shape[0]

    def scales(self) -> int:
        """How many levels there are; 0 is the coarsest."""
        return len(self._levels())

    def sizes(self, size: tuple[int, int] | None = None) -> list[tuple[int, int]]:
        """(height, width) of every level's output, for the `size` of the finest."""
        whole, least = self.picture.shape[1:], self.matching.patch
        scale = (1.0, 1.0) if size is None else (size[0] / whole[0], size[1] / whole[1])
        made = [
            (max(least, round(h * scale[0])), max(least, round(w * scale[1])))
            for h, w in self._levels()
        ]
        return made if size is None else [*made[:-1], (max(least, size[0]), max(least, size[1]))]

    def itself(self) -> Tensor:
        """The picture."""
        return self.picture

    def _levels(self) -> list[tuple[int, int]]:
        """Sizes of the reference from the coarsest up; a side never falls below a patch."""
        height, width = self.picture.shape[1:]
        shorter, sides = min(height, width), [min(height, width)]
        while sides[-1] > self.matching.coarsest:
            sides.append(int(sides[-1] * self.matching.factor))
        return [(round(height * s / shorter), round(width * s / shorter)) for s in sides[::-1]]

    @torch.no_grad()
    def play(
        self,
        n: int,
        seed: int,
        *,
        start: int = 0,
        image: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """`n` pictures `[n, C, H, W]` in [-1, 1]; the i-th is a function of (seed, i).

        They begin at level `start` from `image [1 or n, C, h, w]`; without it from noise at 0,
        and from the picture itself above.
        """
        sizes = self.sizes(size)
        if image is None and start > 0:
            image = self.picture[None]
        x = self._begun(n, seed, image, sizes[start], sizes[-1])
        total = self.matching.steps * n * sum(h * w for h, w in sizes[start:])
        done = 0
        for level in range(start, len(sizes)):
            x = [resized(one, sizes[level]) for one in x]
            bank = self._bank(level, seed)
            for i, one in enumerate(x):
                x[i] = match(one, bank, self.matching.steps, self.matching.lr)
                done += self.matching.steps * sizes[level][0] * sizes[level][1]
                self.told(done, total)
        return torch.cat(x)

    @torch.no_grad()
    def enlarge(self, x: Tensor, size: tuple[int, int], seed: int, image: Tensor) -> Tensor:
        """`x [1, C, h, w]`, enlarged from `image`, at a larger `size`, its patches the picture's.

        Not in the paper. Matching alone forgets what the image shows: after every few steps the
        error of the reduced result is taken back (iterative back-projection, Irani and Peleg
        1991), so that it still is `image` when it is made small.
        """
        x, small = resized(x, size), (image.shape[2], image.shape[3])
        bank = self._bank(len(self._levels()) - 1, seed)
        for part in range(ROUNDS):
            first = part * AT_ONCE % len(bank)
            x = match(x, bank[first:] + bank[:first], AT_ONCE, RATE)
            x = x + TAKEN * resized(image - resized(x, small), size)
        return x.clamp(-1, 1)

    def _begun(
        self, n: int, seed: int, image: Tensor | None, small: tuple[int, int], whole: tuple
    ) -> list[Tensor]:
        """The first guesses `[1, C, h, w]`: noise that is added at full size, then reduced."""
        zeros = self.picture.new_zeros(1, self.channels, *whole)
        base = (zeros if image is None else resized(image, whole)).expand(n, -1, -1, -1)
        sigma = self.matching.noise if image is None else self.matching.jitter
        drawn = (Noise(seed, ("patches", i)).normal(*base[:1].shape) for i in range(n))
        return [
            resized(base[i : i + 1] + sigma * noise.to(base), small)
            for i, noise in enumerate(drawn)
        ]

    def _bank(self, level: int, seed: int) -> list[Directions]:
        m, reference = self.matching, resized(self.picture[None], self._levels()[level])
        noise = Noise(seed, ("directions", level))
        sets = min(BANK, m.steps)
        drawn = noise.normal(sets, m.projections, self.channels, m.patch, m.patch)
        return [Directions.of(reference, weight.to(reference)) for weight in drawn]


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """`x [N, C, h, w]` at another size: bilinear, antialiased."""
    if x.shape[2:] == tuple(size):
        return x
    return F.interpolate(x, size, mode="bilinear", antialias=True)


# --- the distance and its gradient ---


@dataclasses.dataclass(frozen=True)
class Directions:
    """K unit directions in the space of patches, and the reference's distribution along each.

    `weight [K, C, p, p]` gives projections; `scaled` and `bias` give bins of them, numbered from
    k * BINS for direction k, `low` and `high [K]` being the outermost; `cdf [K * BINS]` is the
    share of the reference below the middle of each bin; `back` takes gradients to the pixels.
    """

    weight: Tensor
    scaled: Tensor
    bias: Tensor
    low: Tensor
    high: Tensor
    cdf: Tensor
    back: Tensor

    @classmethod
    def of(cls, reference: Tensor, weight: Tensor) -> Directions:
        """Of directions of any length and a reference `[1, C, h, w]`."""
        weight = weight / weight.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
        found = F.conv2d(reference, weight)[0].flatten(1)
        least, most = found.min(1).values, found.max(1).values
        scale = (BINS - 2) / (most - least).clamp(min=1e-6)  # the outermost bins are for outliers
        first = torch.arange(len(weight), device=weight.device) * float(BINS)
        scaled = (weight * scale.reshape(-1, 1, 1, 1)).contiguous(memory_format=_LAST)
        bias = first + 1 - least * scale
        known = cls(weight, scaled, bias, first + 0.5, first + BINS - 0.5, bias, _columns(weight))
        return dataclasses.replace(known, cdf=known.below(known.bins(reference)))

    def bins(self, x: Tensor) -> list[Tensor]:
        """The bin of each projection of each patch of `x [1, C, h, w]`: `[patches * K]` in bands.

        A band is some rows of patches: what is done to it stays in the processor's cache.
        """
        edge, made = self.weight.shape[2] - 1, []
        for top in range(0, x.shape[2] - edge, ROWS):
            at = F.conv2d(x[:, :, top : top + ROWS + edge], self.scaled, self.bias)
            at = at.permute(0, 2, 3, 1).reshape(-1, len(self.bias))
            made.append(at.clamp(self.low, self.high).to(torch.int32).flatten())
        return made

    def below(self, bins: list[Tensor]) -> Tensor:
        """The share of a direction's projections below the middle of each bin, `[K * BINS]`."""
        k = len(self.bias)
        counts, patches = torch.bincount(bins[0], minlength=k * BINS), sum(map(len, bins)) // k
        for band in bins[1:]:
            counts += torch.bincount(band, minlength=k * BINS)
        counts = counts.reshape(k, BINS)
        return ((counts.cumsum(1) - counts / 2) / patches).flatten().to(self.bias.dtype)

    def gradient(self, x: Tensor, room: Tensor) -> Tensor:
        """Of the mean distance of sorted projections, by the pixels `x [1, C, h, w]`.

        That of |a - b| is the sign of a - b, and a projection a exceeds the reference's b of the
        same rank where the share below it is smaller in `x` than in the reference. `room` is
        what `room_for` makes for x, and is written into.
        """
        edge, (height, width) = self.weight.shape[2] - 1, x.shape[2:]
        bins = self.bins(x)
        signs = (self.cdf - self.below(bins)).sign() / sum(map(len, bins))
        top = edge
        for band in bins:
            sent = signs.index_select(0, band).reshape(-1, width - edge, len(self.bias))
            room[0, top : top + len(sent), edge:width] = sent
            top += len(sent)
        found = F.conv2d(room.permute(0, 3, 1, 2), self.back, stride=(1, COLUMNS))
        wide = found.permute(0, 2, 3, 1).reshape(1, height, -1, x.shape[1])
        return wide[:, :, :width].permute(0, 3, 1, 2)

    def room_for(self, x: Tensor) -> Tensor:
        """Zeros around where the gradients by the projections of `x` are put, `[1, h, w, K]`."""
        edge, (height, width) = self.weight.shape[2] - 1, x.shape[2:]
        wide = width + edge + -width % COLUMNS
        return x.new_zeros(1, height + edge, wide, len(self.weight))


_LAST = torch.channels_last


def _columns(weight: Tensor) -> Tensor:
    """The transposed kernels for COLUMNS neighbouring pixels, as outputs of one convolution."""
    k, channels, side, _ = weight.shape
    flipped = weight.flip(2, 3).transpose(0, 1)
    made = weight.new_zeros(COLUMNS, channels, k, side, side + COLUMNS - 1)
    for column in range(COLUMNS):
        made[column, ..., column : column + side] = flipped
    return made.flatten(0, 1).contiguous(memory_format=_LAST)


def match(x: Tensor, bank: list[Directions], steps: int, lr: float) -> Tensor:
    """Adam's `steps` from `x [1, C, h, w]` towards the bank's reference; clipped to [-1, 1]."""
    x = x.clone(memory_format=_LAST)
    first, second, room = torch.zeros_like(x), torch.zeros_like(x), bank[0].room_for(x)
    for step in range(steps):
        found = bank[step % len(bank)].gradient(x, room)
        first.lerp_(found, 0.1)
        second.lerp_(found.square(), 0.001)
        mean, square = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        x.addcdiv_(mean, square.sqrt_().add_(1e-8), value=-lr)
    return x.clamp_(-1, 1).contiguous()
