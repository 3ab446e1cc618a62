"""SRResNet on Set5 against bicubic enlargement, trained on photographs that are at hand.

    python benchmarks/super_resolution.py --minutes 10 --threads 1
    python benchmarks/super_resolution.py --scale 4 --minutes 60 --recipe "SRGAN(steps=0)"

The training set: photographs inside scikit-image and scikit-learn, and those of monet2photo and
facades, cut into squares; Set5 is in none of them. PSNR and SSIM are of Y of BT.601 without a
border of `scale` pixels. Minutes are of the processor. Cells resume.
"""

from __future__ import annotations

import dataclasses
import importlib.util
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
    parse,
    recipe_of,
    shared,
    slug,
    table,
    train_for,
)
from gansaku.data.draw import save_sheet
from gansaku.metrics.similarity import luma, on_luma
from gansaku.nets.layers.bicubic import bicubic

SIDE = 128  # of the squares that photographs are cut into
RECIPE = (
    "SRGAN(steps=0, mse_steps=6000, batch_size=8, patch=48, width=32, blocks=6, norm=False, "
    "enlarged=True, eyes='random', g_optimizer=Adam(0.0005, (0.9, 0.999)))"
)
SKIMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")


def photographs() -> list[tuple[str, np.ndarray]]:
    """Name and RGB pixels of every photograph."""
    found = []
    for package, inside, names in (
        ("skimage", "data", SKIMAGE),
        ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
    ):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            paths = [Path(place, inside, name) for name in names]
            found += [(path.stem, _pixels(path)) for path in paths if path.exists()]
    for parts, left in (
        (("monet2photo", "monet60_photo60_256.zip"), None),
        (("facades", "facades_AB_90_512x256.zip"), 256),
    ):
        with zipfile.ZipFile(shared(*parts)) as file:
            for name in sorted(file.namelist()):
                if name.endswith(".jpg") and "testA" not in name:
                    pixels = _pixels(io.BytesIO(file.read(name)))
                    found.append((name.replace("/", "-"), pixels[:, :left]))
    return found


def _pixels(file: Any) -> np.ndarray:
    return np.asarray(Image.open(file).convert("RGB"))


def squares() -> Path:
    """The photographs as squares, PNG files in one folder, written once."""
    folder = WORK / "super_resolution" / "squares"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, pixels in photographs():
            for top in range(0, pixels.shape[0] - SIDE + 1, SIDE):
                for left in range(0, pixels.shape[1] - SIDE + 1, SIDE):
                    part = pixels[top : top + SIDE, left : left + SIDE]
                    Image.fromarray(part).save(folder / f"{Path(name).stem}-{top}-{left}.png")
        (folder / "done").touch()
    return folder


def set5(scale: int) -> dict[str, Tensor]:
    """Set5 `[1, 3, H, W]` in [-1, 1], sides multiples of the scale."""
    found = {}
    for path in sorted(shared("sr", "CSet5").glob("*.png")):
        x = torch.tensor(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None]
        height, width = (side // scale * scale for side in x.shape[2:])
        found[path.stem] = x[:, :, :height, :width].float() / 127.5 - 1
    return found


def whole(x: Tensor) -> Tensor:
    """Rounded to what a file holds."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def by_bicubic(x: Tensor, scale: int) -> tuple[float, float]:
    """The published protocol: Y alone is reduced and enlarged, unrounded between."""
    y = whole(luma(x.double()))
    small = bicubic(y, (x.shape[2] // scale, x.shape[3] // scale))
    db, similarity = on_luma(y, bicubic(small, tuple(x.shape[2:])), scale)
    return float(db), float(similarity)


def by_model(model: Any, x: Tensor, scale: int) -> tuple[float, float, Tensor]:
    """The small picture is rounded to bytes, as a file would be."""
    small = whole(bicubic(x, (x.shape[2] // scale, x.shape[3] // scale)))
    with torch.no_grad():
        made = model.recipe.translate(model.nets, small, None, {})
    db, similarity = on_luma(x, whole(made), scale)
    return float(db), float(similarity), made


def proof(text: str, scale: int, minutes: float, seed: int) -> dict[str, Any]:
    recipe = dataclasses.replace(recipe_of(text), scale=scale)
    folder = squares()
    count = len(list(folder.glob("*.png")))
    out = WORK / "super_resolution" / f"{slug(text)}-{scale}-{seed}"
    trained = train_for(recipe, folder, out, 60 * minutes, cpu=True, seed=seed, flip=True)
    found: dict[str, Any] = {"recipe": text, "squares": count, **trained.cost()}
    found["pictures"] = {}
    for name, x in set5(scale).items():
        *figures, made = by_model(trained.model, x, scale)
        found["pictures"][name] = [*figures, *by_bicubic(x, scale)]
        if name == "butterfly":
            show(x, made, scale)
    return found


def show(x: Tensor, made: Tensor, scale: int) -> None:
    """Bicubic, the model, and the truth, side by side."""
    small = bicubic(x, (x.shape[2] // scale, x.shape[3] // scale))
    side = min(x.shape[2:])
    rows = [bicubic(small, tuple(x.shape[2:])).clamp(-1, 1), made, x]
    IMAGES.mkdir(parents=True, exist_ok=True)
    save_sheet(torch.cat(rows)[:, :, :side, :side], IMAGES / f"set5-butterfly-x{scale}.png", 3)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor")
    parser.add_argument("--seed", type=int, default=0)
    args = parse(parser)
    results = Results("super_resolution")
    key = f"{slug(args.recipe)} x{args.scale} {args.minutes:g} min {args.seed}"
    results.cell(key, lambda: proof(args.recipe, args.scale, args.minutes, args.seed))
    parts = [said(key, cell) for key, cell in results.cells.items()]
    results.publish("Set5, enlarged, trained on what is at hand", "\n\n".join(parts))


def said(key: str, cell: dict[str, Any]) -> str:
    """A table of the five pictures beside bicubic, and what it took."""
    rows = [
        (name, *(f"{v:.2f}" if i % 2 == 0 else f"{v:.4f}" for i, v in enumerate(values)))
        for name, values in cell["pictures"].items()
    ]
    mean = np.mean(list(cell["pictures"].values()), 0)
    rows.append(("mean", f"{mean[0]:.2f}", f"{mean[1]:.4f}", f"{mean[2]:.2f}", f"{mean[3]:.4f}"))
    head = ("Set5", "PSNR, dB", "SSIM", "bicubic: PSNR, dB", "SSIM")
    cost = (
        f"`{cell['recipe']}`: {cell['steps']} steps, {cell['cpu_seconds']:.0f} s of the processor, "
        f"on {cell['squares']} squares of {SIDE} pixels. Gain: {mean[0] - mean[2]:+.2f} dB."
    )
    return f"## {key}\n\n{table(head, rows)}\n\n{cost}"


if __name__ == "__main__":
    main()
