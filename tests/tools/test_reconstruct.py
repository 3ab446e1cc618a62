"""Reconstructions and attribute directions against closed forms, on recipes that are arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gansaku.core.contract import Nets
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.data.spec import ImageSpec
from gansaku.model import Model
from gansaku.recipes.dcgan import DCGAN
from gansaku.tools.attributes import direction, directions, moved, of_classes, save_attributes
from gansaku.tools.reconstruct import Reconstruction, reconstruct, rmse, save_pairs


@dataclass(frozen=True)
class Halver:
    """Codes are pictures, and decoding halves them; a draw adds its noise."""

    def latents(self, n: int, noise: Noise, truncate: float | None = None) -> torch.Tensor:
        return noise.normal(n, 16)

    def encode(self, nets: Nets, x: torch.Tensor, noise: Noise | None = None) -> torch.Tensor:
        flat = x.flatten(1)
        return flat if noise is None else flat + noise.normal(*flat.shape)

    def generate(self, nets: Nets, z: torch.Tensor, given: Any = None) -> torch.Tensor:
        return (z / 2).reshape(len(z), 1, 4, 4)


def model(recipe: Any = None, spec: Any = None) -> Model:
    return Model(
        recipe or Halver(), spec or ImageSpec(4, 4, 1), Nets(), Path(), 0, torch.device("cpu")
    )


X = torch.linspace(-1, 1, 600 * 16).reshape(600, 1, 4, 4)


def test_codes_and_reconstructions_in_chunks_are_those_of_the_whole():
    assert torch.equal(model().encode(X), X.flatten(1))
    assert torch.equal(model().reconstruct(X), X / 2)


def test_draws_are_functions_of_their_seed():
    one, two, other = (model().encode(X, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert float((one - X.flatten(1)).std()) == pytest.approx(1, rel=0.05)
    assert not torch.equal(one[:256] - X[:256].flatten(1), one[256:512] - X[256:512].flatten(1))


def test_the_error_is_the_root_of_the_mean_square():
    found = reconstruct(model(), X[:10])
    torch.testing.assert_close(found.errors, (X[:10] / 2).double().square().mean((1, 2, 3)).sqrt())
    assert found.error == pytest.approx(float((X[:10] / 2).square().mean().sqrt()))
    spread = float(X[:10].double().var(0, correction=0).mean().sqrt())
    assert found.of_mean == pytest.approx(spread)
    assert rmse(torch.ones(2, 1, 3, 3), -torch.ones(2, 1, 3, 3)).tolist() == [2, 2]


def test_a_sheet_holds_both_sides(tmp_path):
    x = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1).expand(2, 1, 4, 4).contiguous()
    path = save_pairs(reconstruct(model(), x), tmp_path / "pairs")
    assert path.suffix == ".png"
    with Image.open(path) as sheet:
        width = (sheet.width - 2) // 2
        greys = [
            sheet.getpixel((2 + column * width + part * width // 2 + 20, 20))[0]
            for column in (0, 1)
            for part in (0, 1)
        ]
    assert greys == [255, 191, 0, 64]


def test_wrong_samples_and_recipes_are_refused():
    with pytest.raises(UserError, match=r"shape \[N, 1, 4, 4\], not \[3, 1, 5, 5\]"):
        model().encode(torch.zeros(3, 1, 5, 5))
    with pytest.raises(UserError, match="DCGAN cannot reconstruct"):
        model(DCGAN()).reconstruct(X)
    points = torch.zeros(3, 16)
    found = Reconstruction(points, points, rmse(points, points))
    with pytest.raises(UserError, match="points have no pixels"):
        save_pairs(found, "nowhere.png")


def test_a_direction_is_the_difference_of_mean_codes():
    has = torch.arange(600) % 3 == 0
    vector = direction(model(), X, has)
    codes = X.flatten(1)
    torch.testing.assert_close(vector, codes[has].mean(0) - codes[~has].mean(0))
    both = directions(model(), X, {"a": has, "b": ~has})
    torch.testing.assert_close(both["a"], -both["b"])


def test_classes_are_attributes():
    y = torch.arange(600) % 2
    found = of_classes(model(), X, y, ["even", "odd", "absent"])
    assert list(found) == ["even", "odd"]
    torch.testing.assert_close(found["odd"], -found["even"])


def test_pictures_move_along_a_direction():
    vector = torch.full((16,), 0.5)
    rows = moved(model(), X[:3], vector, [0.0, 1.0, -2.0])
    assert rows.shape == (3, 3, 1, 4, 4)
    for column, strength in enumerate((0.0, 1.0, -2.0)):
        torch.testing.assert_close(rows[:, column], (X[:3] + strength * 0.5) / 2)


def test_the_sheet_of_attributes(tmp_path):
    vectors = {"brighter": torch.full((16,), 2.0), "darker": torch.full((16,), -2.0)}
    path = save_attributes(model(), torch.zeros(5, 1, 4, 4), vectors, tmp_path / "sheet.png")
    with Image.open(path) as sheet:
        step = (sheet.width - 2) // 4
        greys = [sheet.getpixel((2 + column * step + 10, 40))[0] for column in range(4)]
    assert greys == [128, 128, 255, 0]


def test_attributes_need_both_kinds():
    with pytest.raises(UserError, match="all of 600 samples have it"):
        direction(model(), X, torch.ones(600, dtype=torch.bool))
    with pytest.raises(UserError, match="smile: none of 600"):
        directions(model(), X, {"smile": torch.zeros(600, dtype=torch.bool)})
    with pytest.raises(UserError, match="600 samples but"):
        direction(model(), X, torch.ones(3, dtype=torch.bool))
    with pytest.raises(UserError, match="DCGAN cannot"):
        direction(model(DCGAN()), X, torch.arange(600) < 3)
