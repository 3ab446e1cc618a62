"""Walks against closed forms: lengths, ends, and the cases where the angle says nothing."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gansaku.core import latents, sampling
from gansaku.core.capabilities import Latent, Scores, able
from gansaku.core.contract import Nets
from gansaku.core.errors import UserError
from gansaku.core.latents import lerp, slerp
from gansaku.recipes.quick import Quick
from gansaku.tools import interpolate

T = torch.linspace(0, 1, 9)


def pair(seed: int, dims: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(5, dims, generator=g), torch.randn(5, dims, generator=g)


@given(st.integers(0, 10_000))
def test_ends_are_exact(seed):
    a, b = pair(seed)
    for between in (lerp, slerp):
        path = between(a, b, T)
        assert path.shape == (9, 5, 7)
        assert torch.equal(path[0], a)
        assert torch.equal(path[-1], b)


@given(st.integers(0, 10_000))
def test_slerp_keeps_the_length_and_turns_steadily(seed):
    a, b = (v / v.norm(dim=1, keepdim=True) * 3 for v in pair(seed))
    path = slerp(a, b, T)
    assert torch.allclose(path.norm(dim=2), torch.full((9, 5), 3.0), atol=1e-5)
    steps = torch.nn.functional.cosine_similarity(path[1:], path[:-1], dim=2)
    whole = torch.nn.functional.cosine_similarity(a, b).clamp(-1, 1).acos()
    assert torch.allclose(steps, (whole / 8).cos().expand(8, 5), atol=1e-5)


def test_slerp_is_shoemakes_formula():
    a, b = (v / v.norm(dim=1, keepdim=True) for v in pair(3))
    omega = (a * b).sum(1, keepdim=True).acos()
    t = 0.3
    expected = (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)
    assert torch.allclose(slerp(a, b, torch.tensor([t]))[0], expected, atol=1e-6)


def test_lengths_change_linearly():
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    middle = slerp(a, b, torch.tensor([0.5]))[0, 0]
    assert torch.allclose(middle, torch.tensor([1.0, 1.0]) * 3 / math.sqrt(2))
    assert torch.equal(lerp(a, b, torch.tensor([0.5]))[0, 0], torch.tensor([1.0, 2.0]))


def test_parallel_vectors_are_a_line():
    a = pair(1)[0]
    assert torch.allclose(slerp(a, 3 * a, T), lerp(a, 3 * a, T), atol=1e-5)
    assert torch.allclose(slerp(a, a, T), a.expand(9, 5, 7), atol=1e-6)


def test_opposite_vectors_go_round():
    a = pair(2)[0]
    path = slerp(a, -a, T)
    assert torch.allclose(path.norm(dim=2), a.norm(dim=1).expand(9, 5), atol=1e-5)
    assert torch.allclose((path[4] * a).sum(1), torch.zeros(5), atol=1e-4)
    assert torch.equal(path, slerp(a, -a, T))


def test_zeros_are_no_special_case():
    a = pair(4)[0]
    zero = torch.zeros_like(a)
    assert torch.allclose(slerp(zero, a, T), lerp(zero, a, T), atol=1e-6)
    assert torch.equal(slerp(zero, zero, T), zero.expand(9, 5, 7))


@dataclass(frozen=True)
class Ruler:
    """A recipe whose samples are its latents."""

    def latents(self, n, noise, truncate=None):
        return noise.normal(n, 3)

    def generate(self, nets, z, given=None):
        return z

    def sample(self, nets, n, noise, given):
        return self.generate(nets, self.latents(n, noise))


@dataclass(frozen=True)
class Model:
    recipe: object = Ruler()
    nets: Nets = Nets()
    device: torch.device = torch.device("cpu")


def test_stops_are_the_samples_of_the_seed():
    samples = sampling.sample(Ruler(), Nets(), 80, 7)
    assert torch.equal(interpolate.latents(Model(), 80, 7), samples)
    assert torch.equal(interpolate.generate(Model(), samples), samples)


@pytest.mark.parametrize("mode", latents.MODES)
def test_a_walk_passes_its_stops(mode):
    stops = pair(5)[0]
    loop = interpolate.walk(stops, 6, mode)
    assert loop.shape == (30, 7)
    assert torch.equal(loop[::6], stops)
    line = interpolate.walk(stops, 6, mode, closed=False)
    assert torch.equal(line, torch.cat([loop[:24], stops[-1:]]))
    last = latents.MODES[mode](stops[-1:], stops[:1], torch.tensor([5 / 6]))[0]
    assert torch.allclose(loop[-1:], last)


@pytest.mark.parametrize(("name", "form"), [("walk.webp", "WEBP"), ("walk.gif", "GIF")])
def test_an_animation_has_its_frames(tmp_path, name, form):
    shades = torch.linspace(-1, 1, 6).reshape(6, 1, 1, 1).expand(6, 1, 8, 8)
    path = interpolate.save_animation(shades, tmp_path / name, fps=10)
    with Image.open(path) as film:
        assert (film.format, film.n_frames) == (form, 6)
        assert film.info["loop"] == 0
    with pytest.raises(UserError, match=r"a \.webp or a \.gif, not 'walk\.mp4'"):
        interpolate.save_animation(shades, tmp_path / "walk.mp4")
    with pytest.raises(UserError, match="points have no animation"):
        interpolate.save_animation(torch.zeros(6, 2), tmp_path / name)


def test_a_capability_is_asked_for_by_what_it_can_do():
    assert able(Quick(), Latent, "interpolate") == Quick()
    assert isinstance(Quick(), Scores)
    with pytest.raises(UserError, match="Ruler cannot judge: it lacks the capability 'Scores'"):
        able(Ruler(), Scores, "judge")


def test_modes_by_name():
    assert interpolate.mode_of("linear") is lerp
    with pytest.raises(UserError, match="not 'sperical'; did you mean 'spherical'"):
        interpolate.mode_of("sperical")
