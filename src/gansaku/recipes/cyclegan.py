"""Two sets of pictures without pairs: each is translated to the other and back."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from gansaku.core.card import Card
from gansaku.core.contract import Nets
from gansaku.core.cycling import Cycle
from gansaku.core.duel import Objective
from gansaku.core.errors import UserError
from gansaku.core.pool import Pool
from gansaku.losses import LeastSquares
from gansaku.nets.patch import PatchCritic
from gansaku.nets.translator import CRITIC, Translator


@dataclass(frozen=True, kw_only=True)
class CycleGAN(Cycle):
    """CycleGAN (arXiv:1703.10593, equations 1 to 3, section 5.2 and the appendix).

    Learning rates fall to 0 over the second half of the run, however long it is. Weights are those
    of the authors' code: `game_weight` is 2 because `LeastSquares` has halves and the generators'
    loss in that code has none. In a batch of more than one, all choose from the pool as it was
    before the batch.
    """

    card: ClassVar[Card] = Card(
        title="Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
        paper="arXiv:1703.10593",
        year=2017,
        task="translation",
        line="horses to zebras and back: translates between two sets without pairs",
        bibtex="""@inproceedings{zhu2017unpaired,
  title={Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks},
  author={Zhu, Jun-Yan and Park, Taesung and Isola, Phillip and Efros, Alexei A},
  booktitle={IEEE International Conference on Computer Vision}, year={2017}}""",
    )

    objective: Objective = LeastSquares()  # what translators and critics minimise
    game_weight: float = 2.0  # of the game in the translators' loss
    blocks: int = 9  # residual blocks of a translator; the paper has 6 below 256 pixels
    width: int = 64  # channels of a translator's first layer
    d_width: int = 64  # channels of a critic's first layer
    patch: int = 70  # pixels that a critic's logit sees: 1, 16, 34, 70, 142 or 286
    norm: str = "instance"  # instance, batch or none; the latter keep a picture's brightness

    def networks(self, spec: Any) -> Nets:
        a, b = spec.a.shape, spec.b.shape
        if self.identity_weight and a[0] != b[0]:
            raise UserError(
                f"a picture of {b[0]} channels cannot stay as it is among those of {a[0]}: give "
                "--identity-weight 0, or both sides the same --channels"
            )
        own = self.width, self.blocks, False, self.norm
        there, back = Translator(a[0], b[0], *own), Translator(b[0], a[0], *own)
        judges = [self.critic(side) for side in (a, b)]
        pools = {"pool_a": Pool(self.pool, a), "pool_b": Pool(self.pool, b)}
        return Nets(AtoB=there, BtoA=back, D_a=judges[0], D_b=judges[1], **pools)

    def critic(self, side: tuple[int, ...]) -> PatchCritic:
        channels, *size = side
        return PatchCritic(channels, self.d_width, self.patch, CRITIC[self.norm], tuple(size))

    def multiple(self, nets: Nets) -> int:
        return 8  # odd sides are kept, but less than 8 pixels have no border to reflect

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, blocks=2, width=4, d_width=4, patch=16, pool=10)
