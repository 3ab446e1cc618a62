"""Pictures made on the spot, and the folder of real data where there is one."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def real():
    """Real data: $GANSAKU_DATA, or the folder beside the checkout."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("GANSAKU_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real data: set GANSAKU_DATA to its folder")
    return folder


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def photos(tmp_path, rng):
    """A folder of 24 smooth RGB pictures of 20x16 (width x height), as PNG."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(24):
        colours = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((20, 16)).save(folder / f"{number:02}.png")
    return folder
