"""Whatever is typed wrongly is answered by one message, exit code 2, and no traceback."""

from __future__ import annotations

import pytest

BAD = {
    ("trian",): "no command 'trian'; did you mean 'train'?",
    ("train", "dcgn"): "did you mean 'dcgan'?",
    ("train", "./none.py"): "no recipe file ./none.py",
    ("train", "--widht", "9"): "did you mean --width?",
    ("train", "--d_optimiser.lr", "1"): "did you mean 'd_optimizer'?",
    ("train", "--d_optimizer.lrr", "1"): "did you mean 'lr'?",
    ("train", "--d_optimizer.lr", "-1"): "lr must be 0 or more, not -1",
    ("train", "--width", "wide"): "width of Quick must be int, not wide",
    ("train", "--width", "0"): "width must be at least 1, not 0",
    ("train", "--width"): "Missing value for argument '--width'",
    ("train", "--objective", "Hing()"): "did you mean 'Hinge'?",
    ("train", "--objective", "__import__('os')"): "unknown name '__import__'",
    ("train", "--prior", "cauchy"): "prior must be 'normal' or 'uniform', not 'cauchy'",
    ("train", "--steps", "0"): "steps must be at least 1, not 0",
    ("train", "--batch_size", "-3"): "batch_size must be at least 1, not -3",
    ("train", "--recipe", "DCGAN(widht=3)"): "DCGAN has no field 'widht'; did you mean 'width'?",
    ("train", "--recipe", "DCGAN(width=3"): "not readable",
    ("train", "--data", "nowhere/"): "nowhere",
    ("train", "--data", "mnist5"): "mnist5",
    ("train", "--data", "digits", "--size", "0"): "size=0",
    ("train", "--size", "big"): "--size must be int",
    (
        "train",
        "--flip",
        "maybe",
    ): "'maybe' is out of place after --flip, which takes True",
    ("train", "--device", "tpu9"): "try --device cpu",
    ("train", "--precision", "fp7"): "precision must be one of fp32, bf16, fp16, not 'fp7'",
    ("train", "--log_every", "0"): "log_every must be at least 1, not 0",
    ("train", "--keep", "0"): "keep must be at least 1, not 0",
    ("resume", "nowhere"): "nowhere does not exist",
    ("resume",): "gansaku resume needs RUN: the run's folder. See gansaku resume --help",
    ("sample", "nowhere"): "nowhere does not exist",
    ("sample", "nowhere", "-n", "x"): "'x'",
    ("interpolate", "nowhere"): "nowhere does not exist",
    ("runs", "nowhere"): "there is no folder nowhere",
    ("runs", "--compare", "nowhere"): "nowhere does not exist",
    ("recipes", "wgan-pg"): "did you mean 'wgan_gp'?",
    ("cite", "sngn"): "did you mean 'sngan'?",
    ("cite",): "gansaku cite needs NAME",
    ("data", "nowhere"): "nowhere",
}


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_one_message(gansaku, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = gansaku(*words)
    assert said.code == 2, said.out
    assert said.err.startswith("gansaku: ")
    assert BAD[words] in said.err
    assert "Traceback" not in said.err + said.out
    assert len(said.err.splitlines()) <= 3, "a text's line and its caret follow the sentence"
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


BAD_OF_A_RUN = {
    ("sample", "--class", "3"): "Quick was trained without classes: leave --class out",
    ("sample", "-n", "0"): "-n must be at least 1, not 0",
    ("sample", "--truncate", "0"): "--truncate must be above 0",
    ("sample", "--checkpoint", "7000"): "has no checkpoint '7000'",
    ("sample", "--checkpoint", "newest"): "has no checkpoint 'newest'",
    ("sample", "--out", "sheet.xyz"): "cannot write sheet.xyz",
    ("interpolate", "--mode", "sperical"): "did you mean 'spherical'?",
    ("interpolate", "--out", "walk.mp4"): "walk.mp4",
    ("interpolate", "--frames", "0"): "--frames must be at least 1",
    ("resume", "--width", "9"): "no option --width",
    ("resume", "--steps", "3"): "is at step 12 already",
    ("resume", "--steps", "20", "--keep", "0"): "keep must be at least 1",
    ("train", "--out"): "no recipe file",
}


@pytest.mark.parametrize("words", BAD_OF_A_RUN, ids=" ".join)
def test_one_message_about_a_run(gansaku, words, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command, *rest = words
    said = gansaku(command, trained, *rest)
    assert said.code == 2, said.out
    assert BAD_OF_A_RUN[words] in said.err
    assert "Traceback" not in said.err + said.out
    assert len(said.err.splitlines()) <= 3


def test_a_folder_that_is_a_file(gansaku, tmp_path):
    (tmp_path / "file").write_text("of another")
    said = gansaku("theory", "optimal-value", "--out", str(tmp_path / "file" / "figures"))
    assert said.code == 2
    assert "cannot be read or written: Not a directory" in said.err
    assert "Traceback" not in said.err


def test_no_message_is_a_box(gansaku):
    assert not set(gansaku("sample").err) & set("│╭╰─")
