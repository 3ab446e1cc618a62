"""A GAN whose critic sees pictures with their codes, so that an encoder is learned beside it."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock, Nets
from gansaku.core.duel import Objective
from gansaku.core.inference import PairDuel
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.losses import NonSaturating
from gansaku.nets.bigan import BiGANCritic, BiGANEncoder, BiGANGenerator, PairCritic
from gansaku.nets.encoders import ConvEncoder, body_of
from gansaku.nets.family import generator


@dataclass(frozen=True, kw_only=True)
class BiGAN(PairDuel):
    """Bidirectional GAN (arXiv:1605.09782), with the numbers of the authors' MNIST script.

    G and E minimise D's loss with the sides exchanged (section 3.4); all 400 epochs, in the last
    half of which the learning rate falls exponentially to a hundredth. All move at once, each on
    gradients of before (section 3.4). Codes of a uniform prior are squashed by tanh(a / 2), as in
    that script. The paper's nearest neighbours are those of the layer before the code. Larger
    pictures take DCGAN's convolutions and a critic that joins picture and code late, not AlexNet.
    """

    card: ClassVar[Card] = Card(
        title="Adversarial Feature Learning",
        paper="arXiv:1605.09782",
        year=2016,
        task="images",
        line="GAN and encoder in one game: features without labels, reconstruction for free",
        bibtex="""@inproceedings{donahue2017adversarial,
  title={Adversarial Feature Learning},
  author={Donahue, Jeff and Kr{\\"a}henb{\\"u}hl, Philipp and Darrell, Trevor},
  booktitle={International Conference on Learning Representations}, year={2017}}""",
    )

    steps: int = 156_000  # generator updates: 400 epochs of 50,000 digits
    batch_size: int = 128  # real samples in a critic update
    z: int = 50  # dimensions of the latent
    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: Objective = NonSaturating()  # what D minimises, and G and E with sides exchanged
    g_optimizer: Adam = Adam(2e-4, (0.5, 0.999), weight_decay=2.5e-5)  # of generator and encoder
    d_optimizer: Adam = Adam(2e-4, (0.5, 0.999), weight_decay=2.5e-5)  # of the critic
    simultaneous: bool = True  # D moves with G and E, each on gradients of before
    falls: float = 0.5  # share of the run after which the learning rate falls
    body: str = "auto"  # mlp: the paper's; conv: DCGAN's; auto: perceptrons up to 32 x 32 grey
    units: int = 1024  # of each layer of the perceptrons
    width: int = 64  # channels of the widest-resolution layer of the convolutions
    d_norm: str = "batch"  # of the convolutional critic: batch, layer, instance, none, spectral

    def schedule(self, clock: Clock) -> float:
        falling = (clock.progress - self.falls) / max(1.0 - self.falls, 1e-9)
        return 0.01 ** max(falling, 0.0)

    def generator(self, spec: Any) -> nn.Module:
        if body_of(self.body, spec.shape) == "mlp":
            return BiGANGenerator(spec.shape, self.z, self.units)
        return generator(spec.shape, self.z, self.width)

    def encoder(self, spec: Any) -> nn.Module:
        if body_of(self.body, spec.shape) == "mlp":
            return BiGANEncoder(spec.shape, self.z, self.units)
        return ConvEncoder(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        if body_of(self.body, spec.shape) == "mlp":
            return BiGANCritic(spec.shape, self.z, self.units)
        return PairCritic(spec.shape, self.z, self.width, self.units, self.d_norm)

    def code(self, nets: Nets, x: Tensor, noise: Noise | None) -> Tensor:
        code = nets.E(x)
        return (code / 2).tanh() if self.prior == "uniform" else code

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, units=16, width=4)
