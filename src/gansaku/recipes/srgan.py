"""Small pictures become large ones, with detail that a critic takes for real."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from gansaku.core.card import Card
from gansaku.core.contract import Nets, Terms
from gansaku.core.duel import Objective
from gansaku.core.enlarging import Enlarger
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.losses import NonSaturating
from gansaku.losses.perceptual import content
from gansaku.nets.degrade import degraded
from gansaku.nets.eyes import LEVELS, eyes
from gansaku.nets.layers.sizes import sides
from gansaku.nets.srresnet import SRCritic, SRResNet


@dataclass(frozen=True, kw_only=True)
class SRGAN(Enlarger):
    """SRGAN (arXiv:1609.04802, equations 2 to 6): SRResNet by squared error, then the game.

    Small pictures are made on the fly, bicubic with antialias as in the paper, of crops of any
    pictures. Likeness is judged by EfficientNet-Lite0, which needs no download, at 1/8 and 1/16 of
    the side, relative to its features there, and a squared error is kept in the game, as in the
    reference code; `--eyes vgg19-dcbb9e9d.pth --levels 0,0,0,0,1 --pixel-weight 0` is the paper's
    VGG54. `enlarged` adds the bicubic enlargement to what G makes, which the paper does not.
    """

    card: ClassVar[Card] = Card(
        title="Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial "
        "Network",
        paper="arXiv:1609.04802",
        year=2017,
        task="translation",
        line="makes pictures 2 or 4 times as large, with invented detail",
        bibtex="""@inproceedings{ledig2017photo,
  title={Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network},
  author={Ledig, Christian and Theis, Lucas and Husz{\\'a}r, Ferenc and others},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition}, year={2017}}""",
    )

    objective: Objective = NonSaturating()  # what G and D minimise
    perceptual_weight: float = 0.006  # of the distance of features, in the game
    eyes: str = "lite0"  # lite0, random (fixed filters), or the path of a VGG-19 file
    levels: tuple[float, ...] = (0.0, 0.0, 1.0, 1.0, 0.0)  # of features, from fine to coarse
    blur: float = 0.0  # largest deviation of a Gaussian blur before the reduction, pixels
    grain: float = 0.0  # largest deviation of noise on small pictures, of 255
    jpeg: int = 100  # lowest quality of JPEG on small pictures, from 1; 100: none
    width: int = 64  # channels
    blocks: int = 16  # residual blocks of the generator
    norm: bool = True  # batch norm in them
    enlarged: bool = False  # add the bicubic enlargement to what G makes

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.levels) != LEVELS or not any(self.levels):
            raise UserError(f"levels must be {LEVELS} weights, not all 0, and not {self.levels}")
        if not 1 <= self.jpeg <= 100:
            raise UserError(f"jpeg must be a quality from 1 to 100, not {self.jpeg}")

    def networks(self, spec: Any) -> Nets:
        channels, size = spec.shape[0], self.crop(sides(spec.shape[1:]))
        g = SRResNet(channels, self.scale, self.width, self.blocks, self.norm, self.enlarged)
        seen = eyes(self.eyes)
        d = SRCritic(channels, size, self.width)
        return Nets(constants=("eyes",), G=g, D=d, eyes=seen)

    def small(self, x: Tensor, noise: Noise) -> Tensor:
        return degraded(x, self.scale, noise, self.blur, self.grain, self.jpeg)

    def likeness(self, nets: Nets, real: Tensor, fake: Tensor) -> Terms:
        if not self.perceptual_weight:
            return {}
        far = content(nets.eyes(real), nets.eyes(fake), self.levels)
        return {"perceptual": self.perceptual_weight * far}

    @classmethod
    def tiny(cls) -> Self:
        return cls(
            mse_steps=3, steps=3, batch_size=8, scale=2, patch=16, eyes="random", width=4, blocks=2
        )
