"""Pictures of any size and number through a trained translator."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from gansaku.core.capabilities import AnySize, Translates, able, check_direction
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.noise import seed_of
from gansaku.core.translating import inputs_of
from gansaku.data.spec import ImageSpec, MapSpec, PairSpec, Spec
from gansaku.data.store import available_memory
from gansaku.tools.tiles import fitted, mirrored, rounded_up, tiled

SHARE = 0.25  # of the free memory that one translation may take
CHUNK = 8  # pictures at once


class Model(Protocol):
    """What is needed of `gansaku.load(...)`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def spec(self) -> Any: ...
    @property
    def nets(self) -> Nets: ...
    @property
    def device(self) -> torch.device: ...
    def translate(self, a: Tensor, seed: int = 0, first: int = 0, **given: Any) -> Tensor: ...


@dataclasses.dataclass(frozen=True)
class Means:
    """How a model's translator is used: what it takes, how large, and what it makes of that.

    `taken` is the spec of an input; `size` (height, width) that of training; `scale` how much
    larger an output is; `pixel` bytes that one pixel of an input takes on its way.
    """

    model: Model
    given: Mapping[str, Any]
    taken: ImageSpec | MapSpec
    size: tuple[int, int]
    scale: int
    multiple: int | None  # None: pictures of the size of training alone
    pixel: float

    def room(self) -> int:
        """How many pixels of inputs are translated at once: what the free memory allows."""
        device = self.model.device
        cuda = device.type == "cuda"
        free = torch.cuda.mem_get_info(device)[0] if cuda else available_memory()
        return max(int(SHARE * free / self.pixel), self.size[0] * self.size[1])


def means(model: Model, direction: str = "AtoB", deterministic: bool = False) -> Means:
    """Ask a model what its translator takes, by a picture of nothing in the size of training.

    Raises UserError for a model that translates nothing, or not in that direction.
    """
    recipe = able(model.recipe, Translates, "translate")
    check_direction(model.recipe, direction)
    batch = blank(model.spec)
    a = inputs_of(recipe, model.nets, batch, 0, direction, model.device)
    given = {"direction": direction, "deterministic": deterministic}
    run = functools.partial(model.translate, a, **given)
    out, count = watched(model.nets, run)
    taken = kind_of(model.spec, a, direction)
    multiple = model.recipe.multiple(model.nets) if isinstance(model.recipe, AnySize) else None
    size = (a.shape[2], a.shape[3])
    pixel = count / (size[0] * size[1])
    return Means(model, given, taken, size, out.shape[2] // a.shape[2], multiple, pixel)


def blank(spec: Spec) -> dict[str, Tensor]:
    """A batch of one sample of nothing."""
    if not isinstance(spec, PairSpec):
        return {"x": torch.zeros(1, *spec.shape)}
    maps = isinstance(spec.a, MapSpec)
    a = torch.zeros(1, *spec.a.shape, dtype=torch.int64 if maps else torch.float32)
    return {"a": a, "b": torch.zeros(1, *spec.b.shape)}


def kind_of(spec: Spec, a: Tensor, direction: str) -> ImageSpec | MapSpec:
    """The spec of an input."""
    if isinstance(spec, PairSpec) and direction == "AtoB" and isinstance(spec.a, MapSpec):
        return spec.a
    return ImageSpec(a.shape[2], a.shape[3], a.shape[1])


def watched(nets: Nets, run: Callable[[], Tensor]) -> tuple[Tensor, int]:
    """What `run` gives, and how many bytes of outputs the layers made on the way."""
    made = [0]

    def count(_: nn.Module, __: Any, out: Any) -> None:
        made[0] += out.numel() * out.element_size() if isinstance(out, Tensor) else 0

    leaves = [m for m in nets.modules() if not list(m.children())]
    hooks = [leaf.register_forward_hook(count) for leaf in leaves]
    try:
        return run(), max(made[0], 1)
    finally:
        for hook in hooks:
            hook.remove()


def translate(
    how: Means, a: Tensor, seed: int = 0, first: int = 0, tile: int | None = None
) -> Tensor:
    """Translations of `a [N, C, H, W]` of any size: `[N, C', scale H, scale W]`, on the CPU.

    A translator that is convolutional all through sees pictures as they are, extended by their
    mirror images where they are smaller than those of training; beyond the free memory, or sides
    of `tile`, in tiles that blend (`tiled`): exact but for what a network gathers from the whole
    picture (instance norm), which it gathers from a tile then. Any other translator is UserError
    for another size than that of training: bring the pictures to it.
    """
    size = (a.shape[2], a.shape[3])
    if how.multiple is None:
        if size != how.size:
            raise UserError(
                f"{type(how.model.recipe).__name__} translates pictures of "
                f"{how.size[1]}x{how.size[0]} alone (width x height), not {size[1]}x{size[0]}"
            )
        return _whole(how, a, seed, first)
    sides = _tile(how, size, tile)
    whole = functools.partial(_extended, how, seed, first)
    if sides is None:
        return whole(a, 0)
    even = [rounded_up(side, how.multiple) for side in size]  # tiles then begin at multiples
    y = tiled(whole, mirrored(a, *even), sides, how.multiple).clamp(-1, 1)
    return y[:, :, : size[0] * how.scale, : size[1] * how.scale]


def _tile(how: Means, size: tuple[int, int], tile: int | None) -> tuple[int, int] | None:
    """Height and width of tiles; None where the picture is translated at once."""
    assert how.multiple is not None
    room = how.room()
    if tile is None and size[0] * size[1] <= room:
        return None
    if tile is not None and max(size) <= tile:
        return None
    side = int(room**0.5) if tile is None else tile
    least = rounded_up(max(how.size), how.multiple)
    side = max(side // how.multiple * how.multiple, least)
    return side, side


def _extended(how: Means, seed: int, first: int, part: Tensor, number: int) -> Tensor:
    """A picture or a tile of it; each has noise of its own."""
    assert how.multiple is not None
    own = seed_of(seed, "tile", number) if number else seed
    run = functools.partial(_whole, how, seed=own, first=first)
    return fitted(run, part, how.multiple, how.size)


def _whole(how: Means, a: Tensor, seed: int, first: int) -> Tensor:
    """A few at a time: as many as there is room for."""
    chunk = max(1, min(CHUNK, how.room() // (a.shape[2] * a.shape[3])))
    parts = a.split(chunk)
    done = (
        how.model.translate(part, seed, first + chunk * n, **how.given)
        for n, part in enumerate(parts)
    )
    return torch.cat([x.cpu().float() for x in done])
