"""Every command that the pages print is run as it stands, but for its length and width."""

from __future__ import annotations

import functools
import re
import shlex
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansaku import api
from gansaku.cli.main import main
from gansaku.tools import patches

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
SMALL = ["--width", "4", "--batch_size", "4", "--device", "cpu"]
PROTOCOL = ["-n", "24", "--features", "random-conv"]  # what follows a flag again goes before it


def commands(page: Path) -> list[list[str]]:
    """The lines of a page's shell blocks that begin with `gansaku`."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("gansaku ")]


def shortened(words: list[str]) -> list[str]:
    least = "24" if "cut" in words else "16"  # its critic's patches need as much
    text = shlex.join(words).replace("--size 64", f"--size {least}")
    text = text.replace("--size 256", "--size 24")
    text = re.sub(r"--steps \d+", "--steps 8" if words[0] == "resume" else "--steps 4", text)
    text = re.sub(r"--(\w+)_steps \d+", r"--\1_steps 4", text)  # those of other stages
    if words[0] == "train":
        text += " " + shlex.join(SMALL) + ("" if "--steps" in text else " --steps 4")
        text += f" --measure_every {2 if '--patience' in text else 0}"
    if words[0] == "dance":
        text += " -n 3"
    if words[0] in ("evaluate", "memorised"):
        text += " " + shlex.join(PROTOCOL)
    return shlex.split(text)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with a few photographs and a run that was stopped half way."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("photos").mkdir()
    for number in range(60):
        pixels = rng.integers(0, 256, (24, 20 + number % 3, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"photos/{number}.png")
    return tmp_path


def one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page of one picture works on, and patches that are matched in two steps."""
    rows, columns = np.mgrid[0:28, 0:36]
    scene = np.stack([rows * 6, columns * 4, (rows + columns) % 16 * 15], 2).astype(np.uint8)
    for name in ("balloons", "small", "clipart", "edited", "pasted"):
        Image.fromarray(scene).save(f"{name}.png")
    Image.fromarray(((rows > 14) & (columns < 14)).astype(np.uint8) * 255).save("mask.png")
    few = functools.partialmethod(patches.Matching.__init__, steps=2, projections=8)
    monkeypatch.setattr(patches.Matching, "__init__", few)


def translated() -> None:
    """What the page of translators works on: pairs, two sets, label maps, sketches."""
    rng = np.random.default_rng(0)
    for folder in ("facades", "sketches", "painted/trainA", "painted/trainB"):
        Path(folder).mkdir(parents=True)
    for folder in ("streets/labels", "streets/images"):
        Path(folder).mkdir(parents=True)
    for number in range(12):
        a = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(np.concatenate([255 - a, a], 1)).save(f"facades/{number}.png")
        for folder in ("sketches", "painted/trainA", "painted/trainB", "streets/images"):
            Image.fromarray(a).save(f"{folder}/{number}.png")
        Image.fromarray(a[..., 0] % 3).save(f"streets/labels/{number}.png")
    Image.fromarray(a[..., 0] % 3).save("map.png")
    for name in ("sketch", "photo", "small"):
        Image.fromarray(a).save(f"{name}.png")
    Image.fromarray(a[..., 0]).save("grey.png")
    for path in Path("photos").iterdir():  # of one size, as the page has it
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)


def sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The photographs in two tars; their index is not kept in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    Path("shards").mkdir()
    for shard in range(2):
        with tarfile.open(f"shards/shards-{shard:06}.tar", "w") as tar:
            for number in range(30 * shard, 30 * shard + 30):
                tar.add(f"photos/{number}.png", f"{number:04}.png")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_printed_command_runs(page, place, capsys, monkeypatch):
    found = commands(page)
    if page.stem in ("README", "one-picture"):
        one_picture(monkeypatch)
    if page.stem in ("README", "translate"):
        translated()
    if page.stem == "big-data":
        sharded(monkeypatch)
    if page.stem == "resume":
        stop = {"watches": [lambda run: run.steps == 2], "size": 16, "device": "cpu"}
        recipe = "DCGAN(width=4, batch_size=4, steps=4)"
        api.train(recipe, "photos", out="runs/dcgan-photos", measure_every=0, **stop)
    for words in found:
        assert main(shortened(words)) == 0, f"{shlex.join(words)}\n{capsys.readouterr().err}"
    if page.stem != "several-processes":
        assert found
