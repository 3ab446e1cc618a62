"""Each detector on a history made up for it, and on one that is just not ill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansaku.doctor.detectors import examine
from gansaku.doctor.history import History
from gansaku.doctor.settings import Settings

DUEL = (
    "DCGAN(steps=1000, objective=NonSaturating(smooth=1.0), penalties=(), augment=None, "
    "g_optimizer=Adam(lr=0.0002), d_optimizer=Adam(lr=0.0002), d_updates=1, ema=0.0, "
    "up='transpose')"
)
WELL = {  # a run that is well, and far enough to be judged
    "D/objective": 1.1,
    "D(real)": 0.5,
    "D(fake)": -0.5,
    "D/gradient": 2.0,
    "G/objective": 0.9,
    "G/gradient": 1.0,
    "probe/finite": 1.0,
    "probe/diversity": 0.95,
    "probe/repeats": 0.0,
    "probe/distance": 3.0,
    "probe/apart": 0.8,
    "probe/midtones": 0.12,
    "probe/contrast": 0.6,
    "probe/grid": 0.05,
    "probe/D auc": 0.8,
    "probe/D auc held": 0.5,
    "probe/D(train)": 1.0,
    "probe/D(held)": 0.9,
    "probe/D(samples)": -1.0,
    "probe/D spread": 1.0,
    "probe/weights/D": 0.05,
    "probe/step/D": 0.0001,
    "probe/weights/G": 0.05,
    "probe/step/G": 0.0001,
    "probe/data/size": 5000,
    "probe/data/low": -1.0,
    "probe/data/high": 1.0,
    "probe/data/copies": 0.0,
    "probe/data/constant": 0.0,
    "probe/data/midtones": 0.1,
    "probe/data/contrast": 0.6,
} | {f"probe/{which}kind/{i}": 0.1 for which in ("", "data/") for i in range(10)}

Number = float | Callable[[float], float]


def history(text: str = DUEL, log: tuple[str, ...] = (), **changes: Any) -> History:
    """Twenty records; a change is a number, or a function of the share of the run that is over."""
    changes = {name.replace("__", "/").replace("_auc", " auc"): v for name, v in changes.items()}
    rows = []
    for i in range(1, 21):
        row: dict[str, Any] = {"step": 50 * i, "images": 6400 * i, "measure": 1.0}
        for name, value in (WELL | changes).items():
            row[name] = value(i / 20) if callable(value) else value
        rows.append(row)
    return History(Settings.read(text), tuple(rows), log=log)


def named(*args: Any, **changes: Any) -> list[str]:
    return [finding.illness for finding in examine(history(*args, **changes))]


def test_the_one_that_is_well():
    assert named() == []
    assert named(DUEL.replace("NonSaturating(smooth=1.0)", "Wasserstein()"), wasserstein=1.0) == []


def test_nothing_is_said_too_early():
    ill = history(**{"D/objective": 1e-4, "probe/apart": 1.0})
    assert [f.illness for f in examine(ill)] == ["critic-too-strong"]
    assert examine(ill.until(150)) == []


CASES: dict[str, list[dict[str, Any]]] = {
    "critic-too-strong": [
        {"D/objective": 0.01, "probe/apart": 1.0},
        {"probe/D auc": 1.0, "probe/apart": 1.0},  # and samples at a distance that is constant
    ],
    "critic-too-weak": [
        {"D/objective": 3.0, "probe/apart": 1.0, "probe/D auc": 0.4},
        {"D/objective": 1.5, "probe/apart": 1.0, "probe/D auc": 0.2},
    ],
    "dead-critic": [{"G/gradient": 1e-9, "probe/D spread": 1e-8}],
    "exploding": [{"D/gradient": lambda at: 10 ** (6 * at)}],
    "learning-rate-too-high": [{"D/objective": 50.0, "probe/step/D": 0.01}],
    "mode-collapse": [
        {"probe/diversity": lambda at: 0.9 if at < 0.5 else 0.05, "probe/repeats": 0.9},
        {"probe/diversity": 0.02, "probe/repeats": 1.0, "images": lambda at: 1e6 * at},
    ],
    "mode-dropping": [{"probe/kind/0": 0.0, "probe/kind/1": 0.2}],
    "oscillation": [
        {f"probe/kind/{i}": lambda at, i=i: float(round(20 * at) % 10 == i) for i in range(10)}
        | {"probe/apart": 0.99}
    ],
    "saturated-samples": [{"probe/midtones": 0.001}],
    "checkerboard": [{"probe/grid": 0.5}],
    "stale-average": [{"probe/live": 3.0, "probe/averaged": 20.0}],
    "augmentation-leaking": [{"probe/leak": 0.9, "probe/augmented": 0.7}],
    "overfitting-critic": [{"probe/D auc held": 0.97}],
    "few-images": [{"probe/data/size": 20}],
    "repeated-data": [{"probe/data/copies": 0.6}],
    "constant-images": [{"probe/data/constant": 0.4}],
    "wrong-data-range": [
        {"probe/data/low": 0.0, "probe/data/high": 255.0},
        {"probe/data/low": 0.0},
        {"probe/data/high": -0.99},
    ],
    "non-finite": [{"probe/finite": lambda at: float(at < 0.9)}],
}


@pytest.mark.parametrize(
    ("illness", "changes"), [(name, c) for name, some in CASES.items() for c in some]
)
def test_each_is_named(illness, changes):
    assert named(**changes) == [illness]


@pytest.mark.parametrize(
    "changes",
    [
        {"D/objective": 0.05, "probe/apart": 0.99},  # strong, as DCGAN's critics are
        {"probe/D auc": 1.0, "probe/apart": 1.0, "probe/distance": lambda at: 9 - at},
        {"D/objective": 3.0, "probe/apart": 1.0},  # loud, but right four times in five
        {"probe/diversity": 0.6},
        {"probe/kind/0": 0.03},
        {"probe/grid": 0.12},
        {"probe/D auc held": 0.65},
        {"probe/live": 5.0, "probe/averaged": 3.0},
        {"probe/leak": 0.4, "probe/augmented": 0.7},
        {"probe/data/size": 1000},
        {"probe/midtones": 0.0, "probe/data/midtones": 0.0},  # black and white is how the data is
        {"D/gradient": lambda at: 1 + 500 * at},
        {"probe/diversity": lambda at: 0.05 + 0.2 * at, "probe/repeats": 1.0, "images": 20_000},
    ],
)
def test_what_is_no_illness(changes):
    assert named(**changes) == []


def test_the_log_says_which_term_and_when():
    log = (
        "2026-01-01 00:00:00 training",
        "2026-01-01 00:00:01 stopped at step 60: D/R1 became nan at step 60 (stage 'train'). Try",
    )
    (found,) = examine(history(log=log))
    assert (found.illness, found.step) == ("non-finite", 60)
    assert "D/R1 became nan by step 60" in found.evidence
    assert "--d_optimizer.lr 2e-05 (it is 0.0002)" in found.remedy
    weight = ("x stopped at step 70: nets/G/paint.weight is not finite at step 70: no",)
    (found,) = examine(history(log=weight))
    assert "nets/G/paint.weight" in found.evidence
    assert "--g_optimizer.lr 2e-05" in found.remedy


def test_unbounded_and_steep_critics():
    bare = "WGANGP(steps=1000, objective=Wasserstein(), penalties=(), constraint=None)"
    grows = {"wasserstein": lambda at: 10 ** (4 * at)}
    (found,) = examine(history(bare, **grows))
    assert found.illness == "exploding"
    assert "--penalties 'GradientPenalty(10.0)'" in found.remedy
    held = bare.replace("penalties=()", "penalties=(GradientPenalty(weight=10.0),)")
    assert named(held, **grows) == []
    assert named(held, **{"D/GradientPenalty": 5000.0}) == ["exploding"]


def test_the_remedy_fits_the_recipe():
    minimax = DUEL.replace("NonSaturating(smooth=1.0)", "Minimax()")
    (found,) = examine(history(minimax, **{"D/objective": 0.001, "probe/apart": 1.0}))
    assert found.remedy.startswith("--objective 'NonSaturating()'")
    clipped = "WGAN(steps=1000, objective=Wasserstein(), constraint=WeightClip(c=1e-06))"
    (found,) = examine(history(clipped, **{"G/gradient": 0.0, "probe/D spread": 0.0}))
    assert found.remedy == "--constraint.c 0.01 (it is 1e-06)"


def test_causes_silence_their_consequences():
    both = {"probe/data/low": 0.0, "probe/data/high": 255.0, "D/objective": 1e-4}
    assert named(**both, **{"probe/apart": 1.0}) == ["wrong-data-range"]
    two = {"probe/data/copies": 0.9, "probe/grid": 0.6}
    assert named(**two) == ["repeated-data", "checkerboard"], "what has nothing to do with it"


def test_a_generator_left_on_one_kind_has_collapsed_and_dropped_the_others():
    one = {f"probe/kind/{i}": float(i == 3) for i in range(10)}
    one |= {"probe/diversity": lambda at: 0.9 if at < 0.5 else 0.05, "probe/repeats": 0.9}
    assert named(**one) == ["mode-collapse", "mode-dropping"]
    assert named(**one, **{"probe/apart": 1.0}) == ["mode-collapse"], "of no kind at all"


def test_of_a_stale_average_the_live_generator_is_asked_whether_it_moves():
    ill = {"probe/D auc": 1.0, "probe/apart": 1.0, "probe/averaged": 20.0}
    assert named(**ill, **{"probe/live": lambda at: 9 - 5 * at}) == ["stale-average"]


def test_a_single_look_is_enough_where_there_is_one_only():
    rows = history().records
    bare = [{k: v for k, v in r.items() if not k.startswith("probe/")} for r in rows]
    last = {"step": 1000, **{k: v for k, v in rows[-1].items() if k.startswith("probe/")}}
    last["probe/D auc held"] = 0.99
    once = History(Settings.read(DUEL), (*bare, last), once=True)
    assert [f.illness for f in examine(once)] == ["overfitting-critic"]
    assert examine(History(Settings.read(DUEL), (*bare, last))) == []
