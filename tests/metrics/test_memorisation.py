"""Memorisation: brute force, the nulls of each statistic, and verdicts on real digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from gansaku.core.errors import UserError
from gansaku.data import open_source
from gansaku.metrics.copying import c_t, k_means, z_score
from gansaku.metrics.features import random_conv
from gansaku.metrics.memorisation import (
    authenticity,
    closeness,
    duplicates,
    examine,
    judge,
    twin_distance,
    usual_closeness,
)


def draw(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_authenticity_equals_brute_force() -> None:
    train, fake = draw(40, 3, 0), draw(30, 3, 1)
    between, own = cdist(fake, train), cdist(train, train)
    np.fill_diagonal(own, np.inf)
    ratio = between.min(1) / own.min(1)[between.argmin(1)]
    np.testing.assert_allclose(closeness(train, fake), ratio)
    found = authenticity(train, fake)
    assert found.value == pytest.approx((ratio > 1).mean())
    assert found.error == pytest.approx((ratio > 1).std(ddof=1) / math.sqrt(30))


def test_copies_are_not_authentic_not_even_of_repeated_points() -> None:
    train = draw(20, 3, 0)
    assert authenticity(train, train).value == 0
    twice = torch.cat((train, train))
    assert authenticity(twice, train).value == 0
    assert (closeness(twice, train) == 0).all()
    assert closeness(twice, train + 1e-3).isinf().all()  # beside points that have no distance


@pytest.mark.parametrize("dims", [1, 2, 20])
def test_usual_closeness_is_that_of_new_points(dims: int) -> None:
    train, new = draw(1500, dims, 0), draw(1500, dims, 1)
    same = scipy.stats.ks_2samp(usual_closeness(train).numpy(), closeness(train, new).numpy())
    assert same.pvalue > 1e-3


def test_a_point_left_out_is_no_neighbour_of_its_neighbour() -> None:
    train = torch.tensor([[0.0], [1.0], [3.0], [10.0]])
    found = usual_closeness(train).sort().values
    # 1 to 0 over 0 to 3; 0 to 1 over 1 to 3; 3 to 1 over 1 to 0; 10 to 3 over 3 to 1
    np.testing.assert_allclose(found, [1 / 3, 1 / 2, 2, 7 / 2])


integers = st.lists(st.integers(0, 6), min_size=2, max_size=25)


@given(integers, integers)
@settings(max_examples=60, deadline=None)
def test_z_score_equals_scipy_with_ties(x: list[int], y: list[int]) -> None:
    found = z_score(torch.tensor(x), torch.tensor(y))
    if len({*x, *y}) == 1:
        assert found == 0
        return
    u, p = scipy.stats.mannwhitneyu(x, y, use_continuity=False, method="asymptotic")
    assert 2 * scipy.stats.norm.sf(abs(found)) == pytest.approx(p, rel=1e-9, abs=1e-12)
    assert math.copysign(1, found) == math.copysign(1, u - len(x) * len(y) / 2) or found == 0


def test_c_t_is_the_weighted_mean_of_the_cells() -> None:
    at = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    train = torch.cat([draw(60, 2, k) + at[k] for k in range(3)])
    test = torch.cat([draw(n, 2, 10 + k) + at[k] for k, n in enumerate((30, 60, 90))])
    fake = torch.cat([draw(n, 2, 20 + k) + at[k] for k, n in enumerate((21, 40, 20))])
    found = c_t(train, test, fake, cells=3)
    scores = []
    for k, n in ((0, 30), (1, 60)):  # the third holds 20 samples, no more than tau
        q, p = fake[(0, 21)[k] : (21, 61)[k]], test[(0, 30)[k] : (30, 90)[k]]
        t = train[60 * k : 60 * k + 60]
        u = scipy.stats.mannwhitneyu(cdist(q, t).min(1), cdist(p, t).min(1)).statistic
        m = len(q)
        scores.append((u - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12))
    assert found.c_t.value == pytest.approx((30 * scores[0] + 60 * scores[1]) / 90)
    assert found.c_t.error == pytest.approx(math.hypot(30, 60) / 90)
    assert (found.cells, found.of) == (2, 3)


def test_c_t_of_new_points_is_as_spread_as_it_says() -> None:
    draws = [
        c_t(draw(300, 3, 3 * i), draw(300, 3, 3 * i + 1), draw(300, 3, 3 * i + 2), cells=4)
        for i in range(60)
    ]
    z = torch.tensor([one.deviations for one in draws])
    assert abs(float(z.mean())) < 0.5
    assert 0.7 < float(z.std()) < 1.5


def test_c_t_falls_far_below_zero_for_copies_and_rises_for_noise() -> None:
    train, test = draw(400, 3, 0), draw(300, 3, 1)
    assert c_t(train, test, train[:300] + 0.01 * draw(300, 3, 2)).deviations < -10
    assert c_t(train, test, 2 * draw(300, 3, 3)).deviations > 5


def test_k_means_finds_the_clusters_and_repeats_itself() -> None:
    at = 30 * torch.eye(5, dtype=torch.float64)
    x = torch.cat([draw(40, 5, k) + at[k] for k in range(5)])
    centres = k_means(x, 5, seed=3)
    means = torch.stack([x[40 * k : 40 * k + 40].mean(0) for k in range(5)])
    order = torch.cdist(means, centres).argmin(1)
    torch.testing.assert_close(centres[order], means)
    assert torch.equal(centres, k_means(x, 5, seed=3))
    assert len(k_means(torch.zeros(9, 2), 4)) == 1


def test_duplicates_are_pairs_in_order_of_distance() -> None:
    x = torch.tensor([[0.0], [5.0], [0.1], [5.0], [9.0]])
    found = duplicates(x, threshold=0.2)
    assert found.pairs.tolist() == [[1, 3], [3, 1], [0, 2], [2, 0]]
    assert found.distances.tolist() == pytest.approx([0, 0, 0.1, 0.1])
    assert (found.near.value, found.exact) == (pytest.approx(0.8), 2)
    to = duplicates(x, torch.tensor([[0.0], [8.0]]), threshold=torch.tensor([0, 0, 0, 0, 1.0]))
    assert to.pairs.tolist() == [[0, 0], [4, 1]]


def test_a_collapsed_set_has_twins_and_real_points_have_few() -> None:
    train = draw(2000, 4, 0)
    bound = twin_distance(train, 500)
    assert duplicates(draw(500, 4, 1), threshold=bound).near.value < 0.01
    collapsed = draw(5, 4, 2).repeat(100, 1) + 1e-3 * draw(500, 4, 3)
    assert duplicates(collapsed, threshold=bound).near.value == 1


@pytest.mark.parametrize("dims", [1, 2, 30])
def test_new_points_show_no_sign_in_any_dimension(dims: int) -> None:
    for seed in range(5):
        train, new, test = (draw(n, dims, 3 * seed + k) for k, n in enumerate((800, 400, 300)))
        assert judge({"points": examine(train, new, test)}).kind == "no sign"


@pytest.mark.parametrize("dims", [1, 2, 30])
def test_copies_of_points_are_found_in_any_dimension(dims: int) -> None:
    train = draw(800, dims, 0)
    copies = train[:400] + 1e-8 * draw(400, dims, 1)
    assert judge({"points": examine(train, copies)}).kind == "by heart"
    some = torch.cat((copies[:80], draw(320, dims, 2)))
    assert judge({"points": examine(train, some)}).kind == "near copies"


def test_twenty_training_examples_are_enough_to_be_learned_by_heart() -> None:
    train = draw(20, 10, 0)
    copies = train.repeat(10, 1) + 0.02 * draw(200, 10, 1)
    verdict = judge({"points": examine(train, copies)})
    assert verdict.kind == "by heart"
    assert "copies of 20 training examples" in verdict.words
    kinds = {judge({"p": examine(draw(20, 10, s), draw(200, 10, s + 99))}).kind for s in range(8)}
    assert kinds == {"no sign"}


def test_copies_with_noise_of_half_the_usual_distance_lean_on_the_data() -> None:
    train = draw(1000, 50, 0)
    step = float(usual_closeness(train).median()) * 0.8
    own = torch.cdist(train, train).fill_diagonal_(math.inf).amin(1, keepdim=True)
    aside = draw(400, 50, 1)
    fake = train[:400] + step * own[:400] * aside / aside.norm(dim=1, keepdim=True)
    found = examine(train, fake)
    assert found.copies.value < found.chance
    verdict = judge({"points": found})
    assert verdict.kind == "near copies"
    assert "much closer to training examples" in verdict.words


def test_too_few_to_say_and_nothing_held_out() -> None:
    few = judge({"points": examine(draw(100, 3, 0), draw(20, 3, 1), draw(50, 3, 2))})
    assert few.kind == "too few"
    assert str(few) == "Too few samples to say: 20, and 50 are needed."
    assert any("C_T cannot be told" in line for line in few.evidence)
    assert judge({"points": examine(draw(9, 3, 0), draw(90, 3, 1))}).kind == "too few"
    untold = judge({"points": examine(draw(100, 3, 0), draw(100, 3, 1))})
    assert any("C_T cannot be told" in line for line in untold.evidence)


@pytest.fixture(scope="module")
def digits() -> dict[str, torch.Tensor]:
    source = open_source("digits", holdout=0.4, seed=0)
    assert source.held is not None
    held = torch.cat(list(source.held.images()))
    held = held[torch.randperm(len(held), generator=torch.Generator().manual_seed(0))]
    train = torch.cat(list(source.images()))[::2]  # a spread over the classes
    return {"train": train, "new": held[:300], "test": held[300:550]}


@pytest.fixture(scope="module")
def verdict_on(digits):
    views = {"pixels": lambda x: x.flatten(1), "random-conv": random_conv(1)}

    def call(fake: torch.Tensor):
        sets = (digits["train"], fake, digits["test"])
        return judge({name: examine(*map(view, sets)) for name, view in views.items()})

    return call


def test_other_real_digits_come_out_clean(digits, verdict_on) -> None:
    verdict = verdict_on(digits["new"])
    assert verdict.kind == "no sign", verdict
    assert sum("no nearer than held-out" in line for line in verdict.evidence) == 2


def test_training_digits_with_noise_are_learned_by_heart(digits, verdict_on) -> None:
    noise = torch.randn(digits["train"][:300].shape, generator=torch.Generator().manual_seed(1))
    verdict = verdict_on(digits["train"][:300] + 0.02 * noise)
    assert verdict.kind == "by heart"
    assert any("nearer than held-out" in line and "no " not in line for line in verdict.evidence)


@pytest.mark.parametrize("copies", [45, 150])
def test_some_copied_digits_are_found_and_counted(digits, verdict_on, copies: int) -> None:
    verdict = verdict_on(torch.cat((digits["train"][:copies], digits["new"][copies:])))
    assert verdict.kind == "near copies"
    share = int(verdict.words.split("%")[0].split()[-1])
    assert share == pytest.approx(100 * copies / 300, abs=3)
    assert f"{copies} exact" in verdict.evidence[0]


def test_one_class_of_new_digits_is_no_memorisation(verdict_on) -> None:
    source = open_source("digits", holdout=0.4, seed=0)
    assert source.held is not None
    held = source.held.take(range(len(source.held)))
    for digit in (0, 6):
        assert verdict_on(held["x"][held["y"] == digit]).kind == "no sign", digit


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match="at least one space"):
        judge({})
    with pytest.raises(UserError, match="train: needs at least 3 rows"):
        examine(draw(2, 3, 0), draw(90, 3, 1))
    with pytest.raises(UserError, match="a cell with more than 20 samples but the largest of 1"):
        c_t(draw(30, 3, 0), draw(30, 3, 1), draw(20, 3, 2))
