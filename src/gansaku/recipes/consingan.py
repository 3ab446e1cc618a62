"""One picture learned in a few stages that train together."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from gansaku.core.card import Card
from gansaku.core.contract import Nets
from gansaku.core.duel import Objective, Penalty
from gansaku.core.effort import Effort
from gansaku.core.growing import GrowingGame, Maps
from gansaku.core.pyramid import stair
from gansaku.core.pyramid_memory import Memory
from gansaku.core.pyramid_pace import Pace
from gansaku.losses import PixelGradientPenalty, Wasserstein
from gansaku.nets.consingan import ConSinGANGenerator
from gansaku.nets.singan import SinGANCritic


@dataclass(frozen=True, kw_only=True)
class ConSinGAN(GrowingGame):
    """ConSinGAN (arXiv:2003.11512), with the numbers of its authors' code.

    Features, not pictures, go from stage to stage, so that the last three stages are trained
    together, each a tenth as fast as the next (section 3.2); one gradient of the generator is
    applied three times, as in that code. Few stages of ratios that are small where it matters.
    """

    card: ClassVar[Card] = Card(
        title="Improved Techniques for Training Single-Image GANs",
        paper="arXiv:2003.11512",
        year=2020,
        task="one picture",
        line="one picture in six stages instead of nine: several train together",
        bibtex="""@inproceedings{hinz2021consingan,
  title={Improved Techniques for Training Single-Image {GANs}},
  author={Hinz, Tobias and Fisher, Matthew and Wang, Oliver and Wermter, Stefan},
  booktitle={IEEE Winter Conference on Applications of Computer Vision}, year={2021}}""",
    )

    train_stages: int = 6  # from the coarsest to the whole picture
    steps: int = 2000  # iterations of a stage
    objective: Objective = Wasserstein()  # what G and D minimise
    penalties: tuple[Penalty, ...] = (PixelGradientPenalty(0.1),)  # added to D's loss

    @property
    def numbers(self) -> Effort:
        return Effort(steps=self.steps, g_updates=1, g_moves=3)

    def networks(self, spec: Any) -> Nets:
        size = (spec.height, spec.width)
        steps, over = stair(size, self.train_stages, self.min_size), 2 * self.layers
        (height, width), *larger = steps.sizes(size)
        shapes = [(self.width, height + over, width + over) for height, width in larger]
        return Nets(
            G=ConSinGANGenerator(spec.channels, self.width, self.train_stages, self.layers),
            D=SinGANCritic(spec.channels, self.width, self.layers + 2, norm=False, slope=0.05),
            memory=Memory(spec.channels, size, steps),
            pace=Pace(steps.count),
            z=Maps([(spec.channels, height, width), *shapes]),
        )

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=2, min_size=12, width=4, train_stages=4)
