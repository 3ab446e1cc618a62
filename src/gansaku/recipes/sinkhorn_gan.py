"""Optimal transport, smoothed, between features that are learned to tell samples apart."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.duel import Duel
from gansaku.core.errors import UserError
from gansaku.core.optim import RMSprop
from gansaku.losses import Sinkhorn, WeightClip
from gansaku.nets import family
from gansaku.nets.autoencoder import embedding


@dataclass(frozen=True, kw_only=True)
class SinkhornGAN(Duel):
    """Sinkhorn GAN (arXiv:1706.00292, algorithm 1 and section 4) with learned features f.

    D is f, a DCGAN critic with `code` outputs, clipped as in WGAN: it makes the Sinkhorn loss
    large, G small, one update each as in the authors' code; short runs want `d_updates=5`, as WGAN
    has. The whole batch is one set of points, so that a part of a batch is another loss.
    `objective.epsilon` is in units of the cost: far above it the loss is an MMD of kernel -|.|^p.
    The features' scale is set by the clipping: on digits costs were .03 at first and .2 after 360
    steps, for which `Sinkhorn(epsilon=0.05)` is a transport. `penalties` differentiate one number a
    sample and are refused; `d_norm="spectral" constraint=None` is the other way to bound f.
    """

    card: ClassVar[Card] = Card(
        title="Learning Generative Models with Sinkhorn Divergences",
        paper="arXiv:1706.00292",
        year=2017,
        task="images",
        line="matches whole batches by smoothed optimal transport on learned features",
        bibtex="""@inproceedings{genevay2018learning,
  title={Learning Generative Models with {Sinkhorn} Divergences},
  author={Genevay, Aude and Peyr{\\'e}, Gabriel and Cuturi, Marco},
  booktitle={International Conference on Artificial Intelligence and Statistics}, year={2018}}""",
    )
    score: ClassVar[None] = None  # features have no order: nothing here says how real one sample is

    batch_size: int = 200  # real samples in a critic update
    objective: Sinkhorn = Sinkhorn()  # what G minimises and D maximises
    constraint: WeightClip | None = WeightClip(0.01)  # applied to D after its update
    g_optimizer: Any = RMSprop(5e-5)
    d_optimizer: Any = RMSprop(5e-5)
    code: int = 100  # learned features
    width: int = 64  # channels of the widest-resolution layer
    d_norm: str = "batch"  # of the features: batch, layer, instance, none or spectral

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.penalties or self.remedy:
            raise UserError(
                "SinkhornGAN takes no penalties and no remedy: D gives features, and the slope of "
                "their sum, or their order, says nothing of the cost |f(x) - f(y)|; bound f by "
                "constraint=WeightClip(0.01) or d_norm='spectral'"
            )

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return embedding(spec.shape, self.code, self.width, self.d_norm)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, code=4)
