"""What samples show: collapse, missing kinds, saturation, a grid, leaks, a stale average."""

from __future__ import annotations

import statistics

from gansaku.doctor.detectors.common import probed
from gansaku.doctor.findings import Finding
from gansaku.doctor.history import LATE, History
from gansaku.doctor.remedies import either, option, penalised, rate, scaled

ALIKE = 0.3  # of the data's diversity: a single class of digits has 0.7
SAME = 0.3  # of the samples have a twin; of well-trained ones none
POINT = 0.1  # of the data's diversity: all but one sample, whatever twins say
PAINTED = 0.5  # of the data's contrast: less is a generator that has not begun to paint
FALLEN = 0.5  # of the diversity it once had
MANY = 200_000  # images: on digits, the GAN of 2014 paints one grey blob until 80,000
STUCK = 0.8  # of the distance to the data a third of the run ago
COMMON = 0.04  # of the data: of rarer kinds, 256 samples may well miss one
MISSED = 0.1  # of its share of the data: a kind that is all but absent
NOTABLE = 0.1  # of the data in all: a single small kind may well be thin for a while
REACHED = 0.97  # told apart from data: above, samples are not yet of any kind of data
EXPECTED = 8.0  # samples of a kind: where so many are due, none by chance is 1 in 3,000
GREYS = 0.25  # of the data's midtones
FEW_GREYS = 0.02  # of the data's pixels: fewer, and black and white is how the data is
GRID = 0.2  # of the power of detail depends on the place in a grid; a DCGAN ends at 0.12
SETTLED = 0.9  # of the planned steps: strided networks begin with a grid and lose it late
VARIED = 0.5  # of the data's diversity: a first grey blob is like nothing
LEAKS = 0.6  # of the way from data to augmented data
VISIBLE = 0.3  # of the samples tell augmented from plain data: less cannot be told of a run
STALE = 3.0  # times as far from the data as the live generator; healthy averages are nearer


def mode_collapse(history: History) -> Finding | None:
    """All samples are alike, though the data is not."""
    if not probed(history):
        return None
    diversity, repeats = history.probe("diversity"), history.late("repeats")
    now = diversity.late().median()
    if not (now < POINT or (now < ALIKE and repeats > SAME)):
        return None
    fell = diversity.top() > ALIKE and now < FALLEN * diversity.top()
    contrast, real = history.late("contrast"), history.late("data/contrast")
    if not (fell or (contrast > PAINTED * real and _stuck(history))):
        return None
    return Finding(
        "mode-collapse",
        f"samples are {100 * now:.0f} % as diverse as the data, and {100 * repeats:.0f} % of them "
        "have a twin among the others",
        "The generator found samples that the critic takes for real and makes nothing else. The "
        "critic judges one sample at a time, so that nothing tells it that they are all alike.",
        either(rate(history, "G", 0.1), penalised(history, 10.0, "R1(1.0)"), _normed(history)),
        diversity.began(below=ALIKE),
    )


def _stuck(history: History) -> bool:
    """After many images samples come no nearer to the data: early ones are all alike as well."""
    if not (images := history.series("images")) or images.last < MANY:
        return False
    distance = history.probe("distance")
    before = distance.since(history.step / 3).until(history.step * (1 - LATE))
    return distance.late().median() > STUCK * before.median()


def _normed(history: History) -> str:
    found = history.settings.get("g_norm")
    return option(history, "g_norm", "batch") if found == "none" else ""


def mode_dropping(history: History) -> Finding | None:
    """Some kinds of data have no samples, while the others do."""
    data, kinds = history.kinds_of_data(), history.kinds()
    if not probed(history) or not data:
        return None
    late = [shares for step, shares in kinds if step > history.step * (1 - LATE)]
    if len(late) < history.least(3):
        return None
    usual = [statistics.median(shares[i] for shares in late) for i in range(len(data))]
    missing = [
        i
        for i, share in enumerate(data)
        if share >= COMMON and share * 256 >= EXPECTED and usual[i] < MISSED * share
    ]
    lost = sum(data[i] for i in missing)
    if lost < NOTABLE or not history.late("apart") < REACHED:
        return None
    return Finding(
        "mode-dropping",
        f"{len(missing)} of {len(data)} kinds of data, {100 * lost:.0f} % of it, have "
        f"{100 * sum(usual[i] for i in missing):.1f} % of the samples",
        "The generator covers a part of the data well and has no reason to leave it: where it "
        "makes nothing, no gradient says that something is missing. The critic is too sharp there.",
        either(
            penalised(history, 10.0, "R1(0.5), R2(0.5)"),
            "--objective 'Relativistic()'"
            if history.settings.kind("objective") != "Relativistic"
            else "",
            scaled(history, "batch_size", 2),
        ),
        next(step for step, _ in kinds if step > history.step * (1 - LATE)),
    )


