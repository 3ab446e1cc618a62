"""Any f-divergence as the game: one objective, ten divergences."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Duel
from gansaku.core.errors import UserError
from gansaku.core.optim import Adam
from gansaku.losses import FDivergence
from gansaku.nets import MLP, family


@dataclass(frozen=True, kw_only=True)
class FGAN(Duel):
    """f-GAN (arXiv:1606.00709, section 4 and appendix D): `--objective.divergence kl` and others.

    The perceptrons of its MNIST runs, for points too; `layout="dcgan"` takes the networks of its
    LSUN run. G follows section 3.2, `FDivergence(saturating=True)` and `simultaneous=True`
    algorithm 1. `divergence` in the log is the bound: it means a distance, while the critic is
    near its best. KL, Jeffreys, Pearson and Neyman may be infinite between pictures, and their
    critics then grow without end; a gradient penalty or spectral norm (`layout="dcgan"
    d_norm="spectral"`) bounds them.
    """

    card: ClassVar[Card] = Card(
        title="f-GAN: Training Generative Neural Samplers using Variational Divergence "
        "Minimization",
        paper="arXiv:1606.00709",
        year=2016,
        task="images",
        line="one game for ten divergences: KL, reverse KL, Pearson, Hellinger, Jensen-Shannon...",
        bibtex="""@inproceedings{nowozin2016fgan,
  title={{f-GAN}: Training Generative Neural Samplers using Variational Divergence Minimization},
  author={Nowozin, Sebastian and Cseke, Botond and Tomioka, Ryota},
  booktitle={Advances in Neural Information Processing Systems}, year={2016}}""",
    )

    batch_size: int = 4096  # real samples in a critic update
    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: FDivergence = FDivergence("gan")  # what G and D minimise
    g_optimizer: Adam = Adam(2e-4, (0.5, 0.999))
    d_optimizer: Adam = Adam(2e-4, (0.5, 0.999))
    layout: str = "mlp"  # mlp (the paper's for digits), or dcgan for larger pictures
    width: int = 1200  # units in each of G's two layers; of dcgan, channels: 64 is usual
    units: int = 240  # ELU units in each of the critic's two layers
    d_norm: str = "batch"  # of dcgan's critic: batch, layer, instance, none or spectral

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layout not in ("mlp", "dcgan"):
            raise UserError(f"layout must be 'mlp' or 'dcgan', not {self.layout!r}")

    def generator(self, spec: Any) -> nn.Module:
        if self.layout == "dcgan":
            return family.generator(spec.shape, self.z, self.width)
        sizes = [self.z, self.width, self.width, math.prod(spec.shape)]
        images = len(spec.shape) == 3  # tanh(a) is the paper's sigmoid in [-1, 1]
        mlp = MLP(sizes, nn.ReLU, nn.BatchNorm1d, nn.Tanh if images else nn.Identity)
        return nn.Sequential(mlp, nn.Unflatten(1, spec.shape))

    def critic(self, spec: Any) -> nn.Module:
        if self.layout == "dcgan":
            return family.critic(spec.shape, self.width, norm=self.d_norm)
        sizes = [math.prod(spec.shape), self.units, self.units, 1]
        return nn.Sequential(nn.Flatten(), MLP(sizes, nn.ELU), nn.Flatten(0))

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=8, units=8)
