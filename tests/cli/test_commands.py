"""Every command as a person calls it, on tiny runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansaku.cli import flags, train
from gansaku.cli.main import COMMANDS, main
from gansaku.core import catalog
from gansaku.core.source import Field

TINY = ["--steps", "6", "--batch_size", "8", "--width", "4", "--z", "4"]


def run(capsys, *argv: str) -> str:
    """What a command that succeeds says."""
    code = main([str(word) for word in argv])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


def refused(capsys, *argv: str) -> str:
    """What a command that is refused says: one message, no traceback."""
    code = main([str(word) for word in argv])
    said = capsys.readouterr()
    assert code == 2, said.out
    assert said.err.startswith("gansaku: ")
    assert "Traceback" not in said.err
    return said.err


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "mine"
    argv = ["train", "dcgan", "--data", "digits", *TINY, "--out", str(folder), "--seed", "3"]
    assert main(argv) == 0
    return folder


# --- help ---


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(capsys, name):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert re.search(rf"Examples?:\s+gansaku {name}", text)


def test_help_names_every_command(capsys):
    text = run(capsys, "--help")
    assert all(name in text for name in COMMANDS)
    assert run(capsys) == text


def test_unknown_command(capsys):
    assert "did you mean 'train'?" in refused(capsys, "trian")


# --- the catalogue ---


def test_recipes(capsys):
    text = run(capsys, "recipes")
    assert all(entry.name in text and entry.card.paper in text for entry in catalog.every())


@pytest.mark.parametrize("entry", catalog.every(), ids=lambda e: e.name)
def test_one_recipe(capsys, entry):
    text = run(capsys, "recipes", entry.name)
    assert all(field.name in text for field in entry.fields)
    assert entry.card.paper in text
    assert run(capsys, "cite", entry.name) == entry.card.bibtex.strip() + "\n"


def test_unknown_recipe(capsys):
    assert "did you mean 'dcgan'?" in refused(capsys, "recipes", "dcgna")
    assert "did you mean 'dcgan'?" in refused(capsys, "train", "dcgna")
    assert "no recipe file ./no.py" in refused(capsys, "cite", "./no.py")


# --- train ---


@pytest.mark.parametrize("entry", catalog.every(), ids=lambda e: e.name)
def test_fields_and_options_do_not_meet(entry):
    options = {field.name for field in (*flags.options(), *train.OWN)}
    assert not options & {field.name for field in entry.fields}


def test_train_says_what_it_does(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = run(capsys, "train", "dcgan", "--data", "digits", *TINY, "--fresh", "--name", "x")
    assert "DCGAN(steps=6, batch_size=8, z=4, fresh=True, width=4)" in text
    assert "1797 samples of 8x8 grey" in text
    assert "parameters" in text
    assert "memory" in text
    assert re.search(r"step 6/6  D \S+  G \S+ ", text)
    assert "samples: runs/x/samples/step-00000006.png" in text
    commands = re.findall(r"^ +gansaku (\w+) runs/x", text, re.MULTILINE)
    assert commands == ["sample", "interpolate", "resume"]
    assert "already" in refused(capsys, "train", "dcgan", "--data", "digits", *TINY, "--name", "x")


def test_a_profile_is_printed_logged_and_traced(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", *TINY, "--measure_every", "0", "--name", "x"]
    text = run(capsys, "train", "dcgan", *words, "--profile", "--workers", "0")
    assert "the costliest: " in text
    assert "  the costliest: " in Path("runs/x/log.txt").read_text()
    assert Path("runs/x/trace.json.gz").stat().st_size > 1000
    text = run(capsys, "resume", "runs/x", "--steps", "12", "--workers", "1")
    assert "the costliest" not in text
    assert "the costliest: " in run(capsys, "resume", "runs/x", "--steps", "18", "--profile")


def test_recipe_text_and_flags_on_top():
    text = "DCGAN(width=96, objective=Relativistic(), penalties=(R1(0.5),))"
    argv = ["--recipe", text, "--width", "8", "--d_optimizer.lr", "1e-3", "--data=x", "--no-flip"]
    recipe, options, out = train.Choice.of(argv).read()
    assert (recipe.width, recipe.penalties[0].gamma, recipe.d_optimizer.lr) == (8, 0.5, 1e-3)
    assert (options, out) == ({"data": "x", "flip": False}, None)
    assert train.Choice.of([text, *argv[2:]]).read()[0] == recipe
    assert train.Choice.of([]).entry.name == train.DEFAULT


def test_options_are_typed():
    argv = ["dcgan", "--size", "64,48", "--holdout", "0.1", "--flip", "--save_every", "None"]
    _, options, _ = train.Choice.of(argv).read()
    assert options == {"size": (64, 48), "holdout": 0.1, "flip": True, "save_every": None}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["dcgan", "--widht", "3"], "no option --widht; did you mean --width?"),
        (["dcgan", "--sede", "3"], "no option --sede; did you mean --seed?"),
        (["dcgan", "--width", "wide"], "width of DCGAN must be int, not wide"),
        (["dcgan", "--size", "big"], "--size must be int"),
        (["dcgan", "--objective", "Hinje()"], "did you mean 'Hinge'?"),
        (["dcgan", "--d_optimizer.lrr", "1"], "Adam has no field 'lrr'; did you mean 'lr'?"),
        (["dcgan", "--d_optimizer.lr"], "--d_optimizer.lr needs a value"),
        (["--steps", "3", "dcgan"], "'dcgan' is out of place there"),
        (["dcgan", "--recipe", "WGAN()"], "is a WGAN, not a DCGAN"),
        (["--recipe", "3"], "must be a config text"),
        (["--recipe", "(("], "must be a config text"),
        (["dcgan", "--name", "a", "--out", "b"], "give one of them"),
        (["dcgan", "--data", "nothing-there"], "nothing-there does not exist"),
        (["dcgan", "--device", "abacus"], "the device 'abacus' cannot be used here"),
        (["dcgan", "--init", "nowhere"], "nowhere"),
    ],
)
def test_train_refuses(capsys, tmp_path, monkeypatch, argv, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, "train", *argv)


def test_a_recipe_of_ones_own(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = catalog.entry("dcgan").path.read_text()
    Path("mygan.py").write_text(source.replace("class DCGAN", "class MyGAN"))
    text = run(capsys, "train", "./mygan.py", "--data", "digits", *TINY)
    assert "MyGAN(steps=6" in text
    assert "resumed" in Path("runs/mygan-digits/log.txt").read_text() or run(
        capsys, "resume", "runs/mygan-digits", "--steps", "8"
    )
    assert "dcgan" not in run(capsys, "runs")


def test_points(capsys, tmp_path):
    out = tmp_path / "ring"
    tiny = ["--steps", "3", "--width", "8", "--batch_size", "16"]
    run(capsys, "train", "wgan_gp", "--data", "ring", *tiny, "--out", out)
    run(capsys, "sample", out, "-n", "50", "--out", tmp_path / "p.npy")
    assert np.load(tmp_path / "p.npy").shape == (50, 2)
    assert (out / "samples/walk-0.png").name in run(capsys, "interpolate", out)
    assert "no animation" in refused(capsys, "interpolate", out, "--out", tmp_path / "w.gif")
    assert "no single pictures" in refused(capsys, "sample", out, "--out", tmp_path / "folder")


# --- what comes after ---


def test_resume(capsys, trained):
    assert "--steps 12" in refused(capsys, "resume", trained)
    text = run(capsys, "resume", trained, "--steps", "8", "--keep", "1")
    assert "step 8/8" in text
    assert "no option --width" in refused(capsys, "resume", trained, "--width", "3")
    assert "--steps must be int, not many" in refused(capsys, "resume", trained, "--steps", "many")
    history = json.loads((trained / "run.json").read_text())["history"]
    assert history[-1]["changed"] == {"steps": 8, "keep": 1}


def test_sample(capsys, trained, tmp_path):
    assert "seed-7.png" in run(capsys, "sample", trained, "--seed", "7")
    assert size(trained / "samples/seed-7.png")[0] > 100
    run(capsys, "sample", trained, "-n", "3", "--out", tmp_path / "p", "--truncate", "0.7")
    sizes = [size(path) for path in sorted((tmp_path / "p").iterdir())]
    assert sizes == [(8, 8)] * 3
    run(capsys, "sample", trained, "-n", "70", "--out", tmp_path / "many.npy")
    run(capsys, "sample", trained, "-n", "2", "--out", tmp_path / "few.npy")
    many, few = np.load(tmp_path / "many.npy"), np.load(tmp_path / "few.npy")
    assert many.shape == (70, 1, 8, 8)
    np.testing.assert_allclose(many[:2], few, atol=1e-6)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--class", "3"], "trained without classes"),
        (["-n", "0"], "-n must be at least 1"),
        (["--truncate", "0"], "--truncate must be above 0"),
        (["--checkpoint", "77"], "no checkpoint '77'"),
        (["--checkpoint", "worst"], "no checkpoint 'worst'"),
        (["--out", "sheet.xyz"], "cannot write sheet.xyz"),
        (["--sede", "3"], "did you mean --seed?"),
    ],
)
def test_sample_refuses(capsys, trained, tmp_path, monkeypatch, argv, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, "sample", trained, *argv)


def test_interpolate(capsys, trained, tmp_path):
    small = ["--stops", "3", "--columns", "4", "--frames", "2"]
    run(capsys, "interpolate", trained, *small, "--out", tmp_path / "walk")
    assert size(tmp_path / "walk.webp") == (256, 256)
    wide, high = size(tmp_path / "walk.png")
    assert wide > high
    text = run(
        capsys, "interpolate", trained, *small, "--mode", "spherical", "--out", tmp_path / "w.gif"
    )
    assert "spherical" in text
    assert not (tmp_path / "w.png").exists()
    assert "'spherical'" in refused(capsys, "interpolate", trained, "--mode", "sphere")
    assert "--stops must be at least 2" in refused(capsys, "interpolate", trained, "--stops", "1")


def test_runs(capsys, trained):
    text = run(capsys, "runs", trained.parent)
    assert "mine" in text
    assert "digits" in text
    text = run(capsys, "runs", "--compare", trained, trained)
    assert "The settings are the same." in text
    assert "D(real)" in text
    assert "there is no folder nowhere" in refused(capsys, "runs", "nowhere")


def test_a_damaged_run_is_left_out_by_name(capsys, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("whole", "cut", "empty"):
        shutil.copytree(trained, name)
    Path("cut/run.json").write_text('{"name": "gan')
    Path("empty/run.json").write_text("{}")
    with open("whole/metrics.jsonl", "a") as file:
        file.write("not a number\n")
    text = run(capsys, "runs", ".")
    assert text.count("Left out: ") == 2
    assert "it has no data, history, name, options" in text.replace("\n", " ")
    assert re.search(r"^ whole ", text, re.MULTILINE)
    assert "none of the runs in cut" in refused(capsys, "runs", "cut")


def test_runs_of_a_comparison_lie_one_folder_deeper(capsys, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "compare" / "mine")
    said = refused(capsys, "runs", tmp_path)
    assert f"`gansaku runs {tmp_path / 'compare'}`" in said.replace("\n", "")
    shutil.copytree(trained, tmp_path / "mine")
    text = run(capsys, "runs", tmp_path)
    assert "More are one folder deeper" in text


def test_listing_runs_needs_no_torch(trained):
    code = (
        "import sys; from gansaku.cli.main import main; "
        f"code = main(['runs', {str(trained.parent)!r}]); assert 'torch' not in sys.modules; "
        "sys.exit(code)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "mine" in said.stdout


def test_prune_asks_first(capsys, tmp_path):
    folder = tmp_path / "runs/one"
    argv = ["--data", "digits", *TINY, "--save_every", "2", "--keep", "9", "--out", folder]
    run(capsys, "train", "dcgan", *argv)
    held = sorted((folder / "checkpoints").iterdir())
    assert "add --yes" in run(capsys, "runs", folder.parent, "--prune")
    assert sorted((folder / "checkpoints").iterdir()) == held
    assert "freed" in run(capsys, "runs", folder.parent, "--prune", "--yes")
    left = {path.name for path in (folder / "checkpoints").iterdir()}
    assert left == {"best.safetensors", "step-00000006.safetensors"}
    assert "nothing to prune" in run(capsys, "runs", folder.parent, "--prune")
    run(capsys, "sample", folder, "--checkpoint", "best", "-n", "4")


def test_data(capsys, tmp_path):
    (tmp_path / "photos").mkdir()
    for i in range(30):
        Image.new("RGB", (20, 16), (8 * i, 0, 0)).save(tmp_path / f"photos/{i}.png")
    (tmp_path / "photos/bad.png").write_bytes(b"not a picture")
    sheet = tmp_path / "sheet.png"
    text = run(capsys, "data", tmp_path / "photos", "--size", "8", "--sheet", sheet)
    assert "30 usable items" in text
    assert "8x8 RGB" in text
    assert "bad.png" in text
    assert sheet.exists()
    (tmp_path / "photos/worse.png").write_bytes(b"no picture either")
    assert "cannot be fed as it is" in refused(capsys, "data", tmp_path / "photos")
    assert "does not exist" in refused(capsys, "data", tmp_path / "nothing")
    assert "did you mean --size?" in refused(capsys, "data", tmp_path, "--sise", "3")


# --- flags ---


def test_switches():
    fields = [Field("flip", "bool", "False", "", ""), Field("width", "int", "1", "", "")]
    assert flags.switches(["--flip", "--width", "3"], fields) == ["--flip", "True", "--width", "3"]
    assert flags.switches(["--no-flip"], fields) == ["--flip", "False"]
    assert flags.switches(["--flip", "False"], fields) == ["--flip", "False"]
    assert flags.switches(["--no_width"], fields) == ["--no_width"]
    assert flags.switches(["--remedy", "--flip"], fields)[:2] == ["--remedy", "Remedy()"]
    assert flags.switches(["--remedy", "None"], fields) == ["--remedy", "None"]
