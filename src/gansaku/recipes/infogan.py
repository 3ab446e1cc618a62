"""A GAN that finds classes and ways to vary them without labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.duel import Critic, Duel, Objective
from gansaku.core.labelled import chosen
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.losses import NonSaturating
from gansaku.losses.information import Codes
from gansaku.nets.infogan import InfoCritic, InfoGenerator, Told


@dataclass(frozen=True, kw_only=True)
class InfoGAN(Duel):
    """InfoGAN (arXiv:1606.03657, equation 6, appendix C.1): codes that samples must reveal.

    G and D, whose trunk Q shares, maximise the bound on the codes' information, as in the authors'
    code: Q moves with D. `z` counts the noise alone. Classes are categories of the first code.
    """

    card: ClassVar[Card] = Card(
        title="InfoGAN: Interpretable Representation Learning by Information Maximizing "
        "Generative Adversarial Nets",
        paper="arXiv:1606.03657",
        year=2016,
        task="images",
        line="finds the classes, slant and width of digits without a label",
        bibtex="""@inproceedings{chen2016infogan,
  title={{InfoGAN}: Interpretable Representation Learning by Information Maximizing Generative
         Adversarial Nets},
  author={Chen, Xi and Duan, Yan and Houthooft, Rein and others},
  booktitle={Advances in Neural Information Processing Systems}, year={2016}}""",
    )

    steps: int = 5_000  # generator updates: 50 epochs of 100 each in the authors' code
    batch_size: int = 128  # real samples in a critic update
    z: int = 62  # dimensions of the noise
    prior: str = "uniform"  # of the noise: normal, or uniform on (-1, 1)
    objective: Objective = NonSaturating()  # what G and D minimise, besides the information
    g_optimizer: Adam = Adam(1e-3, (0.5, 0.999))
    d_optimizer: Adam = Adam(2e-4, (0.5, 0.999))
    codes: Codes = Codes((10,), 2)  # categories of each categorical code; codes on (-1, 1)
    info_weight: float = 1.0  # of the information, in both players' loss
    width: int = 64  # channels of the widest-resolution layer
    d_norm: str = "batch"  # batch, layer, instance, none or spectral

    def generator(self, spec: Any) -> nn.Module:
        return InfoGenerator(spec.shape, self.z + self.codes.size, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return InfoCritic(spec.shape, self.codes.size, self.width, self.d_norm)

    def logits(self, said: Told) -> Tensor:
        return said.logits

    def d_extra(self, nets: Nets, critic: Critic, batch: Batch, clock: Clock) -> Terms:
        """Minus the bound (equation 5), of what Q tells of the fakes' codes."""
        found = self.codes.bounds(critic.whole(batch["fake"]).codes, batch["z"][:, self.z :])
        return {name: -self.info_weight * bound for name, bound in found.items()}

    g_extra = d_extra

    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> Tensor:
        """`[n, z + codes]`: the noise, then the codes."""
        return torch.cat([super().latents(n, noise, truncate), self.codes.draw(n, noise)], 1)

    def classes(self, spec: Any) -> tuple[str, ...]:
        """The categories of the first code; their numbers are not those of the data's labels."""
        return (
            tuple(f"c1={k}" for k in range(self.codes.categories[0]))
            if self.codes.categories
            else ()
        )

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples of the latents, of the categories `given["y"]` where they are asked for."""
        y = (given or {}).get("y")
        if y is not None:
            z = self.codes.with_category(z, chosen(y, len(z), self.codes.categories[0], z.device))
        return nets.G(z)

    def sweeps(self, z: Tensor, columns: int) -> dict[str, Tensor]:
        return self.codes.sweeps(z, columns)

    def classify(self, nets: Nets, x: Tensor) -> Tensor:
        """Q's logits of the first categorical code, `[N, K]`, of samples `[N, *spec.shape]`."""
        return self.codes.parts(nets.D(x).codes)[0][0]

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, codes=Codes((3,), 2))
