"""The Wasserstein distance, with a critic held by a penalty on its slope."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock
from gansaku.core.duel import Duel, Objective, Penalty
from gansaku.core.optim import Adam
from gansaku.losses import GradientPenalty, Wasserstein
from gansaku.nets import family


@dataclass(frozen=True, kw_only=True)
class WGANGP(Duel):
    """WGAN-GP (arXiv:1704.00028, algorithm 1) on networks of DCGAN's size, no norm in the critic.

    For points, the toy networks of section 5, whose 512 units are 8 x `width`. The paper's
    residual networks for CIFAR-10, with twice the fakes in the generator's turn, are
    `gansaku.nets.ResNetGenerator` and its critic.
    """

    card: ClassVar[Card] = Card(
        title="Improved Training of Wasserstein GANs",
        paper="arXiv:1704.00028",
        year=2017,
        task="images",
        line="the Wasserstein GAN that trains: steady, keeps all modes, five critic updates a step",
        bibtex="""@inproceedings{gulrajani2017improved,
  title={Improved Training of {Wasserstein} {GANs}},
  author={Gulrajani, Ishaan and Ahmed, Faruk and Arjovsky, Martin and Dumoulin, Vincent and
          Courville, Aaron},
  booktitle={Advances in Neural Information Processing Systems}, year={2017}}""",
    )

    z: int = 128  # dimensions of the latent
    objective: Objective = Wasserstein()  # what G and D minimise
    penalties: tuple[Penalty, ...] = (GradientPenalty(10.0),)  # added to D's loss
    g_optimizer: Adam = Adam(1e-4, (0.5, 0.9))
    d_optimizer: Adam = Adam(1e-4, (0.5, 0.9))
    d_updates: int = 5  # critic updates before one of the generator
    fresh: bool = True  # new fakes for the generator's turn instead of the critic's
    last_lr: float = 1.0  # share of the learning rate left at the end, in a straight line
    width: int = 64  # channels of the widest-resolution layer; for points, an eighth of the units
    d_norm: str = "none"  # none, layer or instance: batch norm would void the penalty

    def schedule(self, clock: Clock) -> float:
        return 1.0 - clock.progress * (1.0 - self.last_lr)

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width, norm=self.d_norm)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, d_updates=2)
