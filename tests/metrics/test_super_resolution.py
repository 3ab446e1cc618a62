"""Bicubic enlargement of Set5 has its published figures: resampling, colours, border and SSIM."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.errors import UserError
from gansaku.metrics.similarity import luma, on_luma, psnr
from gansaku.nets.layers.bicubic import bicubic

PUBLISHED = {2: (33.66, 0.9299), 3: (30.39, 0.8682), 4: (28.42, 0.8104)}  # VDSR, tables 2 and 3


@pytest.fixture(scope="module")
def set5() -> list[torch.Tensor]:
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("GANSAKU_DATA", beside)) / "sr" / "CSet5"
    if not folder.is_dir():
        pytest.skip("no Set5: set GANSAKU_DATA to the folder of real data")
    pictures = [np.array(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]
    return [torch.tensor(p).permute(2, 0, 1)[None].double() / 127.5 - 1 for p in pictures]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_set5_by_bicubic(set5, scale):
    found = []
    for picture in set5:
        height, width = (side // scale * scale for side in picture.shape[2:])
        y = luma(picture[:, :, :height, :width])
        y = ((y + 1) * 127.5).round() / 127.5 - 1
        small = bicubic(y, (height // scale, width // scale))
        found.append([float(v) for v in on_luma(y, bicubic(small, (height, width)), scale)])
    db, similarity = np.mean(found, 0)
    assert round(db, 2) == PUBLISHED[scale][0]
    assert similarity == pytest.approx(PUBLISHED[scale][1], abs=0.0003)


def test_it_is_measured_on_rounded_luma_inside_the_border():
    torch.manual_seed(0)
    a, b = (torch.rand(2, 3, 24, 30) * 2 - 1 for _ in range(2))
    db, _ = on_luma(a, b, 3)
    y, z = (((luma(x) + 1) * 127.5).round()[:, :, 3:-3, 3:-3].double() for x in (a, b))
    wanted = 10 * (255**2 / (y - z).square().mean((1, 2, 3))).log10()
    assert torch.allclose(db, wanted)
    spoilt = b.clone()
    spoilt[:, :, :3] = 1
    assert torch.allclose(on_luma(a, spoilt, 3)[0], db)
    assert torch.equal(on_luma(luma(a), luma(b), 3)[0], db)


def test_less_than_a_step_is_nothing():
    a = torch.zeros(1, 1, 12, 12)
    assert psnr(a, a + 0.001).isfinite().all()
    assert on_luma(a, a + 0.001)[0].isinf().all()


def test_two_channels_are_refused():
    with pytest.raises(UserError, match="pairs"):
        on_luma(torch.zeros(1, 3, 12, 12), torch.zeros(1, 1, 12, 13))
