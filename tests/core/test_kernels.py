"""Products and convolutions by other ways: equal to the library's, and chosen by shapes alone."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gansaku import api
from gansaku.core import convolutions, kernels, norms, products
from gansaku.core.compiling import twice
from gansaku.core.convolutions import Shape
from gansaku.model import load
from gansaku.recipes.quick import Quick

EXACT = torch.float64


@pytest.fixture
def onednn(monkeypatch):
    """As if the processor gained by it, whatever the size."""
    monkeypatch.setattr(products, "available", lambda: True)
    monkeypatch.setattr(products, "LEAST", 0)


def noise(*shape: int, kind: torch.dtype = EXACT) -> torch.Tensor:
    return torch.randn(*shape, dtype=kind, requires_grad=True)


def alike(mine: torch.Tensor, theirs: torch.Tensor) -> None:
    """Up to the rounding of float32, beside the largest."""
    largest = float(theirs.detach().abs().max())
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4 * largest)


# --- products ---


def thrice(product, a, b, bias):
    """A product, its gradients, and the gradients of their squares."""
    out = product(a, b, bias)
    first = torch.autograd.grad(out.square().sum(), (a, b, bias), create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), (a, b, bias))
    return [out, *first, *second]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_onednn_multiplies_as_mkl_does(n, i, o):
    torch.manual_seed(0)
    given = [noise(*shape, kind=torch.float32) for shape in ((n, i), (o, i), (o,))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "available", lambda: True)
        patch.setattr(products, "LEAST", 0)
        assert products.pays(*given[:2])
        ours = thrice(products.product, *given)
    for mine, theirs in zip(ours, thrice(F.linear, *given), strict=True):
        torch.testing.assert_close(
            mine, theirs, rtol=1e-4, atol=1e-4 * float(theirs.detach().abs().max())
        )


def test_what_is_left_to_mkl(onednn, monkeypatch):
    a, b = noise(4, 3, kind=torch.float32), noise(5, 3, kind=torch.float32)
    assert products.pays(a, b)
    assert not products.pays(a.double(), b.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not products.pays(a, b)
    monkeypatch.setattr(products, "LEAST", 4 * 3 * 5 + 1)
    assert not products.pays(a, b)
    monkeypatch.setattr(products, "available", lambda: False)
    monkeypatch.setattr(products, "LEAST", 0)
    assert not products.pays(a, b)


# --- convolutions ---


def shape_of(n: int, c: int, o: int, size: int, k: int, stride: int, padding: int) -> Shape:
    h = (size + 2 * padding - k) // stride + 1
    return Shape(n, (c, size, size), (o, h, h), (k, k), (stride,) * 2, (padding,) * 2)


SHAPES = (
    shape_of(2, 5, 4, 8, 4, 2, 1),
    shape_of(2, 3, 5, 9, 3, 2, 1),
    shape_of(1, 4, 2, 7, 7, 1, 0),
    shape_of(3, 2, 6, 6, 5, 1, 2),
    shape_of(2, 3, 4, 11, 4, 2, 1),  # the last row and column reach no output
)


def every_way(s: Shape):
    lines = ["lines"] if s.stride == (1, 1) else []
    return itertools.product(
        ["", "columns", *lines],
        ["", "columns", "folded", *lines, *(["turned"] if lines else [])],
        ["", "columns", *lines],
    )


@pytest.mark.parametrize("s", SHAPES, ids=str)
def test_every_way_is_the_same_product(s, monkeypatch):
    torch.manual_seed(0)
    x, w = noise(s.n, *s.large), noise(s.small[0], s.large[0], *s.kernel)
    y = noise(s.n, *s.small)
    down = F.conv2d(x, w, None, s.stride, s.padding)
    up, weigh = torch.autograd.grad(down, (x, w), y)
    for ways in every_way(s):
        monkeypatch.setattr(convolutions, "ways", lambda _, ways=ways: ways)
        torch.testing.assert_close(convolutions.down(x, w, s), down, rtol=0, atol=1e-11)
        torch.testing.assert_close(convolutions.up(y, w, s), up, rtol=0, atol=1e-11)
        torch.testing.assert_close(convolutions.weigh(x, y, s), weigh, rtol=0, atol=1e-11)


@pytest.mark.parametrize("s", SHAPES[:3], ids=str)
def test_first_and_second_derivatives(s, monkeypatch):
    torch.manual_seed(0)
    way = "lines" if s.stride == (1, 1) else "columns"
    monkeypatch.setattr(convolutions, "ways", lambda _: (way, way, way))
    x, w = noise(1, *s.large), noise(s.small[0], s.large[0], *s.kernel)
    y, s = noise(1, *s.small), s._replace(n=1)
    for function, side in ((convolutions.convolved, x), (convolutions.transposed, y)):

        def curved(a, b, function=function):
            return function(a, b, s) ** 2

        assert torch.autograd.gradcheck(curved, (side, w), fast_mode=True)
        assert torch.autograd.gradgradcheck(curved, (side, w), fast_mode=True)


def test_patches_are_cut_once_for_both_gradients(monkeypatch):
    s, cut, columns = SHAPES[0], [], convolutions.columns
    monkeypatch.setattr(convolutions, "ways", lambda _: ("columns",) * 3)
    monkeypatch.setattr(convolutions, "columns", lambda *given: cut.append(1) or columns(*given))
    x, w, y = noise(s.n, *s.large), noise(s.small[0], s.large[0], *s.kernel), noise(s.n, *s.small)
    plain = torch.autograd.grad(F.conv2d(x, w, None, s.stride, s.padding).square().sum(), (x, w))
    found = torch.autograd.grad(convolutions.convolved(x, w, s).square().sum(), (x, w))
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-10)
    assert len(cut) == 1, "of the input"
    up = F.conv_transpose2d(y, w, None, s.stride, s.padding)
    plain = torch.autograd.grad(up.square().sum(), (y, w))
    found = torch.autograd.grad(convolutions.transposed(y, w, s).square().sum(), (y, w))
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-10)
    assert len(cut) == 2, "of what came back"
    held = w.detach()
    out = convolutions.convolved(x, held, s)
    torch.autograd.grad(out.sum(), x)
    assert len(cut) == 3
    assert not out.grad_fn.kept, "nobody will ask"


OWN, ALL = ("", "", ""), ("columns",) * 3


@pytest.mark.parametrize(
    ("shape", "amd", "intel"),
    [
        ((64, 256, 512, 8, 4, 2, 1), ("", "columns", "columns"), ALL),
        ((16, 256, 512, 8, 4, 2, 1), ALL, ALL),
        ((4, 128, 256, 16, 4, 2, 1), ALL, ("", "", "columns")),
        ((64, 64, 128, 32, 4, 2, 1), OWN, OWN),
        ((1, 64, 3, 134, 7, 1, 0), *[("lines", "turned", "lines")] * 2),
        ((64, 3, 64, 64, 4, 2, 1), *[("", "folded", "")] * 2),
        ((64, 256, 256, 8, 3, 1, 1), OWN, OWN),
    ],
)
def test_the_way_is_a_function_of_the_shape_and_the_processor(shape, amd, intel):
    assert convolutions.ways_of(shape_of(*shape), "AMD") == amd
    assert convolutions.ways_of(shape_of(*shape), "Intel") == intel


def test_on_a_processor_that_was_not_measured_all_is_the_library_s(monkeypatch):
    monkeypatch.setattr(products, "available", lambda: False)
    monkeypatch.setattr(products, "mkl", lambda: False)
    assert convolutions.processor() == ""
    x, w = torch.randn(16, 256, 8, 8), torch.randn(512, 256, 4, 4)
    x, w = (t.contiguous(memory_format=torch.channels_last) for t in (x, w))
    assert kernels.conv2d(x, w, None, 2, 1) is None
    monkeypatch.setattr(products, "mkl", lambda: True)
    assert convolutions.processor() == "Intel"
    alike(kernels.conv2d(x, w, None, 2, 1), F.conv2d(x, w, None, 2, 1))


# --- networks ---


def test_networks_compute_the_same(onednn):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(64, 64, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(64, 3, 4, 2, 1),
        nn.Flatten(),
        nn.Linear(3 * 8 * 8, 7),
    ).to(memory_format=torch.channels_last)
    x = noise(2, 64, 8, 8, kind=torch.float32)
    wanted = [x, *net.parameters()]
    plain = torch.autograd.grad(net(x).square().sum(), wanted)
    with kernels.faster():
        quick = torch.autograd.grad(net(x).square().sum(), wanted)
    different = 0
    for mine, theirs in zip(quick, plain, strict=True):
        torch.testing.assert_close(
            mine, theirs, rtol=1e-3, atol=1e-4 * float(theirs.detach().abs().max())
        )
        different += not torch.equal(mine, theirs)
    assert different, "nothing went another way"


def test_what_is_not_for_it_is_left_alone(onednn):
    x, w = torch.randn(1, 64, 8, 8), torch.randn(64, 64, 4, 4)
    last = w.contiguous(memory_format=torch.channels_last)
    assert kernels.conv2d(x, last, None, 2, 1) is not None
    assert kernels.conv2d(x, w, None, 2, 1) is None  # neither has its channels last
    assert kernels.conv2d(x, last, None, 2, "valid") is None
    assert kernels.conv2d(x, last, None, 2, 1, dilation=2) is None
    assert kernels.conv2d(x.double(), last.double(), None, 2, 1) is None
    assert kernels.conv2d(x[:0], last, None, 2, 1) is None
    assert kernels.linear(torch.randn(3), torch.randn(4, 3)) is None


def test_it_is_said(onednn, monkeypatch):
    assert "--quick-layers False" in kernels.quickened(True, torch.device("cpu"))
    assert not kernels.quickened(False, torch.device("cpu"))
    monkeypatch.setattr(products, "available", lambda: False)
    monkeypatch.setattr(products, "mkl", lambda: True)
    assert "by MKL" in kernels.quickened(True, torch.device("cpu"))
    monkeypatch.setattr(products, "mkl", lambda: False)
    assert not kernels.quickened(True, torch.device("cpu"))
    with kernels.faster(False):
        assert not kernels.Faster.on
    with kernels.faster():
        assert kernels.Faster.on


# --- batch norm ---


def of_batch_norm(norm):
    """Outputs and gradients, once, twice and thrice, of the input and the parameters."""
    torch.manual_seed(0)
    x, bias = noise(3, 4, 5, 6), noise(4)
    weight = (torch.rand(4, dtype=EXACT) + 0.5).requires_grad_()
    moments = torch.zeros(4, dtype=EXACT), torch.ones(4, dtype=EXACT)
    out = norm(x, weight, bias, *moments)
    given = (x, weight, bias)
    once = torch.autograd.grad(out.pow(3).sum(), given, create_graph=True)
    (slope,) = torch.autograd.grad(out.tanh().sum(), x, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().sum()
    held = torch.autograd.grad(penalty, (x, weight), retain_graph=True)
    twice = torch.autograd.grad(sum(g.square().sum() for g in once), given, create_graph=True)
    thrice = torch.autograd.grad(sum(g.square().sum() for g in twice), (x, weight))
    return [out, *once, penalty, *held, *twice, *thrice, *moments]


def test_batch_norm_differentiates_as_torch_does():
    def torchs(x, weight, bias, mean, var):
        return F.batch_norm(x, mean, var, weight, bias, True, 0.1, 1e-5)

    def ours(x, weight, bias, mean, var):
        return norms.batch_norm(x, weight, bias, mean, var, 0.1, 1e-5)

    for mine, theirs in zip(of_batch_norm(ours), of_batch_norm(torchs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("affine", [True, False])
def test_a_critic_with_batch_norm_under_a_penalty(affine):
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(8, affine=affine)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), norm, nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3))
    x = noise(2, 3, 8, 8, kind=torch.float32)
    found = []
    for wanted in (False, True):
        with kernels.faster(wanted):
            assert "_Norm" not in type(net[:2](x).grad_fn).__name__
        with kernels.faster(wanted), twice():
            assert ("_Norm" in type(net[:2](x).grad_fn).__name__) == wanted
            (slope,) = torch.autograd.grad(net(x).tanh().sum(), x, create_graph=True)
            weights = [p for p in net.parameters() if p.ndim == 4 or p is norm.weight]
            found.append(torch.autograd.grad(slope.square().sum(), weights))
    for mine, theirs in zip(*found, strict=True):
        alike(mine, theirs)
        assert theirs.abs().max() > 0


def test_batch_norm_of_one_value_is_refused_as_by_torch():
    x = noise(1, 4, 1, 1, kind=torch.float32) * 1
    with kernels.faster(), twice(), pytest.raises(ValueError, match="more than 1 value"):
        nn.BatchNorm2d(4)(x)


# --- who decides ---


def test_parts_are_made_inside_and_taken_outside():
    seen = []

    def parts():
        for number in range(2):
            seen.append(kernels.Faster.on)
            yield torch.tensor(number)

    for part in kernels.each(parts()):
        assert not kernels.Faster.on
        assert part == len(seen) - 1
    assert seen == [1, 1]


@pytest.mark.parametrize("wanted", [True, False])
def test_samples_go_as_training_went(wanted, tmp_path, monkeypatch):
    options = {"device": "cpu", "measure_every": 0, "quick_layers": wanted, "out": tmp_path / "run"}
    recipe = dataclasses.replace(Quick.tiny(), steps=2)
    trained = api.train(recipe, "digits", **options)
    ways = []
    monkeypatch.setattr(Quick, "sample", lambda *_: ways.append(kernels.Faster.on) or torch.ones(1))
    for model in (trained, load(tmp_path / "run", device="cpu")):
        model.sample(3)
    assert ways == [int(wanted)] * 2
