"""Labelled pictures of another kind, translated: do they help a classifier with few of its own?

    python benchmarks/augmented.py --minutes 5 --threads 1

Wanted: a reader of MNIST's digits, from ten labelled ones a class. At hand: 1,797 labelled digits
of another source (scikit-learn's, scanned at 8 x 8), and MNIST's digits without labels. CycleGAN
learns from both, unpaired and unlabelled, to draw the one kind as the other; the labels go along.
The same classifier is trained on the few, on the few and the others as they are, on the few and the
others translated: accuracy on the test digits, a translator and a choice of the few for each seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    as_images,
    digits,
    mean_and_error,
    parse,
    recipe_of,
    table,
    train_for,
    unseen_digits,
)
from gansaku.core.noise import Noise
from gansaku.data import builtin
from gansaku.data.draw import save_sheet
from gansaku.metrics.digits import train

RECIPE = (
    "CycleGAN(steps=100000, batch_size=8, blocks=2, width=16, d_width=16, patch=16, norm='batch', "
    "g_optimizer=Adam(0.001), d_optimizer=Adam(0.001))"
)
FEW, UNLABELLED = (
    10,
    5000,
)  # labelled digits a class; digits that show the translator what is wanted
STEPS = 800  # of the classifier
WAYS = ("the few alone", "and the others as they are", "and the others translated")


def others() -> tuple[Tensor, Tensor]:
    """scikit-learn's digits in MNIST's frame, 20 x 20 within 28 x 28, with their labels."""
    items = builtin.digits()
    x = as_images(np.stack([items.pixels(i)[..., 0] for i in range(len(items))]))
    large = F.interpolate(x, (20, 20), mode="bicubic").clamp(-1, 1)
    return F.pad(large, (4, 4, 4, 4), value=-1.0), torch.tensor(items.labels)


def written(a: Tensor, b: Tensor) -> Path:
    """Both kinds as folders of PNG files, for the translator; written once."""
    folder = WORK / "augmented" / "digits"
    for name, x in (("trainA", a), ("trainB", b)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(x):
            path = folder / name / f"{number:05}.png"
            if not path.exists():
                pixels = ((one[0] + 1) * 127.5).round().byte().numpy()
                Image.fromarray(pixels).save(path)
    return folder


def few(seed: int) -> np.ndarray:
    """Places of ten labelled digits a class, none of which the translator sees."""
    labels = digits().labels[UNLABELLED:]
    order = np.random.default_rng(seed).permutation(len(labels))
    found = [order[labels[order] == digit][:FEW] for digit in range(10)]
    return UNLABELLED + np.concatenate(found)


def accuracy(x: Tensor, y: Tensor, more: tuple[Tensor, Tensor] | None, seed: int) -> float:
    """Of the classifier of all of these; the few are repeated until they are half of them."""
    if more is not None:
        times = max(len(more[0]) // len(x), 1)
        x, y = torch.cat([x.repeat(times, 1, 1, 1), more[0]]), torch.cat([y.repeat(times), more[1]])
    net = train(x, y, torch.arange(len(x)), seed, STEPS).eval()
    seen, labels = unseen_digits()
    with torch.no_grad():
        said = torch.cat([net(part).argmax(1) for part in seen.split(1000)])
    return float((said == labels).double().mean())


def cell(minutes: float, seed: int) -> dict[str, Any]:
    known, (source, labels) = digits(), others()
    folder = written(source, as_images(known.train[:UNLABELLED]))
    out = WORK / "augmented" / f"{minutes:g}min-seed{seed}"
    trained = train_for(recipe_of(RECIPE), folder, out, 60 * minutes, cpu=True, seed=seed)
    with torch.no_grad():
        parts = [
            trained.model.recipe.translate(trained.model.nets, part, Noise(0), {})
            for part in source.split(200)
        ]
    made = torch.cat(parts)
    shown = torch.cat([source[:20], made[:20], as_images(known.train[:20])])
    save_sheet(shown, IMAGES / "augmented-digits.png", 20)
    places = few(seed)
    x, y = as_images(known.train[places]), torch.tensor(known.labels[places])
    sets = (None, (source, labels), (made, labels))
    found = {way: accuracy(x, y, more, seed) for way, more in zip(WAYS, sets, strict=True)}
    return found | trained.cost()


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--minutes", type=float, default=5.0, help="of the processor, a translator")
    parser.add_argument("--seeds", type=int, default=5)
    args = parse(parser)
    results = Results("augmented")
    cells = [
        results.cell(f"{args.minutes:g} min, seed {seed}", lambda s=seed: cell(args.minutes, s))
        for seed in range(args.seeds)
    ]
    rows = []
    for way in WAYS:
        found = mean_and_error([100 * one[way] for one in cells])
        each = ", ".join(f"{100 * one[way]:.1f}" for one in cells)
        rows.append((way, f"{found.value:.1f} +- {found.error:.1f} %", each))
    body = table(("trained on", "accuracy", "a seed each"), rows)
    steps = ", ".join(str(one["steps"]) for one in cells)
    results.publish(
        "Translated pictures for a classifier with few of its own",
        f"{body}\n\n`{RECIPE}`, steps: {steps}\n\n"
        "![others, translated, wanted](../../docs/images/augmented-digits.png)",
    )


if __name__ == "__main__":
    main()
