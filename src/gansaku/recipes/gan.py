"""The first GAN: two perceptrons on MNIST."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock, Nets
from gansaku.core.duel import Duel, at_marginals
from gansaku.core.optim import SGD
from gansaku.losses import Minimax, NonSaturating
from gansaku.nets import MaxoutCritic, MLPGenerator


@dataclass(frozen=True, kw_only=True)
class GAN(Duel):
    """Generative adversarial nets (arXiv:1406.2661), with the numbers of the authors' MNIST run.

    As there, G follows the non-saturating loss of section 3 (`objective=Minimax()` is eq. 1), its
    output biases start at the data's marginals, and both players move on every batch: D first,
    as in algorithm 1, where the authors' code moves both at once (`simultaneous=True`). That code
    halves D's loss, which D's learning rate does here.
    """

    card: ClassVar[Card] = Card(
        title="Generative Adversarial Nets",
        paper="arXiv:1406.2661",
        year=2014,
        task="images",
        line="the original: perceptrons, maxout, dropout; for small pictures such as digits",
        bibtex="""@inproceedings{goodfellow2014generative,
  title={Generative Adversarial Nets},
  author={Goodfellow, Ian and Pouget-Abadie, Jean and Mirza, Mehdi and Xu, Bing and Warde-Farley,
          David and Ozair, Sherjil and Courville, Aaron and Bengio, Yoshua},
  booktitle={Advances in Neural Information Processing Systems}, year={2014}}""",
    )

    steps: int = 125_000  # generator updates: 250 epochs of 50,000 digits
    batch_size: int = 100  # real samples in a critic update
    objective: NonSaturating | Minimax = NonSaturating()  # what G and D minimise
    width: int = 1200  # units in each of G's two hidden layers
    units: int = 240  # maxout units in each of D's two hidden layers, of 5 pieces
    g_optimizer: SGD = SGD(0.1, 0.5)
    d_optimizer: SGD = SGD(0.05, 0.5)
    lr_decay: float = 1.000004  # the learning rate is divided by this at every step
    last_momentum: float = 0.7  # reached in a straight line when the run ends

    def generator(self, spec: Any) -> nn.Module:
        return MLPGenerator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return MaxoutCritic(spec.shape, self.units)

    def schedule(self, clock: Clock) -> dict[str, float]:
        lr, first = self.g_optimizer.lr, self.g_optimizer.momentum
        momentum = first + clock.progress * (self.last_momentum - first)
        return {"lr": max(self.lr_decay**-clock.step, 1e-6 / lr), "momentum": momentum}

    def entry(self, nets: Nets) -> Any:
        return at_marginals

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=16, units=8)
