"""`gansaku dance` from end to end, on the puppets that come along."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gansaku import api
from gansaku.cli.main import main


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run on the puppet, hardly trained."""
    place = tmp_path_factory.mktemp("runs") / "puppet"
    recipe = (
        "EverybodyDance(steps=2, face_steps=1, batch_size=2, width=4, d_width=4, halvings=2, "
        "blocks=1, face_blocks=1, perceptual_weight=0, l1_weight=1)"
    )
    api.train(recipe, "puppet", out=place, size=16, device="cpu", measure_every=0)
    return place


def test_another_puppets_dance(run, capsys, tmp_path):
    words = ["dance", str(run), "--pose", "partner", "-n", "3", "--device", "cpu"]
    assert main(words) == 0
    out = run / "dances" / "partner"
    assert len(list((out / "frames").glob("*.png"))) == 3
    with Image.open(out / "dance.webp") as film:
        assert film.n_frames == 3
        film.load()
        assert film.info["duration"] == 40
    said = capsys.readouterr().out
    assert "dance.webp" in said
    assert "another puppet" in said
    more = ["--out", str(tmp_path / "o"), "--no-normalise", "--side-by-side", "--format", "gif"]
    assert main([*words, *more, "--fps", "10"]) == 0
    with Image.open(tmp_path / "o" / "dance.gif") as film:
        assert film.size[0] == 3 * film.size[1]


BAD = {
    "no clip": (["--pose", "nobody"], "nobody does not exist"),
    "no pose": ([], "needs --pose CLIP: whose dance: a clip's folder"),
    "fps": (["--pose", "partner", "--fps", "0"], "--fps must be above 0"),
    "count": (["--pose", "partner", "-n", "0"], "-n must be at least 1"),
    "format": (["--pose", "partner", "--format", "avi"], "one of webp, gif, mp4, not 'avi'"),
    "frame": (["--pose", "partner", "--frame", "1080"], "HEIGHT,WIDTH"),
    "flag": (["--pose", "partner", "--normalize", "x"], "did you mean --normalise"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_one_message(run, capsys, case):
    words, said = BAD[case]
    assert main(["dance", str(run), *words, "--device", "cpu"]) == 2
    told = capsys.readouterr().err
    assert said in " ".join(told.split())
    assert "Traceback" not in told
