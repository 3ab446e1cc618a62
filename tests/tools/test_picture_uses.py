"""The uses of one picture: what enters where, what stays, and what is refused."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from gansaku import api
from gansaku.core.errors import DataError, UserError
from gansaku.metrics.patches import patch_distance
from gansaku.recipes.quick import Quick
from gansaku.recipes.singan import SinGAN
from gansaku.tools import film
from gansaku.tools.animating import animate, walk
from gansaku.tools.editing import edit, harmonize
from gansaku.tools.engines import PyramidEngine, check_start, engine_of, entering
from gansaku.tools.masks import soft_mask
from gansaku.tools.painting import paint
from gansaku.tools.patches import Matching, Patches, resized
from gansaku.tools.reading import read_picture
from gansaku.tools.upscaling import steps_of, upscale


def scene(height: int = 40, width: int = 56) -> Tensor:
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    return torch.stack([y * x, (3 * x).sin() + 0 * y, (4 * y).cos() + 0 * x]).clamp(-1, 1)


@dataclasses.dataclass(frozen=True)
class Mirror:
    """An engine that gives back what enters, and remembers how it was asked."""

    asked: list = dataclasses.field(default_factory=list)
    channels: int = 3

    def scales(self):
        return 4

    def sizes(self, size=None):
        height, width = size or (40, 56)
        return [(height // f, width // f) for f in (8, 4, 2, 1)]

    def play(self, n, seed, *, start=0, image=None, size=None):
        self.asked.append((n, seed, start, None if image is None else image.shape[2:], size))
        return image.expand(n, -1, -1, -1)

    def enlarge(self, x, size, seed, image):
        return PyramidEngine.enlarge(self, x, size, seed, image)

    def itself(self):
        return scene()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.set_num_threads(1)
    x = ((scene() + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    path = tmp_path_factory.mktemp("one") / "scene.png"
    Image.fromarray(x).save(path)
    options = {"device": "cpu", "measure_every": 0, "sheet_every": 10**6, "save_every": 10**6}
    return api.train(SinGAN.tiny(), path, out=path.parent / "run", **options)


def test_what_enters_keeps_only_what_the_scale_below_could_hold():
    engine = Mirror()
    fine = torch.rand(3, 40, 56, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for start in (1, 2, 3):
        found = entering(engine, fine, start)[0]
        assert found.shape == fine.shape
        assert float(found.std()) < 0.75 * float(fine.std())
    flat = torch.full((3, 80, 112), 0.25)
    assert torch.allclose(entering(engine, flat, 2), torch.full((1, 3, 40, 56), 0.25), atol=1e-5)
    smooth = scene()
    assert float((entering(engine, smooth, 3)[0] - smooth).abs().mean()) < 0.01  # not shifted


def test_painting_enters_at_its_scale_in_few_colours():
    engine = Mirror()
    made = paint(engine, scene(20, 28), 2, seed=4, n=3, colours=5)
    assert engine.asked == [(3, 4, 2, (40, 56), None)]
    assert made.shape == (3, 3, 40, 56)
    assert len(made[0].flatten(1).T.unique(dim=0)) <= 5


@pytest.mark.parametrize(("use", "radius"), [(edit, 20), (harmonize, 7)])
def test_only_what_the_mask_grows_to_is_replaced(use, radius):
    image, mask = scene(), -torch.ones(1, 40, 56)
    mask[:, :4, :4] = 1.0
    made = use(Patches(scene(), Matching(steps=3)), image, mask, 2, n=2)
    share = soft_mask(mask, image, (40, 56), radius)[0].expand(3, -1, -1)
    assert made.shape == (2, 3, 40, 56)
    if radius == 7:  # a disk of 20 and a soft edge reach everywhere in so small a picture
        assert bool((share < 1e-6).any())
    assert torch.allclose(made[0][share < 1e-6], image[share < 1e-6], atol=1e-4)
    assert not torch.allclose(made[0][share > 0.5], image[share > 0.5], atol=0.05)
    whole = use(Mirror(), image, None, 3)
    assert torch.equal(whole, entering(Mirror(), image, 3))


def test_upscaling_repeats_the_finest_scale():
    assert steps_of(4.0) == (6, pytest.approx(2 ** (1 / 3)))
    engine = Mirror()
    assert upscale(engine, scene(), 2.0).shape == (1, 3, 80, 112)
    assert [asked[2] for asked in engine.asked] == [3, 3, 3]
    assert [asked[4] for asked in engine.asked] == [(50, 71), (63, 89), (80, 112)]
    with pytest.raises(UserError, match="above 1, as in 4, not 1"):
        upscale(engine, scene(), 1.0)


def test_an_enlargement_by_patches_still_shows_the_picture():
    """The picture made small is enlarged by the picture's own patches: nearer to it than a blur."""
    picture = scene(48, 64) * torch.linspace(0, 40, 64).sin()
    small = resized(picture[None], (24, 32))[0]
    large, blur = upscale(Patches(picture), small, 2.0), resized(small[None], (48, 64))
    again = (resized(large, (24, 32)) - small).abs().mean()
    assert again < 0.25 * (small - small.mean()).abs().mean()
    assert patch_distance(large, picture).value < 0.8 * patch_distance(blur, picture).value


