"""What a trained recipe can do: tools ask for a capability, never for a class of recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from gansaku.core.contract import Batch, Nets, Recipe
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


@runtime_checkable
class Encodes(Latent, Protocol):
    """Samples are mapped back to latents, from which they can be made again."""

    def encode(self, nets: Nets, x: Tensor, noise: Noise | None = None) -> Tensor:
        """Latents `[N, ...]` of samples `[N, *spec.shape]`: what `generate` makes them from.

        Without `noise` a stochastic encoder gives its mean; with it, a draw.
        """
        ...


@runtime_checkable
class Conditional(Protocol):
    """Samples are of classes that may be asked for: `given["y"]` holds their numbers."""

    def classes(self, spec: Any) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers; empty where there are none."""
        ...


@runtime_checkable
class Sweeps(Latent, Protocol):
    """Parts of the latents are codes, which may be swept one at a time."""

    def sweeps(self, z: Tensor, columns: int) -> dict[str, Tensor]:
        """For each code by name, `[N, columns, ...]`: the latents `z [N, ...]` with it swept."""
        ...


@runtime_checkable
class Pyramid(Protocol):
    """A model of one picture makes it scale by scale, from noise, at any size."""

    def scales(self, nets: Nets) -> int:
        """How many scales are trained so far; those can be used."""
        ...

    def sizes(self, nets: Nets, size: tuple[int, int] | None = None) -> list[tuple[int, int]]:
        """(height, width) of every scale, for an output of `size` or of the picture's."""
        ...

    def maps(
        self, nets: Nets, noise: Noise, n: int, size: tuple[int, int] | None = None
    ) -> list[Tensor]:
        """Fresh unit noise `[n, c, h, w]` for every scale."""
        ...

    def fixed(self, nets: Nets) -> list[Tensor]:
        """The maps `[1, c, h, w]` that the picture itself is made of."""
        ...

    def render(
        self,
        nets: Nets,
        maps: Sequence[Tensor],
        start: int = 0,
        image: Tensor | None = None,
        stop: int | None = None,
    ) -> Tensor:
        """Play scales `start` to `stop`, both included: `[n, C, h, w]` in [-1, 1].

        `maps` are of all scales, by number; `stop` none: the last one trained. `image [n or 1, C,
        h, w]` enters scale `start`, resized to it. Amplitudes are applied inside.
        """
        ...


@runtime_checkable
class Translates(Protocol):
    """Pictures are made from pictures: a photograph from a drawing, colours from grey.

    A recipe that also goes back has `directions = ("AtoB", "BtoA")`, and `given["direction"]`
    says which; the input of "BtoA" is of the kind of `batch["b"]`.
    """

    def inputs(self, nets: Nets, batch: Batch, noise: Noise) -> Tensor:
        """What is translated of a batch: `[N, C, H, W]` in [-1, 1], or class numbers int64."""
        ...

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Pictures `[N, C, H, W]` in [-1, 1] of the inputs `a [N, ...]`.

        `given["deterministic"]`: without the noise that the recipe would draw, where it has any.
        """
        ...

    def targets(self, nets: Nets, batch: Batch) -> Tensor | None:
        """What translations of the batch's inputs should be; None where nothing says it."""
        ...


@runtime_checkable
class AnySize(Translates, Protocol):
    """Pictures of any size are translated, larger and smaller than those of training."""

    def multiple(self, nets: Nets) -> int:
        """What the sides of an input must be multiples of; the tools pad and cut."""
        ...


Capability = TypeVar("Capability")


def directions_of(recipe: Recipe) -> tuple[str, ...]:
    """The directions in which a translator goes: "AtoB", and perhaps "BtoA"."""
    return tuple(getattr(recipe, "directions", ("AtoB",)))


def draws(recipe: Recipe, to: str) -> None:
    """Raise UserError for a translator, which draws no samples of its own."""
    if isinstance(recipe, Translates):
        raise UserError(
            f"{type(recipe).__name__} cannot {to}: it draws nothing of its own, it translates "
            "pictures (gansaku translate RUN PICTURES)"
        )


def check_direction(recipe: Recipe, direction: str) -> None:
    """Raise UserError for a direction in which a translator does not go."""
    known = directions_of(recipe)
    if direction in known:
        return
    if direction == "BtoA":
        raise UserError(
            f"{type(recipe).__name__} goes from a to b alone: for the way back train another run "
            "with --direction BtoA"
        )
    raise UserError(f"no direction is called {direction!r}; use {' or '.join(known)}")


def classes_of(recipe: Recipe, spec: Any) -> tuple[str, ...]:
    """The names of the classes that samples may be asked for; empty where there are none."""
    return recipe.classes(spec) if isinstance(recipe, Conditional) else ()


def able(recipe: Recipe, capability: type[Capability], to: str) -> Capability:
    """The recipe, as one that has the capability; UserError says what it is needed for."""
    if isinstance(recipe, capability):
        return recipe
    needed = (capability.__doc__ or "").splitlines()[0].rstrip(".")
    raise UserError(
        f"{type(recipe).__name__} cannot {to}: it lacks the capability {capability.__name__!r} "
        f"({needed[0].lower()}{needed[1:]})"
    )


def encoded(
    recipe: Recipe, nets: Nets, x: Tensor, seed: int | None, device: Any, chunk: int = 256
) -> Iterator[tuple[Tensor, Tensor]]:
    """Samples `x [N, ...]` on the device, a chunk at a time, with the recipe's latents of them.

    Latents are means without a `seed` and draws with it. UserError for a recipe without an encoder.
    """
    encoder = able(recipe, Encodes, "reconstruct")
    for number, part in enumerate(x.split(chunk)):
        noise = None if seed is None else Noise(seed, ("encode", number), device=device)
        part = part.to(device)
        yield part, encoder.encode(nets, part, noise)
