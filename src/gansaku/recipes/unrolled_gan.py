"""The generator looks several critic updates ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.duel import Duel
from gansaku.core.errors import UserError
from gansaku.core.optim import SGD, Adam
from gansaku.losses import Minimax, NonSaturating
from gansaku.losses.unrolled import At, Moments, rule_of
from gansaku.nets import family
from gansaku.nets.mlp import ring_player


@dataclass(frozen=True, kw_only=True)
class UnrolledGAN(Duel):
    """Unrolled GAN (arXiv:1611.02163, eq. 7 to 10), with the numbers of the authors' ring.

    G descends f(G, D_k), D_k being D after `unrolled` more updates on the same batch by its own
    optimizer (moments included), all differentiated; 0 is the plain GAN. With `NonSaturating` G
    minimises -log D_k(G(z)). D moves before G; the authors' notebook is `simultaneous`. Plain,
    `points="paper"` loses the ring's modes (figure 2). A `GradientPenalty`'s points ahead stay.
    """

    card: ClassVar[Card] = Card(
        title="Unrolled Generative Adversarial Networks",
        paper="arXiv:1611.02163",
        year=2016,
        task="images",
        line="foresees the critic's answers: keeps modes that a plain GAN drops; slow",
        bibtex="""@inproceedings{metz2017unrolled,
  title={Unrolled Generative Adversarial Networks},
  author={Metz, Luke and Poole, Ben and Pfau, David and Sohl-Dickstein, Jascha},
  booktitle={International Conference on Learning Representations}, year={2017}}""",
    )
    ties: ClassVar[str] = "G looks ahead along the critic's updates on its own part"

    batch_size: int = 512  # real samples in a critic update
    z: int = 256  # dimensions of the latent
    objective: Minimax | NonSaturating = Minimax()  # what G and D minimise
    g_optimizer: Any = Adam(1e-3, (0.5, 0.999))
    d_optimizer: Adam | SGD = Adam(1e-4, (0.5, 0.999))
    unrolled: int = 5  # critic updates that G looks ahead
    width: int = 64  # channels of the widest-resolution layer; for points, half of the units
    d_share: float = 1.0  # D's width, as a share of G's
    d_norm: str = "batch"  # batch, layer, instance, none or spectral
    points: str = "notebook"  # networks of points: the notebook's (tanh), or the paper's (ReLU)

    def __post_init__(self) -> None:
        super().__post_init__()
        tied = self.constraint or vars(self.d_optimizer).get("weight_decay")
        if self.unrolled and (tied or self.g_batches > 1):
            raise UserError("unrolled critic updates take no constraint, weight decay or g_batches")

    def generator(self, spec: Any) -> nn.Module:
        if len(spec.shape) == 1:
            return ring_player(self.points, self.z, 2 * self.width, spec.shape[0])
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        width = max(round(self.d_share * self.width), 1)
        if len(spec.shape) == 1:
            return ring_player(self.points, spec.shape[0], 2 * width)
        return family.critic(spec.shape, width, norm=self.d_norm)

    def networks(self, spec: Any) -> Nets:
        nets = super().networks(spec)
        nets.add_module("moments", Moments(nets.D))
        return nets

    def after_d(self, nets: Nets, stats: Mapping[str, Tensor], clock: Clock) -> None:
        super().after_d(nets, stats, clock)
        nets.moments.follow(nets.D, rule_of(self.d_optimizer))

    def sides(self, batch: Batch) -> tuple[Tensor, Tensor]:
        fake = batch["fake"]  # with its graph in G's turn alone
        return batch["x"].detach(), fake if fake.grad_fn else fake.detach()

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        if not self.unrolled:
            return super().g_loss(nets, batch, clock)
        batch, others = self.with_fakes(nets, batch, clock), dict(nets.named_children())
        ahead = lambda weights: Nets(**others | {"D": At(nets.D, weights)})  # noqa: E731
        loss = lambda weights: sum(self.d_loss(ahead(weights), batch, clock).values())  # noqa: E731
        then = nets.moments.ahead(loss, nets.D, rule_of(self.d_optimizer), self.unrolled)
        clock.notes.clear()  # those of D's next losses
        critic = self.judge(ahead(then), clock)
        real, fake = critic(batch["x"]), critic(batch["fake"])
        if isinstance(self.objective, Minimax):  # zero sum: D_k's term at x is G's business too
            return {"objective": -self.objective.d(real, fake)}
        return {"objective": self.objective.g(real, fake)}

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, unrolled=2)
