"""`gansaku memorised`: verdicts on runs, what is held out, mirrored data, points, and the sheet."""

from __future__ import annotations

import re

import pytest
import torch
from PIL import Image

from gansaku.cli import main as commands
from gansaku.cli import memorised
from gansaku.cli.neighbours import save_neighbours
from gansaku.model import Model

TINY = ("quick", "--data", "digits", "--size", "16", "--width", "4", "--z", "8")
FED = ("--steps", "1", "--measure_every", "0")


@pytest.fixture(autouse=True)
def _known(monkeypatch) -> None:
    monkeypatch.setitem(commands.COMMANDS, "memorised", "has it learned its data by heart")


@pytest.fixture(scope="module")
def fewer():
    """Fewer training pictures are looked through: most of the time goes into those."""
    before, memorised.MOST = memorised.MOST, 400
    yield
    memorised.MOST = before


@pytest.mark.usefixtures("fewer")
def test_an_untrained_run_has_learned_nothing_by_heart(gansaku, trained, tmp_path) -> None:
    out = tmp_path / "sheet.png"
    said = gansaku("memorised", trained, "-n", "60", "--out", out)
    assert said.code == 0, said.err
    assert said.out.startswith("No sign of memorisation: 0% of 60 samples")
    assert "Samples of step 12 against 400 of 1797 training data" in said.out
    for name in ("pixels", "random-conv"):
        assert re.search(
            rf"{name} +0.0% near copies \(by chance up to \d+.\d%\), 0 exact", said.out
        )
        assert re.search(rf"{name} +AuthPct \d+.\d% \(new real data: \d+.\d%\)", said.out)
        assert re.search(rf"{name} +C_T cannot be told", said.out)
    with Image.open(out) as sheet:
        assert sheet.size[1] > 1000


@pytest.mark.usefixtures("fewer")
def test_copies_and_what_was_held_out(gansaku, tmp_path, monkeypatch) -> None:
    run = tmp_path / "run"
    words = (*TINY, *FED, "--holdout", "0.3", "--flip", "True", "--out", run)
    assert gansaku("train", *words).code == 0

    def recall(model: Model, n: int, seed: int) -> torch.Tensor:
        """Mirrored training pictures: the run was fed them too."""
        source, mirrored = memorised._training(model, None)
        assert mirrored
        _, kept = memorised._views(source, {"pixels": lambda x: x.flatten(1)}, False)
        return source.take(kept[:n])["x"].flip(-1)

    monkeypatch.setattr(Model, "sample", recall)
    said = gansaku("memorised", run, "-n", "60")
    assert said.code == 0, said.err
    assert said.out.startswith("Learned by heart: 100% of 60 samples are copies of 60 training")
    assert "60 exact" in said.out
    assert re.search(r"C_T -\d+.\d+ ± \d+.\d+: nearer than held-out data", said.out)
    with Image.open(run / "samples" / "memorised-1.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(100_000)}
    assert (200, 0, 0) in colours  # copies are red


@pytest.mark.usefixtures("fewer")
def test_points_have_coordinates(gansaku, tmp_path) -> None:
    run = tmp_path / "run"
    assert gansaku("train", "gan", "--data", "ring", *FED, "--out", run).code == 0
    said = gansaku("memorised", run, "-n", "80")
    assert said.code == 0, said.err
    assert "coordinates" in said.out
    assert "pixels" not in said.out
    assert (run / "samples" / "memorised-1.png").exists()


def test_a_sheet_is_a_row_for_each_sample(tmp_path) -> None:
    def shade(*shape: int) -> torch.Tensor:
        return torch.linspace(-1, 1, shape[0]).reshape(-1, *[1] * (len(shape) - 1)).expand(shape)

    samples = shade(5, 3, 300, 300)
    groups = {"by a": shade(5, 2, 3, 300, 300), "by b": shade(5, 3, 3, 300, 300)}
    times = (torch.tensor([0.1, 1, 2, 30, torch.inf]), torch.full((5,), 2.0))
    out = save_neighbours(samples, groups, times, (0.5, 0.5), tmp_path / "sheet.png")
    with Image.open(out) as opened:
        picture = opened.convert("RGB")
    assert picture.size[0] > 6 * 200
    assert 1000 < picture.size[1] < 1400  # large pictures are made smaller
    greys = [picture.getpixel((20, 46 + int(224 * (row + 0.5))))[0] for row in range(5)]
    assert greys == sorted(greys)
    assert greys[0] < 5
    assert greys[4] > 250


def test_bad_input_is_one_sentence(gansaku, trained, tmp_path) -> None:
    for words, sentence in (
        (("-n", "1"), "-n must be at least 2, not 1"),
        (
            ("--features", "backbones"),
            "'backbones'; did you mean 'backbone'?",
        ),
        (("--data", "ring"), "ring is a set of points"),
        (("--checkpoint", "7777"), "has no checkpoint '7777'"),
    ):
        said = gansaku("memorised", trained, *words)
        assert said.code == 2
        assert sentence in said.err
        assert "Traceback" not in said.err
    assert gansaku("memorised", tmp_path / "none").code == 2
