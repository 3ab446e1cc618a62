"""Specs survive the run folder, and previews show what they are given."""

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.data import draw
from gansaku.data.spec import ImageSpec, PointSpec, spec_from_json


@pytest.mark.parametrize(
    "spec",
    [ImageSpec(28, 28, 1, ("0", "1")), ImageSpec(109, 89), ImageSpec(8, 6, 4), PointSpec(3)],
)
def test_repr_and_json_lead_back(spec):
    assert eval(repr(spec)) == spec
    assert spec_from_json(spec.to_json()) == spec
    assert type(spec).from_json(spec.to_json()) == spec


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'sounds'"):
        spec_from_json({"kind": "sounds"})


def test_shape_classes_and_resized():
    spec = ImageSpec(109, 89, 3, ("cat", "dog"))
    assert (spec.shape, spec.classes) == ((3, 109, 89), 2)
    assert spec.resized(32, 16) == ImageSpec(32, 16, 3, ("cat", "dog"))
    assert (PointSpec().shape, PointSpec().classes) == ((2,), 0)


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_sheet_holds_every_pixel_enlarged(tmp_path):
    x = torch.linspace(-1, 1, 6 * 3 * 5 * 4).reshape(6, 3, 5, 4)
    sheet = pixels(ImageSpec(5, 4).preview(x, tmp_path / "sheet.png", columns=3))
    scale = (sheet.shape[0] - draw.MARGIN) // 2 // 5
    assert scale > 10
    expected = ((x + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    for number in range(6):
        row, column = divmod(number, 3)
        top = draw.MARGIN + row * (5 * scale + draw.MARGIN)
        left = draw.MARGIN + column * (4 * scale + draw.MARGIN)
        tile = sheet[top : top + 5 * scale, left : left + 4 * scale]
        assert (tile[scale // 2 :: scale, scale // 2 :: scale] == expected[number]).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_number_of_channels_is_drawn(tmp_path, channels):
    x = torch.full((1, channels, 8, 8), 1.0)
    x[:, :, :4] = -1  # black, and transparent where there is alpha
    sheet = pixels(ImageSpec(8, 8, channels).preview(x, tmp_path / "sheet.png"))
    assert sheet.shape[2] == 3
    upper = sheet[10, 10]
    assert (upper == 0).all() if channels in (1, 3) else (upper >= 200).all()


def test_sheets_are_nearly_square_and_of_comfortable_size(tmp_path):
    digits = pixels(ImageSpec(28, 28, 1).preview(torch.zeros(64, 1, 28, 28), tmp_path / "a.png"))
    assert digits.shape[0] == digits.shape[1] == 8 * (28 * 3 + 2) + 2
    wide = pixels(ImageSpec(8, 32).preview(torch.zeros(36, 3, 8, 32), tmp_path / "b.png"))
    assert 0.6 < wide.shape[0] / wide.shape[1] < 1.6
    large = pixels(ImageSpec(300, 300).preview(torch.zeros(9, 3, 300, 300), tmp_path / "c.png"))
    assert large.shape[0] == 3 * 302 + 2


def test_what_is_not_a_number_is_drawn_grey(tmp_path):
    x = torch.full((4, 3, 8, 8), float("nan"))
    assert pixels(ImageSpec(8, 8).preview(x, tmp_path / "a.png"))[10, 10].tolist() == [128] * 3


def test_a_failed_preview_leaves_the_old_one(tmp_path):
    path = tmp_path / "sheet.png"
    ImageSpec(8, 8).preview(torch.zeros(1, 3, 8, 8), path)
    before = path.read_bytes()

    def fails(unfinished):
        unfinished.write_bytes(b"half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        draw.write_whole(path, fails)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]


def test_points_are_drawn_over_the_critics_surface(tmp_path):
    points, seen = torch.randn(50, 2), []

    def score(x):
        seen.append(x)
        return x[:, 0] - 2 * x[:, 1]

    plain = PointSpec().preview(points, tmp_path / "a.png", reference=points * 2)
    surface = PointSpec().preview(points, tmp_path / "b.png", reference=points * 2, score=score)
    assert seen[0].shape == (draw.SURFACE**2, 2)
    assert not seen[0].requires_grad
    assert (pixels(plain) != pixels(surface)).mean() > 0.3


def test_the_surface_is_the_right_way_round(tmp_path):
    corner = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).repeat(50, 1)
    path = PointSpec().preview(
        corner[:1], tmp_path / "a.png", reference=corner, score=lambda x: (x[:, 0] > 0).float()
    )
    sheet = pixels(path)[:, :, :3].astype(int)
    height, width = sheet.shape[:2]
    left, right = sheet[height // 2, width // 4], sheet[height // 2, 3 * width // 4]
    assert abs(left - sheet[3 * height // 4, width // 4]).sum() < 6  # the same up and down
    assert abs(left - right).sum() > 100


def test_points_of_one_or_three_dimensions_and_no_points_are_drawn(tmp_path):
    for dims, count in [(1, 5), (3, 5), (2, 0)]:
        assert PointSpec(dims).preview(torch.zeros(count, dims), tmp_path / "a.png").is_file()
