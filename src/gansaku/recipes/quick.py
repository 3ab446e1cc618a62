"""The default: good digits within minutes on a laptop."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Duel, Objective
from gansaku.core.optim import Adam
from gansaku.losses import Hinge
from gansaku.nets import family


@dataclass(frozen=True, kw_only=True)
class Quick(Duel):
    """DCGAN's networks at a small width, held by spectral norm (arXiv:1802.05957) and hinge loss.

    Not a paper's system but the known parts that gave the best digits in the shortest time on a
    CPU: nearest upsampling, twice the learning rate for the critic (arXiv:1706.08500), no
    momentum, and a moving average of the generator.
    """

    card: ClassVar[Card] = Card(
        title="Spectral Normalization for Generative Adversarial Networks",
        paper="arXiv:1802.05957",
        year=2018,
        task="images",
        line="start here: small, steady, good digits in three minutes on a laptop",
        bibtex="""@inproceedings{miyato2018spectral,
  title={Spectral Normalization for Generative Adversarial Networks},
  author={Miyato, Takeru and Kataoka, Toshiki and Koyama, Masanori and Yoshida, Yuichi},
  booktitle={International Conference on Learning Representations}, year={2018}}""",
    )

    steps: int = 3_000  # generator updates
    objective: Objective = Hinge()  # what G and D minimise
    g_optimizer: Adam = Adam(1e-3, (0.0, 0.99))
    d_optimizer: Adam = Adam(2e-3, (0.0, 0.99))
    ema: float = 10_000.0  # half-life of the generator's moving average in images; 0: none
    width: int = 32  # channels of the widest-resolution layer
    d_norm: str = "spectral"  # batch, layer, instance, none or spectral
    up: str = "nearest"  # transpose (learned), or nearest and then a convolution

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width, up=self.up)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width, norm=self.d_norm)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, ema=100.0)
