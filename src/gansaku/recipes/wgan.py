"""The Wasserstein distance, with a critic held by clipping."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock, Nets
from gansaku.core.duel import Duel, Objective
from gansaku.core.optim import RMSprop
from gansaku.losses import Wasserstein, WeightClip
from gansaku.nets import family


@dataclass(frozen=True, kw_only=True)
class WGAN(Duel):
    """WGAN (arXiv:1701.07875, algorithm 1), with the critic schedule of the authors' code.

    `wasserstein` in the log is the critic's estimate up to the clipping's scale: it falls as
    samples improve, which no loss of the other GANs does.
    """

    card: ClassVar[Card] = Card(
        title="Wasserstein GAN",
        paper="arXiv:1701.07875",
        year=2017,
        task="images",
        line="a loss that falls as samples improve; clipped weights make it slow",
        bibtex="""@inproceedings{arjovsky2017wasserstein,
  title={Wasserstein Generative Adversarial Networks},
  author={Arjovsky, Martin and Chintala, Soumith and Bottou, L{\\'e}on},
  booktitle={International Conference on Machine Learning}, year={2017}}""",
    )

    objective: Objective = Wasserstein()  # what G and D minimise
    constraint: WeightClip = WeightClip(0.01)  # applied to D after its update
    g_optimizer: RMSprop = RMSprop(5e-5)
    d_optimizer: RMSprop = RMSprop(5e-5)
    d_updates: int = 5  # critic updates before one of the generator
    d_updates_often: int = 100  # the same in the first steps, and now and then
    often_first: int = 25  # steps at the start with that many
    often_every: int = 500  # and every so many steps
    fresh: bool = True  # new fakes for the generator's turn instead of the critic's
    width: int = 64  # channels of the widest-resolution layer

    def critic_updates(self, nets: Nets, clock: Clock) -> int:
        often = clock.step < self.often_first or clock.step % self.often_every == 0
        return self.d_updates_often if often else self.d_updates

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return family.critic(spec.shape, self.width)

    @classmethod
    def tiny(cls) -> Self:
        return cls(
            steps=6, batch_size=8, z=4, width=4, d_updates=2, d_updates_often=3, often_first=2
        )
