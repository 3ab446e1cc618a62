"""Classes and codes on the command line: `--class`, `--sweep`, a row a class, labelled files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.cli.main import main
from gansaku.data import open_source
from gansaku.evaluation import Reference, side_of, subject_of

FEW = ["--data", "digits", "--steps", "4", "--batch_size", "8", "--z", "4", "--measure_every", "0"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """A run of each kind, of four steps."""
    where = tmp_path_factory.mktemp("runs")
    torch.set_num_threads(1)
    for name, more in {
        "cgan": ["--hidden", "12", "--units", "24"],
        "infogan": ["--width", "4", "--codes", "Codes((3,), 1)"],
        "dcgan": ["--width", "4"],
    }.items():
        assert main(["train", name, *FEW, *more, "--out", str(where / name)]) == 0
    return {path.name: path for path in where.iterdir()}


def tiles(path: Path, side: int = 8) -> tuple[int, int]:
    """Rows and columns of a sheet of pictures that are square."""
    with Image.open(path) as sheet:
        width, height = sheet.size
    factor = next(k for k in range(32, 0, -1) if (width - 2) % (side * k + 2) == 0)
    return (height - 2) // (side * factor + 2), (width - 2) // (side * factor + 2)


def test_the_sheets_have_a_row_a_class(runs, gansaku):
    assert tiles(runs["cgan"] / "samples/step-00000004.png") == (10, 10)
    assert tiles(runs["infogan"] / "samples/step-00000004.png") == (3, 10)
    assert tiles(runs["dcgan"] / "samples/step-00000004.png") == (8, 8)
    assert "100 samples of step 4" in gansaku("sample", runs["cgan"]).out
    assert tiles(runs["cgan"] / "samples/seed-0.png") == (10, 10)
    assert "64 samples" in gansaku("sample", runs["dcgan"]).out


def test_classes_by_name_and_by_number(runs, gansaku, tmp_path):
    out = tmp_path / "sheet.png"
    assert gansaku("sample", runs["cgan"], "--class", "3", "--out", out).code == 0
    assert tiles(out) == (8, 8)
    assert gansaku("sample", runs["cgan"], "--class", "0, 1,7", "-n", "12", "--out", out).code == 0
    assert tiles(out) == (3, 4)
    assert gansaku("sample", runs["infogan"], "--class", "c1=2,0", "--out", out).code == 0
    assert tiles(out) == (2, 10)
    assert "seed-0-class-3.png" in gansaku("sample", runs["cgan"], "--class", "3").out


def test_the_class_is_the_one_asked_for(runs, gansaku, tmp_path):
    for words, name in ((["--class", "3,5"], "some.npy"), (["--class", "5"], "fives.npy")):
        call = ["sample", runs["cgan"], "-n", "8", *words, "--out", tmp_path / name]
        assert gansaku(*call).code == 0
    some, fives = np.load(tmp_path / "some.npy"), np.load(tmp_path / "fives.npy")
    np.testing.assert_allclose(some[4:], fives[4:], atol=1e-6)
    assert np.abs(some[:4] - fives[:4]).max() > 1e-6


@pytest.mark.parametrize(
    ("run", "words", "told"),
    [
        ("dcgan", ["--class", "3"], "DCGAN was trained without classes: leave --class out"),
        ("cgan", ["--class", "33"], "'33' is none of the 10 classes 0, 1, 2"),
        ("cgan", ["--class", "1,x"], "'x' is none of the 10 classes"),
        ("infogan", ["--class", "c=1"], "did you mean 'c1=1'?"),
        ("cgan", ["--sweep"], "CGAN cannot sweep codes"),
        ("infogan", ["--sweep", "--class", "1"], "leave --class out"),
    ],
)
def test_refusals(runs, gansaku, run, words, told):
    said = gansaku("sample", runs[run], *words)
    assert said.code == 2
    assert told in said.err.replace("\n", " ")
    assert "Traceback" not in said.err


def test_codes_are_swept(runs, gansaku, tmp_path):
    said = gansaku("sample", runs["infogan"], "--sweep", "-n", "4", "--out", tmp_path / "s.png")
    assert "c1 along the rows" in said.out
    assert tiles(tmp_path / "s-c1.png") == (4, 3)
    assert tiles(tmp_path / "s-c2.png") == (4, 10)
    gansaku("sample", runs["infogan"], "--sweep")
    assert tiles(runs["infogan"] / "samples/seed-0-sweep-c2.png") == (10, 10)


def test_samples_keep_their_labels_in_files(runs, gansaku, tmp_path):
    """A folder and an array of samples are labelled data of the same classes."""
    for out in (tmp_path / "made", tmp_path / "made.npz"):
        assert gansaku("sample", runs["cgan"], "-n", "25", "--out", out).code == 0
        source = open_source(str(out))
        assert source.spec.labels == tuple("0123456789")
        counts = source.take(range(25))["y"].bincount()
        assert sorted(counts.tolist()) == [2] * 5 + [3] * 5


def test_a_walk_stays_within_a_class(runs, gansaku, tmp_path):
    small = ["--stops", "2", "--columns", "3", "--out"]
    for name, words in {"none": [], "first": ["--class", "0"], "fourth": ["--class", "4"]}.items():
        call = ["interpolate", runs["cgan"], *small, tmp_path / f"{name}.png", *words]
        assert gansaku(*call).code == 0
    none, first, fourth = (
        (tmp_path / f"{n}.png").read_bytes() for n in ("none", "first", "fourth")
    )
    assert none == first != fourth
    said = gansaku("interpolate", runs["cgan"], "--class", "1,2", *small, tmp_path / "w.png")
    assert "takes one class here, not 2" in said.err
    assert gansaku("interpolate", runs["infogan"], *small, tmp_path / "i.png").code == 0


def test_data_without_classes_is_refused(gansaku, tmp_path):
    said = gansaku("train", "acgan", "--data", "ring", "--out", tmp_path / "no")
    assert said.code == 2
    assert "ACGAN learns from labelled data, and these have no classes" in said.err


def test_evaluation_gets_the_classes_in_the_datas_shares(runs):
    source = open_source("digits")
    real = Reference(side_of(source, 400), source.spec.labels)
    model = subject_of(runs["cgan"], None, None, "last", True, "cpu")
    side = model.side(400, 1, real)
    assert side.labelled
    assert torch.equal(side.y.bincount(minlength=10), real.side.y.bincount(minlength=10))
    assert not torch.equal(side.y, real.side.y), "in an order of their own"
    unlike = Reference(side_of(source, 400), tuple("abcdefghij"))
    assert not model.side(4, 1, unlike).labelled
    by_itself = subject_of(runs["infogan"], None, None, "last", True, "cpu")
    assert not by_itself.side(4, 1, real).labelled  # its categories are no labels


def test_gan_train_and_gan_test_of_a_run(runs, gansaku, tmp_path, monkeypatch):
    from gansaku.metrics import classifier

    brief = lambda x, y, rows, seed, steps, classes: classifier_train(  # noqa: E731
        x, y, rows, seed, 3, classes
    )
    classifier_train = classifier.train
    monkeypatch.setattr(classifier, "train", brief)
    words = ["--against", "digits", "-n", "60", "--features", "random-conv"]
    said = gansaku("evaluate", runs["cgan"], *words, "--measures", "gan_train,gan_test")
    assert said.code == 0, said.err
    said = gansaku("evaluate", runs["dcgan"], *words, "--measures", "gan_train")
    assert "both sides need labels" in said.err.replace("\n", " ")
