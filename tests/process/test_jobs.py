"""Processes as torchrun starts them: they are one, and end as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gansaku.core import checkpoint
from gansaku.core.folder import Folder

JOBS = Path(__file__).with_name("jobs.py")
PLAYED = ("toy", "r3gan", "wgan_gp", "sngan", "dcgan")


def run(what: str, out: Path) -> Path:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(JOBS), what, str(out)],
        capture_output=True, text=True, timeout=400, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def equal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one, two and four processes held after the same steps."""
    return run("equal", tmp_path_factory.mktemp("equal"))


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that ended well, and otherwise."""
    return run("ends", tmp_path_factory.mktemp("ends"))


def held(equal: Path, name: str, world: int, rank: int) -> tuple[dict, dict]:
    path = equal / f"{name}-{world}-{rank}.safetensors"
    assert path.exists(), (equal / f"said-{world}" / f"rank-{rank}.txt").read_text()
    return checkpoint.read(path)


@pytest.mark.parametrize("name", PLAYED)
@pytest.mark.parametrize("world", [2, 4])
def test_ranks_are_bit_equal(equal, name, world):
    first, head = held(equal, name, world, 0)
    for rank in range(1, world):
        other, its = held(equal, name, world, rank)
        assert [key for key in first if not torch.equal(first[key], other[key])] == []
        assert head == its


@pytest.mark.parametrize("name", PLAYED)
@pytest.mark.parametrize("world", [2, 4])
def test_many_processes_end_where_one_does(equal, name, world):
    """Weights, optimizers, averages, batch norm's moments, spectral norm's vectors, ADA's p."""
    whole, head = held(equal, name, 1, 0)
    many, its = held(equal, name, world, 0)
    assert whole.keys() == many.keys()
    close = {"rtol": 1e-5, "atol": 1e-6} if name == "toy" else {"rtol": 1e-9, "atol": 1e-11}
    for key in whole:
        if key != "nets/remedy.ordered":  # says so: it counts pairs within a part
            torch.testing.assert_close(many[key], whole[key], **close, msg=f"{key} of {name}")
    for ours, theirs in zip(its["records"], head["records"], strict=True):
        assert (ours is None) == (theirs is None)
        for key, value in (theirs or {}).items():
            if key not in ("ordered", "D/gradient", "G/gradient"):
                assert ours[key] == pytest.approx(value, rel=1e-5, abs=1e-5), key


def job(ends: Path, name: str) -> dict:
    return json.loads((ends / f"said-{name}" / "job.json").read_text())


def complaint(ends: Path, name: str) -> str:
    """The one line in which a job says what ended it."""
    said = "\n".join(job(ends, name)["said"])
    lines = [line for line in said.splitlines() if line.startswith("gansaku: ")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    return lines[0]


def assert_same_end(folder: Path, whole: Path) -> None:
    (a, head), (b, other) = (checkpoint.read(Folder(p).checkpoint()) for p in (folder, whole))
    assert head["time"] == other["time"]
    for key in b:
        if key != "nets/D.4.bias":  # it cancels in the loss: Adam makes steps of its rounding
            torch.testing.assert_close(a[key], b[key], rtol=1e-4, atol=5e-5, msg=key)
    assert Folder(folder).log.read_text().count("finished at step 12") == 1
    assert [p.name for p in Folder(folder).sheets()] == ["step-00000012.png"]
    steps = [record["step"] for record in Folder(folder).records()]
    assert steps == list(range(1, 13))


def test_a_killed_rank_ends_the_job_and_one_process_goes_on(ends):
    found = job(ends, "killed")
    assert found["status"] == [2 << 8, 9]
    message = complaint(ends, "killed")
    assert f"rank 1 (pid {found['pids'][1]} on " in message
    assert "died in step 8" in message
    assert "gansaku resume" in message
    assert message.removeprefix("gansaku: ") in Folder(ends / "killed").log.read_text()
    assert job(ends, "killed-again")["status"] == [0]
    assert_same_end(ends / "killed", ends / "whole")


def test_an_interrupted_process_goes_on_as_two(ends):
    assert job(ends, "interrupted")["status"] == [0]
    again = job(ends, "interrupted-again")
    assert again["status"] == [0, 0]
    assert again["said"][1] == ""
    assert "batch norm" not in (ends / "interrupted" / "log.txt").read_text()
    assert "2 processes share every batch" in (ends / "interrupted" / "log.txt").read_text()
    assert_same_end(ends / "interrupted", ends / "whole")


def test_a_stopped_rank_is_named_by_the_others(ends):
    found = job(ends, "stopped")
    message = complaint(ends, "stopped")
    assert f"rank 1 (pid {found['pids'][1]} on " in message
    assert "has not finished step 4 for" in message
    assert "gives no sign of life" in message
    assert found["status"] == [3 << 8, 9]


def test_a_full_disk_of_rank_0_is_one_sentence(ends):
    found = job(ends, "full")
    message = complaint(ends, "full")
    assert f"rank 0 (pid {found['pids'][0]} on " in message
    assert "could not be written" in message
    assert found["status"] == [2 << 8, 1 << 8]
    assert found["said"][1] == ""


def test_an_error_of_one_rank_is_one_traceback_with_its_name(ends):
    said = job(ends, "broken")["said"]
    assert said[1] == ""
    assert said[0].count("Traceback") == 1
    assert f"rank 0 (pid {job(ends, 'broken')['pids'][0]} on " in said[0]
    assert "in step 4: AttributeError" in said[0]


def test_an_error_before_the_first_step_is_said_once(ends):
    assert "holds a run already" in complaint(ends, "taken")
    assert "the preparations" in complaint(ends, "taken")


def test_a_rank_that_sees_other_data_says_so(ends):
    message = complaint(ends, "other")
    assert message.startswith("gansaku: rank 1 ")
    assert "the data here is" in message
    assert job(ends, "other")["status"] == [1 << 8, 2 << 8]