def test_a_walk_is_the_papers_recurrence():
    fixed = [torch.tensor([2.0]), torch.tensor([0.0])]
    drawn = [[torch.tensor([float(i)]), torch.tensor([1.0])] for i in range(1, 5)]
    path = list(walk(fixed, iter(drawn), 0.1, 0.8, 0))
    before, now = 2.0, 0.95 * 2 + 0.05 * 1
    for step, maps in zip((2.0, 3.0, 4.0), path, strict=True):
        moved = 0.1 * 2 + 0.9 * (now + 0.8 * (now - before) + 0.2 * step)
        before, now = now, moved
        assert float(maps[0]) == pytest.approx(moved)
    still = next(walk(fixed, iter(drawn), 0.1, 0.8, 1))
    assert float(still[0]) == 2.0
    assert float(still[1]) != 0.0


def test_a_trained_pyramid_is_an_engine(model):
    engine = engine_of(model)
    assert isinstance(engine, PyramidEngine)
    assert engine.channels == 3
    assert torch.equal(engine.play(3, 7), model.sample(3, 7))
    assert engine.play(1, 0, size=(30, 100)).shape == (1, 3, 30, 100)
    two = engine.play(2, 1, start=2)
    assert torch.equal(engine.play(1, 1, start=2)[0], two[0])
    assert not torch.equal(two[0], two[1])
    assert engine.itself().shape == (3, 40, 56)


def test_the_uses_run_on_a_trained_pyramid(model):
    mask = -torch.ones(1, 40, 56)
    mask[:, 10:20, 10:20] = 1.0
    assert paint(model, scene(30, 30), 1, n=2, colours=3).shape == (2, 3, 40, 56)
    assert edit(model, scene(), mask, 1).shape == (1, 3, 40, 56)
    assert harmonize(model, scene(), mask, 2).isfinite().all()
    assert upscale(model, factor=1.5).shape == (1, 3, 60, 84)


def test_a_run_that_was_stopped_can_be_used(tmp_path):
    x = scene().permute(1, 2, 0).numpy()
    stop = {"watches": [lambda run: run.steps == 5], "device": "cpu", "measure_every": 0}
    part = api.train(SinGAN.tiny(), ((x + 1) * 127.5).astype("uint8"), out=tmp_path / "run", **stop)
    engine = engine_of(part)
    assert 1 < engine.scales() < len(part.recipe.sizes(part.nets))
    small = engine.sizes()[-1]
    assert small < (40, 56)
    assert engine.play(2, 0).shape == (2, 3, *small)
    assert paint(part, scene(), 1).shape == (1, 3, *small)
    assert edit(part, scene(), None, 1).shape == (1, 3, *small)
    assert animate(part, frames=2).shape == (2, 3, *small)


