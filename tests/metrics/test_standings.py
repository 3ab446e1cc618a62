"""The table of a comparison: means and errors by hand, order, and what is said of sick runs."""

from __future__ import annotations

import json
import math

import pytest
from PIL import Image

from gansaku.metrics import chart
from gansaku.metrics.standings import Cell, Row, Standings, health, mean, pretty


def cell(recipe, seed, value, ended="budget", findings=(), modes=8.0):
    figures = {} if value is None else {"sliced_wasserstein": (value, 0.01), "modes": (modes, None)}
    return Cell(
        recipe=recipe, seed=seed, steps=100, images=6400, seconds=2.0, ended=ended,
        findings=findings, figures=figures, titles={"modes": "modes covered"},
    )  # fmt: skip


def standings(measure="sliced_wasserstein"):
    good = Row("wgan_gp", tuple(cell("wgan_gp", i, v) for i, v in enumerate((0.1, 0.2, 0.3))))
    sick = Row("gan", (cell("gan", 0, 0.9, findings=("mode-collapse",), modes=1.0),
                       cell("gan", 1, None, ended="diverged")))  # fmt: skip
    out = Row("cgan", (), "does not fit: it needs labels")
    about = {"terms": {"data": "ring"}, "machine": {}}
    return Standings.of([out, sick, good], measure, ("sliced_wasserstein", "modes"), about)


def test_mean_and_standard_error_over_the_seeds():
    found = standings().rows[0].figure("sliced_wasserstein")
    assert found.value == pytest.approx(0.2)
    assert found.error == pytest.approx(0.1 / math.sqrt(3))
    assert math.isnan(mean([1.0]).error)
    assert math.isnan(mean([]).value)


def test_the_best_comes_first_whichever_way_is_better():
    assert [row.recipe for row in standings().rows] == ["wgan_gp", "gan", "cgan"]
    assert [row.recipe for row in standings("modes").rows] == ["wgan_gp", "gan", "cgan"]


def test_a_diverged_run_counts_as_sick_and_not_in_the_mean():
    row = standings().rows[1]
    assert row.figure("sliced_wasserstein").value == 0.9
    assert health(row) == "0 of 2: mode-collapse, diverged"
    assert health(standings().rows[0]) == "3 of 3"


def test_the_table_says_why_a_recipe_is_not_in_it():
    text = standings().markdown()
    assert "does not fit: it needs labels" in text
    assert "| `wgan_gp` | 0.200 ± 0.058 | 8 ± 0 | 100 | 6,400 | 2 | 3,200 | 3 of 3 |" in text


def test_json_holds_every_run_and_no_nan():
    told = json.loads(json.dumps(standings().to_json(), allow_nan=False))
    assert [len(row["cells"]) for row in told["rows"]] == [3, 2, 0]
    first = told["rows"][0]["cells"][0]
    assert Cell.from_json(first) == cell("wgan_gp", 0, 0.1)


def test_errors_decide_how_many_digits_are_said():
    assert pretty(mean([0.0311, 0.0353])) == "0.0332 ± 0.0021"
    assert pretty(mean([101.0, 110.0])) == "105.5 ± 4.5"


@pytest.mark.parametrize("measure", ["sliced_wasserstein", "modes"])
def test_the_chart_is_drawn_with_a_line_a_recipe(measure, tmp_path):
    path = chart.draw(standings(measure), tmp_path / "chart.png")
    with Image.open(path) as picture:
        assert picture.width > picture.height > 200
