"""A budget counts the steps that led to the weights: over crashes, and without what is no step."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from gansaku.core.budget import Amount, Budget, at, seconds_of
from gansaku.core.errors import UserError


class Time:
    """A clock that a test moves; saving a checkpoint takes five seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def save(self, run) -> None:
        self.now += 5.0


def made(folder, time, most=10.0, unit="seconds", save=3.0) -> Budget:
    budget = Budget(folder, Amount(most, unit), save, time)
    budget.keeper = time
    return budget


def play(budget, time, first, last, start_up=7.0):
    """Steps of one second each; the first comes after a start-up."""
    run = SimpleNamespace(steps=first, images=0, over=False)
    time.now += start_up
    for run.steps in range(first + 1, last + 1):
        time.now += 1.0
        run.images = 4 * run.steps
        if budget(run):
            break
    return run


def test_steps_count_and_neither_start_up_nor_checkpoints_do(tmp_path):
    time = Time()
    budget = made(tmp_path, time)
    assert play(budget, time, 0, 100).steps == 10
    assert budget.seconds == pytest.approx(10.0)
    assert time.now - 100 > 17 + 3 * 5  # three checkpoints, which nobody was charged for


def test_a_killed_run_is_charged_what_led_to_its_checkpoint(tmp_path):
    time = Time()
    play(made(tmp_path, time, save=4.0), time, 0, 9)  # killed at 9
    known = {int(k): v for k, v in json.loads((tmp_path / "budget.json").read_text()).items()}
    kept = max(k for k in known if k < 9)
    again = made(tmp_path, time)
    again.take_up(SimpleNamespace(steps=kept, images=4 * kept, over=False))
    assert again.seconds == pytest.approx(kept)
    assert play(again, time, kept, 100).steps == 10  # as if it had never been killed


def test_images_are_a_budget_too(tmp_path):
    time = Time()
    budget = made(tmp_path, time, 20, "images")
    assert play(budget, time, 0, 100).steps == 5
    assert budget.used == 20


def test_a_moment_between_two_that_are_known():
    assert at({2: 4.0, 6: 12.0}, 6) == 12.0
    assert at({2: 4.0, 6: 12.0}, 4) == 8.0
    assert at({}, 0) == at({}, 5) == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2.5", 2.5), ("1 h", 3600)]
)
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5 minutes", "0s", "m5", "-3", "1d"])
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match="90s, 5m or 1h30m"):
        seconds_of(text)


def test_amounts_are_said():
    assert str(Amount(5400)) == "1 h 30 min"
    assert str(Amount(90)) == "1 min 30 s"
    assert str(Amount(20000, "images")) == "20,000 images"
