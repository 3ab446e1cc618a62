"""A translation that is known: faces and other faces in negative colours, without pairs.

    python benchmarks/planted.py --threads 1
    python benchmarks/planted.py --recipes cut --seeds 0 1 2 3 4 --minutes 8 --threads 1

Half of the faces are one side, the negatives of the other half are the other: what every held-out
face must become is known, and no pair was seen. Figures are PSNR in dB against that, beside those
of the input itself and of the mean picture of the other side. Minutes are of the processor. Cells
resume.

A cycle closes as well when bright stays bright. With the paper's weight of 10 translators keep to
it; with 2 the critics decide first, in most seeds for the negative. CUT's contrast keeps to it as
well, and at a weight of 1 goes back to it: early features compared at a third of that leave the
decision to the critic, and R1 on the critic keeps what was found.
"""

from __future__ import annotations

import functools
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    as_images,
    parse,
    recipe_of,
    shared,
    table,
    train_for,
)
from gansaku.core.noise import Noise
from gansaku.data.draw import save_sheet
from gansaku.metrics.similarity import psnr

RECIPES = {
    "cyclegan": "CycleGAN(steps=3000, batch_size=4, identity_weight=0.0, cycle_weight=2.0, "
    "blocks=2, width=16, d_width=16, patch=34, norm='batch', g_optimizer=Adam(0.001), "
    "d_optimizer=Adam(0.001))",
    "cut": "CUT(steps=2000, batch_size=4, identity=False, contrast_weight=0.3, taps=(0, 1, 2), "
    "blocks=0, width=16, d_width=16, patch=70, norm='batch', penalties=(R1(0.0008),), ema=400.0, "
    "g_optimizer=Adam(0.001), d_optimizer=Adam(0.0005))",
}
PIXELS = {"cyclegan": 32, "cut": 64}  # a side of their pictures
TEST = 100


def pictures(size: int) -> np.ndarray:
    """CelebA's faces, the middle square, as bytes `[1500, size, size, 3]`, in a fixed order."""
    found = []
    with zipfile.ZipFile(shared("faces", "celeba_1500_89x109.zip")) as file:
        for name in sorted(n for n in file.namelist() if n.lower().endswith((".jpg", ".png"))):
            image = Image.open(io.BytesIO(file.read(name))).convert("RGB")
            side, (width, height) = min(image.size), image.size
            left, top = (width - side) // 2, (height - side) // 2
            square = image.crop((left, top, left + side, top + side))
            found.append(np.asarray(square.resize((size, size), Image.Resampling.LANCZOS)))
    return np.stack(found)[np.random.default_rng(0).permutation(len(found))]


def written(faces: np.ndarray, size: int) -> Path:
    """trainA, trainB, testA and testB as folders of PNG files, written once."""
    folder = WORK / "planted" / f"faces-{size}"
    half = TEST + (len(faces) - TEST) // 2
    test, a, b = faces[:TEST], faces[TEST:half], 255 - faces[half:]
    for name, part in (("trainA", a), ("trainB", b), ("testA", test), ("testB", 255 - test)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, pixels in enumerate(part):
            path = folder / name / f"{number:04}.png"
            if not path.exists():
                Image.fromarray(pixels).save(path)
    return folder


def colours(pixels: np.ndarray) -> Tensor:
    return as_images(pixels)[:, 0].movedim(3, 1).contiguous()


def db(a: Tensor, b: Tensor) -> float:
    return round(float(psnr(a, b).mean()), 2)


def proof(name: str, seed: int, minutes: float) -> dict[str, Any]:
    """Train, translate the held-out faces both ways where the recipe can, and draw some."""
    recipe, size = recipe_of(RECIPES[name]), PIXELS[name]
    faces, out = pictures(size), WORK / "planted" / f"{name}-{size}-{seed}"
    trained = train_for(recipe, written(faces, size), out, 60 * minutes, cpu=True, seed=seed)
    test = colours(faces[:TEST])
    model = trained.model

    def made(x: Tensor, direction: str) -> Tensor:
        with torch.no_grad():
            return recipe.translate(model.nets, x, Noise(0), {"direction": direction})

    forth = made(test, "AtoB")
    found = {"recipe": RECIPES[name], "seed": seed, "AtoB": db(forth, -test), **trained.cost()}
    rows = [test[:10], forth[:10], -test[:10]]
    if "BtoA" in getattr(recipe, "directions", ()):
        back = made(-test, "BtoA")
        found["BtoA"] = db(back, test)
        rows.append(back[:10])
    IMAGES.mkdir(parents=True, exist_ok=True)
    save_sheet(torch.cat(rows), IMAGES / f"planted-{name}-{seed}.png", 10)
    return found


def naive(size: int) -> list[tuple[Any, ...]]:
    """What a face has to do with its negative, and the other side's mean with all of them."""
    faces = pictures(size)
    test, other = colours(faces[:TEST]), -colours(faces[TEST + 700 :])
    mean = other.mean(0).expand_as(test)
    return [
        ("the face itself", size, "", db(test, -test), db(-test, test), ""),
        ("the mean picture", size, "", db(mean, -test), "", ""),
    ]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=8.0, help="of the processor, a model")
    args = parse(parser)
    results = Results("planted")
    for name in args.recipes:
        for seed in args.seeds:
            key = f"{name} {PIXELS[name]} {seed}"
            results.cell(key, functools.partial(proof, name, seed, args.minutes))
    rows = [row for size in sorted(set(PIXELS.values())) for row in naive(size)]
    for key, cell in sorted(results.cells.items()):
        cost = f"{cell['steps']} steps, {cell['cpu_seconds']:.0f} s of the processor"
        name, side, seed = key.split()
        rows.append((name, side, seed, cell["AtoB"], cell.get("BtoA", ""), cost))
    body = table(("translation", "pixels", "seed", "A to B, dB", "B to A, dB", "cost"), rows)
    recipes = sorted({cell["recipe"] for cell in results.cells.values()})
    body += "\n\n" + "\n".join(f"- `{recipe}`" for recipe in recipes)
    results.publish("A planted translation: negatives of faces", body)


if __name__ == "__main__":
    main()
