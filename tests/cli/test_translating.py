"""Pairs from the command line: looked at, trained on, resumed, translated with; and refusals."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import gansaku as gs
from gansaku.cli import main as commands

TINY = ("--width", "4", "--d_width", "4", "--steps", "6", "--batch_size", "2", "--log_every", "1")
OFTEN = ("--sheet_every", "3", "--measure_every", "3", "--save_every", "3")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Sixteen drawings and what they become, side by side, 28x24 each."""
    folder = tmp_path_factory.mktemp("data") / "pairs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(16):
        a = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        Image.fromarray(np.concatenate([a, 255 - a], 1)).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, pairs):
    out = tmp_path_factory.mktemp("runs") / "p"
    words = ["pix2pix", "--data", str(pairs), *TINY, *OFTEN, "--holdout", "0.3", "--out", str(out)]
    assert commands.main(["train", *words]) == 0
    return out


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_training_leaves_sheets_and_measures(run):
    model = gs.load(run)
    assert model.spec.shape == (3, 24, 28)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert sum("mean absolute error against targets" in line for line in lines) == 2
    sheets = sorted((run / "samples").iterdir())
    assert [path.name for path in sheets] == ["step-00000003.png", "step-00000006.png"]
    with Image.open(sheets[0]) as first, Image.open(sheets[1]) as last:
        one, other = (np.asarray(sheet).astype(int) for sheet in (first, last))
    assert one.shape == other.shape
    wide = one.shape[1] // 3  # one column of inputs, one of outputs, one of targets, five rows
    differ = [abs(one - other)[:, k * wide : (k + 1) * wide].max() for k in range(3)]
    assert differ[0] == differ[2] == 0
    assert differ[1] > 0


def test_resumed_runs_are_equal_to_the_bit(run, pairs, tmp_path):
    stop = {"watches": [lambda now: now.steps == 3], "out": tmp_path / "again"}
    recipe = gs.load(run).recipe
    options = {"holdout": 0.3, "log_every": 1, "sheet_every": 3, "measure_every": 3}
    gs.train(recipe, str(pairs), save_every=3, device="cpu", **options, **stop)
    model = gs.resume(tmp_path / "again")
    x = torch.rand(2, 3, 24, 28) * 2 - 1
    assert model.steps == 6
    assert torch.equal(model.translate(x), gs.load(run, device="cpu").translate(x))


def test_translate_writes_where_it_is_told(gansaku, run, photo, tmp_path, monkeypatch):
    said = gansaku("translate", run, photo)
    assert said.code == 0, said.err
    with Image.open(run / "translations" / "photo.png") as made, Image.open(photo) as was:
        assert made.size == (50, 40)
        assert made.mode == "RGBA"
        assert np.array_equal(np.asarray(made)[..., 3], np.asarray(was)[..., 3])
    out = tmp_path / "one.jpg"
    said = gansaku("translate", run, photo, "--side_by_side", "--deterministic", "--out", out)
    assert said.code == 0, said.err
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{photo}\n\n{photo}\n"))
    said = gansaku("translate", run, "-", "--out", tmp_path / "two", "--tile", "32")
    assert "2 translated by step 6" in said.out
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["photo-2.png", "photo.png"]


def test_noise_and_its_absence(run):
    model, x = gs.load(run, device="cpu"), torch.rand(3, 3, 24, 28) * 2 - 1
    # a batch's size decides in what order a convolution adds up, so equal but for the last bits
    torch.testing.assert_close(model.translate(x, 1)[2:], model.translate(x[2:], 1, first=2))
    assert not torch.equal(model.translate(x, 1), model.translate(x, 2))
    assert torch.equal(*(model.translate(x, seed, deterministic=True) for seed in (1, 2)))


def test_colours_for_grey_photographs(gansaku, pairs, tmp_path):
    out, grey = tmp_path / "c", tmp_path / "grey.jpg"
    said = gansaku("train", "colorize", "--data", pairs, "--size", "24", *TINY, "--out", out)
    assert said.code == 0, said.err
    assert f"gansaku translate {out} PICTURES" in said.out
    Image.fromarray(np.arange(40 * 30, dtype=np.uint8).reshape(40, 30)).save(grey)
    said = gansaku("translate", out, grey, "--out", tmp_path / "o")
    assert said.code == 0, said.err
    with Image.open(tmp_path / "o" / "grey.jpg") as made:
        assert made.mode == "RGB"
        assert made.size == (30, 40)


def test_data_shows_pairs(gansaku, pairs, tmp_path):
    sheet = tmp_path / "s.png"
    said = gansaku("data", pairs, "--feeds", "pairs", "--direction", "BtoA", "--sheet", sheet)
    assert said.code == 0, said.err
    assert "16 samples of 28x24 RGB and what they become" in said.out
    assert "a is the left half of 00.png" in said.out
    assert sheet.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("translate", "{run}", "none.png"), "none.png does not exist"),
        (("translate", "{run}", "{photo}", "--direction", "BtoA"), "goes from a to b alone"),
        (("translate", "{run}", "{photo}", "--direction", "back"), "no direction is called 'back'"),
        (("translate", "{run}", "{photo}", "--tile", "0"), "--tile is 0"),
        (("translate", "{run}", "{pairs}", "--out", "one.png"), "one file, and there are 16"),
        (("translate", "{run}"), "no inputs: name pictures"),
        (("translate", "{plain}", "{photo}"), "Quick cannot translate: it lacks the capability"),
        (("sample", "{run}"), "gansaku translate RUN PICTURES"),
        (("memorised", "{run}"), "draws nothing of its own"),
        (("parzen", "{run}"), "draws nothing of its own"),
        (("interpolate", "{run}"), "Pix2Pix cannot"),
        (("train", "pix2pix", "--data", "digits"), "is one set of pictures, and two"),
        (("train", "pix2pix", "--data", "{pairs}", "--size", "16"), "smaller --patch"),
        (("train", "pix2pix", "--data", "{pairs}", "--direction", "B"), "use 'AtoB' or 'BtoA'"),
        (("train", "pix2pix"), "is one set of pictures, and two"),
        (("train", "quick", "--data", "{pairs}", "--direction", "BtoA"), "direction belongs to pa"),
        (("train", "colorize", "--data", "digits", "--size", "24"), "learns from colour pictures"),
        (("data", "{pairs}", "--feeds", "pair"), "did you mean 'pairs'"),
        (("data", "{pairs}", "--direction", "BtoA"), "--feeds pairs or unpaired"),
        (("data", "{pairs}", "--feeds", "unpaired"), "two are needed"),
    ],
    ids=str,
)
def test_refusals_are_one_sentence(gansaku, run, trained, pairs, photo, words, sentence):
    named = {"run": run, "plain": trained, "pairs": pairs, "photo": photo}
    said = gansaku(*(word.format(**named) for word in words))
    text = " ".join((said.err + said.out).split())
    assert sentence in text
    assert "Traceback" not in text


def test_a_picture_that_is_none_is_named_after_the_rest(gansaku, run, photo, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"nothing")
    said = gansaku("translate", run, photo, tmp_path / "bad.png", "--out", tmp_path / "o")
    assert said.code == 2
    assert "1 of 2 could not be translated: bad.png" in said.err
    assert (tmp_path / "o" / "photo.png").exists()
