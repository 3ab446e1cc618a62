"""The game of a generator that grows by a stage a scale, the latest stages training together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from gansaku.core.contract import Batch, Nets, Player
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.core.pyramid import Size
from gansaku.core.pyramid_game import PyramidGame, drawn
from gansaku.core.pyramid_model import AT_ONCE


class Maps(nn.Module):
    """Noise of every scale that the picture is made of, a buffer each: `z0`, `z1`, ..."""

    def __init__(self, shapes: Sequence[Sequence[int]]) -> None:
        super().__init__()
        for k, shape in enumerate(shapes):
            self.register_buffer(f"z{k}", torch.zeros(1, *shape))

    def all(self) -> list[Tensor]:
        return list(self.buffers())


@dataclasses.dataclass(frozen=True, kw_only=True)
class GrowingGame(PyramidGame):
    """`Nets` hold one generator `G` with head, body and tail, one critic `D`, and the `Maps` z.

    ConSinGAN (arXiv:2003.11512). The critic goes on from stage to stage with a new optimiser.
    """

    width: int = 64  # channels
    layers: int = 3  # convolutions of a stage
    together: int = 3  # stages that train at a time, the latest
    lr_scale: float = 0.1  # of the learning rate, from a stage to the one before

    def critic(self, nets: Nets, k: int) -> nn.Module:
        return nets.D

    def activations(self, nets: Nets) -> int:
        """Three stages of the generator keep what the critic does, each."""
        return (1 + self.together) * super().activations(nets) // 2

    def players(self, nets: Nets, k: int) -> tuple[Player, Player]:
        first = max(0, k + 1 - self.together)
        parts = [(nets.G.body[j], self.lr_scale ** (k - j)) for j in range(first, k + 1)]
        if k < self.together:
            parts.append((nets.G.head, self.lr_scale**k))
        parts.append((nets.G.tail, 1.0))
        own, pace = tuple(net for net, _ in parts), partial(self.schedule, nets.pace, k)
        return (
            Player(f"D{k}", nets.D, self.d_optimizer, pace),
            Player(f"G{k}", own, partial(grouped, self.g_optimizer, parts), pace),
        )

    def enter(self, k: int, nets: Nets, batch: Batch) -> None:
        """Before stage `k`: it begins as a copy of the last; its noise is by what that lacks."""
        memory = nets.memory
        if k == 0:
            memory.see(batch["x"][:1])
            for z, fresh in zip(nets.z.all(), self.maps(nets, drawn(), 1), strict=True):
                z.copy_(fresh)
            nets.z.z0.copy_(memory.real(0))  # the coarsest noise that makes the picture is itself
        else:
            nets.G.body[k].load_state_dict(nets.G.body[k - 1].state_dict())
            memory.amps[k] = 0.0
            error = (self.again(nets, k) - memory.real(k)).square().mean().sqrt()
            memory.amps[k] = self.amplitude * error
        memory.reached.fill_(k + 1)

    def fake(self, nets: Nets, k: int, noise: Noise, n: int) -> Tensor:
        return self.grown(nets, [self.map_of(nets, j, noise, n) for j in range(k + 1)])

    def again(self, nets: Nets, k: int, anchor: Tensor | None = None) -> Tensor:
        return self.grown(nets, nets.z.all()[: k + 1])

    def grown(self, nets: Nets, maps: Sequence[Tensor], size: Size | None = None) -> Tensor:
        """The stages that have noise, played."""
        noises = [nets.memory.amps[j] * z for j, z in enumerate(maps)]
        return nets.G(noises, self.sizes(nets, size))

    def map_of(self, nets: Nets, k: int, noise: Noise, n: int, size: Size | None = None) -> Tensor:
        height, width = self.sizes(nets, size)[k]
        if k == 0:
            return noise.normal(n, nets.memory.channels, height, width)
        return noise.normal(n, self.width, height + 2 * self.layers, width + 2 * self.layers)

    def maps(self, nets: Nets, noise: Noise, n: int, size: Size | None = None) -> list[Tensor]:
        return [self.map_of(nets, k, noise, n, size) for k in range(nets.memory.count)]

    def fixed(self, nets: Nets) -> list[Tensor]:
        return nets.z.all()

    def render(
        self,
        nets: Nets,
        maps: Sequence[Tensor],
        start: int = 0,
        image: Tensor | None = None,
        stop: int | None = None,
    ) -> Tensor:
        """As `Pyramid.render` says, from scale 0 alone: features enter the others, not pictures."""
        if start or image is not None:
            raise UserError(
                f"{type(self).__name__} hands features from stage to stage: no picture can enter "
                "one; train singan for that"
            )
        stop = self.scales(nets) - 1 if stop is None else stop
        self.check(nets, maps, 0, None, stop)
        over, device = 2 * self.layers, nets.memory.amps.device
        whole = maps[-1].shape[2:]
        size = (whole[0] - over, whole[1] - over) if len(maps) > 1 else (whole[0], whole[1])
        height, width = self.sizes(nets, size)[stop]
        n = max(map(len, maps))
        rows = []
        for part in torch.arange(n).split(max(1, AT_ONCE // (height * width))):
            mine = [(z[part] if len(z) == n else z).to(device) for z in maps[: stop + 1]]
            rows.append(self.grown(nets, mine, size))
        return torch.cat(rows)


def grouped(
    optimizer: Adam, parts: Sequence[tuple[nn.Module, float]], params: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """An optimiser whose parameter groups are `parts`, each with its factor on the rate."""
    made = optimizer(params)
    whole = made.param_groups[0]
    made.param_groups = [
        {**whole, "params": list(net.parameters()), "lr": whole["lr"] * rate} for net, rate in parts
    ]
    return made
