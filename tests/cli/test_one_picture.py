"""The commands of one picture, on a run of a few steps and on patches: files, names, refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku import api
from gansaku.recipes.singan import SinGAN
from gansaku.tools import patches

HEIGHT, WIDTH = 32, 44


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A picture, one drawn over it with its mask, and a run of the picture."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("one")
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    scene = np.stack([np.sin(3 * x), np.cos(4 * y), x * y], 2) * 127 + 128
    picture = Image.fromarray(scene.astype(np.uint8))
    picture.save(folder / "scene.png")
    picture.paste((255, 0, 0), (10, 10, 20, 16))
    picture.save(folder / "pasted.png")
    mask = Image.new("L", (WIDTH, HEIGHT))
    mask.paste(255, (10, 10, 20, 16))
    mask.save(folder / "mask.png")
    options = {"device": "cpu", "measure_every": 0, "sheet_every": 10**6, "save_every": 10**6}
    api.train(SinGAN.tiny(), folder / "scene.png", out=folder / "run", **options)
    return folder


@pytest.fixture
def here(place, tmp_path, monkeypatch) -> Path:
    """An empty folder to write to, and few steps for the patch engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(patches.Matching, "__init__", _short(patches.Matching.__init__))
    return tmp_path


def _short(init):
    return lambda self, **given: init(self, **{"steps": 2, "projections": 8} | given)


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_samples_of_any_size(gansaku, place, here):
    said = gansaku("sample", place / "run", "--size", "20x90", "-n", 1, "--out", "wide.png")
    assert said.code == 0, said.err
    assert size(Path("wide.png")) == (90, 20)
    said = gansaku("sample", place / "run", "--start_scale", 2, "-n", 2, "--out", "some")
    assert said.code == 0, said.err
    assert [p.name for p in sorted(Path("some").iterdir())] == ["00000.png", "00001.png"]
    said = gansaku("sample", place / "run", "-n", 2)
    assert (place / "run" / "samples" / "seed-0.png").exists(), said.err
    x = gansaku("sample", place / "run", "--size", "16", "-n", 3, "--out", "x.npy")
    assert np.load("x.npy").shape == (3, 3, 16, 16), x.err


def test_samples_of_patches_alone(gansaku, place, here):
    said = gansaku("sample", place / "scene.png", "--engine", "patches", "-n", 2)
    assert said.code == 0, said.err
    assert Path("scene-seed-0.png").exists()
    said = gansaku("sample", place / "run", "--engine", "patches", "-n", 1, "--size", "40x30")
    assert said.code == 0, said.err
    assert size(place / "run" / "samples" / "seed-0-40x30.png") == (30, 40)


@pytest.mark.parametrize("engine", ["run", "patches"])
@pytest.mark.parametrize("use", ["edit", "harmonize", "paint"])
def test_uses_name_their_results_after_the_picture(gansaku, place, here, use, engine):
    what = place / ("run" if engine == "run" else "scene.png")
    mask = [] if use == "paint" else ["--mask", place / "mask.png"]
    given = ("--engine", engine, "--start_scale", "1,2", "-n", 2, "--out", "made", *mask)
    said = gansaku(use, what, place / "pasted.png", *given)
    assert said.code == 0, said.err
    names = [f"pasted-{use}-scale{k}-{i}.png" for k in (1, 2) for i in (0, 1)]
    assert [p.name for p in sorted(Path("made").iterdir())] == names
    assert {size(p) for p in Path("made").iterdir()} == {(WIDTH, HEIGHT)}


def test_three_start_scales_where_none_is_named(gansaku, place, here):
    said = gansaku("paint", place / "run", place / "pasted.png", "--colours", 5)
    assert said.code == 0, said.err
    made = sorted((place / "run" / "samples").glob("pasted-paint-scale*.png"))
    assert len(made) == 3


def test_outside_the_mask_the_picture_stays(gansaku, place, here):
    given = ("--mask", place / "mask.png", "--start_scale", 1, "--out", "edited.png")
    assert gansaku("harmonize", place / "run", place / "pasted.png", *given).code == 0
    before, after = (np.asarray(Image.open(p)) for p in (place / "pasted.png", "edited.png"))
    assert np.abs(before[-3:, -3:].astype(int) - after[-3:, -3:]).max() <= 1
    assert np.abs(before[12, 15].astype(int) - after[12, 15]).max() > 10


