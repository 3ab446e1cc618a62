"""The convolutional GAN that made GANs train."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Duel, Objective
from gansaku.losses import NonSaturating
from gansaku.nets import family


@dataclass(frozen=True, kw_only=True)
class DCGAN(Duel):
    """DCGAN (arXiv:1511.06434, section 3) at any size; at 64 x 64 it is the paper's network.

    `width` 64 is that of the common ports, the paper draws 128. One set of fakes serves both
    players of a step.
    """

    card: ClassVar[Card] = Card(
        title="Unsupervised Representation Learning with Deep Convolutional Generative "
        "Adversarial Networks",
        paper="arXiv:1511.06434",
        year=2015,
        task="images",
        line="strided convolutions and batch norm: the classic, quick to a first picture",
        bibtex="""@inproceedings{radford2016unsupervised,
  title={Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
         Networks},
  author={Radford, Alec and Metz, Luke and Chintala, Soumith},
  booktitle={International Conference on Learning Representations}, year={2016}}""",
    )

    batch_size: int = 128  # real samples in a critic update
    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: Objective = NonSaturating()  # what G and D minimise
    width: int = 64  # channels of the widest-resolution layer
    g_norm: str = "batch"  # batch, layer, instance or none
    d_norm: str = "batch"  # batch, layer, instance, none or spectral
    up: str = "transpose"  # transpose (learned), or nearest and then a convolution

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width, norm=self.g_norm, up=self.up)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width, norm=self.d_norm)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
