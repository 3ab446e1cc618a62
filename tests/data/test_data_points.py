"""Point sets follow their stated distributions, position by position."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.core.errors import DataError
from gansaku.data.opening import open_source
from gansaku.data.points import LINES, PointSource, along_spiral, normals
from gansaku.data.spec import PointSpec

NAMES = st.sampled_from(list(LINES))


@given(NAMES, st.integers(0, 2**31), st.integers(0, 10**9), st.integers(1, 50), st.data())
@settings(deadline=None)
def test_slices_agree_with_the_whole(name, seed, start, n, data):
    source = PointSource(name)
    low = data.draw(st.integers(0, n - 1))
    whole = source.batch(start, n, seed)["x"]
    assert whole.shape == (n, 2)
    assert whole.dtype == torch.float32
    assert torch.equal(source.batch(start + low, n - low, seed)["x"], whole[low:])


@pytest.mark.parametrize(("name", "count"), [("ring", 8), ("grid", 25)])
def test_modes_are_equally_likely_and_of_the_stated_width(name, count):
    source = open_source(name)
    x = source.batch(0, 50_000, 1)["x"]
    assert source.modes.shape == (count, 2)
    assert source.spec == PointSpec(2)
    distance, nearest = torch.cdist(x, source.modes).min(1)
    share = torch.bincount(nearest, minlength=count) / len(x)
    assert (share * count - 1).abs().max() < 0.12  # 5 standard errors of the grid's
    away = x - source.modes[nearest]
    assert away.mean().abs() < 5e-4
    assert (away.std() / source.sigma - 1).abs() < 0.02
    assert distance.max() < 6 * source.sigma
    within = (distance < 3 * source.sigma).float().mean()  # 1 - exp(-9/2) in the plane
    assert abs(within - (1 - np.exp(-4.5))) < 0.003


def test_ring_and_grid_lie_where_papers_put_them():
    ring, grid = PointSource("ring").modes, PointSource("grid").modes
    assert torch.allclose(ring.norm(dim=1), torch.full((8,), 2.0))
    assert torch.allclose(ring.sum(0), torch.zeros(2), atol=1e-6)
    assert sorted(set(grid.flatten().tolist())) == [-2, -1, 0, 1, 2]


def test_the_spiral_is_a_spiral():
    source = PointSource("spiral")
    x = source.batch(0, 1000, 0)["x"].double().numpy()
    curve = along_spiral(np.linspace(0, 1, 4000))
    distance = np.sqrt(((x[:, None] - curve[None]) ** 2).sum(-1)).min(1)
    assert source.modes is None
    assert distance.max() < 6 * source.sigma
    radius = np.linalg.norm(along_spiral(np.linspace(0, 1, 100)), axis=1)
    assert (np.diff(radius) > 0).all()
    assert radius[-1] == 2


def test_the_noise_is_normal():
    z = normals(np.arange(100_000), 3, "ring")
    assert np.abs(z.mean(0)).max() < 0.015
    assert np.abs(z.std(0) - 1).max() < 0.01
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.015
    assert abs((z**4).mean() - 3) < 0.1


def test_seeds_differ_and_measures_see_their_own_points():
    source = open_source("ring", holdout=0.1)
    a, b = (source.batch(0, 9, seed)["x"] for seed in (0, 1))
    assert not torch.equal(a, b)
    assert len(source.held) == 10_000
    taken, held = source.take(range(9))["x"], source.held.take(range(9))["x"]
    assert torch.equal(taken[3:5], source.take([3, 4])["x"])
    assert not torch.equal(taken, held)
    assert not torch.equal(taken, a)
    assert sum(len(chunk) for chunk in source.images(30_000)) == len(source) == 100_000


def test_the_loop_may_ask_as_it_asks_images():
    source = PointSource("grid")
    options = {"spec": source.spec, "device": "cpu", "memory_format": torch.channels_last}
    assert torch.equal(source.batch(5, 3, 0, **options)["x"], source.batch(5, 3, 0)["x"])
    assert source.fingerprint() == PointSource("grid").fingerprint()
    assert source.fingerprint() != PointSource("ring").fingerprint()


def test_an_unknown_set_is_refused():
    with pytest.raises(DataError, match="did you mean 'spiral'"):
        PointSource("spirals")
