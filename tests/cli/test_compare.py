"""`gansaku compare` with recipes of a few units: kills, divergence, misfits, and going on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansaku import api
from gansaku.comparison import compare
from gansaku.core.errors import UserError
from gansaku.core.folder import Folder

TINY = "WGANGP(width=1, z=2, batch_size=16, d_updates=1)"
WILD = "WGANGP(width=1, z=2, batch_size=16, d_updates=1, g_optimizer=Adam(1e38))"
SHORT = {"data": "ring", "images": 480, "n": 500, "device": "cpu"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three recipes, of which one diverges and one does not fit."""
    out = tmp_path_factory.mktemp("compare") / "out"
    told: list[str] = []
    found = compare([WILD, TINY, "tutorial_mnist"], out=out, seeds=2, say=told.append, **SHORT)
    return out, found, told


def row(found, recipe):
    return next(r for r in found.rows if r.recipe == recipe)


def test_the_best_is_first_and_every_run_is_an_ordinary_folder(made):
    out, found, _ = made
    assert found.rows[0].recipe == TINY
    for cell in found.rows[0].cells:
        assert (cell.images, cell.ended) == (480, "budget")
        assert set(cell.figures) == {"sliced_wasserstein", "modes"}
        about = Folder.open(out / cell.folder).about
        assert about["options"]["seed"] == cell.seed
        assert about["options"]["holdout"] == 0.1
    a, b = (cell.figures["sliced_wasserstein"][0] for cell in found.rows[0].cells)
    assert a != b


def test_the_length_is_what_the_budget_is_worth(made):
    out, _, _ = made
    assert json.loads((out / "lengths.json").read_text())[TINY] == 30
    (folder,) = {out / c.folder for c in row(made[1], TINY).cells if c.seed == 0}
    assert "steps=30" in Folder.open(folder).recipe


def test_a_run_that_diverges_is_a_result(made):
    cells = row(made[1], WILD).cells
    assert [cell.ended for cell in cells] == ["diverged", "diverged"]
    assert all("non-finite" in cell.findings and not cell.figures for cell in cells)
    assert "0 of 2: diverged" in (made[0] / "compare.md").read_text()


def test_a_recipe_that_diverges_in_the_trial_is_no_misfit(tmp_path):
    text = TINY.replace("d_updates=1", "d_updates=1, penalties=(R1(1e39),)")
    found = compare([text], out=tmp_path / "out", seeds=1, **SHORT)
    assert [cell.ended for cell in row(found, text).cells] == ["diverged"]
    assert not row(found, text).reason


def test_a_recipe_that_does_not_fit_is_named_with_the_reason(made):
    odd = row(made[1], "tutorial_mnist")
    assert not odd.cells
    assert "does not fit" in odd.reason
    assert any("tutorial_mnist" in line for line in made[2])


def test_finished_cells_are_not_made_again_and_seeds_may_be_added(made):
    out, found, _ = made
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("*/checkpoints/*")}
    told: list[tuple[int, bool]] = []

    def note(recipe, seed, cell):
        told.append((seed, cell is not None))

    again = compare([TINY], out=out, seeds=3, on_cell=note, **SHORT)
    assert told == [(seed, done) for seed in range(3) for done in (False, True)]
    assert row(again, TINY).cells[:2] == row(found, TINY).cells
    assert len(row(again, TINY).cells) == 3
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps


def test_other_terms_are_refused(made):
    with pytest.raises(UserError, match=r"other terms.*n: 500 then, 600 now"):
        compare([TINY], out=made[0], **{**SHORT, "n": 600})


def test_it_says_what_is_wrong_with_what_was_asked(tmp_path):
    for given, told in (
        ({"recipes": []}, "name the recipes"),
        ({"recipes": [TINY, TINY]}, "takes part twice"),
        ({"recipes": [TINY], "seeds": 0}, "seeds must be at least 1"),
        ({"recipes": [TINY], "images": None, "budget": "soon"}, "90s, 5m or 1h30m"),
        ({"recipes": [TINY], "measure": "recal"}, "did you mean 'recall'"),
        ({"recipes": [TINY], "measure": "recall"}, "recall cannot be measured here"),
        ({"recipes": ["R1(0.5)"]}, "is no recipe"),
    ):
        with pytest.raises(UserError, match=told):
            compare(**{**SHORT, "out": tmp_path / "out", **given})


