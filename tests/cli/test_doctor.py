"""`gansaku doctor` as a person calls it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HISTORIES = Path(__file__).parents[1] / "doctor" / "histories"


def test_a_sick_run(gansaku):
    said = gansaku("doctor", HISTORIES / "made-clip")
    assert said.code == 0
    assert "the critic is dead" in said.out
    assert "--constraint.c 0.01 (it is 1e-06)" in said.out
    assert "docs/how-to/sick-runs.md#dead-critic" in said.out
    assert "looked at" in said.out


def test_a_healthy_run(gansaku):
    said = gansaku("doctor", HISTORIES / "made-well-quick")
    assert "nothing wrong was found" in said.out
    assert "--holdout 0.1" in said.out, "what could not be seen, and how it could"


def test_json(gansaku):
    said = gansaku("doctor", HISTORIES / "made-range-255", "--json")
    told = json.loads(said.out)
    (finding,) = told["findings"]
    assert finding["illness"] == "wrong-data-range"
    assert set(finding) >= {"evidence", "cause", "remedy", "page", "severity", "step", "title"}
    assert told["looked_at"]


def test_no_run(gansaku, tmp_path):
    said = gansaku("doctor", tmp_path / "none")
    assert said.code == 2
    assert "does not exist" in said.err


def test_reading_a_history_needs_no_torch():
    code = (
        "import sys; from gansaku.cli.doctor import main; "
        f"main([{str(HISTORIES / 'made-clip')!r}]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.fixture
def unmeasured(gansaku, tmp_path) -> Path:
    """A run that never looked at its samples."""
    out = tmp_path / "run"
    words = ["quick", "--data", "digits", "--size", "16", "--width", "4", "--z", "4"]
    words += ["--steps", "30", "--log_every", "1", "--measure_every", "0", "--out", str(out)]
    assert gansaku("train", *words).code == 0
    return out


def test_without_probes_the_last_checkpoint_is_looked_at(gansaku, unmeasured):
    said = gansaku("doctor", unmeasured, "--json")
    assert any("samples at 1 measure" in line for line in json.loads(said.out)["looked_at"])
    shutil.rmtree(unmeasured / "checkpoints")
    told = json.loads(gansaku("doctor", unmeasured, "--json").out)
    assert not any("samples at" in line for line in told["looked_at"])
    assert any("checkpoint" in line for line in told["unseen"]), "and why it could not be"
    assert gansaku("doctor", unmeasured, "--afresh").code == 2


def test_a_run_that_broke(gansaku, tmp_path):
    out = tmp_path / "run"
    words = ["dcgan", "--data", "digits", "--size", "16", "--width", "4", "--z", "4"]
    words += ["--batch_size", "16", "--steps", "60", "--d_norm", "none", "--out", str(out)]
    words += ["--objective", "LeastSquares()", "--d_optimizer", "SGD(5.0)"]
    assert gansaku("train", *words).code == 2
    (finding,) = json.loads(gansaku("doctor", out, "--json").out)["findings"]
    assert finding["illness"] == "non-finite"
    assert "first in D." in finding["evidence"]
    assert "--d_optimizer.lr 0.5 (it is 5)" in finding["remedy"]
