"""Two pictures, a class each: asked for a class, its picture comes; and codes find the two."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gansaku.core import catalog
from gansaku.core.loop import Run
from gansaku.core.optim import Adam
from gansaku.data.spec import ImageSpec
from gansaku.losses import Codes, Hinge

FAST = {"g_optimizer": Adam(4e-3, (0.0, 0.9)), "d_optimizer": Adam(4e-3, (0.0, 0.9))}
CONV = FAST | {"net": "conv", "width": 8, "objective": Hinge(), "d_norm": "spectral"}


class Two:
    """An upright and a flat ramp by turns, labelled."""

    spec = ImageSpec(16, 16, 1, ("upright", "flat"))

    def __init__(self) -> None:
        across = torch.linspace(-0.8, 0.8, 16).expand(1, 16, 16)
        self.pictures = torch.stack([across, across.transpose(1, 2)])

    def batch(self, start: int, n: int, seed: int, **_: Any) -> dict[str, torch.Tensor]:
        y = torch.arange(start, start + n) % 2
        return {"x": self.pictures[y], "y": y}


def trained(name: str, **fields: Any) -> Run:
    made = {"steps": 200, "batch_size": 16, "z": 4, **fields}
    run = Run(catalog.find(name)(**made), Two(), seed=1)
    run.play()
    return run


def distances(run: Run, y: int) -> list[float]:
    """Of samples of a class to each of the two pictures, a pixel."""
    x = run.sample(32, seed=9, given={"y": y})
    return [float((x - picture).abs().mean()) for picture in run.source.pictures]


CASES = {
    "cgan concat": ("cgan", CONV),
    "cgan projection": ("cgan", CONV | {"told": "projection"}),
    "acgan": ("acgan", FAST | {"width": 8, "d_width": 4, "dropout": 0.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_class_that_is_asked_for_comes(case):
    name, fields = CASES[case]
    run = trained(name, **fields)
    for y in (0, 1):
        found = distances(run, y)
        assert found[y] < 0.5 * found[1 - y], f"class {y}: {found}"


def test_codes_find_two_pictures_without_labels():
    run = trained("infogan", **FAST, width=8, codes=Codes((2,), 1), steps=300)
    nearest = [min((0, 1), key=distances(run, y).__getitem__) for y in (0, 1)]
    assert sorted(nearest) == [0, 1], "each category is another picture"
    for y in (0, 1):
        told = run.recipe.classify(run.nets.eval(), run.sample(32, seed=9, given={"y": y}))
        assert (told.argmax(1) == y).float().mean() > 0.9, "and Q knows them again"