def test_a_film_is_a_function_of_its_seed(model):
    film = animate(model, 1, frames=11, seed=3)
    assert film.shape == (11, 3, 40, 56)
    assert torch.allclose(animate(model, 1, frames=4, seed=3), film[:4], atol=1e-5)
    assert not torch.allclose(animate(model, 1, frames=2, seed=4), film[:2], atol=1e-3)
    still = animate(model, 0, frames=2, alpha=1.0)
    assert torch.allclose(still[0], engine_of(model).itself(), atol=1e-5)
    for given, words in (({"beta": 1.5}, "beta is a share"), ({"frames": 1}, "2 frames or more")):
        with pytest.raises(UserError, match=words):
            animate(model, **given)


def test_start_scales_that_are_not_there(model):
    last = engine_of(model).scales() - 1
    for start in (-1, last + 1):
        with pytest.raises(UserError, match=f"start scale {start} cannot.* 1 to {last} are there"):
            paint(model, scene(), start)
    with pytest.raises(UserError, match="scale 0 is made of noise alone"):
        edit(model, scene(), None, 0)
    check_start(Mirror(), 0)


def test_a_run_of_many_pictures_is_refused(tmp_path):
    options = {"device": "cpu", "measure_every": 0, "size": 8}
    other = api.train(Quick.tiny(), "digits", out=tmp_path / "run", **options)
    with pytest.raises(UserError, match="Quick cannot make variations of one picture"):
        paint(other, scene(), 1)


# --- files ---


def test_pictures_are_read_in_the_channels_needed(tmp_path):
    pixels = Image.new("RGBA", (30, 20), (255, 0, 0, 255))
    pixels.putpixel((0, 0), (0, 0, 0, 0))
    pixels.save(tmp_path / "a.png")
    x = read_picture(tmp_path / "a.png", 3)
    assert x.shape == (3, 20, 30)
    assert x[:, 0, 0].tolist() == [1.0, 1.0, 1.0]
    assert x[:, 5, 5].tolist() == [1.0, -1.0, -1.0]
    assert read_picture(tmp_path / "a.png", 4)[3, 0, 0] == -1.0
    assert read_picture(tmp_path / "a.png", 1, longest=15).shape == (1, 10, 15)


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"a\.png is not usable as a picture: it is no picture"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"b\.png cannot be read: No such file"):
        read_picture(tmp_path / "b.png")


@pytest.mark.parametrize(("suffix", "form"), [(".webp", "WEBP"), (".gif", "GIF")])
def test_films_are_written_whole(tmp_path, suffix, form):
    shades = torch.linspace(-1, 1, 6).reshape(6, 1, 1, 1).expand(6, 3, 8, 8)
    path = film.save_film(shades, tmp_path / f"walk{suffix}")
    with Image.open(path) as moving:
        assert (moving.format, moving.n_frames) == (form, 6)
    assert list(tmp_path.iterdir()) == [path]


def test_an_mp4_goes_through_whatever_ffmpeg_there_is(tmp_path, monkeypatch):
    fake = tmp_path / "bin" / "ffmpeg"
    fake.parent.mkdir()
    code = "import sys; open(sys.argv[-1], 'wb').write(sys.stdin.buffer.read()[:12])"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    x = torch.full((2, 3, 5, 7), 1.0)
    path = film.save_film(x, tmp_path / "walk.mp4", 12)
    assert path.read_bytes() == b"\xff" * 12
    fake.write_text("#!/bin/sh\necho no such codec >&2\nexit 1\n")
    with pytest.raises(UserError, match=r"could not write .*mp4: no such codec"):
        film.save_film(x, tmp_path / "other.mp4", 12)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "walk.mp4"]


def test_an_mp4_without_an_encoder_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(film.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match=r"pip install 'gansaku\[film\]', or name a"):
        film.check_film(Path("walk.mp4"))
    with pytest.raises(UserError, match=r"a film is a \.webp, \.gif or \.mp4, not 'walk\.avi'"):
        film.save_film(torch.zeros(2, 3, 8, 8), tmp_path / "walk.avi")
