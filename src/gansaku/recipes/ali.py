"""BiGAN's twin with a stochastic encoder."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Nets
from gansaku.core.duel import Objective, at_marginals
from gansaku.core.inference import PairDuel
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.losses import NonSaturating
from gansaku.losses.latent import reparameterised
from gansaku.nets.ali import ALICritic, ALIEncoder, ALIGenerator, ALINormCritic, net_of


@dataclass(frozen=True, kw_only=True)
class ALI(PairDuel):
    """Adversarially learned inference (arXiv:1606.00704, algorithm 1 and table 3).

    E gives the mean and the log deviation of a Gaussian, drawn from in training; G and E minimise
    D's loss with the sides exchanged. The networks are those of the authors' code for CIFAR-10,
    and from 64 pixels on those for CelebA (with `z=256 width=64`); at other sizes their patterns
    go on as far as there is room. All move at once, each on gradients of before (algorithm 1).
    Narrow networks in a hurry need `d_std=0` and higher rates: with the paper's first weights D
    sees its input late, and G has collapsed by then.
    """

    card: ClassVar[Card] = Card(
        title="Adversarially Learned Inference",
        paper="arXiv:1606.00704",
        year=2016,
        task="images",
        line="a GAN with a stochastic encoder, judged together: pictures to codes and back",
        bibtex="""@inproceedings{dumoulin2017adversarially,
  title={Adversarially Learned Inference},
  author={Dumoulin, Vincent and Belghazi, Ishmael and Poole, Ben and Mastropietro, Olivier and
          Lamb, Alex and Arjovsky, Martin and Courville, Aaron},
  booktitle={International Conference on Learning Representations}, year={2017}}""",
    )

    steps: int = 500_000  # generator updates: 1,000 epochs of 50,000 pictures
    batch_size: int = 100  # real samples in a critic update
    z: int = 64  # dimensions of the latent
    objective: Objective = NonSaturating()  # what D minimises, and G and E with sides exchanged
    g_optimizer: Adam = Adam(1e-4, (0.5, 0.999))  # of generator and encoder
    d_optimizer: Adam = Adam(1e-4, (0.5, 0.999))  # of the critic
    simultaneous: bool = True  # D moves with G and E, each on gradients of before
    width: int = 32  # channels of the widest-resolution layer
    net: str = "auto"  # cifar10, celeba, or auto: celeba from 64 pixels on
    d_std: float = 0.01  # of the critic's first weights; 0: 1 / root of a layer's inputs

    def generator(self, spec: Any) -> nn.Module:
        return ALIGenerator(spec.shape, self.z, self.width, net_of(self.net, spec.shape[1:]))

    def encoder(self, spec: Any) -> nn.Module:
        return ALIEncoder(spec.shape, 2 * self.z, self.width, net_of(self.net, spec.shape[1:]))

    def critic(self, spec: Any) -> nn.Module:
        made = {"cifar10": ALICritic, "celeba": ALINormCritic}[net_of(self.net, spec.shape[1:])]
        return made(spec.shape, self.z, self.width, self.d_std)

    def code(self, nets: Nets, x: Tensor, noise: Noise | None) -> Tensor:
        mean, log_deviation = nets.E(x).chunk(2, 1)
        if noise is None:
            return mean
        return reparameterised(mean, 2 * log_deviation, noise.normal(*mean.shape))

    def entry(self, nets: Nets) -> Any:
        return at_marginals

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
