"""Findings beside a run: each once, when its line is written, at next to no cost."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from gansaku.doctor.history import History
from gansaku.doctor.live import MOST, Attention, Live

HISTORIES = Path(__file__).parent / "histories"


@pytest.fixture
def running(tmp_path):
    """A folder whose metrics are still to be written, and the lines that will be."""
    for name in ("run.json", "recipe.txt"):
        shutil.copy(HISTORIES / "made-d-strong" / name, tmp_path)
    lines = (HISTORIES / "made-d-strong" / "metrics.jsonl").read_text().splitlines(keepends=True)
    return tmp_path, lines


def test_told_once_and_when_it_is_seen(running):
    folder, lines = running
    live, told = Live(folder), []
    assert live() == []
    for line in lines:
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(line)
        told += [(json.loads(line)["step"], finding.illness) for finding in live()]
        assert live() == []
    assert [illness for _, illness in told] == ["critic-too-strong"]
    assert told[0][0] < 0.6 * json.loads(lines[-1])["step"]


def test_a_line_that_is_half_written_waits(running):
    folder, lines = running
    metrics, live = folder / "metrics.jsonl", Live(folder)
    metrics.write_text("".join(lines[:-20]))
    assert live() == [], "it may pass"
    with metrics.open("a") as file:
        file.write("".join(lines[-20:-1]) + lines[-1][:20])
    assert [f.illness for f in live()] == ["critic-too-strong"]
    with metrics.open("a") as file:
        file.write(lines[-1][20:])
    assert live() == []
    assert live._read == metrics.stat().st_size


def test_memory_is_bounded(running):
    folder, _ = running
    live = Live(folder)
    for part in range(5):
        with (folder / "metrics.jsonl").open("a") as file:
            for i in range(MOST // 2):
                step = part * MOST + i + 1
                file.write(json.dumps({"step": step, "D/objective": 1.0}) + "\n")
        live()
    assert len(live._history.records) <= MOST
    assert live._history.records[0]["step"] == 1


def test_what_passes_is_not_told(running):
    folder, lines = running
    live, attention = Live(folder), Attention()
    whole = History.of(HISTORIES / "made-d-strong")
    sick, well = whole.until(150), History.of(HISTORIES / "made-well-quick").until(150)
    assert attention(sick) == []
    assert attention(dataclasses.replace(well, settings=whole.settings)) == []
    assert attention(whole.until(160)) == [], "it began anew"
    assert [f.illness for f in attention(whole.until(250))] == ["critic-too-strong"]
    (folder / "metrics.jsonl").write_text(lines[0])
    assert live() == []


def test_what_does_not_pass_is_told_at_once():
    attention = Attention()
    ranges = History.of(HISTORIES / "made-range-255")
    first = next(r["step"] for r in ranges.records if "measure" in r)
    assert [f.illness for f in attention(ranges.until(first))] == ["wrong-data-range"]
