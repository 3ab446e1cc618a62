"""A GAN with an encoder that shows the generator the modes it misses."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Objective
from gansaku.core.modes import ModeDuel
from gansaku.losses import NonSaturating
from gansaku.nets import family
from gansaku.nets.encoders import encoder


@dataclass(frozen=True, kw_only=True)
class MRGAN(ModeDuel):
    """Mode-regularised GAN (arXiv:1612.02136, section 3.2, and 3.3 with `form="manifold"`).

    DCGAN's networks, and its critic with `z` outputs for E. The distance is the mean squared
    difference of a value: the paper says pixelwise L2 and leaves its scale open, and the weights
    are those in common use. MDGAN's two steps have an optimizer each; the second moves G alone.
    """

    card: ClassVar[Card] = Card(
        title="Mode Regularized Generative Adversarial Networks",
        paper="arXiv:1612.02136",
        year=2016,
        task="images",
        line="an encoder leads the generator to the modes that it misses",
        bibtex="""@inproceedings{che2017mode,
  title={Mode Regularized Generative Adversarial Networks},
  author={Che, Tong and Li, Yanran and Jacob, Athul Paul and Bengio, Yoshua and Li, Wenjie},
  booktitle={International Conference on Learning Representations}, year={2017}}""",
    )

    objective: Objective = NonSaturating()  # what G and D minimise
    width: int = 64  # channels of the widest-resolution layer; for points, an eighth of the units
    d_norm: str = "batch"  # batch, layer, instance, none or spectral

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width, norm=self.d_norm)

    def encoder(self, spec: Any) -> nn.Module:
        return encoder(spec.shape, self.z, self.width)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