PROGRAM = f"""
import sys, torch; torch.set_num_threads(1)
from gansaku.comparison import compare
compare([{TINY!r}], "ring", budget="3s", seeds=1, n=500, device="cpu", out=sys.argv[1])
"""


def test_a_killed_comparison_goes_on_with_its_time_kept(tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(out)])
    try:
        kill_when_saved(process, out)
    finally:
        process.kill()
    (folder,) = out.glob("*-seed0")
    assert not (folder / "cell.json").exists()
    known = {int(k): v for k, v in json.loads((folder / "budget.json").read_text()).items()}
    saved = max(int(p.stem.split("-")[1]) for p in (folder / "checkpoints").glob("step-*"))
    found = compare([TINY], "ring", budget="3s", seeds=1, n=500, device="cpu", out=out)
    (cell,) = found.rows[0].cells
    assert cell.ended == "budget"
    assert 3.0 <= cell.seconds < 4.5
    history = Folder.open(folder).about["history"]
    assert [entry["step"] for entry in history[:2]] == [0, saved]
    assert known[saved] < 3.0
    steps = [record["step"] for record in Folder(folder).records()]
    assert steps == sorted(set(steps))
    assert cell.steps >= steps[-1]


def kill_when_saved(process: subprocess.Popen, out: Path) -> None:
    """kill -9, once a checkpoint after the first has been written."""
    end = time.monotonic() + 100
    while time.monotonic() < end:
        steps = [int(p.stem.split("-")[1]) for p in out.glob("*-seed0/checkpoints/step-*")]
        if any(step > 0 for step in steps):
            break
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL


def test_pictures_have_a_row_of_samples_each(tmp_path):
    recipes = ["Quick(width=2, batch_size=8)", "DCGAN(width=2, batch_size=8)"]
    short = {"images": 16, "n": 16, "size": 8, "features": "random-conv", "device": "cpu"}
    compare(recipes, data="digits", out=tmp_path, seeds=1, **short)
    sheet = Image.open(tmp_path / "samples.png")
    tile, heading = sheet.width // 16, 18
    assert sheet.height == pytest.approx(2 * (tile + heading), abs=8)
    row = np.asarray(sheet)[heading : heading + tile]
    assert row.std() > 1  # there is something on it


def test_points_have_none(made):
    assert not (made[0] / "samples.png").exists()


def test_a_trial_and_its_runs_are_of_the_precision_that_is_asked_for(tmp_path, monkeypatch):
    seen: list[str] = []
    plain = api.Run

    def spied(*given, **options):
        seen.append(options["precision"])
        return plain(*given, **options)

    monkeypatch.setattr(api, "Run", spied)
    found = compare([TINY], out=tmp_path, seeds=1, precision="bf16", **SHORT)
    assert seen == ["bf16", "bf16"]  # the trial, and the run
    folder = Folder.open(tmp_path / found.rows[0].cells[0].folder)
    assert folder.about["options"]["precision"] == "bf16"
    assert "bf16" in (tmp_path / "compare.md").read_text()


@pytest.mark.parametrize("name", ["terms.json", "lengths.json", "cell.json"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, name):
    compare([TINY], out=tmp_path, seeds=1, **SHORT)
    (path,) = tmp_path.rglob(name)
    for text in ('{"cut": sh', "[1, 2]"):
        path.write_text(text)
        with pytest.raises(UserError, match=rf"{name} is damaged .*: remove it"):
            compare([TINY], out=tmp_path, seeds=1, **SHORT)
    if name == "cell.json":
        path.write_text("{}")
        with pytest.raises(UserError, match="no result of compare"):
            compare([TINY], out=tmp_path, seeds=1, **SHORT)
    path.unlink()
    assert compare([TINY], out=tmp_path, seeds=1, **SHORT).rows[0].cells[0].images == 480
