"""Least squares in place of cross-entropy."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Duel, Objective
from gansaku.core.optim import Adam
from gansaku.losses import LeastSquares
from gansaku.nets import family


@dataclass(frozen=True, kw_only=True)
class LSGAN(Duel):
    """LSGAN (arXiv:1611.04076, eq. 9: a = 0, b = c = 1) with the numbers of the authors' code.

    The networks are DCGAN's, so that the loss is what differs; the paper's generator is deeper.
    """

    card: ClassVar[Card] = Card(
        title="Least Squares Generative Adversarial Networks",
        paper="arXiv:1611.04076",
        year=2016,
        task="images",
        line="least squares: gradients that do not vanish for fakes that already pass",
        bibtex="""@inproceedings{mao2017least,
  title={Least Squares Generative Adversarial Networks},
  author={Mao, Xudong and Li, Qing and Xie, Haoran and Lau, Raymond Y. K. and Wang, Zhen and
          Smolley, Stephen Paul},
  booktitle={IEEE International Conference on Computer Vision}, year={2017}}""",
    )

    z: int = 1024  # dimensions of the latent
    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: Objective = LeastSquares(0.0, 1.0, 1.0)  # labels of fake, of real, and G's wish
    g_optimizer: Adam = Adam(1e-3, (0.5, 0.999))
    d_optimizer: Adam = Adam(1e-3, (0.5, 0.999))
    width: int = 64  # channels of the widest-resolution layer

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
