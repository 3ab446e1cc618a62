"""The measure that follows a run: the best is known, and patience ends what no longer improves."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest
import torch

from gansaku.core.folder import Folder
from gansaku.core.measuring import Measure


@pytest.fixture
def folder(tmp_path):
    return Folder.create(tmp_path / "run", "", {})


def follow(folder, values, patience, error=0.1, first=1):
    """The steps at which patience asked to stop, for measures of these values."""
    asked, steps = [], iter(range(first, 100))
    told = iter(values)
    measure = Measure(
        folder, 1, 4, lambda x: {"value": next(told), "error": error, "name": "toy"},
        lambda run, x: {"n": float(len(x))}, patience, lambda: asked.append(step),
    )  # fmt: skip
    for _ in values:
        step = next(steps)
        run = SimpleNamespace(steps=step, over=False, seed=0, sample=lambda n, seed: torch.ones(n))
        measure(run)
    return asked, measure


def test_patience_counts_measures_that_are_not_better_beyond_their_error(folder):
    # 0.95 is better than 1 by less than sqrt(2) * 0.1: it is the best, and it does not count.
    asked, measure = follow(folder, [2.0, 1.0, 0.95, 0.9, 0.4, 0.5, 0.6, 0.41], 3)
    assert asked == [8]
    assert (measure.best, measure.mark) == (0.4, (0.4, 0.1))
    assert "no better for 3 measures" in folder.log.read_text()


def test_no_patience_no_end(folder):
    assert follow(folder, [1.0] * 20, 0)[0] == []


def test_a_resumed_run_remembers(folder):
    """Cut anywhere, the rest stops where the whole does."""
    values = [2.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    follow(folder, values[:3], 3)
    assert follow(folder, values[3:], 3, first=4)[0] == [5, 6]


def test_what_is_not_finite_is_no_improvement(folder):
    asked, measure = follow(folder, [math.inf, math.inf, math.inf], 3, error=math.nan)
    assert asked == [3]
    assert measure.best == math.inf


def test_facts_of_the_data_are_written_once_wherever_the_run_is_cut(folder):
    facts = {"probe/data/size": 30.0, "probe/data/low": -1.0}
    sample = lambda n, seed: torch.ones(n)  # noqa: E731

    def measured(*steps):
        measure = Measure(
            folder, 1, 4, lambda x: {"value": 1.0, "error": 0.1, "name": "toy"},
            lambda run, x: facts | {"probe/finite": 1.0},
        )  # fmt: skip
        for step in steps:
            measure(SimpleNamespace(steps=step, over=False, seed=0, sample=sample))
        return [{k for k in record if k in facts} for record in folder.records()]

    assert measured(1, 2) == [set(facts), set()]
    assert measured(3) == [set(facts), set(), set()], "a resumed run knows them"
    folder.rewind(0)
    assert measured(1) == [set(facts)], "and writes them where they are missing"
    folder.rewind(0)
    folder.append({"step": 1, "measure": 1.0, "error": 0.1, "probe/data/size": 29.0})
    assert measured(2)[1] == set(facts), "what has changed is news"


def test_probes_stand_in_the_same_line(folder):
    follow(folder, [1.0], 0)
    line = json.loads(folder.metrics.read_text())
    assert line == {"step": 1, "measure": 1.0, "error": 0.1, "of": "toy", "n": 4.0}
