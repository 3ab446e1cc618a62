"""The data and how well the critic knows it: ranges, repeats, blanks, few images, overfitting."""

from __future__ import annotations

import math

from gansaku.doctor.detectors.common import probed
from gansaku.doctor.findings import Finding
from gansaku.doctor.history import History
from gansaku.doctor.remedies import either, flipped, option, penalised

BEYOND = 1.05  # of the range [-1, 1]: what resampling may overshoot
NARROW = 0.2  # of a range of 2: masks of 0 and 1 in 8 bits, 8 bits in 16
COPIES = 0.2  # of the images are equal to another
BLANK = 0.1  # of the images are one flat colour
FEW = 200  # images: published GANs from so few need augmentation or other data to begin with
KNOWN = 0.8  # chance that a training image is put above a held-out one: half is a coin


def wrong_range(history: History) -> Finding | None:
    """Pixels are not in [-1, 1], or use next to nothing of it."""
    low, high = history.probe("data/low"), history.probe("data/high")
    if not low or not history.probe("data/midtones"):
        return None  # points have no range
    a, b = low.last, high.last
    if max(abs(a), abs(b)) > BEYOND:
        told, cause = (
            "",
            "Networks that end in tanh cannot reach them, and the critic sees it at once.",
        )
    elif a >= -1e-3 and b > 0.5:
        told, cause = (
            ": never below the middle",
            "Half of what the generator can paint is never right, and the critic sees it first.",
        )
    elif b - a < NARROW:
        told, cause = (
            ": all but one grey",
            "Differences within the images are too small for the networks to learn.",
        )
    else:
        return None
    return Finding(
        "wrong-data-range",
        f"the data's pixels lie in [{a:.3g}, {b:.3g}]{told}, where [-1, 1] is meant",
        f"The pixels were scaled by the wrong range before they came here. {cause}",
        "give the images as 8-bit files or uint8 arrays with values 0 to 255 (masks of 0 and 1 "
        "times 255; 8 bits in a 16-bit file as uint8), or floats in [0, 1]; `gansaku data` shows "
        "what is fed",
        low.steps[0],
    )


def repeated(history: History) -> Finding | None:
    """Many images are there more than once."""
    copies = history.probe("data/copies")
    if not copies or copies.last < COPIES:
        return None
    return Finding(
        "repeated-data",
        f"{100 * copies.last:.0f} % of the images looked at are equal to another",
        "Images that are there many times are learned first, and by heart. What seems to be a "
        "large set is a small one.",
        "remove the copies (`gansaku data` lists files); "
        + either(option(history, "augment", "'ADA()'", "augment what the critic sees")),
        copies.steps[0],
    )


def blank(history: History) -> Finding | None:
    """Many images are one flat colour."""
    found = history.probe("data/constant")
    if not found or found.last < BLANK:
        return None
    return Finding(
        "constant-images",
        f"{100 * found.last:.0f} % of the images looked at are one flat colour",
        "Empty images are easy to make, so the generator makes them, and so does the critic "
        "expect. They are mostly pages that failed to render, or crops beside the subject.",
        "remove them; `gansaku data` shows what is fed",
        found.steps[0],
    )


def overfitting(history: History) -> Finding | None:
    """The critic tells images that it was trained on from images that were held out."""
    found = history.probe("D auc held")
    if not probed(history) or not found.late().median() > KNOWN:
        return None
    train, held, fake = (history.late(f"D({name})") for name in ("train", "held", "samples"))
    ratio = (train - held) / (train - fake) if train != fake else math.nan
    size = history.probe("data/size")
    return Finding(
        "overfitting-critic",
        f"the critic puts training images above held-out ones {100 * found.late().median():.0f} "
        f"times in 100 (logits {train:.2g} and {held:.2g}, samples {fake:.2g}: "
        f"{100 * ratio:.0f} % of the way), trained on {size.last:.0f} images",
        "The critic remembers the training images instead of what they have in common. The "
        "generator is then told to copy them, or told nothing.",
        either(
            option(history, "augment", "'ADA()'"),
            "more images",
            flipped(history),
            penalised(history, 10.0, "R1(1.0)"),
        ),
        found.began(above=KNOWN),
    )


def few_images(history: History) -> Finding | None:
    """So few images that nothing general can be learned."""
    size = history.probe("data/size")
    if history.option.get("feeds") == "single":  # one picture is all that such a recipe wants
        return None
    if not size or size.last >= FEW or not history.probe("data/midtones"):
        return None
    return Finding(
        "few-images",
        f"there are {size.last:.0f} images to train on",
        "From so few images a critic learns the images and not their kind. What is drawn will be "
        "copies of them, or mixtures.",
        either(
            "" if history.settings.get("augment") else option(history, "augment", "'ADA()'"),
            flipped(history),
            "--holdout 0.2 shows whether the critic overfits",
        ),
        size.steps[0],
    )
