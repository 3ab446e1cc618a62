"""An autoencoder whose codes are held to a prior by a critic."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.autoencoding import CodeDuel
from gansaku.core.card import Card
from gansaku.core.contract import Clock
from gansaku.core.optim import SGD, Adam
from gansaku.nets.aae import AAEEncoder, CodeCritic
from gansaku.nets.encoders import decoder


@dataclass(frozen=True, kw_only=True)
class AAE(CodeDuel):
    """Adversarial autoencoder (arXiv:1511.05644), with the numbers of appendix A for MNIST.

    Each step has the paper's phases: reconstruction (half the squared distance of pixels in
    [0, 1]), the critic, the encoder as its opponent, and with `form="semi"` classification of the
    labelled (figure 8). `form="informed"`: the critic is told labels, and the prior has a Gaussian
    for each (section 2.3). `norm="batch"` is not in the paper's MNIST networks. Larger pictures
    take DCGAN's convolutions, for which the paper has none: give those Adam.
    """

    card: ClassVar[Card] = Card(
        title="Adversarial Autoencoders",
        paper="arXiv:1511.05644",
        year=2015,
        task="images",
        line="an autoencoder with a prior of your choice; classifies with few labels",
        bibtex="""@article{makhzani2015adversarial,
  title={Adversarial Autoencoders},
  author={Makhzani, Alireza and Shlens, Jonathon and Jaitly, Navdeep and Goodfellow, Ian and
          Frey, Brendan},
  journal={arXiv preprint arXiv:1511.05644}, year={2015}}""",
    )

    steps: int = 125_000  # of all phases: 250 epochs of 50,000 digits; the paper goes on for 1,000
    batch_size: int = 100  # unlabelled samples in a step, and as many labelled ones
    z: int | None = None  # dimensions of the code; none: the paper's 8, informed 2, semi 10
    spread: float | None = None  # deviation of the prior; none: the paper's 5, semi 1
    blur: float | None = None  # deviation of noise on the encoder's pixels; none: 0, semi 0.3
    r_optimizer: SGD | Adam = SGD(0.01, 0.9)  # reconstruction: encoder and decoder
    d_optimizer: SGD | Adam = SGD(0.1, 0.1)  # regularisation: the critic
    e_optimizer: SGD | Adam = SGD(0.1, 0.1)  # regularisation: the encoder
    c_optimizer: SGD | Adam = SGD(0.1, 0.9)  # classification: encoder and label
    drops: tuple[int, ...] = (25_000, 500_000)  # steps at which all learning rates fall tenfold
    body: str = "auto"  # mlp: perceptrons; conv: DCGAN's; auto: perceptrons up to 32 x 32 grey
    units: int = 1000  # of each layer of the perceptrons
    width: int = 64  # channels of the widest-resolution layer of the convolutions
    norm: str = "none"  # of the encoder's perceptrons: none or batch

    def schedule(self, clock: Clock) -> float:
        return 0.1 ** sum(clock.step >= step for step in self.drops)

    def encoder(self, spec: Any, outputs: int, classes: int) -> nn.Module:
        body, width, units = self.body, self.width, self.units
        return AAEEncoder(spec.shape, outputs, classes, body, width, units, self.norm)

    def decoder(self, spec: Any, inputs: int) -> nn.Module:
        return decoder(self.body, spec.shape, inputs, self.width, self.units)

    def critic(self, inputs: int) -> nn.Module:
        return CodeCritic(inputs, self.units)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, units=16, width=4)
