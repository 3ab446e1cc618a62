"""A model of one single picture, learned scale by scale."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Nets
from gansaku.core.duel import Objective, Penalty
from gansaku.core.pyramid import ladder
from gansaku.core.pyramid_game import PyramidGame
from gansaku.core.pyramid_memory import Memory
from gansaku.losses import PixelGradientPenalty, Wasserstein
from gansaku.nets.singan import BORDER, SinGANCritic, SinGANGenerator, warm_start, width_of


@dataclass(frozen=True, kw_only=True)
class SinGAN(PyramidGame):
    """SinGAN (arXiv:1905.01164)."""

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

    effort: str = "standard"  # paper, standard or fast
    steps: int = 2000  # iterations of a scale
    factor: float = 0.75  # of a scale to the next one, about
    scales_wanted: int | None = None  # how many; none: what min_size and factor make
    width: int = 32  # channels, doubled every four scales
    widest: int = 128  # channels at most
    noise_over: bool = False  # noise reaches over the picture's edges, as for animations
    objective: Objective = Wasserstein()  # what G and D minimise
    penalties: tuple[Penalty, ...] = (PixelGradientPenalty(0.1),)  # added to D's loss

    def networks(self, spec: Any) -> Nets:
        size = (spec.height, spec.width)
        rungs, size = ladder(size, self.min_size, max(size), self.factor, self.scales_wanted)
        widths = [width_of(k, self.width, self.widest) for k in range(rungs.count)]
        return Nets(
            G=nn.ModuleList(SinGANGenerator(spec.channels, width) for width in widths),
            D=nn.ModuleList(SinGANCritic(spec.channels, width) for width in widths),
            memory=Memory(spec.channels, size, rungs, 0, BORDER * self.noise_over),
        )

    def length_of(self, nets: Nets, k: int) -> int:
        return self.steps

    def warm_start(self, nets: Nets, k: int) -> None:
        for net in (nets.G, nets.D):
            warm_start(net[k], net[k - 1], False)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=2, min_size=12, width=4)
