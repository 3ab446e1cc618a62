"""The bound on mutual information: closed forms, and codes that are drawn, cut and swept."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.core.noise import Noise
from gansaku.losses import Codes
from gansaku.losses.information import categorical_information, gaussian_information


def test_a_sure_and_right_q_knows_the_whole_entropy():
    c = torch.arange(40) % 5
    sure = 100.0 * torch.nn.functional.one_hot(c, 5)
    assert float(categorical_information(sure, c)) == pytest.approx(math.log(5))
    assert float(categorical_information(torch.zeros(40, 5), c)) == pytest.approx(0.0, abs=1e-6)
    assert float(categorical_information(-sure, c)) < -50
    hot = torch.nn.functional.one_hot(c, 5).float()
    assert torch.equal(categorical_information(sure + 1, hot), categorical_information(sure + 1, c))


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_no_q_beats_the_information(seed, states, k):
    """Of a channel x -> c that is known: the posterior reaches I(c; x), any other Q stays below."""
    g = torch.Generator().manual_seed(seed)
    given_c = torch.rand(k, states, generator=g, dtype=torch.float64) + 1e-3
    given_c /= given_c.sum(1, keepdim=True)
    joint = given_c / k  # p(c) even
    information = float((joint * (given_c / joint.sum(0)).log()).sum())

    def bound(logits):  # the loss of one (x, c) each, weighted by the joint
        cells = [(x, c) for c in range(k) for x in range(states)]
        each = [categorical_information(logits[x : x + 1], torch.tensor([c])) for x, c in cells]
        return float((joint.flatten() * torch.stack(each)).sum())

    posterior = (joint / joint.sum(0)).T.log()
    assert bound(posterior) == pytest.approx(information)
    other = torch.randn(states, k, generator=g, dtype=torch.float64)
    assert bound(other) <= information + 1e-12


def test_the_loss_is_that_bound():
    """The mean over samples is the expectation over the joint that they are drawn from."""
    logits = torch.randn(3, 4, dtype=torch.float64)
    x, c = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
    found = categorical_information(logits[x.flatten()], c.flatten())
    log_q = logits.log_softmax(1)
    assert float(found) == pytest.approx(float(log_q.mean()) + math.log(4))


def test_gaussian_bound():
    c = torch.rand(50, 3, dtype=torch.float64) * 2 - 1
    best = 3 * (math.log(2) - 0.5 * math.log(2 * math.pi))
    assert float(gaussian_information(c, c)) == pytest.approx(best)
    normal = torch.distributions.Normal(torch.zeros(3, dtype=torch.float64), 0.5)
    told = gaussian_information(torch.zeros_like(c), c, 0.5)
    expected = normal.log_prob(c).sum(1).mean() + 3 * math.log(2)
    assert float(told) == pytest.approx(float(expected))
    same = gaussian_information(torch.zeros_like(c), c, torch.full_like(c, 0.5))
    assert float(same) == pytest.approx(float(expected))


def test_codes_are_drawn_from_their_prior():
    codes = Codes((4, 3), 2)
    drawn = codes.draw(2000, Noise(0))
    (a, b), c = codes.parts(drawn)
    assert drawn.shape == (2000, codes.size) == (2000, 9)
    for part, k in ((a, 4), (b, 3)):
        assert torch.equal(part.sum(1), torch.ones(2000))
        assert (part.mean(0) - 1 / k).abs().max() < 4 * (1 / k / 2000) ** 0.5
    assert c.shape == (2000, 2)
    assert c.abs().max() <= 1
    assert abs(float(c.square().mean()) - 1 / 3) < 0.03
    assert Codes((3,), 0).draw(5, Noise(1)).shape == (5, 3)
    assert Codes((), 2).draw(5, Noise(1)).shape == (5, 2)


def test_bounds_are_of_each_kind():
    codes = Codes((4, 3), 2)
    c = codes.draw(20, Noise(0))
    found = codes.bounds(100 * c, c)
    assert float(found["categories"]) == pytest.approx(math.log(4) + math.log(3))
    assert found["continuous"] == gaussian_information(100 * c[:, 7:], c[:, 7:])
    assert set(Codes((3,), 0).bounds(torch.zeros(2, 3), torch.eye(3)[:2])) == {"categories"}
    assert set(Codes((), 1).bounds(torch.zeros(2, 1), torch.zeros(2, 1))) == {"continuous"}


def test_sweeps_change_one_code_alone():
    codes = Codes((3, 2), 2)
    z = torch.cat([torch.randn(5, 4), codes.draw(5, Noise(0))], 1)
    found = codes.sweeps(z, 7)
    assert list(found) == ["c1", "c2", "c3", "c4"]
    assert [tuple(s.shape) for s in found.values()] == [
        (5, 3, 11), (5, 2, 11), (5, 7, 11), (5, 7, 11)
    ]  # fmt: skip
    assert torch.equal(found["c1"][:, :, 4:7], torch.eye(3).expand(5, 3, 3))
    assert torch.equal(found["c1"][:, :, 7:], z[:, None, 7:].expand(5, 3, 4))
    assert torch.equal(found["c4"][:, :, 10], torch.linspace(-2, 2, 7).expand(5, 7))
    assert torch.equal(found["c4"][:, 0, 4:7].argmax(1), torch.arange(5) % 3)  # a row a category
    for sweep in found.values():
        assert torch.equal(sweep[:, :, :4], z[:, None, :4].expand_as(sweep[:, :, :4]))  # the noise


def test_a_category_is_set():
    codes = Codes((3, 2), 1)
    z = torch.cat([torch.randn(4, 2), codes.draw(4, Noise(0))], 1)
    y = torch.tensor([2, 0, 1, 2])
    told = codes.with_category(z, y)
    assert torch.equal(told[:, 2:5].argmax(1), y)
    assert torch.equal(told[:, [0, 1, 5, 6, 7]], z[:, [0, 1, 5, 6, 7]])


@pytest.mark.parametrize("args", [((), 0), ((1,), 2), ((3, 0), 1), ((3,), -1)])
def test_no_codes_are_refused(args):
    with pytest.raises(ValueError, match="Codes needs a code"):
        Codes(*args)
