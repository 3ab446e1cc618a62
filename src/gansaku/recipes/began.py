"""Autoencoder against generator, held in balance by one number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.duel import Duel, Output
from gansaku.core.optim import Adam
from gansaku.losses import BoundaryEquilibrium
from gansaku.nets import PointGenerator
from gansaku.nets.autoencoder import BEGANDecoder, began_critic
from gansaku.nets.layers.norm import check_norm


@dataclass(frozen=True, kw_only=True)
class BEGAN(Duel):
    """BEGAN (arXiv:1703.10717, sections 3.3 to 3.5): k keeps E L(G(z)) at gamma times E L(x).

    One set of fakes serves D, G and k, where the paper draws two (one for D, one for G and k).
    `convergence` in the log is the paper's global measure. The learning rate is halved when that
    measure stalls, as in the paper, which gives no rule: ours is `stall`. Skip connections and
    vanishing residuals, optional there, are left out. The paper has width 64 at 64 x 64, 128 above.
    Of white strokes on black D reproduces grey ones nearly as well, and ones the easiest of all: G
    stays there. With `d_norm="batch"`, which the paper has not, D sees a batch of one kind as no
    batch of the data's, and digits of all kinds come.
    """

    card: ClassVar[Card] = Card(
        title="BEGAN: Boundary Equilibrium Generative Adversarial Networks",
        paper="arXiv:1703.10717",
        year=2017,
        task="images",
        line="smooth faces; sharp or varied by one ratio, with a measure of convergence",
        bibtex="""@article{berthelot2017began,
  title={{BEGAN}: Boundary Equilibrium Generative Adversarial Networks},
  author={Berthelot, David and Schumm, Thomas and Metz, Luke},
  journal={arXiv preprint arXiv:1703.10717}, year={2017}}""",
    )

    batch_size: int = 16  # real samples in a critic update
    z: int = 64  # dimensions of the latent, and of the autoencoder's code
    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: BoundaryEquilibrium = BoundaryEquilibrium(0.5)  # gamma: lower is sharper
    g_optimizer: Adam = Adam(1e-4, (0.9, 0.999))
    d_optimizer: Adam = Adam(1e-4, (0.9, 0.999))
    stall: int = 20_000  # steps without progress after which the learning rate is halved
    width: int = 64  # channels
    g_norm: str = "none"  # between G's layers: none, batch, layer or instance
    d_norm: str = "none"  # between D's layers: none, batch, layer, instance or spectral

    def generator(self, spec: Any) -> nn.Module:
        if len(spec.shape) == 1:
            check_norm(self.g_norm, ("none",))
            return PointGenerator(spec.shape[0], self.z, 8 * self.width)
        return BEGANDecoder(spec.shape, self.z, self.width, self.g_norm)

    def critic(self, spec: Any) -> nn.Module:
        return began_critic(spec.shape, self.z, self.width, self.d_norm)

    def networks(self, spec: Any) -> Nets:
        nets = super().networks(spec)
        nets.add_module("balance", self.objective.build(self.stall))
        return nets

    def pace(self, nets: Nets) -> Any:
        return lambda clock: float(nets.balance.rate)

    def logits(self, said: Any) -> Tensor:
        return said[0]

    def d_objective(self, nets: Nets, batch: Batch, real: Output, fake: Output) -> Tensor:
        return self.objective.d(real, nets.balance.k * fake)

    def d_extra(self, nets: Nets, critic: Any, batch: Batch, clock: Clock) -> Terms:
        real, fake = (-clock.notes[name] for name in ("D(real)", "D(fake)"))
        clock.note(k=nets.balance.k.clone(), convergence=nets.balance.convergence(real, fake))
        return {}

    def after_d(self, nets: Nets, stats: Mapping[str, Tensor], clock: Clock) -> None:
        super().after_d(nets, stats, clock)
        nets.balance.adapt(-stats["D(real)"], -stats["D(fake)"])

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples; pictures are cut to [-1, 1], for the network is linear at its end."""
        x = nets.G(z)
        return x.clamp(-1, 1) if x.ndim == 4 else x

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
