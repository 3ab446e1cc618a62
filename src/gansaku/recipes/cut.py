"""One-sided translation without pairs: every patch must be found again in what it became."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from gansaku.core.card import Card
from gansaku.core.contract import Nets
from gansaku.core.contrasting import OneSided
from gansaku.core.duel import Objective
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.losses import LeastSquares
from gansaku.losses.contrastive import patchwise
from gansaku.nets.patch import PatchCritic
from gansaku.nets.translator import CRITIC, PatchHeads, Translator, picked


@dataclass(frozen=True, kw_only=True)
class CUT(OneSided):
    """CUT (arXiv:2007.15651, equations 1 to 5), with the numbers of the authors' code.

    A patch of the translation, seen by G's own encoder at the layers `taps`, must name its place
    in the input among 256 of the same picture; so must one of b, translated (the identity term).
    FastCUT is `fast=True`. `game_weight` is 2 because `LeastSquares` has halves. D does not blur
    where it halves, as the authors' does; places are each picture's own, where theirs are a
    batch's.
    """

    card: ClassVar[Card] = Card(
        title="Contrastive Learning for Unpaired Image-to-Image Translation",
        paper="arXiv:2007.15651",
        year=2020,
        task="translation",
        line="translates one way without pairs: half of CycleGAN's networks",
        bibtex="""@inproceedings{park2020contrastive,
  title={Contrastive Learning for Unpaired Image-to-Image Translation},
  author={Park, Taesung and Efros, Alexei A and Zhang, Richard and Zhu, Jun-Yan},
  booktitle={European Conference on Computer Vision}, year={2020}}""",
    )

    objective: Objective = LeastSquares()  # what G and D minimise
    game_weight: float = 2.0  # of the game in G's loss
    temperature: float = 0.07  # that products of features are divided by
    taps: tuple[int, ...] = (0, 1, 2, 3, 7)  # layers: 0 pixels, 1 and 2 halvings, from 3 on blocks
    places: int = 256  # patches of a layer that are compared, where it has as many
    blocks: int = 9  # residual blocks of the translator
    width: int = 64  # channels of its first layer
    units: int = 256  # of the heads
    d_width: int = 64  # channels of the critic's first layer
    patch: int = 70  # pixels that a critic's logit sees: 1, 16, 34, 70, 142 or 286
    norm: str = "instance"  # instance, batch or none; the latter keep a picture's brightness

    def __post_init__(self) -> None:
        super().__post_init__()
        last = self.blocks + 2
        if not self.taps or list(self.taps) != sorted({*self.taps} & {*range(last + 1)}):
            known = f"layers 0 to {last}, ascending, where blocks is {self.blocks}"
            raise UserError(f"taps must be some of {known}; found {self.taps}")

    def networks(self, spec: Any) -> Nets:
        a, b = spec.a.shape[0], spec.b.shape[0]
        if a != b:
            raise UserError(f"CUT needs the same --channels on both sides; found {a} and {b}")
        g = Translator(a, b, self.width, self.blocks, True, self.norm)
        norm, size = CRITIC[self.norm], spec.b.shape[1:]
        critic = PatchCritic(b, self.d_width, self.patch, norm, size)
        heads = PatchHeads([g.widths[tap] for tap in self.taps], self.units)
        return Nets(G=g, F=heads, D=critic)

    def contrast(
        self, nets: Nets, x: Tensor, y: Tensor, noise: Noise, mirrored: Tensor | None = None
    ) -> Tensor:
        queries = nets.G.encode(y, self.taps)
        if mirrored is not None:
            queries = [torch.where(mirrored, q.flip(3), q) for q in queries]
        drawn = [noise.uniform(len(q), q[0, 0].numel()) for q in queries]
        places = [u.topk(min(self.places, u.shape[1]), 1).indices for u in drawn]
        with torch.no_grad():
            keys = nets.F(picked(nets.G.encode(x, self.taps), places))
        return patchwise(nets.F(picked(queries, places)), keys, self.temperature)

    def multiple(self, nets: Nets) -> int:
        return 8  # odd sides are kept, but less than 8 pixels have no border to reflect

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, blocks=5, width=4, d_width=4, patch=16, units=8)
