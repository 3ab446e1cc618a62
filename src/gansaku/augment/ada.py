"""Adaptive discriminator augmentation: as much of it as the critic's overfitting asks for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gansaku.augment.base import Augmentation, Augmenter, Draws, split_alpha, words
from gansaku.augment.corrupt import corruptions
from gansaku.augment.warp import blit, matrix, resample, rotate, scale, shift

POLICIES = ("blit", "geometry", "color", "filter", "noise", "cutout")


@dataclasses.dataclass(frozen=True)
class ADA(Augmentation):
    """Stochastic augmentation whose probability p follows overfitting (arXiv:2006.06676).

    The paper's "bgc": blit (flip, quarter turns, whole-pixel shifts), geometry (scaling,
    rotation, anisotropic scaling, rotation, shift) and color (brightness, contrast, luma flip,
    hue, saturation; the last two need three channels; alpha is left alone). By `policy` also, in
    this order (its appendix B): filter (each of four bands of frequencies amplified by 2^N(0, 1),
    at the power of natural images), noise (of a deviation |N(0, .1)|) and cutout (a rectangle of
    half of each side is zero, at whole pixels); its results are of bgc. Each change is made with
    probability p. p moves by one in `speed_kimg` thousand real images, towards r_t =
    E sign D(x) = `target` (eq. 1), where D(x) > 0 must mean "real". With `target` None, p stays
    where it is put. Differences in the filtering: see `gansaku.augment.warp.resample`.

    Raises ValueError at an unknown policy, at numbers out of range, and at images without 1 to 4
    channels or narrower than 2 pixels.
    """

    target: float | None = 0.6
    speed_kimg: float = 500.0  # thousand real images in which p moves by 1
    policy: str = "blit,geometry,color"
    interval: int = 4  # critic updates between two moves of p
    p: float = 0.0  # at the start

    def __post_init__(self) -> None:
        words("ADA", self.policy, POLICIES)
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"ADA.p is {self.p}; it is a probability")
        if self.speed_kimg <= 0 or self.interval < 1:
            raise ValueError("ADA.speed_kimg must be positive and ADA.interval at least 1")

    def build(self) -> AdaptiveAugmenter:
        return AdaptiveAugmenter(self)


class AdaptiveAugmenter(Augmenter):
    """The module of `ADA`; a schedule may set its buffer `p` in place."""

    p: Tensor
    updates: Tensor
    images: Tensor
    signs: Tensor

    def __init__(self, config: ADA) -> None:
        super().__init__()
        self.config = config
        self.policy = words("ADA", config.policy, POLICIES)
        self.register_buffer("p", torch.tensor(config.p))
        # What was seen since p last moved
        self.register_buffer("updates", torch.tensor(0.0))
        self.register_buffer("images", torch.tensor(0.0))
        self.register_buffer("signs", torch.tensor(0.0))

    def forward(self, x: Tensor, noise: Draws) -> Tensor:
        colors, _ = split_alpha(x)
        if min(x.shape[2:]) < 2:
            raise ValueError(f"ADA needs images of at least 2 x 2 pixels, not {list(x.shape)}")
        dice = _Dice(noise.uniform(len(x), 21), noise.normal(len(x), 7), self.p)
        more = corruptions(self.policy, colors.shape, noise, self.p)
        if self.p.device.type == "cpu" and self.p == 0:  # elsewhere, to ask would mean to wait
            return x
        with torch.autocast(x.device.type, enabled=False):  # half precision would blur pixels
            y = x if x.dtype == torch.float64 else x.float()
            y = self._warped(y, dice)
            if "color" in self.policy:
                y = recolor(y, *color_matrix(dice, gray=colors.shape[1] == 1))
            for change in more:
                y = change(y)
        return y.to(x.dtype)

    def _warped(self, x: Tensor, dice: _Dice) -> Tensor:
        height, width = x.shape[2:]
        exact = torch.eye(3, device=x.device)
        out = x
        if "blit" in self.policy:
            exact = blit_inverse(dice, height, width)
            out = blit(x, exact)
        if "geometry" not in self.policy:
            return out
        inverse, bent = geometry_inverse(dice, height, width)
        return torch.where(bent[:, None, None, None], resample(x, exact @ inverse), out)

    def watch(self, real_logits: Tensor | list[Tensor]) -> dict[str, Tensor]:
        """`real_sign`: E sign D(x) over augmented reals, the r_t of the paper."""
        scales = [real_logits] if isinstance(real_logits, Tensor) else real_logits
        return {"real_sign": torch.stack([s.detach().sign().mean() for s in scales]).mean()}

    @torch.no_grad()
    def adapt(self, stats: Mapping[str, Tensor], images: int) -> None:
        """Every `interval` calls, moves p by the share of `speed_kimg` that was seen meanwhile."""
        if self.config.target is None:
            return
        self.updates += 1
        self.images += images
        self.signs += images * stats["real_sign"].to(self.signs)
        due = self.updates >= self.config.interval  # a tensor: nothing here waits for the device
        way = (self.signs / self.images - self.config.target).sign()
        moved = self.p + way * self.images / (1000.0 * self.config.speed_kimg)
        self.p.copy_(torch.where(due, moved.clamp(min=0.0), self.p))
        for count in (self.updates, self.images, self.signs):
            count.mul_(~due)


class _Dice:
    """The numbers of one batch, handed out column by column: [N] each."""

    def __init__(self, uniforms: Tensor, normals: Tensor, p: Tensor) -> None:
        self.p = p
        self._uniforms, self._normals = iter(uniforms.unbind(1)), iter(normals.unbind(1))

    def on(self, p: Tensor | None = None) -> Tensor:
        """1 where a change is made, else 0."""
        return (self.uniform() < (self.p if p is None else p)).float()

    def uniform(self) -> Tensor:
        """From U(0, 1)."""
        return next(self._uniforms)

    def both(self) -> Tensor:
        """From U(-1, 1)."""
        return 2.0 * self.uniform() - 1.0

    def normal(self) -> Tensor:
        return next(self._normals)


def blit_inverse(dice: _Dice, height: int, width: int) -> Tensor:
    """Pixel blitting: the inverse of flip, then quarter turns, then a shift of up to 1/8."""
    flip = dice.on() * (dice.uniform() * 2).floor()
    turns = dice.on() * (dice.uniform() * 4).floor()
    moved = dice.on()
    x = moved * (dice.both() * 0.125 * width).round()
    y = moved * (dice.both() * 0.125 * height).round()
    flipped = scale(1 - 2 * flip, torch.ones_like(flip))
    return flipped @ rotate(-math.pi / 2 * turns) @ shift(-x, -y)


def geometry_inverse(dice: _Dice, height: int, width: int) -> tuple[Tensor, Tensor]:
    """General geometry: the inverse of its five transforms, and which rows have any."""
    # Two rotations, each with this probability, happen at least once with probability p
    p_rotate = 1 - (1 - dice.p.clamp(max=1.0)).sqrt()
    scaled, zoom = dice.on(), dice.normal() * 0.2
    before, first = dice.on(p_rotate), dice.both() * math.pi
    stretched, stretch = dice.on(), dice.normal() * 0.2
    after, second = dice.on(p_rotate), dice.both() * math.pi
    moved, x, y = dice.on(), dice.normal() * 0.125 * width, dice.normal() * 0.125 * height
    smaller = (-zoom * scaled).exp2()
    thinner = (-stretch * stretched).exp2()
    inverse = (
        scale(smaller, smaller)
        @ rotate(-first * before)
        @ scale(thinner, 1 / thinner)
        @ rotate(-second * after)
        @ shift(-x * moved, -y * moved)
    )
    return inverse, scaled + before + stretched + after + moved > 0


def color_matrix(dice: _Dice, gray: bool) -> tuple[Tensor, Tensor]:
    """[N, 4, 4] on homogeneous (r, g, b), and which rows change at all."""
    bright, brightness = dice.on(), dice.normal() * 0.2
    contrasted, contrast = dice.on(), (dice.normal() * 0.5).exp2()
    flipped = dice.on() * (dice.uniform() * 2).floor()
    b, c = brightness * bright, 1 + (contrast - 1) * contrasted
    color = matrix((c, 0.0, 0.0, b * c), (0.0, c, 0.0, b * c), (0.0, 0.0, c, b * c), (0, 0, 0, 1))
    one = torch.eye(4, device=b.device)
    luma = matrix(*[(flipped / 3,) * 3 + (0.0,)] * 3, (0.0,) * 4)  # onto the axis r = g = b
    color = (one - 2 * luma) @ color
    if gray:
        return color, bright + contrasted + flipped > 0
    turned, hue = dice.on(), dice.both() * math.pi
    saturated, saturation = dice.on(), dice.normal().exp2()
    color = _saturation(1 + (saturation - 1) * saturated) @ _hue(hue * turned) @ color
    return color, bright + contrasted + flipped + turned + saturated > 0


def _hue(angle: Tensor) -> Tensor:
    """Rotation about the axis r = g = b (Rodrigues)."""
    same, turn = (1 + 2 * angle.cos()) / 3, angle.sin() / math.sqrt(3)
    up, down = (1 - angle.cos()) / 3 + turn, (1 - angle.cos()) / 3 - turn
    return matrix(
        (same, down, up, 0.0), (up, same, down, 0.0), (down, up, same, 0.0), (0.0, 0.0, 0.0, 1.0)
    )


def _saturation(factor: Tensor) -> Tensor:
    """Distance from the axis r = g = b times a factor."""
    same, other = (1 + 2 * factor) / 3, (1 - factor) / 3
    return matrix(
        (same, other, other, 0.0),
        (other, same, other, 0.0),
        (other, other, same, 0.0),
        (0.0, 0.0, 0.0, 1.0),
    )


def recolor(x: Tensor, color: Tensor, changed: Tensor) -> Tensor:
    """x [N, C, H, W] with colours mapped where `changed`; grey is what r = g = b gives."""
    colors, alpha = split_alpha(x)
    top = color[:, :3].to(x.dtype)
    if colors.shape[1] == 1:
        top = top.mean(1, keepdim=True)
        top = torch.cat((top[:, :, :3].sum(2, keepdim=True), top[:, :, 3:]), 2)
    mapped = torch.baddbmm(top[:, :, -1:], top[:, :, :-1], colors.flatten(2)).view_as(colors)
    colors = torch.where(changed[:, None, None, None], mapped, colors)
    return torch.cat((colors, alpha), 1) if alpha.shape[1] else colors
