"""The hand-written gradient of a penalty against autograd's second differentiation, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gansaku.core import slopes
from gansaku.core.noise import Noise
from gansaku.core.tape import Tape
from gansaku.losses import DRAGAN, R1, R2, GradientPenalty, LipschitzPenalty
from gansaku.nets import DCGANCritic, ResNetCritic
from gansaku.nets.layers.resample import DownConv2d
from gansaku.nets.mlp import MaxoutCritic, PointCritic

SHAPE = (3, 19, 16)  # odd sides pad otherwise


class Patchy(nn.Module):
    """What critics are made of besides: reflection, pooling, copies, patches, two outputs."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1, padding_mode="reflect")
        self.down = DownConv2d(6, 4, 3)
        self.up = nn.ConvTranspose2d(4, 5, 4, 2, 1)
        self.side = nn.Conv2d(3, 5, 1)
        self.last = nn.Conv2d(10, 2, 3, dilation=2, groups=2)

    def forward(self, x):
        h = nn.functional.leaky_relu(self.first((x + 1) / 2), 0.1)
        h = nn.functional.interpolate(self.up(self.down(h)), x.shape[2:], mode="nearest")
        h = torch.cat([torch.relu(h), 1 - self.side(x)], 1)
        out = self.last(h)
        return [out[:, :1], nn.functional.avg_pool2d(out[:, 1:], 2)]


class Towers(nn.Module):
    """A picture and its code, judged together."""

    def __init__(self):
        super().__init__()
        self.x, self.z = nn.Linear(3 * 19 * 16, 8), nn.Linear(5, 8)
        self.out = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(16, 1))

    def forward(self, pair):
        x, z = pair
        return self.out(torch.cat([self.x(x.flatten(1)), self.z(z)], 1)).squeeze(1)


class Told(nn.Module):
    """A picture beside its label, twice: constant maps, and a learned code; and a frame."""

    def __init__(self):
        super().__init__()
        self.code = nn.Embedding(3, 4)
        self.first, self.last = nn.Conv2d(6, 5, 3), nn.Linear(5 + 4, 1)

    def forward(self, x):
        y = torch.arange(len(x)) % 3
        maps = nn.functional.one_hot(y, 3).to(x)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        framed = nn.functional.pad(torch.cat([x, maps], 1), (1, 1, 0, 2), value=0.7)
        h = torch.relu(self.first(framed)).mean((2, 3))
        return self.last(torch.cat([h, self.code(y)], 1))


PIECEWISE = {
    "told": Told,
    "dcgan": lambda: DCGANCritic(SHAPE, 4, norm="none"),
    "dcgan-spectral": lambda: DCGANCritic(SHAPE, 4, norm="spectral").eval(),
    "resnet": lambda: ResNetCritic(SHAPE, 4, norm="none"),
    "resnet-spectral": lambda: ResNetCritic(SHAPE, 4, norm="spectral", pool="mean").eval(),
    "patches": Patchy,
    "perceptron": lambda: nn.Sequential(nn.Flatten(), PointCritic(3 * 19 * 16, 16, 2)),
    "towers": Towers,
}
OTHERS = {
    "batch-norm": lambda: DCGANCritic(SHAPE, 4, norm="batch"),
    "layer-norm": lambda: DCGANCritic(SHAPE, 4, norm="layer"),
    "maxout": lambda: MaxoutCritic(SHAPE, 8, 3).eval(),
    "smooth": lambda: nn.Sequential(nn.Flatten(), nn.Linear(912, 8), nn.Tanh(), nn.Linear(8, 1)),
    "squared": lambda: lambda x: (nn.functional.relu(x) * x).sum((1, 2, 3)),
}
PENALTIES = [GradientPenalty(), LipschitzPenalty(), R1(), R2(), DRAGAN()]


def samples(net, seed):
    noise = Noise(seed, ("x",))
    x = noise.normal(4, *SHAPE).double()
    return (x, noise.normal(4, 5).double()) if isinstance(net, Towers) else x


def penalised(net, penalty, written):
    """The value, and the gradients of a loss that uses the same logits of real samples as well."""
    real, fake = samples(net, 1), samples(net, 2)
    kept = []

    def critic(x):
        if x is not real or not kept:
            out = net(x)
            kept.extend([out] if x is real else [])
            return out
        return kept[0]

    torch.manual_seed(0)
    value = penalty(critic, real, fake, Noise(3, ("penalty",)))
    out = critic(real)
    logits = out if isinstance(out, list) else [out]
    loss = value + sum(nn.functional.softplus(-x).mean() for x in logits)
    weights = list(net.parameters()) if isinstance(net, nn.Module) else [real]
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    zeros = (torch.zeros_like(w) for w in weights)
    return [value.detach(), *(z if g is None else g for g, z in zip(found, zeros, strict=True))]


@pytest.fixture(params=sorted(PIECEWISE))
def critic(request):
    torch.manual_seed(4)
    net = PIECEWISE[request.param]().double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0.0, 0.3)
    return net


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: type(p).__name__)
def test_the_gradient_is_autograds(critic, penalty, monkeypatch):
    used = []
    monkeypatch.setattr(
        slopes, "_with_gradients", lambda *a, f=slopes._with_gradients: used.append(1) or f(*a)
    )
    ours = penalised(critic, penalty, True)
    assert used, "the critic is piecewise linear, and autograd did the work"
    monkeypatch.setattr(Tape, "whole", lambda tape, total: False)
    for mine, theirs in zip(ours, penalised(critic, penalty, False), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_what_is_not_piecewise_linear_is_left_to_autograd(name, monkeypatch):
    def refuse(*_):
        raise AssertionError(f"{name} was taken for piecewise linear")

    monkeypatch.setattr(slopes, "_with_gradients", refuse)
    torch.manual_seed(4)
    net = OTHERS[name]()
    net = net.double() if isinstance(net, nn.Module) else net
    assert penalised(net, R1(), True)[0].isfinite()


def test_masks_that_were_overwritten_are_not_read():
    """An operation that changes what a mask is read from leaves the work to autograd."""
    layer, head = nn.Linear(3, 4).double(), nn.Linear(4, 1).double()

    def net(x):
        h = layer(x).relu()
        y = h * 2
        h.neg_()
        return head(y)

    real = torch.ones(2, 3, dtype=torch.float64).requires_grad_()
    with Tape([real]) as tape:
        total = net(real).sum()
    assert not tape.whole(total) or not tape.intact()


def test_spectral_norm_moves_on_once_a_penalty():
    """The tape runs the critic once: a power iteration more would be another computation."""
    torch.manual_seed(4)
    net = DCGANCritic(SHAPE, 4, norm="spectral")
    before = {k: v.clone() for k, v in net.named_buffers()}
    expected = DCGANCritic(SHAPE, 4, norm="spectral")
    expected.load_state_dict(net.state_dict())
    x = Noise(1, ("x",)).normal(4, *SHAPE)
    R1()(net, x.clone(), x, Noise(1, ("p",)))
    expected(x)
    for name, buffer in expected.named_buffers():
        assert torch.equal(buffer, dict(net.named_buffers())[name])
    assert any(not torch.equal(v, dict(net.named_buffers())[k]) for k, v in before.items())
