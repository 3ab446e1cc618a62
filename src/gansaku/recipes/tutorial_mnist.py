"""The tutorial script that everybody meets first, as a recipe."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Duel, Objective
from gansaku.losses import NonSaturating
from gansaku.nets import TutorialCritic, TutorialGenerator


@dataclass(frozen=True, kw_only=True)
class TutorialMNIST(Duel):
    """A small convolutional GAN with tanh units: 3,000 steps on 28 x 28 digits.

    Networks and numbers are those of a widely copied script; the loss is the non-saturating one
    of the first paper (arXiv:1406.2661, section 3).
    """

    card: ClassVar[Card] = Card(
        title="Generative Adversarial Nets",
        paper="arXiv:1406.2661",
        year=2014,
        task="images",
        line="a well-known tutorial for digits, as it stands: a yardstick, not a recommendation",
        bibtex="""@inproceedings{goodfellow2014generative,
  title={Generative Adversarial Nets},
  author={Goodfellow, Ian and Pouget-Abadie, Jean and Mirza, Mehdi and Xu, Bing and Warde-Farley,
          David and Ozair, Sherjil and Courville, Aaron and Bengio, Yoshua},
  booktitle={Advances in Neural Information Processing Systems}, year={2014}}""",
    )

    steps: int = 3_000  # generator updates
    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: Objective = NonSaturating()  # what G and D minimise
    width: int = 64  # channels of the widest-resolution layers

    def generator(self, spec: Any) -> nn.Module:
        return TutorialGenerator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return TutorialCritic(spec.shape, self.width)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
