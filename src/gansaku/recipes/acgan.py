"""A GAN whose critic also tells the class."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.duel import Critic, Duel, Objective
from gansaku.core.labelled import Labelled
from gansaku.losses import NonSaturating
from gansaku.nets.acgan import ACGANCritic, ACGANGenerator, Told


@dataclass(frozen=True, kw_only=True)
class ACGAN(Labelled):
    """AC-GAN (arXiv:1610.09585, equations 2 and 3, table 2): G is told the class, D tells it.

    Both minimise the cross-entropy of D's word on the class: D of real and fake samples, G of its
    own; the paper's weights are 1, and a WGAN-GP with classes takes `g_class_weight=0.1`
    (arXiv:1704.00028's code). Numbers are those of CIFAR-10; noise on activations, of which the
    paper tried three sizes, is left out. Real and fake samples of a step are of the same classes,
    where the paper draws those of the fakes apart.
    """

    card: ClassVar[Card] = Card(
        title="Conditional Image Synthesis with Auxiliary Classifier GANs",
        paper="arXiv:1610.09585",
        year=2016,
        task="images",
        line="samples of the class that you ask for, from a critic that is a classifier too",
        bibtex="""@inproceedings{odena2017conditional,
  title={Conditional Image Synthesis with Auxiliary Classifier {GAN}s},
  author={Odena, Augustus and Olah, Christopher and Shlens, Jonathon},
  booktitle={International Conference on Machine Learning}, year={2017}}""",
    )

    steps: int = 50_000  # generator updates
    batch_size: int = 100  # real samples in a critic update
    objective: Objective = NonSaturating()  # what G and D minimise, besides the classes
    d_class_weight: float = 1.0  # of the cross-entropy of classes, for D
    g_class_weight: float = 1.0  # the same for G
    width: int = 96  # channels of G's widest-resolution layer
    d_width: int = 16  # channels of D's first layer; each of the six has twice those before
    d_norm: str = "batch"  # batch, layer, instance, none or spectral
    dropout: float = 0.5  # in D, after every layer

    def generator(self, spec: Any) -> nn.Module:
        return ACGANGenerator(spec.shape, self.z, len(self.classes(spec)), self.width)

    def critic(self, spec: Any) -> nn.Module:
        classes = len(self.classes(spec))
        return ACGANCritic(spec.shape, classes, self.d_width, self.dropout, self.d_norm)

    def logits(self, said: Told) -> Tensor:
        return said.logits

    def judge(self, nets: Nets, clock: Clock, **told: Tensor) -> Critic:
        """D is not told the class: it tells it."""
        return super().judge(nets, clock)

    def d_extra(self, nets: Nets, critic: Critic, batch: Batch, clock: Clock) -> Terms:
        real, fake = (critic.whole(batch[side]).classes for side in ("x", "fake"))
        right = (real.argmax(1) == batch["y"]).float().mean()
        clock.note(**{"classes right": right})
        loss = cross_entropy(real, batch["y"]) + cross_entropy(fake, batch["y"])
        return {"class": self.d_class_weight * loss}

    def g_extra(self, nets: Nets, critic: Critic, batch: Batch, clock: Clock) -> Terms:
        y = self.condition(batch, self.g_batches)["y"]
        fake = critic.whole(batch["fake"]).classes
        return {"class": self.g_class_weight * cross_entropy(fake, y)}

    def classify(self, nets: Nets, x: Tensor) -> Tensor:
        """D's logits of the classes, `[N, K]`, of samples `[N, *spec.shape]`."""
        return nets.D(x).classes

    def score(self, nets: Nets, x: Tensor) -> Tensor:
        return Duel.score(self, nets, x)

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, d_width=4)
