"""Stacked MNIST: images and labels agree, the divergence and its bias are exact, errors honest."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.stacked import ideal, modes_of, stack, stacked_modes


def coded(n: int = 50) -> tuple[torch.Tensor, torch.Tensor]:
    """Digits whose brightness says what they are."""
    labels = torch.arange(n) % 10
    return (labels / 10).view(-1, 1, 1, 1).expand(n, 1, 28, 28).clone(), labels


def read(images: torch.Tensor) -> torch.Tensor:
    assert images.shape[1] == 1
    return F.one_hot((images.mean((1, 2, 3)) * 10).round().long(), 10).float()


def test_a_stack_is_three_digits_and_its_number() -> None:
    images, labels = stack(*coded(), 300, seed=3)
    assert images.shape == (300, 3, 28, 28)
    digits = (images.mean((2, 3)) * 10).round().long()
    assert torch.equal(digits @ torch.tensor([100, 10, 1]), labels)
    assert len(labels.unique()) > 200
    fewer = stack(*coded(), 300, seed=3)[1]
    assert torch.equal(fewer, labels)
    assert not torch.equal(stack(*coded(), 300, seed=4)[1], labels)


def test_modes_are_counted_by_the_classifier() -> None:
    images, labels = stack(*coded(), 400, seed=1)
    found = stacked_modes(images, read)
    assert found == modes_of(labels)
    assert found.covered == len(labels.unique())
    assert found.modes == 1000
    assert found.samples == 400


def test_a_collapsed_generator_has_its_closed_form() -> None:
    found = modes_of(torch.tensor([7, 7, 993, 993] * 10_000))
    assert found.covered == 2
    assert found.reverse_kl.value == pytest.approx(math.log(500))
    assert found.reverse_kl.error == pytest.approx(0, abs=1e-4)
    assert found.warning == ""


def test_every_mode_equally_often_has_no_divergence() -> None:
    found = modes_of(torch.arange(1000).repeat(30))
    assert (found.covered, found.reverse_kl.value) == (1000, pytest.approx(0, abs=1e-12))


def test_the_bias_of_a_finite_sample_is_exact() -> None:
    for n, modes in ((40, 20), (3000, 1000)):
        draws = [modes_of(Noise(s, ("m", n)).integers(n, below=modes), modes) for s in range(150)]
        for values, expected in (
            ([one.covered for one in draws], ideal(n, modes)[0]),
            ([one.reverse_kl.value for one in draws], ideal(n, modes)[1]),
        ):
            assert abs(np.mean(values) - expected) < 4 * np.std(values) / math.sqrt(150)
    assert ideal(26_000)[1] == pytest.approx(999 / 52_000, rel=0.02)
    assert ideal(26_000)[0] == pytest.approx(1000, abs=1e-6)


def test_few_samples_are_warned_of_with_what_is_to_be_expected() -> None:
    found = modes_of(torch.arange(1000))
    assert "1,000 samples are fewer than the usual 26,000" in found.warning
    assert "632.3 modes" in found.warning


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_the_error_is_the_spread_over_draws(power: float) -> None:
    weights = torch.arange(1, 201).double() ** -power
    draws = []
    for seed in range(80):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.multinomial(weights, 4000, replacement=True, generator=generator)
        draws.append(modes_of(labels, 200))
    claimed = np.sqrt(np.mean([one.reverse_kl.error**2 for one in draws]))
    assert 0.8 < claimed / np.std([one.reverse_kl.value for one in draws]) < 1.25


def test_bad_input_is_one_sentence() -> None:
    digits, labels = coded()
    with pytest.raises(UserError, match="are stacked; found"):
        stack(digits.expand(-1, 3, -1, -1), labels, 5)
    with pytest.raises(UserError, match="labels of digits are 0 to 9"):
        stack(digits, labels + 1, 5)
    with pytest.raises(UserError, match=r"2 or more images \[N, 3, H, W\]"):
        stacked_modes(digits, read)
