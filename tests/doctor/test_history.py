"""A history is text, and is read whatever state it is in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansaku.core import catalog
from gansaku.doctor.detectors import examine
from gansaku.doctor.history import History, Series, total_variation
from gansaku.doctor.remedies import option, penalised, rate
from gansaku.doctor.settings import Settings


@pytest.mark.parametrize("entry", catalog.every(), ids=lambda e: e.name)
def test_settings_of_every_recipe(entry):
    recipe = catalog.find(entry.name)()
    said = Settings.read(repr(recipe))
    assert said.recipe.name == entry.cls
    assert said.get("steps") == recipe.steps
    if optimizer := getattr(recipe, "d_optimizer", None):
        assert said.get("d_optimizer.lr") == optimizer.lr
    if objective := getattr(recipe, "objective", None):
        assert said.kind("objective") == type(objective).__name__
    penalties = getattr(recipe, "penalties", ())
    assert [p.name for p in said.penalties()] == [type(p).__name__ for p in penalties]
    assert said.get("no.such.thing", 7) == 7


@pytest.mark.parametrize("text", ["", "DCGAN(", "7", "lambda: 1", "A(" * 200, "\0"])
def test_settings_that_cannot_be_read_say_nothing(text):
    assert Settings.read(text).get("steps") is None


def test_series_in_time():
    series = Series((1, 2, 3, 4, 100), (5.0, 4.0, 3.0, 2.0, 1.0))
    assert series.until(2).values == (5.0, 4.0)
    assert series.since(4).values == (1.0,)
    assert series.late().values == (3.0, 2.0, 1.0), "never fewer than three"
    assert series.began(below=2.5) == 4
    assert series.began(above=10) == 100
    assert Series().median() != Series().median()  # nan


def test_total_variation():
    assert total_variation((1.0, 0.0), (0.0, 1.0)) == 1.0
    assert total_variation((0.5, 0.5), (0.5, 0.5)) == 0.0


def test_a_history_needs_no_torch():
    code = (
        "import sys, gansaku.doctor.detectors, gansaku.doctor.live, gansaku.doctor.bill, "
        "gansaku.cli.doctor; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_missing_is_empty(tmp_path):
    empty = History.of(tmp_path)
    assert (empty.step, empty.total, empty.measures, empty.probed) == (0, None, 0, False)
    assert examine(empty) == []
    (tmp_path / "recipe.txt").write_text("Quick(steps=9)")
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 3, "D/objective": 1.0}\nnull\n{"step": 4, "D/'
    )
    history = History.of(tmp_path)
    assert (history.step, history.total) == (3, 9)
    assert history.series("D/objective").values == (1.0,)


NAMES = ("D/objective", "G/gradient", "probe/diversity", "probe/apart", "probe/D auc", "measure")
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-3, 3) | st.none()


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), NUMBERS), max_size=12))
def test_no_record_is_too_odd(records):
    rows = tuple({"step": i + 1, **record} for i, record in enumerate(records))
    history = History(Settings.read("DCGAN(steps=3, objective=NonSaturating())"), rows)
    for finding in examine(history):
        assert json.dumps(finding.to_json())


def test_remedies_name_the_flag_and_the_present_value():
    text = "WGANGP(d_updates=5, d_optimizer=Adam(lr=0.001), augment=None, "
    text += "penalties=(GradientPenalty(weight=10.0, target=1.0),))"
    history = History(Settings.read(text))
    assert rate(history, "D", 0.1) == "--d_optimizer.lr 0.0001 (it is 0.001)"
    assert rate(history, "G", 0.1) == "0.1 times the learning rate of G"
    assert penalised(history, 10.0, "") == "--penalties 'GradientPenalty(weight=100, target=1)'"
    assert option(history, "d_updates", "1") == "--d_updates 1 (it is 5)"
    assert option(history, "augment", "'ADA()'") == "--augment 'ADA()' (it is None)"
    assert option(history, "missing", "1", "other words") == "other words"
    bare = History(Settings.read("DCGAN(penalties=())"))
    assert penalised(bare, 10.0, "R1(1.0)") == "--penalties 'R1(1.0)'"
