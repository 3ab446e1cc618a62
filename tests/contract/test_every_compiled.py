"""Compiled networks learn what plain ones do; what is differentiated twice is left plain."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from sources import source_of
from torch import nn

from gansaku.core import catalog
from gansaku.core.compiling import compiled, twice
from gansaku.core.errors import UserError
from gansaku.core.loop import Run

SOME = ("dcgan", "wgan_gp", "pix2pix", "unrolled_gan", "quick")  # the others take two minutes
RECIPES = [
    pytest.param(entry.name, marks=() if entry.name in SOME else pytest.mark.slow)
    for entry in catalog.every()
]


@pytest.fixture(autouse=True)
def fresh():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def learned(name: str, compiling: str | None) -> list[torch.Tensor]:
    recipe = catalog.find(name).tiny()
    recipe = dataclasses.replace(recipe, **{type(recipe).length[0]: 4})
    source = source_of(name, type(recipe))
    run = Run(recipe, source, seed=3, log_every=1000, quick_layers=False, compiling=compiling)
    run.play(steps=3)
    return [parameter.detach() for parameter in run.nets.parameters()]


@pytest.mark.parametrize("name", RECIPES)
def test_compiled_networks_learn_alike(name):
    """Adam moves by its rate where a gradient is nothing but rounding: so far may they differ."""
    for plain, fast in zip(learned(name, None), learned(name, "aot_eager"), strict=True):
        torch.testing.assert_close(plain, fast, rtol=1e-3, atol=1e-3)


def test_what_is_differentiated_twice_is_plain():
    net, seen = nn.Sequential(nn.Linear(2, 2), nn.Tanh()), []

    def backend(graph, given):
        seen.append(graph)
        return graph.forward

    compiled([net], backend)
    x = torch.ones(3, 2, requires_grad=True)
    with twice():
        (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert not seen
    assert torch.equal(net(x), net._call_impl(x))
    assert len(seen) == 1
    assert set(net.state_dict()) == {"0.weight", "0.bias"}


def test_a_machine_without_a_compiler():
    def backend(graph, given):
        raise RuntimeError("no working C++ compiler\nand much more")

    net = nn.Linear(2, 2)
    compiled([net], backend)
    with pytest.raises(UserError, match=r"machine: no working C\+\+ compiler. It needs .*g\+\+"):
        net(torch.ones(3, 2))
