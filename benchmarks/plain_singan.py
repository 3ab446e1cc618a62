"""An exact iteration of SinGAN at one scale, as one writes it down, and ours at the same place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gansaku.core.loop import Run
from gansaku.data.single import open_single
from gansaku.recipes.singan import SinGAN


def begun(picture: Any, back: int = 1) -> Run:
    """A run at the first step of a large scale, the last but `back - 1`, with untrained networks.

    `picture` is a file or an array `[H, W, C]`.
    """
    run = Run(SinGAN(effort="paper"), open_single(picture), log_every=10**9)
    run.nets.memory.see(run.source.take([0])["x"])
    run.stage_number = run.nets.memory.count - back
    run.entered = list(range(run.stage_number + 1))
    return run


def plainly(run: Run) -> Callable[[], None]:
    """The same iteration of its networks by a straightforward loop."""
    run.nets.to(memory_format=torch.contiguous_format).train()
    k = run.stage_number
    optimizers = {
        name: torch.optim.Adam(net.parameters(), 5e-4, (0.5, 0.999))
        for name, net in (("D", run.nets.D[k]), ("G", run.nets.G[k]))
    }
    return lambda: _step(run, k, optimizers)


def _step(run: Run, k: int, make: dict[str, torch.optim.Optimizer]) -> None:
    """Three updates of each: graphs of fakes, gradients of all, a pass for every term."""
    nets, recipe, clock = run.nets, run.recipe, run.clock("plain")
    d, real = nets.D[k], nets.memory.real(k)
    for _ in range(3):
        make["D"].zero_grad()
        (-d(real).mean()).backward(retain_graph=True)
        fake = recipe.fake(nets, k, clock, 1)
        d(fake.detach()).mean().backward(retain_graph=True)
        _penalty(d, real, fake).backward()
        make["D"].step()
    for _ in range(3):
        make["G"].zero_grad()
        (-d(recipe.fake(nets, k, clock, 1)).mean()).backward(retain_graph=True)
        (10 * (recipe.again(nets, k) - real).square().mean()).backward()
        make["G"].step()


def _penalty(critic: Any, real: Tensor, fake: Tensor) -> Tensor:
    share = torch.rand(1)
    at = (share * real + (1 - share) * fake.detach()).requires_grad_()
    out = critic(at)
    (slope,) = torch.autograd.grad(out, at, torch.ones_like(out), create_graph=True)
    return 0.1 * (slope.norm(2, dim=1) - 1).square().mean()
