"""The modern baseline: relativistic pairs, both gradient penalties, no tricks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Clock, Nets
from gansaku.core.duel import Duel, Objective, Penalty
from gansaku.core.optim import Adam
from gansaku.losses import R1, R2, Relativistic
from gansaku.nets import R3GANCritic, R3GANGenerator, family


@dataclass(frozen=True, kw_only=True)
class R3GAN(Duel):
    """R3GAN (arXiv:2501.05441, section 3): RpGAN + R1 + R2 on its configuration E, made small.

    Everything that the paper anneals falls or rises by a cosine over the run: learning rate,
    Adam's second beta, the penalties' gamma, the half-life of the moving average. The paper's
    CIFAR-10 run has width 768, two blocks a stage, batch 512 and 20 million images a phase.
    Augmentation is off by default; `augment=ADA()` then adapts instead of following a cosine.
    """

    card: ClassVar[Card] = Card(
        title="The GAN is dead; long live the GAN! A Modern Baseline GAN",
        paper="arXiv:2501.05441",
        year=2024,
        task="images",
        line="the modern baseline: converges, keeps its modes, needs no tuning",
        bibtex="""@inproceedings{huang2024gan,
  title={The {GAN} is dead; long live the {GAN}! {A} Modern Baseline {GAN}},
  author={Huang, Nick and Gokaslan, Aaron and Kuleshov, Volodymyr and Tompkin, James},
  booktitle={Advances in Neural Information Processing Systems}, year={2024}}""",
    )

    z: int = 64  # dimensions of the latent
    objective: Objective = Relativistic()  # what G and D minimise
    penalties: tuple[Penalty, ...] = (R1(0.1), R2(0.1))  # at the start
    last_penalty: float = 0.1  # share of the penalties that is left at the end
    g_optimizer: Adam = Adam(2e-4, (0.0, 0.9))
    d_optimizer: Adam = Adam(2e-4, (0.0, 0.9))
    last_lr: float = 0.25  # share of the learning rate that is left at the end
    last_beta2: float = 0.99  # Adam's second beta at the end
    fresh: bool = True  # new fakes for the generator's turn instead of the critic's
    ema: float = 500_000.0  # half-life of the generator's moving average at the end, in images
    width: int = 128  # channels of the smallest maps; halved at each doubling, down to
    narrowest: int = 16  # channels of the largest; the paper keeps one width
    blocks: int = 1  # residual blocks a stage; the paper has 2
    group: int = 16  # channels that meet in a grouped convolution; the paper has 96

    def schedule(self, clock: Clock) -> dict[str, Any]:
        beta1, beta2 = self.g_optimizer.betas
        betas = (beta1, cosine(beta2, self.last_beta2, clock))
        return {"lr": cosine(1.0, self.last_lr, clock), "betas": betas}

    def penalty_factor(self, clock: Clock) -> float:
        return cosine(1.0, self.last_penalty, clock)

    def halflife(self, clock: Clock) -> float:
        return cosine(0.0, self.ema, clock)

    def generator(self, spec: Any) -> nn.Module:
        if len(spec.shape) == 1:
            return family.generator(spec.shape, self.z, self.width)
        return R3GANGenerator(
            spec.shape, self.z, self.width, self.narrowest, self.blocks, self.group
        )

    def critic(self, spec: Any) -> nn.Module:
        if len(spec.shape) == 1:
            return family.critic(spec.shape, self.width)
        return R3GANCritic(spec.shape, self.width, self.narrowest, self.blocks, self.group)

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples in [-1, 1]: the network itself is linear at its end, as in the paper."""
        x = nets.G(z)
        return x.clamp(-1, 1) if x.ndim == 4 else x

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=8, narrowest=4, group=4, ema=100.0)


def cosine(first: float, last: float, clock: Clock) -> float:
    """From `first` to `last` along half a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * clock.progress)) / 2
