"""Between two logging steps nothing is read from the device: a GPU is never waited for.

By structure, on the CPU: what would make a GPU wait there shows here as an operation.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from reads import Reads
from sources import source_of

from gansaku.core import catalog
from gansaku.core.loop import Run
from gansaku.core.noise import Noise, sent

RECIPES = [entry.name for entry in catalog.every()]


@pytest.fixture
def reads(monkeypatch) -> Reads:
    """A mode that sees Tensor.tolist, cpu and numpy as well, which read memory directly."""
    mode = Reads()
    for name in ("tolist", "cpu", "numpy"):
        plain = getattr(torch.Tensor, name)

        def noted(self, *args, plain=plain, **kwargs):
            frame = sys._getframe(1)
            while frame.f_code.co_filename.endswith(("core/kernels.py", "torch/overrides.py")):
                frame = frame.f_back  # a mode passes on what others call
            name = frame.f_code.co_filename
            if "/gansaku/" in name and not name.endswith("core/noise.py"):  # drawn on the CPU
                mode.note()
            return plain(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, noted)
    return mode


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_is_read_between_logging_steps(name, reads):
    recipe = catalog.find(name)
    run = Run(recipe.tiny(), source_of(name, recipe), seed=3, log_every=1000)
    run.play(steps=1)  # the first is logged
    reads.found.clear()
    with reads:
        run.play(steps=2)
    assert not reads.unforeseen()


def test_the_test_can_fail(reads):
    recipe = catalog.find("gan")
    run = Run(recipe.tiny(), source_of("gan", recipe), seed=3, log_every=1)
    with reads:
        run.play(steps=2)
    assert ("core/loop.py", "tolist") in [(f, "tolist") for f, line in reads.found]


def test_what_goes_to_a_gpu_is_pinned_and_not_waited_for(monkeypatch):
    seen = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: seen.append("pinned") or x)
    monkeypatch.setattr(torch.Tensor, "to", lambda x, *a, **k: seen.append((a, k)) or x)
    sent(torch.zeros(3), "cuda")
    assert seen == ["pinned", (("cuda",), {"non_blocking": True})]
    seen.clear()
    sent(torch.zeros(3), "cpu")
    assert seen == [(("cpu",), {})]


def test_places_are_the_integers_of_the_same_draw():
    a, b = Noise(3, ("k",), index=1, count=2), Noise(3, ("k",), index=1, count=2)
    assert a.places(5, below=100) == b.integers(5, below=100).tolist()
    assert torch.equal(a.normal(2, 3), b.normal(2, 3))
