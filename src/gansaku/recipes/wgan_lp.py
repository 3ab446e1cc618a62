"""The Wasserstein distance, with a penalty on slopes above one alone."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Duel, Objective, Penalty
from gansaku.core.optim import Adam
from gansaku.losses import LipschitzPenalty, Wasserstein
from gansaku.nets import family


@dataclass(frozen=True, kw_only=True)
class WGANLP(Duel):
    """WGAN-LP (arXiv:1709.08894, eq. 8): WGAN-GP's setting with the one-sided penalty.

    The weight is that of the paper's toy data; for these it takes RMSprop(5e-5), a batch of 256
    and 10 critic updates, for pictures WGAN-GP's optimizer, as here.
    """

    card: ClassVar[Card] = Card(
        title="On the Regularization of Wasserstein GANs",
        paper="arXiv:1709.08894",
        year=2017,
        task="images",
        line="WGAN-GP with a penalty that leaves gentle slopes alone: less touchy about its weight",
        bibtex="""@inproceedings{petzka2018regularization,
  title={On the Regularization of {Wasserstein} {GANs}},
  author={Petzka, Henning and Fischer, Asja and Lukovnikov, Denis},
  booktitle={International Conference on Learning Representations}, year={2018}}""",
    )

    z: int = 128  # dimensions of the latent
    objective: Objective = Wasserstein()  # what G and D minimise
    penalties: tuple[Penalty, ...] = (LipschitzPenalty(5.0),)  # added to D's loss
    g_optimizer: Adam = Adam(1e-4, (0.5, 0.9))
    d_optimizer: Adam = Adam(1e-4, (0.5, 0.9))
    d_updates: int = 5  # critic updates before one of the generator
    fresh: bool = True  # new fakes for the generator's turn instead of the critic's
    width: int = 64  # channels of the widest-resolution layer
    d_norm: str = "none"  # none, layer or instance: batch norm would void the penalty

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width, norm=self.d_norm)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, d_updates=2)
