"""A variational autoencoder that learns what likeness is from a critic."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import nn

from gansaku.core.card import Card
from gansaku.core.contract import Batch, Clock, Nets, Terms
from gansaku.core.likeness import LikenessGame, costs
from gansaku.core.optim import Adam, RMSprop
from gansaku.core.still import still
from gansaku.losses import Minimax, NonSaturating
from gansaku.losses.latent import gaussian_kl, half_squared, reparameterised
from gansaku.nets.vaegan import VAEGANCritic, VAEGANDecoder, VAEGANEncoder


@dataclass(frozen=True, kw_only=True)
class VAEGAN(LikenessGame):
    """VAE/GAN (arXiv:1512.09300, algorithm 1 and table 1), with the numbers of the authors' code.

    Reconstructions are compared in the last convolution of D; no gradient of the game reaches E,
    none of the likeness reaches D. `gamma`, `real_weight`, the layer, and the pauses that keep the
    players in balance are the code's, not the paper's. E, G and D move in turn, where that code
    moves all at once; the pause looks at the costs of the step before.
    """

    card: ClassVar[Card] = Card(
        title="Autoencoding beyond pixels using a learned similarity metric",
        paper="arXiv:1512.09300",
        year=2015,
        task="images",
        line="an autoencoder with a critic's eyes: codes with attribute directions",
        bibtex="""@inproceedings{larsen2016autoencoding,
  title={Autoencoding beyond pixels using a learned similarity metric},
  author={Larsen, Anders Boesen Lindbo and S{\\o}nderby, S{\\o}ren Kaae and Larochelle, Hugo and
          Winther, Ole},
  booktitle={International Conference on Machine Learning}, year={2016}}""",
    )
    ties: ClassVar[str] = "with --accumulate G sees reconstructions by an encoder that has moved"
    prior: ClassVar[str] = "normal"

    steps: int = 25_000  # of all players
    batch_size: int = 64  # of pictures, of their reconstructions, and of fakes
    z: int = 128  # dimensions of the latent
    gamma: float = 1e-5  # share of the likeness in G's loss; the rest is the game
    real_weight: float = 0.66  # share of pictures in D's loss; the rest is the fakes'
    equilibrium: float = 0.68  # D's cost where neither wins, about log 2
    margin: float = 0.4  # how far from it a player pauses; inf: never
    objective: Minimax | NonSaturating = Minimax()  # G's part of the game
    e_optimizer: RMSprop | Adam = RMSprop(3e-4, 0.9)  # of the encoder
    g_optimizer: RMSprop | Adam = RMSprop(3e-4, 0.9)  # of the generator
    d_optimizer: RMSprop | Adam = RMSprop(3e-4, 0.9)  # of the critic
    width: int = 64  # channels of the encoder's first layer
    units: int = 1024  # of the encoder's last layer; D's has half

    def encoder(self, spec: Any) -> nn.Module:
        return VAEGANEncoder(spec.shape, 2 * self.z, self.width, self.units)

    def decoder(self, spec: Any) -> nn.Module:
        return VAEGANDecoder(spec.shape, self.z, self.width)

    def critic(self, spec: Any) -> nn.Module:
        return VAEGANCritic(spec.shape, self.width, max(self.units // 2, 1))

    def e_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        mean, log_variance = self.posterior(nets, batch["x"])
        z = reparameterised(mean, log_variance, clock.normal(*mean.shape))
        with still(nets.G):
            again = nets.G(z)
        logits, features = nets.D(torch.cat([batch["x"], again, batch["fake"].detach()]))
        of_pictures, of_fakes = costs(logits.detach())
        clock.note(**{"cost of pictures": of_pictures, "cost of fakes": of_fakes})
        x, again, _ = features.chunk(3)
        return {
            "divergence": gaussian_kl(mean, log_variance).mean(),
            "likeness": half_squared(again, x),
        }

    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.with_fakes(nets, batch, clock)
        logits, features = nets.D(torch.cat([batch["x"], batch["again"], batch["fake"]]))
        at_x, at_again, at_fake = logits.chunk(3)
        x, again, _ = features.chunk(3)
        game = self.objective.g(at_x, at_again) + self.objective.g(at_x, at_fake)
        likeness = self.gamma * half_squared(again, x)
        return {"likeness": likeness, "objective": (1 - self.gamma) * game}

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        batch = self.with_fakes(nets, batch, clock)
        seen = [batch["x"], batch["again"].detach(), batch["fake"].detach()]
        of_pictures, of_fakes = costs(nets.D(torch.cat(seen))[0])
        weight = self.real_weight
        return {"pictures": weight * of_pictures, "fakes": (1 - weight) * of_fakes}

    @classmethod
    def tiny(cls) -> Self:
        return cls(steps=6, batch_size=8, z=4, width=4, units=8)
