"""Real processes that are really interrupted, and end as if they had not been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from gansaku import api
from gansaku.core import checkpoint
from gansaku.core.errors import CheckpointError, UserError
from gansaku.core.folder import TIMINGS, Folder

RECIPE = "DCGAN(width=4, z=8, batch_size=16, steps=40, ema=300.0, augment=ADA())"
CADENCE = {"log_every": 1, "sheet_every": 10, "save_every": 4, "measure_every": 10}
TRAIN = f"""
import torch; torch.set_num_threads(1)
from gansaku import api
import sys
if sys.argv[1] == "train":
    api.train({RECIPE!r}, "digits", size=16, out=sys.argv[2], device="cpu", **{CADENCE!r})
else:
    api.resume(sys.argv[2])
"""


def start(verb: str, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", TRAIN, verb, str(out)]
    with open(out.with_name("errors.txt"), "w") as errors:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)


def finish(process: subprocess.Popen, out: Path) -> None:
    process.wait(timeout=120)
    assert process.returncode == 0, out.with_name("errors.txt").read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    finish(start("train", out), out)
    return out


def metrics(out: Path) -> list[dict]:
    records = Folder(out).records()
    return [{k: v for k, v in r.items() if k not in TIMINGS} for r in records]


def assert_same_end(out: Path, whole: Path) -> None:
    ours, theirs = (Folder(p).checkpoint() for p in (out, whole))
    assert ours.name == theirs.name
    (a, head_a), (b, head_b) = checkpoint.read(ours), checkpoint.read(theirs)
    assert head_a == head_b
    assert [k for k in a if not torch.equal(a[k], b[k])] == []
    assert metrics(out) == metrics(whole)
    sheets = [p.name for p in Folder(whole).sheets()]
    assert [p.name for p in Folder(out).sheets()] == sheets
    assert len(sheets) == 4
    for name in sheets:
        assert (out / "samples" / name).read_bytes() == (whole / "samples" / name).read_bytes()


def last_step(out: Path) -> int:
    try:
        lines = (out / "metrics.jsonl").read_text().splitlines()
        return json.loads(lines[-1])["step"]
    except (OSError, ValueError, IndexError, KeyError):
        return -1


def until(out: Path, step: int, process: subprocess.Popen) -> None:
    while last_step(out) < step and process.poll() is None:
        time.sleep(0.002)


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_moments_it_ends_bit_equal(seed, whole, tmp_path):
    out, chance = tmp_path / "run", random.Random(seed)
    process, kills = start("train", out), 0
    while True:
        until(out, last_step(out) + chance.randint(6, 14), process)
        time.sleep(chance.random() * 0.02)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        process = start("resume", out)
        until(out, 0, process)
    if process.returncode:  # killed after its last step: there is nothing left to do
        assert "is at step 40 already" in out.with_name("errors.txt").read_text()
    assert kills >= 2
    assert_same_end(out, whole)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_goes_on(signum, whole, tmp_path):
    out = tmp_path / "run"
    process = start("train", out)
    until(out, 17, process)
    process.send_signal(signum)
    finish(process, out)
    reached = last_step(out)
    assert 17 <= reached < 40
    assert Folder(out).checkpoint().stem == f"step-{reached:08d}"
    finish(start("resume", out), out)
    assert_same_end(out, whole)


def test_damaged_last_checkpoint_is_passed_over(whole, tmp_path, caplog):
    out = copied(whole, tmp_path)
    last = Folder(out).saved()[-1]
    last.write_bytes(last.read_bytes()[:-100])
    model = api.resume(out, device="cpu")
    assert model.steps == 40
    assert "damaged" in (out / "log.txt").read_text()
    assert "damaged" in caplog.text  # and the user sees it


def copied(whole: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(whole, tmp_path / "copy"))


def test_a_checkpoint_of_another_recipe_is_refused_with_both_shown(whole, tmp_path):
    out = copied(whole, tmp_path)
    text = (out / "recipe.txt").read_text()
    (out / "recipe.txt").write_text(text.replace("width=4", "width=8"))
    with pytest.raises(CheckpointError, match=r"(?s)another recipe.*width=8.*width=4"):
        api.resume(out)


def test_a_finished_run_says_how_to_train_longer(whole):
    with pytest.raises(UserError, match=r"at step 40 already.*--steps 80"):
        api.resume(whole)


def test_longer_training_is_recorded(whole, tmp_path):
    out = copied(whole, tmp_path)
    api.resume(out, steps=46, save_every=3, device="cpu")
    about = Folder(out).about
    assert about["history"][-1]["changed"] == {"steps": 46, "save_every": 3}
    assert "steps=46" in (out / "recipe.txt").read_text()
    assert last_step(out) == 46


def test_other_fields_cannot_change_on_resume(whole):
    with pytest.raises(UserError, match=r"width cannot change.*--init"):
        api.resume(whole, width=8)


def test_weights_of_another_run_start_a_new_one(whole, tmp_path):
    model = api.train(
        RECIPE.replace("steps=40", "steps=1"), "digits", size=16, out=tmp_path / "next",
        init=str(whole), device="cpu", measure_every=0,
    )  # fmt: skip
    trained = api.load(whole, device="cpu")
    gap = (model.sample(8, seed=1) - trained.sample(8, seed=1)).abs().mean()
    fresh = api.train(
        RECIPE.replace("steps=40", "steps=1"), "digits", size=16, out=tmp_path / "fresh",
        device="cpu", measure_every=0,
    )  # fmt: skip
    far = (fresh.sample(8, seed=1) - trained.sample(8, seed=1)).abs().mean()
    assert gap < far / 4
    assert "weights of" in (tmp_path / "next" / "log.txt").read_text()


def test_a_run_resumes_from_another_folder(tmp_path, monkeypatch):
    import numpy as np

    pixels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "some.npy", pixels)
    monkeypatch.chdir(tmp_path)
    recipe = "DCGAN(width=4, z=4, batch_size=8, steps=2)"
    api.train(recipe, "some.npy", out="run", device="cpu", measure_every=0)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert api.resume("../run", steps=3).steps == 3
    api.train(recipe, pixels, out="array", device="cpu", measure_every=0)
    with pytest.raises(UserError, match="trained on an array"):
        api.resume("array", steps=3)
    assert api.resume("array", data=pixels, steps=3).steps == 3


def test_a_disk_that_fills_up_ends_the_run_with_a_sentence(tmp_path):
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(where)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        with pytest.raises(UserError, match=r"disk is full|No space left"):
            api.train(
                RECIPE.replace("width=4", "width=16"), "digits", size=16, out=where / "run",
                save_every=2, keep=100, device="cpu", measure_every=0,
            )  # fmt: skip
        good = Folder(where / "run").checkpoint()
        checkpoint.read(good)
    finally:
        subprocess.run(["umount", str(where)], check=True)


def test_a_folder_that_holds_a_run_is_not_overwritten(whole):
    with pytest.raises(UserError, match="holds a run already"):
        api.train(RECIPE, "digits", size=16, out=whole)
