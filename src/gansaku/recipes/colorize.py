"""Grey pictures in colour: pix2pix from lightness to the two axes of colour."""

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
from gansaku.data.spec import ImageSpec
from gansaku.losses import NonSaturating
from gansaku.nets.colour import AB, grey_of, lightness_of, painted, rgb_to_lab
from gansaku.nets.patch import PatchCritic
from gansaku.nets.unet import UNet


@dataclass(frozen=True, kw_only=True)
class Colorize(PairGame):
    """pix2pix (arXiv:1611.07004) in CIE L*a*b*: G is given L and makes a and b.

    Any folder of colour pictures will do. G's tanh is scaled by 110, which all of sRGB's a and b
    are within (-107.9 to 98.3), so that none is cut; what G makes beyond the gamut keeps L and
    hue and gives up chroma. An output so has its input's lightness. The L1 term is of a / 110 and
    b / 110. Inputs are grey pictures in [-1, 1].
    """

    card: ClassVar[Card] = Card(
        title="Image-to-Image Translation with Conditional Adversarial Networks",
        paper="arXiv:1611.07004",
        year=2016,
        task="pairs",
        line="colours for grey photographs, learned from any folder of pictures",
        bibtex="""@inproceedings{isola2017image,
  title={Image-to-Image Translation with Conditional Adversarial Networks},
  author={Isola, Phillip and Zhu, Jun-Yan and Zhou, Tinghui and Efros, Alexei A},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition}, year={2017}}""",
    )

    objective: Objective = NonSaturating()  # what G and D minimise
    patch: int = 70  # pixels that a logit of D sees: 1, 16, 34, 70, 142, 286
    norm: str = "instance"  # of both networks: instance (with gains), or batch
    dropout: float = 0.5  # of three layers of G, its noise
    layers: int | None = None  # halvings of G; none: down to one pixel
    jitter: float = 286 / 256  # pictures are enlarged so much and cut at random; 1: never
    mirror: bool = True  # half of the pictures

    def networks(self, spec: Any) -> Nets:
        if not isinstance(spec, ImageSpec) or spec.channels != 3:
            raise UserError("colorize learns from colour pictures: give such, or --channels 3")
        size = (spec.height, spec.width)
        g = UNet(1, 2, size, self.width, self.norm, self.dropout, self.layers)
        return Nets(G=g, D=PatchCritic(3, self.d_width, self.patch, self.norm, size))

    def sides(self, nets: Nets, batch: Batch, clock: Clock) -> tuple[Tensor, Tensor]:
        """L as [-1, 1], and a and b divided by 110."""
        (x,) = jittered(batch["x"], noise=clock, scale=self.jitter, mirror=self.mirror)
        lab = rgb_to_lab(x)
        return lab[:, :1] / 50 - 1, lab[:, 1:] / AB

    def inputs(self, nets: Nets, batch: Batch, noise: Noise) -> Tensor:
        """Grey pictures `[N, 1, H, W]` of the same lightness."""
        return grey_of(rgb_to_lab(batch["x"])[:, :1])

    def targets(self, nets: Nets, batch: Batch) -> Tensor:
        return batch["x"]

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        lightness = lightness_of(a)
        ab = nets.G(lightness / 50 - 1, None if given.get("deterministic") else noise)
        return painted(lightness.float(), AB * ab.float())

    def multiple(self, nets: Nets) -> int:
        """Sides may be of any length."""
        return 1

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=2, width=4, d_width=4, patch=16, jitter=1.25)
