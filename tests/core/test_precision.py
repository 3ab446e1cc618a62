"""Half precision: penalties and objectives in float32, and fp16's scale that is part of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from toys import PLAIN, Toy, Vectors

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from sources import source_of

from gansaku.core import catalog, checkpoint, precision, state
from gansaku.core.loop import Run
from gansaku.core.precision import Half, exactly, full, in_hardware, stated, step

CPU = torch.device("cpu")


class Kinds(TorchDispatchMode):
    """The kinds of numbers that convolutions and products see, within penalties and without."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.seen: dict[bool, set[torch.dtype]] = {True: set(), False: set()}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name
        if "conv" in name or name in ("aten::mm", "aten::addmm"):
            kinds = {a.dtype for a in args if isinstance(a, torch.Tensor)}
            self.seen[self.inside] |= kinds
        return func(*args, **(kwargs or {}))


def halved(name, kind, steps=3):
    recipe = catalog.find(name)
    run = Run(recipe.tiny(), source_of(name, recipe), seed=3, log_every=1, precision=kind)
    run.play(steps=steps)
    return run


@pytest.mark.parametrize("name", ["wgan_gp", "r3gan", "mrgan", "singan"])
def test_penalties_are_computed_in_float32(name, monkeypatch):
    kinds, plain = Kinds(), precision.span

    class Inside:
        def __enter__(self):
            kinds.inside = True

        def __exit__(self, *_):
            kinds.inside = False

    monkeypatch.setattr(
        precision, "span", lambda *a: Inside() if a[0] == "penalties" else plain(*a)
    )
    with kinds:
        run = halved(name, "bf16")
    assert run.steps == 3
    assert torch.bfloat16 in kinds.seen[False]
    if name != "mrgan":  # which has no penalty by default
        assert kinds.seen[True] == {torch.float32}


@pytest.mark.parametrize("name", ["dcgan", "wgan_gp", "pix2pix", "cyclegan", "spade"])
def test_objectives_have_the_digits_of_float32(name):
    values = [v for k, v in halved(name, "bf16").record.items() if "objective" in k]
    assert values
    assert any(torch.tensor(v).bfloat16().float() != torch.tensor(v) for v in values)


@pytest.mark.parametrize("name", ["dcgan", "wgan_gp", "pix2pix"])
def test_fp16_trains_with_a_scale(name):
    run = halved(name, "fp16", steps=4)
    assert set(run.half.scales) == {player.name for player in run.players}
    for parameter in run.nets.parameters():
        assert parameter.isfinite().all()
    near = halved(name, "fp32", steps=4)
    for key, value in near.record.items():
        if key.endswith("objective"):
            assert run.record[key] == pytest.approx(value, rel=0.1, abs=0.05)


def toy(**options):
    return Run(Toy(optimizer=PLAIN, **options), Vectors(), seed=1, precision="fp16")


def test_a_scale_changes_no_gradient(monkeypatch):
    monkeypatch.setattr(Half, "autocast", lambda self: torch.autocast("cpu", enabled=False))
    scaled, plain = toy(), Run(Toy(optimizer=PLAIN), Vectors(), seed=1)
    for run in (scaled, plain):
        run.play()
    for a, b in zip(scaled.nets.parameters(), plain.nets.parameters(), strict=True):
        assert torch.equal(a, b)  # a power of two is exact


def test_an_overflow_leaves_the_move_out_and_halves_the_scale(monkeypatch):
    monkeypatch.setattr(Half, "autocast", lambda self: torch.autocast("cpu", enabled=False))
    run = toy()
    run._begin()
    before = [p.clone() for p in run.nets.parameters()]
    run.half.scales = {name: torch.tensor([float("inf"), 5.0]) for name in run.half.scales}
    run.play(steps=1)
    for a, b in zip(before, run.nets.parameters(), strict=True):
        assert torch.equal(a, b)
    assert all(s.tolist() == [precision.LARGEST, 0.0] for s in run.half.scales.values())
    run.play(steps=1)
    assert any(not torch.equal(a, b) for a, b in zip(before, run.nets.parameters(), strict=True))


def test_the_scale_by_hand(monkeypatch):
    monkeypatch.setattr(precision, "GROWS", 2)
    half, seen = Half("fp16", CPU, ["D"]), []
    for bad in (False, False, True, False):
        gradients = [torch.full((3,), float("inf") if bad else 8.0)]
        overflow = half.unscaled("D", gradients)
        seen.append((half.scales["D"].tolist(), overflow.item()))
    start = precision.START
    assert seen == [
        ([start, 1.0], 0.0),
        ([2 * start, 0.0], 0.0),
        ([start, 0.0], 1.0),
        ([start, 1.0], 0.0),
    ]
    assert gradients[0].tolist() == [8.0 / start] * 3


@pytest.mark.parametrize("fused", [True, False])
def test_a_move_that_is_left_out(fused):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
    weight.grad = torch.ones(3)
    step(optimizer, torch.tensor(1.0))
    assert weight.tolist() == [1, 1, 1]
    step(optimizer, torch.tensor(0.0))
    once = weight.clone()
    assert (once < 1).all()
    assert optimizer.state[weight]["step"] == 1
    step(optimizer, None)
    assert (weight < once).all()


def test_the_scale_is_restored(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "GROWS", 2)
    whole, path = toy(), tmp_path / "a.safetensors"
    whole.play(steps=3)
    checkpoint.write(path, *state.of(whole))
    whole.play()
    again = toy()
    state.restore(again, *checkpoint.read(path))
    again.play()
    for name, scale in whole.half.scales.items():
        assert torch.equal(scale, again.half.scales[name])
    for a, b in zip(whole.nets.parameters(), again.nets.parameters(), strict=True):
        assert torch.equal(a, b)


def test_full_changes_halves_alone():
    a, b = torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.float64)
    made = full((a, [b]))
    assert made[0].dtype == torch.float32
    assert made[1][0] is b
    assert full(b) is b


def test_exactly_is_for_halves():
    a = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (a @ a).dtype == torch.bfloat16
        with exactly():
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16


def test_a_unit_for_half_precision_is_asked_for_by_name(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    assert in_hardware("bf16")
    assert not in_hardware("fp16")
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not in_hardware("bf16")


def test_what_is_stated_of_a_device(monkeypatch):
    cuda = torch.device("cuda")
    assert stated("fp32", CPU) is None
    for there in (True, False):
        monkeypatch.setattr(precision, "in_hardware", lambda name, there=there: there)
        assert ("may be faster" in stated("bf16", CPU)) is not there
    assert "convolutions in" in stated("fp32", cuda)
    assert "penalties" in stated("bf16", cuda)
