"""The recipe in CONTRIBUTING.md runs as it stands, from a file of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from gansaku import api
from gansaku.core import catalog, config

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def file(tmp_path) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "mygan.py"
    path.write_text(code)
    return path


def test_the_example_trains_resumes_and_samples(file, tmp_path):
    cls = catalog.find(str(file))
    recipe = config.override(cls.tiny(), {"mean_weight": "3"})
    assert recipe.mean_weight == 3.0
    out = tmp_path / "run"
    options = {"size": 16, "device": "cpu", "measure_every": 0, "log_every": 1}
    first = api.train(recipe, "digits", out=out, **options)
    again = api.resume(out, steps=8)
    assert (first.steps, again.steps) == (6, 8)
    whole = api.train(
        config.override(recipe, {"steps": "8"}), "digits", out=tmp_path / "whole", **options
    )
    assert torch.equal(again.sample(5), whole.sample(5))
    assert torch.equal(api.load(out, device="cpu").sample(5), whole.sample(5))


def test_the_example_is_short(file):
    assert len(file.read_text().splitlines()) < 100
    entry = catalog.entry(str(file))
    assert entry.card.paper == "arXiv:1511.06434"
    docs = {field.name: field.doc for field in entry.fields}
    assert docs["mean_weight"] == "of the distance between mean pictures"
