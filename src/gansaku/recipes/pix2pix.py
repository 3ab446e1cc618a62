"""Pictures translated by example: a U-Net that learns from pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from gansaku.augment.jitter import jittered
from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets
from gansaku.core.duel import Objective
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.pairing import PairGame
from gansaku.data.spec import ImageSpec, PairSpec
from gansaku.losses import NonSaturating
from gansaku.nets.patch import PatchCritic
from gansaku.nets.unet import UNet


@dataclass(frozen=True, kw_only=True)
class Pix2Pix(PairGame):
    """pix2pix (arXiv:1611.07004): U-Net, 70 x 70 PatchGAN, the numbers of section 6.2.

    Dropout is G's noise, in training and in sampling, as in the paper; `deterministic` sampling
    does without. Instance norm with gains stands for the paper's batch norm by the batch's own
    moments, which at its batch of one is the same. The paper's 286 of 256 is `jitter`.
    """

    card: ClassVar[Card] = Card(
        title="Image-to-Image Translation with Conditional Adversarial Networks",
        paper="arXiv:1611.07004",
        year=2016,
        task="pairs",
        line="from drawing to photograph, from map to street: learned from pairs of pictures",
        bibtex="""@inproceedings{isola2017image,
  title={Image-to-Image Translation with Conditional Adversarial Networks},
  author={Isola, Phillip and Zhu, Jun-Yan and Zhou, Tinghui and Efros, Alexei A},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition}, year={2017}}""",
    )
    feeds: ClassVar[str] = "pairs"

    objective: Objective = NonSaturating()  # what G and D minimise
    patch: int = 70  # pixels that a logit of D sees: 1, 16, 34, 70, 142, 286
    norm: str = "instance"  # of both networks: instance (with gains), or batch
    dropout: float = 0.5  # of three layers of G, its noise
    layers: int | None = None  # halvings of G; none: down to one pixel
    jitter: float = 286 / 256  # pairs are enlarged so much and cut at random; 1: never
    mirror: bool = True  # half of the pairs, both sides

    def networks(self, spec: Any) -> Nets:
        a, b = sides_of(spec)
        size = (b.height, b.width)
        options = (self.width, self.norm, self.dropout, self.layers)
        g = UNet(a.channels, b.channels, size, *options)
        both = a.channels + b.channels
        critic = PatchCritic(both, self.d_width, self.patch, self.norm, size)
        return Nets(G=g, D=critic)

    def sides(self, nets: Nets, batch: Batch, clock: Clock) -> tuple[Tensor, Tensor]:
        a, b = jittered(batch["a"], batch["b"], noise=clock, scale=self.jitter, mirror=self.mirror)
        return a, b

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        return nets.G(a, None if given.get("deterministic") else noise)

    def multiple(self, nets: Nets) -> int:
        """Sides may be of any length."""
        return 1

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=2, width=4, d_width=4, patch=16, jitter=1.25)


def sides_of(spec: Any) -> tuple[ImageSpec, ImageSpec]:
    """The specs of both sides; UserError unless these are pairs of pictures of one size."""
    if not (isinstance(spec, PairSpec) and isinstance(spec.a, ImageSpec)):
        raise UserError("pix2pix is fed pairs of pictures: A|B side by side, or folders A and B")
    if spec.a.shape[1:] != spec.b.shape[1:]:
        raise UserError(f"both sides of a pair must have one size; found {spec.a} and {spec.b}")
    return spec.a, spec.b
