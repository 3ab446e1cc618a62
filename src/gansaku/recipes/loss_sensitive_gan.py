"""A loss that separates each real sample from a fake by how far apart the two are."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Nets
from gansaku.core.duel import Duel, Output
from gansaku.core.errors import UserError
from gansaku.core.optim import Adam
from gansaku.losses import LossSensitive
from gansaku.losses.energy import added, margin
from gansaku.nets import family


@dataclass(frozen=True, kw_only=True)
class LossSensitiveGAN(Duel):
    """Loss-sensitive GAN (arXiv:1701.06264, eq. 7 to 9), with the numbers of the authors' code.

    Not least squares, which is `lsgan`. D's output is -L, L being the paper's loss function. As
    in that code, the paper's first term is off (`objective.real_weight`); unlike there L is not
    cut off at 0, where its gradient would end, and is bounded by no clipping: add weight decay
    (5e-5 in that code) or a gradient penalty (the paper's section 6) for a Lipschitz L.
    `--objective.slope 0.5` is the GLS-GAN of that code, which also clips to 0.04.
    """

    card: ClassVar[Card] = Card(
        title="Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
        paper="arXiv:1701.06264",
        year=2017,
        task="images",
        line="fakes are pushed away by as much as they differ from real samples (not lsgan)",
        bibtex="""@article{qi2020loss,
  title={Loss-Sensitive Generative Adversarial Networks on {Lipschitz} Densities},
  author={Qi, Guo-Jun}, journal={International Journal of Computer Vision}, year={2020}}""",
    )

    prior: str = "uniform"  # of the latent: normal, or uniform on (-1, 1)
    objective: LossSensitive = LossSensitive()  # what G and D minimise
    margin_scale: float = 2e-4  # of the margin |x - G(z)|_p, over all pixels in [-1, 1]
    p: float = 1.0  # of the margin's norm
    g_optimizer: Adam = Adam(1e-4, (0.5, 0.999))
    d_optimizer: Adam = Adam(1e-4, (0.5, 0.999))
    width: int = 64  # channels of the widest-resolution layer
    d_norm: str = "batch"  # batch, layer, instance, none or spectral

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p < 1:
            raise UserError(f"p must be at least 1 for |x - G(z)|_p to be a norm, not {self.p}")

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width, norm=self.d_norm)

    def d_objective(self, nets: Nets, batch: Batch, real: Output, fake: Output) -> Tensor:
        gap = self.margin_scale * margin(batch["x"], batch["fake"], self.p)
        return self.objective.d(real, added(fake, gap))

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