def saturated(history: History) -> Finding | None:
    """Pixels stand at the ends of the range where the data has greys."""
    if not probed(history):
        return None
    real, found = history.late("data/midtones"), history.probe("midtones")
    if not real > FEW_GREYS or not found.late().median() < GREYS * real:
        return None
    return Finding(
        "saturated-samples",
        f"{100 * found.late().median():.1f} % of the samples' pixels lie inside the range "
        f"(|x| < 0.9), of the data's {100 * real:.0f} %",
        "The generator's last layer is driven to the ends of its range, where its gradient is "
        "nought, so that it stays there. Steps too large do it, or weights too large at the start.",
        either(rate(history, "G", 0.1), rate(history, "D", 0.25)),
        found.began(below=GREYS * real),
    )


def checkerboard(history: History) -> Finding | None:
    """A grid of 2 or 4 pixels that the data does not have."""
    found = history.probe("grid")
    settled = history.step >= SETTLED * (history.total or 0)
    if not probed(history) or not found or not settled:
        return None
    if not (found.late().median() > GRID and history.late("diversity") > ALIKE):
        return None
    return Finding(
        "checkerboard",
        f"{100 * found.late().median():.0f} % of the fine detail of samples depends on whether it "
        "falls on the first, second, third or fourth pixel, and it does not in the data",
        "Transposed convolutions whose kernel is no multiple of their stride paint some pixels "
        "more often than others. The critic may be too weak to see it, or training too short.",
        option(
            history,
            "up",
            "nearest",
            "a generator that doubles by copying (up='nearest'), or "
            "transposed convolutions whose kernel is a multiple of the stride (4 for 2)",
        ),
        found.began(above=GRID),
    )


def leaking(history: History) -> Finding | None:
    """Samples look as the augmentation makes the data look."""
    found = history.probe("leak")
    if not probed(history) or not found or history.late("augmented") < VISIBLE:
        return None
    if not (found.late().median() > LEAKS and history.late("diversity") > VARIED):
        return None
    p = history.settings.get("augment.p")
    kind = history.settings.kind("augment")
    less = 0.6 / p if isinstance(p, float) and p > 0.6 else 0.5
    return Finding(
        "augmentation-leaking",
        f"samples lie nearer to the data under {kind or 'augmentation'} than to the data as it is: "
        f"{100 * found.late().median():.0f} % of the way from the one to the other",
        "The critic sees all images augmented, and so strongly that it cannot know what they look "
        "like without. The generator then makes augmented images.",
        either(
            scaled(history, "augment.p", less),
            "--augment 'DiffAugment(\"translation\")'",
            "--augment None",
        ),
        found.began(above=LEAKS),
    )


def stale(history: History) -> Finding | None:
    """The averaged generator is far behind the live one."""
    live, averaged = history.probe("live"), history.probe("averaged")
    if not probed(history) or len(live) < history.least(3) or len(live) != len(averaged):
        return None
    ratio = averaged.late().median() / max(live.late().median(), 1e-9)
    if not ratio > STALE or averaged.late().median() < 1.0:
        return None
    ema = history.settings.get("ema")
    seen = history.series("images")
    factor = 0.05 * seen.last / ema if ema and seen and 0.05 * seen.last < ema else 0.1
    return Finding(
        "stale-average",
        f"samples of the averaged generator are {ratio:.1f} times as far from the data as those of "
        "the live one",
        "The moving average looks back further than the generator's present state is old, and "
        "mixes in weights that were no good. Samples are drawn from it, so they lag behind.",
        scaled(history, "ema", factor, "a shorter half-life of the average"),
        next(
            s
            for s, a, b in zip(live.steps, averaged.values, live.values, strict=True)
            if a > STALE * b or s == live.steps[-1]
        ),
    )
