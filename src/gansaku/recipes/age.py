"""A generator and an encoder that play against each other: no discriminator."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from gansaku.core.bounds import at_least
from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Stage, Terms
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.priors import FromLatents, sphere
from gansaku.core.still import still
from gansaku.losses.latent import cosine_gap, sphere_divergence
from gansaku.nets import DCGANGenerator
from gansaku.nets.encoders import ConvEncoder


@dataclass(frozen=True, kw_only=True)
class AGE(FromLatents):
    """Adversarial generator-encoder networks (arXiv:1704.02304, equations 6 to 8).

    E drives codes of pictures to the prior and those of fakes away, G drives those of fakes to it.
    Settings of the authors' CIFAR-10 run; their divergence has the variance for equation 8's
    deviation, which doubles its log: hence weights of 2.
    """

    card: ClassVar[Card] = Card(
        title="It Takes (Only) Two: Adversarial Generator-Encoder Networks",
        paper="arXiv:1704.02304",
        year=2017,
        task="images",
        line="no discriminator: generator against encoder, with reconstructions",
        bibtex="""@inproceedings{ulyanov2018takes,
  title={It Takes (Only) Two: Adversarial Generator-Encoder Networks},
  author={Ulyanov, Dmitry and Vedaldi, Andrea and Lempitsky, Victor},
  booktitle={AAAI Conference on Artificial Intelligence}, year={2018}}""",
    )
    ties: ClassVar[str] = "the divergences are of the moments of a part's codes"

    steps: int = 117_000  # encoder updates: 150 epochs of 50,000 pictures
    batch_size: int = 64  # of pictures, and of fakes
    z: int = 128  # dimensions of the latent, on the sphere of radius 1
    g_updates: int = 2  # generator updates after one of the encoder
    kl_real: float = 2.0  # weight of the divergence of pictures' codes, in E
    kl_fake: float = 2.0  # of the divergence of fakes' codes, in E and in G
    match_x: float = 10.0  # of the mean absolute difference of reconstructions, in E
    match_z: float = 1000.0  # of 1 - the cosine of codes, over the dimensions, in G
    e_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the encoder
    g_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the generator
    drop: float = 0.5  # factor of the learning rates at every drop
    drop_every: int = 31_200  # steps: 40 epochs
    width: int = 64  # channels of the widest-resolution layer

    def __post_init__(self) -> None:
        at_least(self, steps=1, batch_size=2, z=1, g_updates=1)  # one code has no spread

    def networks(self, spec: Any) -> Nets:
        encoder = ConvEncoder(spec.shape, self.z, self.width, sphere=True)
        return Nets(E=encoder, G=DCGANGenerator(spec.shape, self.z, self.width))

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        e = Player("E", nets.E, self.e_optimizer, self.schedule)
        g = Player("G", nets.G, self.g_optimizer, self.schedule)
        phases = (Phase(e, self.e_loss), Phase(g, self.g_loss, repeat=self.g_updates))
        return (Stage("train", phases, self.steps),)

    def schedule(self, clock: Clock) -> float:
        return self.drop ** (clock.step // self.drop_every)

    def e_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        x, codes = batch["x"], nets.E(batch["x"])
        with still(nets.E), still(nets.G):
            of_fake = sphere_divergence(nets.E(nets.G(self.latents(len(x), clock))))
            match = (nets.G(codes) - x).abs().mean()
        of_real = sphere_divergence(codes)
        clock.note(**{"divergence of pictures": of_real, "divergence of fakes": of_fake})
        adversarial = self.kl_real * of_real - self.kl_fake * of_fake
        return {"divergence": adversarial, "reconstruction": self.match_x * match}

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        z = self.latents(len(batch["x"]), clock)
        with still(nets.E):
            codes = nets.E(nets.G(z))
        match = self.match_z * cosine_gap(codes, z) / self.z  # a mean over coordinates too
        return {"divergence": self.kl_fake * sphere_divergence(codes), "code": match}

    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> Tensor:
        return sphere(n, self.z, noise)  # which has no tails to truncate

    def encode(self, nets: Nets, x: Tensor, noise: Noise | None = None) -> Tensor:
        return nets.E(x)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
