"""A GAN whose players are told a class: digits on demand."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock, Nets, Stage
from gansaku.core.duel import Objective, at_marginals
from gansaku.core.errors import UserError
from gansaku.core.labelled import Labelled
from gansaku.core.optim import SGD, Adam
from gansaku.losses import NonSaturating
from gansaku.nets import conditional as told_a_class


@dataclass(frozen=True, kw_only=True)
class CGAN(Labelled):
    """Conditional GAN (arXiv:1411.1784, equation 2 and section 4.1): perceptrons for digits.

    G follows the non-saturating loss, as the GAN's authors' code does; eq. 2 is
    `objective=Minimax()`. What the paper leaves open is that code's: steps, pixels that D does not
    see, biases from the data's marginals, half a loss for D (here by its rate). These perceptrons
    need long: no digits after 4,000 updates. `net="conv"` is DCGAN's code for digits, the label in
    every layer (hidden linear layers left out). `told="projection"` is arXiv:1802.05637's critic,
    with `conv` its generator too. Real and fake samples of a step are of the same classes.
    """

    card: ClassVar[Card] = Card(
        title="Conditional Generative Adversarial Nets",
        paper="arXiv:1411.1784",
        year=2014,
        task="images",
        line="samples of the class that you ask for; needs labels",
        bibtex="""@article{mirza2014conditional,
  title={Conditional Generative Adversarial Nets}, author={Mirza, Mehdi and Osindero, Simon},
  journal={arXiv preprint arXiv:1411.1784}, year={2014}}""",
    )

    steps: int = 125_000  # generator updates
    batch_size: int = 100  # real samples in a critic update
    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: Objective = NonSaturating()  # what G and D minimise
    net: str = "maxout"  # maxout (the paper's perceptrons) or conv
    told: str = "concat"  # how D is told the class: concat or projection
    g_optimizer: Callable | None = None  # none: SGD(0.1, 0.5), of conv Adam(2e-4)
    d_optimizer: Callable | None = None  # none: SGD(0.05, 0.5), of conv Adam(2e-4)
    hidden: int = 1200  # of maxout: units of G's joint layer
    units: int = 240  # of maxout: units of D's layers
    dropout: float = 0.5  # of maxout: of hidden units, in both networks
    lr_decay: float = 1.00004  # the learning rate of SGD is divided by this at every step
    last_momentum: float = 0.7  # of SGD, reached in a straight line when the run ends
    width: int = 64  # of conv: channels of the widest-resolution layer
    d_norm: str = "batch"  # of conv: batch, layer, instance, none or spectral
    up: str = "transpose"  # of conv: transpose (learned), or nearest and then a convolution

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.net not in ("maxout", "conv"):
            raise UserError(f"net must be 'maxout' or 'conv', not {self.net!r}")

    def generator(self, spec: Any) -> nn.Module:
        sizes = spec.shape, self.z, len(self.classes(spec))
        if self.net == "conv":
            return told_a_class.ConditionalGenerator(*sizes, self.width, self.up, self.told)
        return told_a_class.ConditionalMLPGenerator(*sizes, self.hidden, self.dropout)

    def critic(self, spec: Any) -> nn.Module:
        sizes = spec.shape, len(self.classes(spec))
        if self.net == "maxout":
            return told_a_class.ConditionalMaxoutCritic(*sizes, self.units, self.dropout, self.told)
        return told_a_class.ConditionalCritic(*sizes, self.width, self.d_norm, self.told)

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        maxout, adam = self.net == "maxout", Adam(2e-4, (0.5, 0.999))
        g = self.g_optimizer or (SGD(0.1, 0.5) if maxout else adam)
        d = self.d_optimizer or (SGD(0.05, 0.5) if maxout else adam)
        if (g, d) != (self.g_optimizer, self.d_optimizer):
            return dataclasses.replace(self, g_optimizer=g, d_optimizer=d).stages(nets)
        return super().stages(nets)

    def entry(self, nets: Nets) -> Any:
        return at_marginals if self.net == "maxout" else None

    def schedule(self, clock: Clock) -> dict[str, float]:
        if not isinstance(self.g_optimizer, SGD):
            return {}
        lr, first = self.g_optimizer.lr, self.g_optimizer.momentum
        momentum = first + clock.progress * (self.last_momentum - first)
        return {"lr": max(self.lr_decay**-clock.step, 1e-6 / lr), "momentum": momentum}

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, hidden=12, units=24, width=4)
