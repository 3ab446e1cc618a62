"""`gansaku reconstruct`: held-out pictures, pictures that are named, and who cannot."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

import gansaku as gs
from gansaku.cli import main as commands

TINY = ("--data", "digits", "--size", "16", "--steps", "2", "--measure_every", "0")


@pytest.fixture(autouse=True)
def _known(monkeypatch) -> None:
    monkeypatch.setitem(commands.COMMANDS, "reconstruct", "pictures, and what it makes of them")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "bigan"
    words = ("bigan", *TINY, "--holdout", "0.1", "--units", "16", "--z", "4", "--out", str(out))
    assert commands.main(["train", *words]) == 0
    return out


def test_held_out_pictures(gansaku, run):
    said = gansaku("reconstruct", run, "-n", "6")
    assert said.code == 0, said.err
    assert re.search(r"error +\d\.\d{3} \(their mean picture instead: \d\.\d{3}\)", said.out)
    assert re.search(r"of +6 pictures, held out", said.out)
    with Image.open(run / "samples" / "reconstructions.png") as sheet:
        assert sheet.width > 200


def test_one_picture_of_the_users(gansaku, run, tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(np.full((30, 40, 3), 200, np.uint8)).save(photo)
    said = gansaku("reconstruct", run, photo, "--out", tmp_path / "pairs.png", "--draw", "3")
    assert said.code == 0, said.err
    assert "of             1 pictures" in said.out or "1 pictures" in said.out
    assert (tmp_path / "pairs.png").exists()


def test_the_same_from_python(run):
    model = gs.load(run)
    x = gs.open_source("digits", size=16).take(range(5))["x"]
    assert model.encode(x).shape == (5, 4)
    assert model.reconstruct(x).shape == x.shape


def test_who_cannot_says_so_in_one_sentence(gansaku, run, trained, tmp_path):
    for words, sentence in (
        ((trained,), "Quick cannot reconstruct: it lacks the capability 'Encodes'"),
        ((run, "-n", "0"), "-n must be at least 1, not 0"),
        ((run, tmp_path / "none.png"), "none.png does not exist"),
    ):
        said = gansaku("reconstruct", *words)
        assert said.code == 2
        assert sentence in said.err
        assert "Traceback" not in said.err


def test_a_run_that_held_nothing_out(gansaku, tmp_path):
    out = tmp_path / "run"
    words = ("mrgan", *TINY, "--width", "4", "--z", "4", "--out", out)
    assert gansaku("train", *words).code == 0
    said = gansaku("reconstruct", out)
    assert said.code == 2
    assert "held nothing out: name pictures after it" in said.err
    said = gansaku("reconstruct", out, "digits", "-n", "3")
    assert said.code == 0, said.err


def test_labels_from_the_command_line(gansaku, tmp_path):
    out = tmp_path / "run"
    words = ("aae", *TINY, "--form", "semi", "--labels", "20", "--units", "16", "--out", out)
    said = gansaku("train", *words)
    assert said.code == 0, said.err
    assert gansaku("sample", out, "--class", "3", "-n", "4").code == 0
    assert gansaku("interpolate", out, "--stops", "2", "--frames", "2").code == 0
