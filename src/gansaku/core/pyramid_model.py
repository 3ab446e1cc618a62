"""A trained pyramid over one picture: how its scales are played, one upon the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.pyramid import Size
from gansaku.core.pyramid_memory import Memory

AT_ONCE = 2**16  # pixels that are rendered together: more rows would need memory and gain nothing


@dataclasses.dataclass(frozen=True, kw_only=True)
class PyramidModel(Recipe):
    """What `gansaku.core.capabilities.Pyramid` asks for, over generators `G` and a `Memory`."""

    feeds: ClassVar[str] = "single"

    truncated: bool = False  # pictures go up in whole steps of 1/255, cut off as by the authors

    def scales(self, nets: Nets) -> int:
        return int(nets.memory.reached)

    def sizes(self, nets: Nets, size: Size | None = None) -> list[Size]:
        return nets.memory.ladder.sizes(size or nets.memory.size)

    def maps(self, nets: Nets, noise: Noise, n: int, size: Size | None = None) -> list[Tensor]:
        memory = nets.memory
        return [self._map(memory, k, noise, n, size) for k in range(memory.count)]

    def fixed(self, nets: Nets) -> list[Tensor]:
        memory = nets.memory
        empty = self.maps(nets, Noise(0), 1)
        return [memory.anchor, *(torch.zeros_like(z).to(memory.anchor) for z in empty[1:])]

    def render(
        self,
        nets: Nets,
        maps: Sequence[Tensor],
        start: int = 0,
        image: Tensor | None = None,
        stop: int | None = None,
    ) -> Tensor:
        """As `Pyramid.render` says; UserError for a scale that there is not, or not yet."""
        stop = self.scales(nets) - 1 if stop is None else stop
        self.check(nets, maps, start, image, stop)
        over = 2 * nets.memory.border
        size = (maps[-1].shape[2] - over, maps[-1].shape[3] - over)
        n = max(len(image) if image is not None else 1, *map(len, maps))
        height, width = nets.memory.ladder.size(size, stop)
        rows = []
        for part in torch.arange(n).split(max(1, AT_ONCE // (height * width))):
            mine = [z[part] if len(z) == n else z for z in maps]
            entering = image[part] if image is not None and len(image) == n else image
            rows.append(self._climb(nets, mine, start, stop, entering, size))
        return torch.cat(rows)

    def _climb(
        self,
        nets: Nets,
        maps: Sequence[Tensor],
        start: int,
        stop: int,
        image: Tensor | None = None,
        size: Size | None = None,
    ) -> Tensor:
        """Scales `start` to `stop` for the rows that are rendered together."""
        memory, rows = nets.memory, max(map(len, maps))
        size = size or memory.size
        x = memory.amps.new_zeros(1, memory.channels, 1, 1) if image is None else image
        x = memory.ladder.move(x.to(memory.amps), size, start)  # enters as it is
        for k in range(start, stop + 1):
            below = self.raised(memory, x, k, size) if k > start else x
            x = self.play(nets, k, maps[k].to(memory.amps), below.expand(rows, -1, -1, -1))
        return x.clamp(-1, 1)

    def check(
        self, nets: Nets, maps: Sequence[Tensor], start: int, image: Tensor | None, stop: int
    ) -> None:
        """UserError for scales that there are not, or not yet."""
        trained, count = self.scales(nets), nets.memory.count
        if not 0 <= start <= stop < trained:
            some = f"scales 0 to {trained - 1} of {count} are trained" if trained else "none is yet"
            raise UserError(f"scales {start} to {stop} were asked for, and {some}")
        if len(maps) != count:
            raise UserError(
                f"noise is given for {len(maps)} scales of {count}: give a map for each"
            )
        if start and image is None:
            raise UserError(f"a picture must enter scale {start}: only scale 0 begins with noise")

    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Pictures of the training size; while scales are missing, of the last one's."""
        return self.render(nets, self.maps(nets, noise, n))

    def play(self, nets: Nets, k: int, z: Tensor | None, below: Tensor) -> Tensor:
        """Generator `k` on unit noise `z`, or none, over the picture that came up."""
        if z is None:
            z = torch.zeros_like(below)
        return nets.G[k](nets.memory.amps[k] * z.to(below), below)

    def raised(self, memory: Memory, x: Tensor, k: int, size: Size | None = None) -> Tensor:
        """Pictures of scale `k - 1` at the size of scale `k`, within [-1, 1]."""
        x = x.clamp(-1, 1)
        if self.truncated:  # their resizing passes through uint8, rounded down
            x = ((x + 1) * 127.5).floor() / 127.5 - 1
        return memory.ladder.move(x, size or memory.size, k).clamp(-1, 1)

    def _map(
        self, memory: Memory, k: int, noise: Noise, n: int, size: Size | None = None
    ) -> Tensor:
        height, width = memory.ladder.size(size or memory.size, k)
        channels = 1 if k == 0 else memory.channels
        over = 2 * memory.border
        return noise.normal(n, channels, height + over, width + over)
