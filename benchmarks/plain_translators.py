"""The plain way from one picture to another; see `plain.py`, whose manners these have."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plain import Step, adam, batches


def of_torch(net: nn.Module) -> nn.Module:
    """The network with torch's own instance norm, in the layout that scripts have."""
    for module in net.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.__class__ = nn.InstanceNorm2d
    return net.to(memory_format=torch.contiguous_format)


class Chance:
    """Dropout's own noise, for a network that asks for it."""

    def uniform(self, n: int, *shape: int) -> Tensor:
        return torch.rand(n, *shape)


def pix2pix(g: nn.Module, d: nn.Module, x: Tensor) -> Step:
    """Pairs of neighbours, batch 1: the critic sees both, then the generator's turn."""
    g, d = of_torch(g), of_torch(d)
    g_step, d_step, data = adam(g), adam(d), batches(x, 2)

    def step() -> None:
        a, b = next(data)[0].split(1)
        fake = g(a, Chance())
        d_step.zero_grad()
        at_fake, at_real = d(torch.cat([a, fake.detach()], 1)), d(torch.cat([a, b], 1))
        ones = torch.ones_like(at_real)
        loss = F.binary_cross_entropy_with_logits(at_fake, torch.zeros_like(at_fake))
        ((loss + F.binary_cross_entropy_with_logits(at_real, ones)) / 2).backward()
        d_step.step()
        g_step.zero_grad()
        game = F.binary_cross_entropy_with_logits(d(torch.cat([a, fake], 1)), ones)
        (game + 100 * F.l1_loss(fake, b)).backward()
        g_step.step()

    return step


def cyclegan(nets: dict[str, nn.Module], x: Tensor) -> Step:
    """Both translators, then a critic after the other; the last fakes stand for the pool."""
    nets = {name: of_torch(net) for name, net in nets.items()}
    there, back, d_a, d_b = (nets[name] for name in ("AtoB", "BtoA", "D_a", "D_b"))
    both = [*there.parameters(), *back.parameters()]
    g_step, a_step = torch.optim.Adam(both, 2e-4, (0.5, 0.999)), adam(d_a)
    b_step, data = adam(d_b), batches(x, 2)

    def judged(d: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor) -> None:
        optimizer.zero_grad()
        at_real, at_fake = d(real), d(fake.detach())
        loss = F.mse_loss(at_real, torch.ones_like(at_real))
        ((loss + F.mse_loss(at_fake, torch.zeros_like(at_fake))) / 2).backward()
        optimizer.step()

    def step() -> None:
        a, b = next(data)[0].split(1)
        g_step.zero_grad()
        same = F.l1_loss(there(b), b) + F.l1_loss(back(a), a)
        fake_b, fake_a = there(a), back(b)
        at_b, at_a = d_b(fake_b), d_a(fake_a)
        game = F.mse_loss(at_b, torch.ones_like(at_b)) + F.mse_loss(at_a, torch.ones_like(at_a))
        cycle = F.l1_loss(back(fake_b), a) + F.l1_loss(there(fake_a), b)
        (game + 10 * cycle + 5 * same).backward()
        g_step.step()
        judged(d_a, a_step, a, fake_a)
        judged(d_b, b_step, b, fake_b)

    return step
