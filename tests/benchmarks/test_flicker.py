"""What the dance's benchmark calls flicker, by hand."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path

import pytest
import torch


@pytest.fixture
def dance(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("dance")
    for name in ("dance", "common"):
        sys.modules.pop(name, None)


def clip() -> torch.Tensor:
    """Four frames of 8 x 8 whose left half moves by a tenth a frame; the rest stays."""
    frames = torch.zeros(4, 3, 8, 8, dtype=torch.float64)
    frames[..., :4] += 0.1 * torch.arange(4.0)[:, None, None, None]
    return frames


def test_truth_has_no_flicker(dance):
    found = dance.figures(clip(), clip())
    assert (found["flicker"], found["still"], found["motion"]) == (0, 0, 0)
    assert found["psnr"] > 90


def test_a_constant_error_is_no_flicker(dance):
    found = dance.figures(clip() + 0.2, clip())
    assert found["flicker"] == pytest.approx(0, abs=1e-9)
    assert found["psnr"] == pytest.approx(10 * math.log10(4 / 0.04))


def test_a_light_that_blinks_is(dance):
    """The whole picture up and down by 0.2: a change of 0.2 too much everywhere."""
    blink = 0.1 * torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None, None, None]
    found = dance.figures(clip() + blink, clip())
    assert found["flicker"] == pytest.approx(0.2 * 127.5)
    assert found["still"] == pytest.approx(0.2 * 127.5)
    ours = (0.2 + (0.1 + 0.3 + 0.1) / 3) / 2  # of the moving half: -0.2 + 0.1, 0.2 + 0.1, ...
    assert found["motion"] == pytest.approx((ours - 0.05) * 127.5)


def test_who_does_not_move_lacks_motion(dance):
    found = dance.figures(clip()[:1].expand(4, -1, -1, -1), clip())
    assert found["motion"] == pytest.approx(-0.05 * 127.5)
    assert found["still"] == 0


def test_psnr_is_a_mean_over_frames(dance):
    made = clip()
    made[0] += 0.02
    made[1:] += 0.2
    first, rest = (10 * math.log10(4 / e**2) for e in (0.02, 0.2))
    assert dance.psnr(made, clip()) == pytest.approx((first + 3 * rest) / 4)


def test_the_person_is_what_leaves_the_median(dance):
    """Of five frames one shows a bright square; an error there is the person's, elsewhere not."""
    truth = torch.zeros(5, 3, 8, 8)
    truth[2, :, :4, :4] = 1.0
    made = truth.clone()
    made[2, :, :4, :4] -= 0.2
    assert dance.figures(made, truth)["person"] == pytest.approx(10 * math.log10(4 / 0.04))
    made = truth.clone()
    made[0] += 0.5
    assert dance.figures(made, truth)["person"] > 90
