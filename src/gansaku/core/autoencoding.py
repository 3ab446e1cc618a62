"""Autoencoders whose codes play against a critic of codes, with labels or without."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

from gansaku.core import bank
from gansaku.core.bounds import at_least
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Recipe, Stage, Terms
from gansaku.core.errors import UserError, nearest
from gansaku.core.labelled import chosen
from gansaku.core.noise import Noise
from gansaku.core.priors import draw, petals

FORMS = {"plain": (8, 5.0, 0.0), "informed": (2, 1.0, 0.0), "semi": (10, 1.0, 0.3)}
ENCODERS = ("deterministic", "gaussian")  # arXiv:1511.05644, section 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeDuel(Recipe):
    """An encoder E, a decoder G, and critics of codes (Dz) and of labels (Dy).

    arXiv:1511.05644, in its three forms. Players: `R` (E and G) reconstructs, `D` tells codes from
    the prior, `E` is its opponent, `C` classifies labelled samples. The critic's game is the
    non-saturating one (arXiv:1406.2661, section 3).
    """

    form: str = "plain"  # plain; informed: labels tell codes where to lie; semi: a few labels
    labels: int = 100  # labelled samples that are used, as many of each class; 0: all
    kinds: int = 10  # classes of the data, where the form has labels
    posterior: str = "deterministic"  # of the encoder: deterministic or gaussian
    z: int | None
    spread: float | None
    blur: float | None
    r_optimizer: Callable
    d_optimizer: Callable
    e_optimizer: Callable
    c_optimizer: Callable
    steps: int

    def __post_init__(self) -> None:
        for name, known in (("form", FORMS), ("posterior", ENCODERS)):
            if (word := getattr(self, name)) not in known:
                some = ", ".join(known)
                raise UserError(f"{name} must be one of {some}, not {word!r}{nearest(word, known)}")
        at_least(self, steps=1, batch_size=1, labels=0, kinds=2)
        if self.form == "informed" and self.dims < 2:
            raise UserError(
                f"the prior of form 'informed' has two dimensions or more, not {self.z}"
            )

    @abc.abstractmethod
    def encoder(self, spec: Any, outputs: int, classes: int) -> nn.Module:
        """`x -> codes [N, outputs], label logits [N, classes]`, or None for no classes."""

    @abc.abstractmethod
    def decoder(self, spec: Any, inputs: int) -> nn.Module:
        """`[N, inputs] -> x [N, *spec.shape]`."""

    @abc.abstractmethod
    def critic(self, inputs: int) -> nn.Module:
        """`[N, inputs] -> logits [N]`."""

    def schedule(self, clock: Clock) -> float:
        """Learning-rate factor of all players."""
        return 1.0

    @property
    def dims(self) -> int:
        """Dimensions of the continuous code."""
        return FORMS[self.form][0] if self.z is None else self.z

    def classes(self, spec: Any) -> tuple[str, ...]:
        """The names of the classes that samples may be asked for; none in form plain."""
        return () if self.form == "plain" else tuple(getattr(spec, "labels", ()))

    def networks(self, spec: Any) -> Nets:
        semi, plain = self.form == "semi", self.form == "plain"
        if not plain and spec.classes != self.kinds:
            found = f"has {spec.classes} classes" if spec.classes else "has no labels"
            raise UserError(
                f"form {self.form!r} is set to {self.kinds} classes, and the data {found}: give "
                "labelled data and --kinds, or --form plain"
            )
        known = self.kinds if semi else 0
        told = self.kinds + 1 if self.form == "informed" else 0
        outputs = self.dims * (1 + (self.posterior == "gaussian"))
        members: dict[str, Any] = {
            "E": self.encoder(spec, outputs, known),
            "G": self.decoder(spec, self.dims + known),
            "Dz": self.critic(self.dims + told),
        }
        members |= {"Dy": self.critic(known)} if semi else {}
        kept = bank.empty(self.labels, spec.shape) if self.labels and not plain else {}
        return Nets(**members, **kept)

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        critics = (nets.Dz, nets.Dy) if "Dy" in nets else (nets.Dz,)
        phases = [
            Phase(Player("R", (nets.E, nets.G), self.r_optimizer, self.schedule), self.r_loss),
            Phase(Player("D", critics, self.d_optimizer, self.schedule), self.d_loss),
            Phase(Player("E", nets.E, self.e_optimizer, self.schedule), self.e_loss),
        ]
        if self.form == "semi":
            part = (nets.E.trunk, nets.E.label)
            phases.append(Phase(Player("C", part, self.c_optimizer, self.schedule), self.c_loss))
        train = Stage("train", tuple(phases), self.steps)
        return (bank.filling(self.labels), train) if "bank_y" in nets else (train,)

    # --- codes ---

    def code(self, nets: Nets, x: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor | None]:
        """E's code `[N, dims]` of samples, a draw of it where there is noise, and label logits."""
        made, label = nets.E(x)
        if self.posterior == "deterministic":
            return made, label
        mean, log_variance = made.chunk(2, 1)
        if noise is None:
            return mean, label
        return mean + (0.5 * log_variance).exp() * noise.normal(*mean.shape), label

    def blurred(self, x: Tensor, noise: Noise) -> Tensor:
        """What E sees in training: noise is in units of pixels in [0, 1], half of ours."""
        blur = FORMS[self.form][2] if self.blur is None else self.blur
        return x + (2 * blur) * noise.normal(*x.shape) if blur else x

    def prior(self, y: Tensor, noise: Noise, truncate: float | None = None) -> Tensor:
        """Codes `[N, dims]` from the prior; those of classes `y [N]` where the form has them."""
        if self.form == "informed":
            return petals(y, self.kinds, self.dims, noise)
        spread = FORMS[self.form][1] if self.spread is None else self.spread
        return draw("normal", len(y), self.dims, noise, truncate) * spread

    def latents(self, n: int, noise: Noise, truncate: float | None = None, y: Any = None) -> Tensor:
        """`[n, ...]` from the prior, of classes `y` or any; for `semi` with the class, one-hot."""
        kinds = noise.integers(n, below=self.kinds)
        kinds = kinds if y is None else chosen(y, n, self.kinds, noise.device)
        z = self.prior(kinds, noise, truncate)
        return torch.cat([z, one_hot(kinds, self.kinds).to(z)], 1) if self.form == "semi" else z

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples `[N, *spec.shape]` of latents `[N, ...]`; for `semi` of classes `given["y"]`."""
        y = (given or {}).get("y")
        if self.form == "semi" and y is not None:
            kinds = chosen(y, len(z), self.kinds, z.device)
            z = torch.cat([z[:, : self.dims], one_hot(kinds, self.kinds).to(z)], 1)
        return nets.G(z)

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        return self.generate(nets, self.latents(n, noise, given.get("truncate"), given.get("y")))

    def encode(self, nets: Nets, x: Tensor, noise: Noise | None = None) -> Tensor:
        """Codes of samples `[N, ...]`; for `semi` with the probabilities of the classes."""
        z, label = self.code(nets, x, noise)
        return z if label is None else torch.cat([z, label.softmax(1)], 1)

    def classify(self, nets: Nets, x: Tensor) -> Tensor:
        """Probabilities `[N, classes]` of samples; UserError where the form learns none."""
        if self.form != "semi":
            raise UserError(f"form {self.form!r} does not classify: train one with --form semi")
        return nets.E(x)[1].softmax(1)

    # --- the game ---

    def r_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        x = batch["x"]
        made = self.generate(nets, self.encode(nets, self.blurred(x, clock), clock))
        scale = 0.25 if x.ndim > 2 else 1.0  # of pixels in [0, 1]
        return {"reconstruction": 0.5 * scale * (made - x).square().flatten(1).sum(1).mean()}

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        x, y = self.told(nets, batch, clock)
        with torch.no_grad():
            z, label = self.code(nets, self.blurred(x, clock), clock)
        kinds = torch.where(y < self.kinds, y, clock.integers(len(y), below=self.kinds))
        real, fake = self.judge(nets, self.prior(kinds, clock), y), self.judge(nets, z, y)
        clock.note(**{"D(real)": real.mean(), "D(fake)": fake.mean()})
        terms = {"code": softplus(-real).mean() + softplus(fake).mean()}
        if label is not None:
            real = nets.Dy(one_hot(clock.integers(len(x), below=self.kinds), self.kinds).to(z))
            fake = nets.Dy(label.softmax(1))
            terms["label"] = softplus(-real).mean() + softplus(fake).mean()
        return terms

    def e_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        x, y = self.told(nets, batch, clock)
        z, label = self.code(nets, self.blurred(x, clock), clock)
        terms = {"code": softplus(-self.judge(nets, z, y)).mean()}
        if label is not None:
            terms["label"] = softplus(-nets.Dy(label.softmax(1))).mean()
        return terms

    def c_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        x, y = self.labelled(nets, batch, clock)
        _, label = nets.E(self.blurred(x, clock))
        return {"class": cross_entropy(label, y)}

    def labelled(self, nets: Nets, batch: Batch, clock: Clock) -> tuple[Tensor, Tensor]:
        """Samples with their classes: the batch's own, or drawn from those that are kept."""
        if "bank_y" in nets:
            return bank.drawn(nets, len(batch["x"]), clock)
        return batch["x"], batch["y"]

    def told(self, nets: Nets, batch: Batch, clock: Clock) -> tuple[Tensor, Tensor]:
        """The samples of the critic's turn; class number `classes` says that it is not known."""
        x = batch["x"]
        unknown = torch.full((len(x),), self.kinds, device=x.device)
        if self.form != "informed":
            return x, unknown
        known_x, known_y = self.labelled(nets, batch, clock)
        if "bank_y" not in nets:
            return known_x, known_y
        return torch.cat([known_x, x]), torch.cat([known_y, unknown])

    def judge(self, nets: Nets, z: Tensor, y: Tensor) -> Tensor:
        """Dz's logits `[N]`; the informed one sees the class, or that it is not known, beside z."""
        if self.form != "informed":
            return nets.Dz(z)
        return nets.Dz(torch.cat([z, one_hot(y, self.kinds + 1).to(z)], 1))