def test_upscale(gansaku, place, here):
    said = gansaku("upscale", place / "run", "--factor", 1.5, "--out", "large.png")
    assert said.code == 0, said.err
    assert size(Path("large.png")) == (66, 48)
    said = gansaku("upscale", place / "scene.png", "--engine", "patches", "--factor", 2)
    assert size(Path("scene-upscale.png")) == (88, 64), said.err


def test_films_for_each_start_scale_and_beta(gansaku, place, here):
    given = ("--start_scale", "0,1", "--beta", "0.8,0.9", "--frames", 3, "--out", "film.gif")
    said = gansaku("animate", place / "run", *given)
    assert said.code == 0, said.err
    names = [f"film-scale{k}-beta{b}.gif" for k in (0, 1) for b in (0.8, 0.9)]
    assert [p.name for p in sorted(Path().iterdir())] == names
    with Image.open(names[0]) as film:
        assert film.n_frames == 3


def test_the_end_of_a_run_names_what_one_picture_is_good_for(gansaku, place, here):
    shutil.copytree(place / "run", "run")
    said = gansaku("resume", "run", *SinGAN.tiny().longer().split())
    assert said.code == 0, said.err
    about = json.loads(Path("run/run.json").read_text())
    assert f"finished at step {about['total']} of {about['total']}" in said.out
    assert "gansaku animate run" in said.out
    assert "interpolate" not in said.out
    assert f"{about['total']}/{about['total']}" in gansaku("runs", "run").out


def test_evaluate_measures_one_picture(gansaku, place, here):
    given = ("--against", place / "scene.png", "-n", 4, "--features", "random-conv")
    said = gansaku("evaluate", place / "run", *given, "--out", "found.json")
    assert said.code == 0, said.err
    assert "learned them by heart" not in said.out
    found = {
        r["contract"]["measure"] for r in json.loads(Path("found.json").read_text())["results"]
    }
    assert found == {"patch_distance", "single_image_diversity", "single_image_frechet"}


# --- what cannot be done ---


def test_each_mistake_is_one_sentence(gansaku, place, here, trained):
    run, scene, pasted = place / "run", place / "scene.png", place / "pasted.png"
    Image.new("L", (9, 9), 255).save("small.png")
    Image.new("RGB", (8, 8)).save("tiny.png")
    Path("words.png").write_text("words")
    cases = {
        ("edit", run, pasted, "--mask", "small.png"): "the mask has 9x9 pixels and its picture 44x",
        ("edit", run, pasted, "--mask", "words.png"): "words.png is not usable as a picture",
        ("paint", run, "missing.png"): "missing.png cannot be read",
        ("paint", run, pasted, "--start_scale", "0"): "scale 0 is made of noise alone",
        ("paint", run, pasted, "--start_scale", "99"): "start scale 99 cannot be used: scales 1 to",
        ("paint", run, pasted, "--start_scale", "a"): "--start-scale is a number, or numbers with",
        ("paint", run, pasted, "--colours", "1"): "--colours must be 2 or more",
        ("paint", run, pasted, "-n", "0"): "-n must be at least 1",
        ("paint", scene, pasted): "is a file and no run: add --engine patches",
        ("paint", trained, pasted): "Quick cannot make variations of one picture",
        ("sample", trained, "--size", "20x20"): "Quick cannot make variations of one picture",
        ("sample", run, "--size", "big"): "--size is height x width",
        ("sample", run, "--size", "90000x90000"): "take a smaller --size",
        ("sample", run, "--start_scale", "99"): "start scale 99",
        ("sample", run, "--engine", "patch"): "--engine must be one of run, patches, not 'patch'",
        ("sample", "tiny.png", "--engine", "patches"): "8x8 pixels has too few patches",
        ("sample", run, "--size", "20", "--truncate", "1"): "--truncate has no meaning for one",
        ("upscale", run, "--factor", "1"): "the factor must be above 1",
        ("animate", run, "--beta", "1.5"): "beta is a share between 0 and 1",
        ("animate", run, "--beta", "x"): "--beta is a number",
        ("animate", run, "--out", "film.avi"): "a film is a .webp, .gif or .mp4",
        ("animate", scene): "is a file and no run: train one with 'gansaku train singan --data",
        ("animate", trained): "Quick cannot make variations of one picture",
    }
    for words, expected in cases.items():
        said = gansaku(*words)
        told = " ".join(said.err.split())
        assert (said.code, expected in told, "Traceback" in told) == (2, True, False), told
