"""An autoencoder as the critic: what it cannot reconstruct has a high energy."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.duel import Critic, Duel, Objective
from gansaku.core.optim import Adam
from gansaku.losses import EnergyMargin
from gansaku.losses.energy import pulling_away
from gansaku.nets import family
from gansaku.nets.autoencoder import ebgan_critic


@dataclass(frozen=True, kw_only=True)
class EBGAN(Duel):
    """Energy-based GAN (arXiv:1609.03126, eq. 1, 2 and 4) with the pulling-away term (eq. 6).

    The margin is in units of |D(x) - x| over all pixels: 10 for MNIST, 20 for CelebA and 80 for
    LSUN at 64 x 64 in the paper (whose pixels may have had another range). A norm grows with the
    root of a sample's numbers: 40 at 64 x 64 in colour is as 10 on MNIST, and the 10 would teach D
    nothing of fakes. DCGAN's generator, as there; one DCGAN-like pair serves digits too, for which
    the paper searched over perceptrons. Of `penalties`, those on the slope act on the energy.
    """

    card: ClassVar[Card] = Card(
        title="Energy-based Generative Adversarial Network",
        paper="arXiv:1609.03126",
        year=2016,
        task="images",
        line="the critic is an autoencoder; its codes push samples of a batch apart",
        bibtex="""@inproceedings{zhao2017energy,
  title={Energy-based Generative Adversarial Network},
  author={Zhao, Junbo and Mathieu, Michael and LeCun, Yann},
  booktitle={International Conference on Learning Representations}, year={2017}}""",
    )
    ties: ClassVar[str] = "the pulling-away term compares the codes of a part's fakes"

    objective: Objective = EnergyMargin(10.0)  # what G and D minimise
    pull_weight: float = 0.1  # of the pulling-away term in G's loss; 0: plain EBGAN
    g_optimizer: Adam = Adam(2e-4, (0.5, 0.999))
    d_optimizer: Adam = Adam(2e-4, (0.5, 0.999))
    width: int = 64  # channels of the widest-resolution layer
    d_norm: str = "batch"  # of the autoencoder: batch, layer, instance, none or spectral

    def generator(self, spec: Any) -> nn.Module:
        return family.generator(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return ebgan_critic(spec.shape, self.width, self.d_norm)

    def remarks(self, nets: Nets) -> tuple[str, ...]:
        """That the margin is less than half of MNIST's, by the numbers that a sample has."""
        numbers = nets.D.numbers
        fair = 10 * (numbers / 784) ** 0.5
        margin, found = getattr(self.objective, "margin", fair), super().remarks(nets)
        if margin >= fair / 2:
            return found
        why = (
            f"the margin of {margin:g} is small for samples of {numbers:,} numbers, whose energies "
            "are norms: fakes beyond it teach D nothing; "
            f'--objective "EnergyMargin({fair:.0f})" is to them what 10 is to MNIST'
        )
        return (*found, why)

    def logits(self, said: Any) -> Tensor:
        return said[0]

    def g_extra(self, nets: Nets, critic: Critic, batch: Batch, clock: Clock) -> Terms:
        away = pulling_away(critic.whole(batch["fake"])[1])
        clock.note(pulling_away=away)
        return {"pulling away": self.pull_weight * away} if self.pull_weight else {}

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4)
