"""A dance of another: moved to the person's place, painted frame after frame, and written."""

from __future__ import annotations

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.data import puppet
from gansaku.data.clip import open_clip
from gansaku.data.spec import ImageSpec
from gansaku.data.stance import Stance
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.everybody_dance import EverybodyDance
from gansaku.tools.dance import figures_of, painted, save_dance


@pytest.fixture(scope="module")
def model():
    """A model of the puppet at 16 pixels, hardly trained."""
    tiny = dataclasses.replace(EverybodyDance.tiny(), perceptual_weight=0.0)
    run = Run(tiny, open_clip("puppet", size=16), seed=1)
    run.play()
    run.nets.eval()
    kept = {"recipe": run.recipe, "nets": run.nets, "spec": run.source.spec}
    return types.SimpleNamespace(**kept, device=torch.device("cpu"))


def with_spec(model, **fields):
    spec = dataclasses.replace(model.spec, **fields)
    return types.SimpleNamespace(**{**vars(model), "spec": spec})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return puppet.write("partner", tmp_path_factory.mktemp("clip"), 48, 64, 40)


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "clip")


def test_every_frame_is_painted_after_the_one_before(model):
    asked = figures_of(model, "partner", most=4)
    frames = list(painted(model, asked.figures, asked.faces))
    before = None
    for number, frame in enumerate(frames):
        given = {"before": before, "face": asked.faces[number : number + 1]}
        figure = asked.figures[number : number + 1]
        with torch.no_grad():
            before = model.recipe.translate(model.nets, figure, Noise(0), given)
        assert torch.equal(frame, before)
    assert torch.cat(frames).shape == (4, 3, 16, 16)


def places(asked) -> float:
    """How far down the feet of drawn figures reach, in heights of the frame, from their ink."""
    ink = (asked.figures.min(1).values < 0.9).float()
    rows = ink.amax(2)
    lowest = rows.shape[1] - rows.flip(1).argmax(1)
    return lowest.float().max().item() / rows.shape[1]


def test_a_dancer_is_moved_to_the_persons_place(model):
    target = Stance.read(model.spec.stance)
    large = with_spec(model, a=ImageSpec(96, 96), b=ImageSpec(96, 96))
    moved, still = (figures_of(large, "partner", normalise=n) for n in (True, False))
    assert places(moved) == pytest.approx(target.near + 0.025, abs=0.02), "toes are below ankles"
    assert places(still) < places(moved) - 0.05, "the partner stands farther away"
    own = figures_of(model, "puppet", normalise=False)
    assert torch.equal(own.figures, torch.cat(drawn("puppet", 16)))


def drawn(name: str, size: int) -> list[torch.Tensor]:
    found = puppet.poses(name, range(puppet.PUPPETS[name].frames), size, size)
    figures = [torch.from_numpy(found.draw(n)) for n in range(len(found))]
    return [figure[None] / 127.5 - 1 for figure in figures]


def test_key_points_alone_need_the_size_of_their_frames(model, made, folder):
    shutil.rmtree(folder / "frames")
    with pytest.raises(UserError, match="give --frame HEIGHT,WIDTH"):
        figures_of(model, folder / "keypoints")
    alone = figures_of(model, folder / "keypoints", frame=(48, 64), beside=True)
    whole = figures_of(model, made / "keypoints", beside=True)
    assert torch.equal(alone.figures, whole.figures)
    assert alone.frames is None
    assert whole.frames.shape == (40, 3, 16, 16)


def test_a_frame_without_a_person_holds_the_pose(model, folder):
    for number in (0, 7):
        path = folder / "keypoints" / f"{number:06d}_keypoints.json"
        path.write_text(json.dumps({"people": []}))
    asked = figures_of(model, folder)
    assert torch.equal(asked.figures[0], asked.figures[1])
    assert torch.equal(asked.figures[7], asked.figures[6])
    assert not torch.equal(asked.figures[8], asked.figures[7])
    assert "2 of 40 frames show no person: the pose before is held" in asked.notes


def test_figures_have_what_the_models_had(model):
    coco = figures_of(with_spec(model, points="COCO", face=False), "partner", most=2)
    assert any("feet are left out" in note for note in coco.notes)
    full = figures_of(model, "partner", most=2)
    assert (coco.figures < 0.9).sum() < (full.figures < 0.9).sum()


def test_what_the_figures_lack_is_said(model, folder):
    points = [[x, y, 2] for x, y in np.random.default_rng(0).uniform(5, 40, (17, 2))]
    people = [
        {"image_id": f"{n:06d}.png", "keypoints": np.ravel(points).tolist()} for n in range(40)
    ]
    shutil.rmtree(folder / "keypoints")
    (folder / "keypoints.json").write_text(json.dumps(people))
    asked = figures_of(model, folder, normalise=False)
    assert [note for note in asked.notes if "COCO has no feet" in note]
    assert [note for note in asked.notes if "no points of the face" in note]


def test_who_cannot_dance_is_told(model, folder):
    with pytest.raises(UserError, match="give --no-normalise"):
        figures_of(with_spec(model, stance=()), "partner")
    for path in (folder / "keypoints").iterdir():
        data = json.loads(path.read_text())
        values = data["people"][0]["pose_keypoints_2d"]
        values[3 * 11 : 3 * 12] = [0, 0, 0]
        path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=r"no frame shows head and both ankles.*--no-normalise"):
        figures_of(model, folder)
    other = types.SimpleNamespace(**{**vars(model), "spec": ImageSpec(16, 16)})
    with pytest.raises(UserError, match="trained on other data than a clip"):
        figures_of(other, "partner")
    other.recipe = DCGAN.tiny()
    with pytest.raises(UserError, match="DCGAN cannot dance"):
        figures_of(other, "partner")


def test_frames_and_a_film_are_written(model, made, tmp_path):
    asked = figures_of(model, made, most=3, beside=True)
    frames = torch.cat(list(painted(model, asked.figures, asked.faces)))
    film = save_dance(frames, None, tmp_path / "plain", "dance.webp", 25.0)
    names = sorted(path.name for path in (tmp_path / "plain" / "frames").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png"]
    with Image.open(film) as moving, Image.open(film.parent / "frames" / names[2]) as last:
        assert moving.n_frames == 3
        assert last.size == (16, 16)
        pixels = torch.from_numpy(np.array(last)).permute(2, 0, 1)
    assert torch.equal(pixels, ((frames[2].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8))
    save_dance(frames, asked, tmp_path / "beside", "dance.gif", 25.0)
    with Image.open(tmp_path / "beside" / "frames" / "000000.png") as wide:
        assert wide.size == (48, 16)
