"""The duel over labelled data: both players are told the class of what they make and judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Batch, Nets
from gansaku.core.duel import Duel, rows
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled(Duel):
    """A duel whose generator is `G(z, y [N])` and critic `D(x, y)`, with classes numbered from 0.

    Fakes are made of the classes of the real samples beside them, so that both have the data's
    shares of the classes, pairs are of one class, and so is all that lies between them.
    """

    def networks(self, spec: Any) -> Nets:
        if len(self.classes(spec)) < 2:
            found = "one class alone" if self.classes(spec) else "no classes"
            raise UserError(
                f"{type(self).__name__} learns from labelled data, and these have {found}: put "
                "the pictures of each class into a subfolder of its own, or give an .npz with x "
                "and y; without labels, take another recipe (infogan finds classes by itself)"
            )
        return super().networks(spec)

    def condition(self, batch: Batch, times: int = 1) -> dict[str, Tensor]:
        return {"y": batch["y"].repeat(times) if times > 1 else batch["y"]}

    def classes(self, spec: Any) -> tuple[str, ...]:
        """The names of the classes that `given["y"]` numbers."""
        return tuple(getattr(spec, "labels", ()))

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples of the latents `z [N, ...]`, of the classes `given["y"]`, or of each in turn."""
        y = (given or {}).get("y")
        if y is None:
            y = torch.arange(len(z), device=z.device) % nets.G.classes
        return nets.G(z, chosen(y, len(z), nets.G.classes, z.device))

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Of the classes `given["y"]`, one or a number for each; else of classes drawn evenly."""
        z = self.latents(n, noise, given.get("truncate"))
        y = given.get("y")
        if y is None:
            y = noise.integers(n, below=nets.G.classes)
        return self.generate(nets, z, {**given, "y": y})

    def score(self, nets: Nets, x: Tensor) -> Tensor:
        """The critic's logits `[N]`, each that of the class which suits the sample best."""
        n, each = len(x), range(nets.G.classes)
        told = (chosen(y, n, nets.G.classes, x.device) for y in each)
        return torch.stack([rows(self.logits(nets.D(x, y))) for y in told]).amax(0)


def chosen(y: Any, n: int, classes: int, device: torch.device) -> Tensor:
    """Classes `[n]`, of one number for all or of a number for each; UserError where one is odd."""
    found = torch.as_tensor(y, device=device)
    whole = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    if not whole or found.shape not in ((), (n,)):
        raise UserError(f"y is the number of a class, or {n} of them; found {y!r}")
    if n and not 0 <= int(found.min()) <= int(found.max()) < classes:
        odd = int(found.min()) if found.min() < 0 else int(found.max())
        raise UserError(f"classes are numbered 0 to {classes - 1}; there is no class {odd}")
    return found.long().expand(n)
