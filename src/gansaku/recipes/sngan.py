"""A critic whose every layer is divided by its largest singular value."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock
from gansaku.core.duel import Duel, Objective
from gansaku.core.optim import Adam
from gansaku.losses import Hinge
from gansaku.nets import ResNetCritic, ResNetGenerator


@dataclass(frozen=True, kw_only=True)
class SNGAN(Duel):
    """SNGAN (arXiv:1802.05957, table 4 and appendix B): residual networks, hinge loss (eq. 16).

    The learning rate falls to 0 in a straight line; G's turn has twice the critic's batch.
    """

    card: ClassVar[Card] = Card(
        title="Spectral Normalization for Generative Adversarial Networks",
        paper="arXiv:1802.05957",
        year=2018,
        task="images",
        line="spectral norm: a Lipschitz critic for the price of one matrix product",
        bibtex="""@inproceedings{miyato2018spectral,
  title={Spectral Normalization for Generative Adversarial Networks},
  author={Miyato, Takeru and Kataoka, Toshiki and Koyama, Masanori and Yoshida, Yuichi},
  booktitle={International Conference on Learning Representations}, year={2018}}""",
    )

    steps: int = 100_000  # generator updates
    z: int = 128  # dimensions of the latent
    objective: Objective = Hinge()  # what G and D minimise
    g_optimizer: Adam = Adam(2e-4, (0.0, 0.9))
    d_optimizer: Adam = Adam(2e-4, (0.0, 0.9))
    d_updates: int = 5  # critic updates before one of the generator
    g_batches: int = 2  # generator's batch, in critic batches
    width: int = 256  # channels of the generator
    d_width: int = 128  # channels of the critic

    def schedule(self, clock: Clock) -> float:
        return 1.0 - clock.progress

    def generator(self, spec: Any) -> nn.Module:
        return ResNetGenerator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return ResNetCritic(spec.shape, self.d_width, norm="spectral", pool="sum")

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, d_width=4, d_updates=2)
