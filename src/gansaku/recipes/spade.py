"""Label maps become pictures: paint with classes."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Nets, Terms
from gansaku.core.duel import Objective
from gansaku.core.noise import Noise
from gansaku.core.painting import Features, Painter
from gansaku.losses import Hinge
from gansaku.losses.latent import gaussian_kl, reparameterised
from gansaku.losses.matching import feature_matching, perceptual
from gansaku.nets.eyes import FIRST, eyes
from gansaku.nets.spade import MultiscaleCritic, SpadeGenerator, StyleEncoder


@dataclass(frozen=True, kw_only=True)
class SPADE(Painter):
    """SPADE, or GauGAN (arXiv:1903.07291, equation 1, appendix A): pictures of label maps.

    Hinge game, feature matching, likeness, and with a style (`z` above 0) its divergence, with two
    learning rates. Unlabelled pixels are a class of their own. Likeness is judged by
    EfficientNet-Lite0, relative to its features, where the authors have VGG-19 (`eyes`); batch norm
    is over the batch of one process; the critic sees the fakes of the generator's turn; the
    divergence is a mean over samples, where the authors' code sums over a device's.
    """

    card: ClassVar[Card] = Card(
        title="Semantic Image Synthesis with Spatially-Adaptive Normalization",
        paper="arXiv:1903.07291",
        year=2019,
        task="translation",
        line="paints label maps (sky, road, tree) as photographs; also known as GauGAN",
        bibtex="""@inproceedings{park2019semantic,
  title={Semantic Image Synthesis with Spatially-Adaptive Normalization},
  author={Park, Taesung and Liu, Ming-Yu and Wang, Ting-Chun and Zhu, Jun-Yan},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition}, year={2019}}""",
    )
    ties: ClassVar[str] = "the perceptual term is relative to the features of a part's pictures"

    objective: Objective = Hinge()  # what G and D minimise
    feature_weight: float = 10.0  # of the distance of D's features
    perceptual_weight: float = 10.0  # of the distance of the eyes' features
    divergence_weight: float = 0.05  # of the style's divergence from its prior
    eyes: str = "lite0"  # lite0, random (fixed filters), or the path of a VGG-19 file
    norm: str = "batch"  # in the generator: batch, or instance (for batches of a few)
    width: int = 64  # channels of the widest-resolution layer
    hidden: int = 128  # channels between the map and its gains
    d_width: int = 64  # channels of the critics' first layer
    scales: int = 2  # critics, each of pictures half as large as the last

    def networks(self, spec: Any) -> Nets:
        labels, (channels, height, width) = spec.a.classes + 1, spec.b.shape
        sizes = labels, channels, (height, width), self.width, self.z
        g, seen = SpadeGenerator(*sizes, self.norm, self.hidden), eyes(self.eyes, FIRST)
        d = MultiscaleCritic(labels + channels, self.d_width, scales=self.scales)
        style = StyleEncoder(channels, self.z, self.width, min(height, width)) if self.z else None
        return Nets(constants=("eyes",), G=g, D=d, eyes=seen, **({"E": style} if style else {}))

    def style(self, mean: Tensor, log_variance: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        z = reparameterised(mean, log_variance, noise.normal(*mean.shape))
        return z, gaussian_kl(mean, log_variance)

    def likeness(self, nets: Nets, batch: Batch, real: Features, fake: Features) -> Terms:
        terms = {"features": self.feature_weight * feature_matching(real, fake)}
        if self.perceptual_weight:
            far = perceptual(nets.eyes(batch["b"]), nets.eyes(batch["fake"]))
            terms["perceptual"] = self.perceptual_weight * far
        if self.z:
            terms["divergence"] = self.divergence_weight * batch["apart"].mean()
        return terms

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=2, hidden=4, d_width=4, eyes="random")
