"""Vendi score: closed forms, the dual of its kernel, orders, and the standard error."""

import math

import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.core.errors import UserError
from gansaku.metrics.vendi import vendi, vendi_of_kernel

ORDERS = [0.0, 0.5, 1.0, 2.0, math.inf]


def draw(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("q", ORDERS)
@pytest.mark.parametrize("n", [5, 40])
def test_the_same_row_n_times_is_one(n: int, q: float) -> None:
    assert vendi(draw(1, 8, 0).expand(n, 8), q).value == pytest.approx(1)


@pytest.mark.parametrize("q", ORDERS)
def test_n_orthogonal_rows_are_n(q: float) -> None:
    x = torch.linalg.qr(draw(30, 30, 0)).Q
    found = vendi(x * torch.arange(1, 31)[:, None], q, folds=10)  # lengths do not count
    assert found.value == pytest.approx(30)
    assert found.error == pytest.approx(0, abs=1e-9)  # each fold leaves 27 of 27


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_groups_of_equal_rows_have_the_entropy_of_their_shares(sizes: list[int]) -> None:
    x = torch.eye(6, dtype=torch.float64)[: len(sizes)].repeat_interleave(torch.tensor(sizes), 0)
    shares = torch.tensor(sizes, dtype=torch.float64) / sum(sizes)
    assert vendi(x).value == pytest.approx(float(torch.special.entr(shares).sum().exp()))
    assert vendi(x, q=2).value == pytest.approx(float(1 / shares.square().sum()))
    assert vendi(x, q=math.inf).value == pytest.approx(float(1 / shares.max()))
    assert vendi(x, q=0).value == pytest.approx(len(sizes))


@pytest.mark.parametrize("shape", [(12, 20), (50, 7)])
def test_both_ways_equal_the_definition(shape: tuple[int, int]) -> None:
    x = draw(*shape, 0)
    unit = x / x.norm(dim=1, keepdim=True)
    values = scipy.linalg.eigvalsh((unit @ unit.T / len(x)).numpy())
    expected = math.exp(-sum(v * math.log(v) for v in values if v > 1e-12))
    assert vendi(x).value == pytest.approx(expected, rel=1e-9)
    assert vendi_of_kernel(unit @ unit.T) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", [(30, 40), (60, 5)])
def test_the_jackknife_leaves_out_one_fold_at_a_time(shape: tuple[int, int]) -> None:
    x = draw(*shape, 1)
    fold = torch.arange(len(x)) % 5
    parts = torch.tensor([vendi(x[fold != k]).value for k in range(5)])
    expected = float(((parts - parts.mean()).square().sum() * 4 / 5).sqrt())
    assert vendi(x, folds=5).error == pytest.approx(expected, rel=1e-4)


def test_the_error_is_near_the_spread_over_draws() -> None:
    found = [vendi(draw(100, 6, i) * torch.tensor([3, 2, 1, 1, 0.5, 0.2])) for i in range(80)]
    claimed = math.sqrt(sum(one.error**2 for one in found) / len(found))
    assert 0.7 < claimed / float(torch.tensor([one.value for one in found]).std()) < 1.5


def test_fewer_modes_are_less_diverse() -> None:
    centres = 5 * draw(8, 20, 0)
    of = [centres[torch.arange(200) % k] + 0.3 * draw(200, 20, k) for k in (8, 4, 2)]
    values = [vendi(x).value for x in of]
    assert values[0] > values[1] > values[2] > 1


def test_few_rows_have_no_error() -> None:
    assert math.isnan(vendi(draw(19, 3, 0)).error)
    assert vendi(draw(1, 3, 0)).value == pytest.approx(1)


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match="1 of 3 rows are all zeros"):
        vendi(torch.cat((draw(2, 4, 0), torch.zeros(1, 4))))
    with pytest.raises(UserError, match="order q must be 0 or more"):
        vendi(draw(3, 3, 0), q=-1)
    with pytest.raises(UserError, match="1 on its diagonal"):
        vendi_of_kernel(2 * torch.eye(3))
    with pytest.raises(UserError, match="symmetric"):
        vendi_of_kernel(torch.tensor([[1.0, 0.5], [0.2, 1.0]]))
