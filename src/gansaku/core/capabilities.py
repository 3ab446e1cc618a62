"""What a trained recipe can do: tools ask for a capability, never for a class of recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise


@runtime_checkable
class Latent(Protocol):
    """Samples are made from latent vectors, which may be drawn, moved and mixed."""

    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> Tensor:
        """`[n, ...]` from the prior."""
        ...

    def generate(self, nets: Nets, z: Tensor, given: Mapping[str, Any] | None = None) -> Tensor:
        """Samples `[N, *spec.shape]` of the latents `z [N, ...]`."""
        ...


@runtime_checkable
class Scores(Protocol):
    """The critic says of a sample how real it is."""

    def score(self, nets: Nets, x: Tensor) -> Tensor:
        """Logits `[N]` of samples `[N, *spec.shape]`."""
        ...


Capability = TypeVar("Capability")


def able(recipe: Recipe, capability: type[Capability], to: str) -> Capability:
    """The recipe, as one that has the capability; UserError says what it is needed for."""
    if isinstance(recipe, capability):
        return recipe
    needed = (capability.__doc__ or "").splitlines()[0].rstrip(".")
    raise UserError(
        f"{type(recipe).__name__} cannot {to}: it lacks the capability {capability.__name__!r} "
        f"({needed[0].lower()}{needed[1:]})"
    )
