"""From stick figures to one person, frame by frame: anybody's dance becomes theirs."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.dancing import Dancer, logits
from gansaku.core.duel import Objective
from gansaku.core.optim import Adam
from gansaku.losses import LeastSquares
from gansaku.losses.matching import feature_matching, likeness
from gansaku.nets.eyes import FIRST, eyes
from gansaku.nets.pix2pixhd import FaceGenerator, GlobalGenerator, MultiscaleCritic, check_size


@dataclass(frozen=True, kw_only=True)
class EverybodyDance(Dancer):
    """Everybody Dance Now (arXiv:1808.07371, equations 3 to 6) with pix2pixHD's global generator.

    The authors' numbers, but for the steps, which they count in epochs. Their local enhancer is
    for 1024 x 512 and left out. Their perceptual term looks through VGG-19 (`eyes`), here as a
    rule through EfficientNet-Lite0, relative to its features; `l1_weight` is the `use_l1` of their
    code, which may take its place. The face's residual begins at nothing.
    """

    card: ClassVar[Card] = Card(
        title="Everybody Dance Now",
        paper="arXiv:1808.07371",
        year=2018,
        task="translation",
        line="key points of a dance become frames of another person, smooth in time",
        bibtex="""@inproceedings{chan2019everybody,
  title={Everybody Dance Now},
  author={Chan, Caroline and Ginosar, Shiry and Zhou, Tinghui and Efros, Alexei A.},
  booktitle={International Conference on Computer Vision}, year={2019}}""",
    )

    steps: int = 40_000  # of the main stage; the rate falls over its second half
    face_steps: int = 4_000  # of the face stage after it, with all else at rest; 0: none
    batch_size: int = 1  # of pairs of frames in a row
    temporal: bool = True  # two frames at a time, the second painted after the first
    objective: Objective = LeastSquares()  # what the players minimise
    game_weight: float = 2.0  # of the game at a scale: the authors' squares have no half
    features_weight: float = 10.0  # of the critic's features, real against painted
    perceptual_weight: float = 5.0  # of what the eyes see, real against painted
    eyes: str = "lite0"  # lite0, random (fixed filters), or the path of a VGG-19 file
    l1_weight: float = 0.0  # of the plain distance; 10 where it takes the place of the last
    width: int = 64  # channels of the generators' first layer
    d_width: int = 64  # channels of the critics' first layer
    halvings: int = 3  # in the generators
    blocks: int = 9  # residual ones, of frames
    face_blocks: int = 5  # residual ones, of faces
    scales: int = 2  # at which frames are judged
    face_share: float = 0.25  # side of a face's box, in heights of the frame
    g_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the generators
    d_optimizer: Adam = Adam(2e-4, (0.5, 0.999))  # of the critics

    def networks(self, spec: Any) -> Nets:
        check_size((spec.b.height, spec.b.width), self.halvings)
        a, b, g = spec.a.channels, spec.b.channels, (self.width, self.halvings)
        made: dict[str, Any] = {"G": GlobalGenerator(a + b * self.temporal, b, *g, self.blocks)}
        made["D"] = MultiscaleCritic((a + b) * len(self.moments), self.d_width, self.scales)
        if self.face_steps:
            side = round(self.face_share * spec.b.height)
            made["F"] = FaceGenerator(a, b, side, *g, self.face_blocks)
            made["E"] = MultiscaleCritic(a + b, self.d_width, 1)
        if self.perceptual_weight:
            made["eyes"] = eyes(self.eyes, FIRST)
        return Nets(constants=("eyes",) * bool(self.perceptual_weight), **made)

    def likeness(self, nets: Nets, pairs: list[tuple[Tensor, Tensor]]) -> Terms:
        seen = nets.eyes if self.perceptual_weight else None
        return likeness(pairs, seen, self.perceptual_weight, self.l1_weight)

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        real, fake = (nets.D(self.judged(batch, of)) for of in ("b", "fake"))
        game = self.game_weight * self.scales * self.objective.g(logits(real), logits(fake))
        features = self.features_weight * feature_matching(real, fake)
        return {"objective": game, "features": features, **self.likeness(nets, self.frames(batch))}

    def f_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        real, fake = (logits(nets.E(self.judged_faces(nets, batch, of))) for of in ("b", "fake"))
        game = self.game_weight * self.objective.g(real, fake)
        return {"objective": game, **self.likeness(nets, self.faces(nets, batch))}

    @classmethod
    def tiny(cls) -> Self:
        small = {"width": 4, "d_width": 4, "halvings": 2, "blocks": 1, "face_blocks": 1}
        own = {"eyes": "random", "l1_weight": 1.0}
        return cls(steps=4, face_steps=3, batch_size=4, **small, **own)
