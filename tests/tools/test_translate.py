"""Translating pictures: sizes, tiles, noise by number, alpha, orientation, names, maps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gansaku.core.contract import Nets
from gansaku.core.errors import DataError, UserError
from gansaku.core.noise import Noise
from gansaku.core.translating import Translator, translations
from gansaku.data.spec import ImageSpec, MapSpec, PairSpec
from gansaku.model import Model
from gansaku.tools.translate import means, translate
from gansaku.tools.translated import Report, inputs, translate_files


@dataclasses.dataclass(frozen=True)
class Negative(Translator):
    """Colours turned round, enlarged by a factor; with as much noise as is asked for."""

    card: ClassVar[Any] = None
    batch_size: int = 1
    factor: int = 1
    noisy: float = 0.0

    def networks(self, spec: Any) -> Nets:
        return Nets(G=nn.Identity())

    def stages(self, nets: Nets) -> tuple:
        return ()

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        a = a.float() if a.is_floating_point() else a.float().clamp(max=2).expand(-1, 3, -1, -1) - 1
        y = nets.G(-a).repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)
        share = 0.0 if given.get("deterministic") else self.noisy
        return y + share * noise.uniform(len(a), 1, 1, 1) if share else y

    @classmethod
    def tiny(cls) -> Self:
        return cls()


@dataclasses.dataclass(frozen=True)
class Anywhere(Negative):
    def multiple(self, nets: Nets) -> int:
        return 4


@dataclasses.dataclass(frozen=True)
class Both(Anywhere):
    directions: ClassVar[tuple[str, ...]] = ("AtoB", "BtoA")


PAIR = PairSpec(ImageSpec(8, 8), ImageSpec(8, 8))


def model(recipe: Any, spec: Any = PAIR, folder: Path = Path()) -> Model:
    nets = recipe.networks(spec)
    return Model(recipe, spec, nets, folder, 1, torch.device("cpu"))


def picture(height: int, width: int, n: int = 1) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("size", [(8, 8), (5, 21), (64, 30), (1, 1)])
@pytest.mark.parametrize("factor", [1, 2])
def test_any_size_at_once_and_in_tiles(size, factor):
    how = means(model(Anywhere(factor=factor)))
    assert how.scale == factor
    x = picture(*size, n=3)
    expected = (-x).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    assert torch.equal(translate(how, x), expected)
    assert torch.allclose(translate(how, x, tile=8), expected, atol=1e-5)


def test_one_size_alone_is_said():
    how = means(model(Negative()))
    assert torch.equal(translate(how, picture(8, 8)), -picture(8, 8))
    with pytest.raises(UserError, match=r"Negative translates pictures of 8x8 alone .*not 9x8"):
        translate(how, picture(8, 9))


def test_little_memory_means_tiles():
    how = dataclasses.replace(means(model(Anywhere())), pixel=1e12)
    assert how.room() == 64  # the size of training always has room
    seen = []
    how.model.nets.G.register_forward_hook(lambda _, __, y: seen.append(tuple(y.shape)))
    x = picture(40, 24)
    assert torch.allclose(translate(how, x), -x, atol=1e-5)
    assert set(seen) == {(1, 3, 8, 8)}


def test_noise_belongs_to_the_number_of_a_picture():
    made = model(Anywhere(noisy=1.0))
    how, x = means(made), picture(8, 8, n=20)
    whole = translate(how, x, seed=3)
    assert len((whole + x).flatten(1).mean(1).round(decimals=4).unique()) == 20
    assert torch.equal(translate(how, x[5:9], seed=3, first=5), whole[5:9])
    assert not torch.equal(translate(how, x, seed=4), whole)
    plain = translate(means(made, deterministic=True), x)
    assert torch.equal(plain, -x)
    chunked = torch.cat(list(translations(made.recipe, made.nets, x, 3, chunk=3)))
    assert torch.equal(chunked, whole)


def test_directions():
    assert means(model(Both()), "BtoA").given["direction"] == "BtoA"
    with pytest.raises(UserError, match="goes from a to b alone"):
        means(model(Anywhere()), "BtoA")
    with pytest.raises(UserError, match="no direction is called 'back'"):
        means(model(Both()), "back")
    with pytest.raises(UserError, match="no direction"):
        model(Both()).translate(picture(8, 8), direction="back")


# --- files ---


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).copy()


def run(places: list, out: Path, recipe: Any = None, spec: Any = PAIR, **options: Any) -> Report:
    report = Report()
    how = means(model(recipe or Anywhere(), spec))
    list(translate_files(how, inputs(places, report), out, report, **options))
    return report


@pytest.fixture
def folder(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    for name, shape in {
        "x.png": (9, 12, 3),
        "deep/y.png": (9, 12, 3),
        "deep/clear.png": (6, 7, 4),
        "grey.png": (9, 12),
    }.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return tmp_path / "in"


def test_folders_keep_their_names(folder, tmp_path):
    out = tmp_path / "out"
    report = run([folder, folder / "x.png"], out)
    names = sorted(p.relative_to(out).as_posix() for p in report.written)
    assert names == ["deep/clear.png", "deep/y.png", "grey.png", "x-2.png", "x.png"]
    for name in ("x.png", "deep/y.png"):
        assert np.array_equal(pixels(out / name), 255 - pixels(folder / name))
    assert np.array_equal(pixels(out / "x.png"), pixels(out / "x-2.png"))
    grey = 255 - pixels(folder / "grey.png")
    assert np.array_equal(pixels(out / "grey.png"), grey[..., None].repeat(3, 2))


def test_alpha_is_kept(folder, tmp_path):
    run([folder / "deep" / "clear.png"], tmp_path / "o")
    before, after = pixels(folder / "deep" / "clear.png"), pixels(tmp_path / "o" / "clear.png")
    assert np.array_equal(before[..., 3], after[..., 3])
    full = before[..., 3] == 255
    assert np.array_equal(after[full][:, :3], 255 - before[full][:, :3])


def test_orientation_is_that_of_the_exif(tmp_path):
    image = Image.fromarray(np.arange(12 * 8 * 3, dtype=np.uint8).reshape(8, 12, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    run([tmp_path / "turned.png"], tmp_path / "o")
    expected = 255 - np.rot90(np.asarray(image), -1)
    assert np.array_equal(pixels(tmp_path / "o" / "turned.png"), expected)
    with Image.open(tmp_path / "o" / "turned.png") as made:
        assert made.getexif().get(0x0112, 1) == 1


def test_side_by_side_and_formats(folder, tmp_path):
    run([folder / "x.png"], tmp_path / "both.jpg", beside=True)
    assert pixels(tmp_path / "both.jpg").shape == (9, 24, 3)
    run([folder / "x.png"], tmp_path / "both", Anywhere(factor=2), beside=True)
    made = pixels(tmp_path / "both" / "x.png")
    assert made.shape == (18, 48, 3)
    assert np.array_equal(made[::2, :24:2], pixels(folder / "x.png"))
    Image.new("P", (8, 8)).save(tmp_path / "old.gif")
    assert run([tmp_path / "old.gif"], tmp_path / "o").written[0].name == "old.png"


def test_as_trained(folder, tmp_path):
    report = run([folder], tmp_path / "o", Negative(), trained=True)
    assert {pixels(path).shape[:2] for path in report.written} == {(8, 8)}


def test_what_cannot_be_read_is_reported_and_the_rest_made(folder, tmp_path):
    (folder / "a.png").write_bytes(b"no picture")
    cut = (folder / "x.png").read_bytes()[:-150]
    (folder / "b.png").write_bytes(cut)
    report = run([folder], tmp_path / "o")
    assert sorted(name for name, _ in report.bad) == ["a.png", "b.png"]
    assert len(report.written) == 4


def test_inputs_are_never_overwritten(folder):
    before = (folder / "x.png").read_bytes()
    with pytest.raises(UserError, match="is the input itself"):
        run([folder], folder)
    assert (folder / "x.png").read_bytes() == before
    with pytest.raises(DataError, match="does not exist"):
        run([folder / "nothing.png"], folder)


def test_label_maps_as_numbers_or_colours(tmp_path):
    palette = ((0, 0, 0), (200, 0, 0), (0, 200, 0))
    spec = PairSpec(MapSpec(8, 8, ("a", "b", "c"), palette), ImageSpec(8, 8))
    numbers = np.arange(64, dtype=np.uint8).reshape(8, 8) % 3
    Image.fromarray(numbers).save(tmp_path / "numbers.png")
    Image.fromarray(np.array(palette, np.uint8)[numbers]).save(tmp_path / "colours.png")
    Image.fromarray(numbers + 1).save(tmp_path / "wrong.png")
    places = [tmp_path / f"{name}.png" for name in ("numbers", "colours", "wrong")]
    report = run(places, tmp_path / "o", spec=spec, beside=True)
    first, second = (pixels(path) for path in report.written)
    assert np.array_equal(first, second)
    assert np.array_equal(first[:, :8], np.array(palette, np.uint8)[numbers])
    assert "holds class 3" in report.bad[0][1]
