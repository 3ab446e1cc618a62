"""A model of one single picture, learned scale by scale."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Nets
from gansaku.core.duel import Objective, Penalty
from gansaku.core.effort import Effort, effort
from gansaku.core.pyramid import ladder
from gansaku.core.pyramid_game import PyramidGame
from gansaku.core.pyramid_memory import Memory
from gansaku.core.pyramid_pace import Pace
from gansaku.losses import PixelGradientPenalty, Wasserstein
from gansaku.nets.singan import BORDER, SinGANCritic, SinGANGenerator, warm_start, width_of


@dataclass(frozen=True, kw_only=True)
class SinGAN(PyramidGame):
    """SinGAN (arXiv:1905.01164, equations 4 to 7), with the numbers of its authors' code.

    `effort="paper"` is exact: 2,000 iterations at every scale, of three critic and three generator
    updates, WGAN-GP of weight 0.1 on the slope at each pixel, reconstruction weight 10. As that
    code does, z* is redrawn at the coarsest scale (the paper fixes it: `fixed_anchor`), and
    frozen scales sample with running statistics of their batch norms. Unlike it, no update uses a
    graph whose weights have changed, and pictures go from scale to scale as floats.

    `standard` and `fast` are not the paper's: fewer iterations above the small scales, at most 64
    channels, one critic update and one gradient of the generator, applied three times, at large
    ones, a rarer penalty that counts as many times, reconstruction weight 50, warm starts across
    widths, a bank of outputs of the frozen scales, statistics taken anew at a scale's end.
    """

    card: ClassVar[Card] = Card(
        title="SinGAN: Learning a Generative Model from a Single Natural Image",
        paper="arXiv:1905.01164",
        year=2019,
        task="one picture",
        line="learns from one picture: vary it at any size, paint, edit, harmonise, animate it",
        bibtex="""@inproceedings{rottshaham2019singan,
  title={{SinGAN}: Learning a Generative Model from a Single Natural Image},
  author={Rott Shaham, Tamar and Dekel, Tali and Michaeli, Tomer},
  booktitle={IEEE International Conference on Computer Vision}, year={2019}}""",
    )

    effort: str = "standard"  # paper, standard or fast: what the numbers left at None are
    factor: float = 0.75  # of a scale to the next one, about
    scales_wanted: int | None = None  # how many; none: what min_size and factor make
    width: int = 32  # channels, doubled every four scales
    noise_over: bool = False  # noise reaches over the picture's edges, as for animations
    objective: Objective = Wasserstein()  # what G and D minimise
    penalties: tuple[Penalty, ...] = (PixelGradientPenalty(0.1),)  # added to D's loss
    steps: int | None = None  # iterations of the coarsest scale
    fewer: float | None = None  # power of the pixels by which they become fewer
    widest: int | None = None  # channels at most
    small: int | None = None  # scales of so many pixels or fewer have three critic updates
    d_updates: int | None = None  # critic updates in an iteration of a large scale
    g_updates: int | None = None  # gradients of the generator in an iteration
    g_moves: int | None = None  # optimiser steps on each of them
    g_more: int | None = None  # reconstruction-only updates at large scales besides
    penalty_every: int | None = None  # iterations of a large scale from one penalty to the next
    likeness: float | None = None  # the reconstruction's weight above the coarsest scale
    calm_after: float | None = None  # share of iterations without improvement that ends a scale
    bank: int | None = None  # outputs of the frozen scales that a large one keeps; 0: none

    @property
    def numbers(self) -> Effort:
        names = {f.name for f in fields(Effort)}
        return effort(self.effort, **{n: v for n, v in vars(self).items() if n in names})

    def networks(self, spec: Any) -> Nets:
        size, do = (spec.height, spec.width), self.numbers
        rungs, size = ladder(size, self.min_size, max(size), self.factor, self.scales_wanted)
        widths = [width_of(k, self.width, do.widest) for k in range(rungs.count)]
        return Nets(
            G=nn.ModuleList(SinGANGenerator(spec.channels, width) for width in widths),
            D=nn.ModuleList(SinGANCritic(spec.channels, width) for width in widths),
            memory=Memory(spec.channels, size, rungs, do.bank, BORDER * self.noise_over),
            pace=Pace(rungs.count),
        )

    def warm_start(self, nets: Nets, k: int) -> None:
        for net in (nets.G, nets.D):
            warm_start(net[k], net[k - 1], self.numbers.widen)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=2, min_size=12, width=4, fewer=0.0, bank=3, small=0)
