"""The commands on real digits: what is said before and after, config text as flags."""

from __future__ import annotations

import json
import re
import shutil

import gansaku as gs
from gansaku.core.folder import Folder

TINY = ("quick", "--data", "digits", "--size", "16", "--width", "4", "--z", "8")


def test_train_says_what_it_will_do_and_what_it_did(gansaku, tmp_path):
    out = tmp_path / "run"
    said = gansaku("train", *TINY, "--steps", "6", "--log_every", "2", "--out", out)
    assert said.code == 0, said.err
    for words in (
        "Quick(steps=6, z=8, width=4)",  # what differs from the defaults
        "1797 samples of 16x16 grey, 10 classes",
        "resized to 16x16",
        "6 steps, batches of 64",
        "finished at step 6 of 6",
        "step-00000006.png",
        "gansaku sample",
        "gansaku interpolate",
        "--steps 12",
    ):
        assert words in said.out
    assert "D " in said.out.partition("parameters")[2].splitlines()[0]
    steps = [line for line in said.out.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in steps] == ["1/6", "2/6", "4/6", "6/6"]
    assert "D(real)" in steps[0]
    assert "images/s" in steps[1]
    assert "left" in steps[1]
    assert Folder(out).about["options"]["size"] == 16
    assert gs.load(out, device="cpu").sample(2).shape == (2, 1, 16, 16)
    best = re.search(r"best: +(\S+\.safetensors) \(step (\d+): smallest", said.out)
    assert Folder(best[1].rpartition("/checkpoints")[0]).checkpoint("best").exists()
    measured = {r["step"]: r["measure"] for r in Folder(out).records() if "measure" in r}
    assert min(measured, key=measured.get) == int(best[2])


def test_flags_are_config_text(gansaku, tmp_path):
    said = gansaku(
        "train", "dcgan", "--data", "digits", "--size", "16", "--out", tmp_path / "run",
        "--steps", "1", "--width", "4", "--objective", "Relativistic()", "--penalties",
        "R1(0.5), R2(0.5)", "--d-optimizer.lr", "1e-4", "--augment=DiffAugment('color')",
        "--flip", "--no-keep-memory", "--measure-every", "0",
    )  # fmt: skip
    assert said.code == 0, said.err
    folder = Folder(tmp_path / "run")
    assert "objective=Relativistic()" in folder.recipe
    assert "R1(weight=0.5), R2(weight=0.5)" in folder.recipe.replace("gamma", "weight")
    assert "d_optimizer=Adam(lr=0.0001" in folder.recipe
    assert "DiffAugment('color')" in folder.recipe.replace("policy=", "").replace('"', "'")
    assert (folder.about["options"]["flip"], folder.about["options"]["keep_memory"]) == (
        True,
        False,
    )


def test_a_whole_recipe_as_text_and_flags_on_top(gansaku, tmp_path):
    text = "DCGAN(width=4, steps=9, z=8)"
    for i, words in enumerate([("--recipe", text), (text,), ("dcgan", f"--recipe={text}")]):
        out = tmp_path / str(i)
        where = ("--data", "digits", "--size", "16", "--measure_every", "0", "--out", out)
        said = gansaku("train", *words, *where, "--steps", "1")
        assert said.code == 0, said.err
        assert "DCGAN(steps=1, z=8, width=4)" in said.out


MINE = '''"""Mine."""
from dataclasses import dataclass
from typing import ClassVar
from gansaku.core.card import Card
from gansaku.recipes.quick import Quick

@dataclass(frozen=True, kw_only=True)
class MyGAN(Quick):
    """My own."""
    card: ClassVar[Card] = Card("Mine", "arXiv:0", 2026, "images", "mine", "@misc{mine}")
    depth: int = 3  # of nothing

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1:
            raise ValueError("depth must be at least 1")
'''


def test_a_recipe_of_ones_own(gansaku, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mygan.py").write_text(MINE)
    short = ("--data", "digits", "--size", "16", "--width", "4", "--measure_every", "0")
    said = gansaku("train", "./mygan.py", *short, "--steps", "2", "--depth", "5")
    assert said.code == 0, said.err
    assert "MyGAN(steps=2, width=4, depth=5)" in said.out
    again = gansaku("resume", "runs/mygan-digits", "--steps", "3")
    assert again.code == 0, again.err
    assert gansaku("sample", "runs/mygan-digits", "-n", "2").code == 0
    assert "of nothing" in gansaku("recipes", "./mygan.py").out
    bad = gansaku("train", "./mygan.py", *short, "--depth", "0")
    assert bad.code == 2
    assert "depth must be at least 1" in bad.err


def test_runs_are_listed_and_compared(gansaku, trained, tmp_path):
    copy = shutil.copytree(trained, tmp_path / "copy")
    text = json.loads((copy / "run.json").read_text())
    text["options"]["seed"] = 5
    (copy / "run.json").write_text(json.dumps(text))
    said = gansaku("runs", copy.parent)
    assert said.code == 0, said.err
    row = next(line for line in said.out.splitlines() if "12/12" in line)
    assert "quick" in row
    assert "digits" in row
    both = gansaku("runs", "--compare", trained, copy)
    assert both.code == 0, both.err
    lines = [line.split() for line in both.out.splitlines()]
    assert ["seed", "0", "5"] in lines
    assert not [line for line in lines if line[:1] == ["width"]], "equal settings are left out"
    assert any(line[:1] == ["D(real)"] for line in lines)


def test_parzen_judges_what_was_held_out(gansaku, tmp_path, trained):
    out = tmp_path / "run"
    assert gansaku("train", *TINY, "--steps", "2", "--holdout", "0.2", "--out", out).code == 0
    said = gansaku("parzen", out, "--samples", "50")
    assert said.code == 0, said.err
    assert re.search(r"log-likelihood +-?[\d.]+ ± [\d.]+ nats", said.out)
    assert (
        f"judged           {(len_held := round(1797 * 0.2)) - len_held // 2} pictures" in said.out
    )
    other = gansaku("parzen", trained, "--data", "digits", "--samples", "50")
    assert "899 pictures" in other.out
    refused = gansaku("parzen", trained)
    assert refused.code == 2
    assert "held nothing out" in refused.err
