"""The gallery alive: runs made ill (and well) on the spot, and what the doctor says. Slow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gansaku.doctor.detectors import examine
from gansaku.doctor.history import History

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import sick_runs
from sick_runs import CASES

MADE = [case for case in CASES if case.set == "made"]


@pytest.mark.slow
@pytest.mark.parametrize("case", MADE, ids=lambda case: case.name)
def test_the_gallery_alive(case, tmp_path, monkeypatch):
    monkeypatch.setattr(sick_runs, "FIXTURES", tmp_path / "fixtures")
    monkeypatch.setattr(sick_runs, "PICTURES", tmp_path / "pictures")
    sick_runs.make(case, tmp_path / case.name)
    found = [finding.illness for finding in examine(History.of(tmp_path / case.name))]
    assert found[:1] == ([case.illness] if case.illness else [])


def test_every_case_has_a_history():
    kept = {path.parent.name for path in sick_runs.FIXTURES.glob("*/run.json")}
    assert {case.name for case in MADE} <= kept <= {case.name for case in CASES}


def test_a_fixture_keeps_what_is_judged():
    lines = [f'{{"step": {i}, "D/objective": {1 / 3}}}' for i in range(1, 1001)]
    lines.insert(500, '{"step": 500, "measure": 1.23456789}')
    kept = sick_runs.thinned(lines)
    assert len(kept) < 60
    assert '{"step":500,"measure":1.23}\n' in kept
    assert kept[-1] == '{"step":1000,"D/objective":0.333}\n'
