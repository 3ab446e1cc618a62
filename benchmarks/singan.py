"""SinGAN scale by scale beside the pyramid that its authors' code trained; and its steps.

    python benchmarks/singan.py balloons --effort standard --seed 0 --threads 1
    python benchmarks/singan.py official --threads 1
    python benchmarks/singan.py again --threads 1
    python benchmarks/singan.py without --threads 1
    python benchmarks/singan.py steps --threads 1
    python benchmarks/singan.py --report

A training resumes where it stopped; a cell that is done is not made again. `official` is the
imported pyramid, measured alike. `again` takes more samples of every pyramid's last scale: the
patch distance of six is known to half its value. `without` trains `fast` on a small picture with
each of its means taken away, or overdone. `steps` times one iteration of the paper's exact
computation against the plain way, at the three largest scales, in turns in one process.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import gansaku as gs
from common import IMAGES, WORK, Results, arguments, parse, shared, slug, table, train_for
from gansaku.core import config
from gansaku.core.noise import Noise
from gansaku.data.draw import save_sheet
from gansaku.importing import import_singan
from gansaku.metrics.patches import patch_distance, reconstruction_error, single_image_diversity
from gansaku.recipes.singan import SinGAN
from plain_singan import begun, plainly

SAMPLES = 6  # of the patch distance
SPREAD = 24  # of the diversity
MANY = 64  # of both, where pyramids are told apart
SMALL = 96  # pixels of the longer side, where means are tried
MEANS = {  # what is taken from `fast`, or overdone
    "fast as it is": "",
    "one move a gradient of the generator": "g_moves=1",
    "six moves a gradient": "g_moves=6",
    "the paper's weight of the reconstruction, 10": "likeness=10.0",
    "no penalty but every tenth iteration": "penalty_every=10",
    "three critic updates at large scales too": "d_updates=3",
    "32 channels everywhere": "widest=32",
    "no bank of the frozen scales' outputs": "bank=0",
    "as many iterations in all, alike at all scales": "steps=563, fewer=0.0",
    "a quarter of the iterations": "steps=250",
}
LAST = 3  # scales whose iterations are timed


@torch.no_grad()
def figures(model: Any, seed: int = 1) -> list[dict[str, float]]:
    """Patch distance, diversity and reconstruction at every scale, against the picture there."""
    recipe, nets, rows = model.recipe, model.nets, []
    for k in range(recipe.scales(nets)):
        real = nets.memory.real(k)[0].contiguous()
        many = recipe.render(nets, recipe.maps(nets, Noise(seed), SPREAD), stop=k)
        again = recipe.render(nets, recipe.fixed(nets), stop=k)[0]
        distance = patch_distance(many[:SAMPLES], real)
        row = {"scale": k, "patches": distance.value, "error": distance.error}
        row["diversity"] = single_image_diversity(many, real).value
        rows.append(row | {"reconstruction": reconstruction_error(again, real)})
    return rows


@torch.no_grad()
def again(folder: Path) -> dict[str, Any]:
    """The last scale's figures from many samples, whose noise no other figure has seen."""
    model = gs.load(folder)
    recipe, nets = model.recipe, model.nets
    real = nets.memory.real(recipe.scales(nets) - 1)[0]
    seeds = range(100, 100 + MANY // 16)
    many = torch.cat([recipe.render(nets, recipe.maps(nets, Noise(seed), 16)) for seed in seeds])
    distance, spread = patch_distance(many, real), single_image_diversity(many, real)
    row = {"patches": distance.value, "error": distance.error}
    row |= {"diversity": spread.value, "samples": MANY}
    error = reconstruction_error(recipe.render(nets, recipe.fixed(nets))[0], real)
    return {"scales": [row | {"reconstruction": error}]}


def sheet(model: Any, name: str) -> str:
    """The picture, its reconstruction and samples at full size."""
    recipe, nets = model.recipe, model.nets
    last = recipe.scales(nets) - 1
    with torch.no_grad():
        again = recipe.render(nets, recipe.fixed(nets))
        samples = recipe.render(nets, recipe.maps(nets, Noise(1), 7))
    shown = torch.cat([nets.memory.real(last), again, samples]).contiguous()
    return save_sheet(shown, IMAGES / f"singan-{name}.png", 3).name


def trained(picture: Path, effort: str, seed: int) -> dict[str, Any]:
    out = WORK / "singan" / f"{picture.stem}-{effort}-{seed}"
    recipe = SinGAN(effort=effort)
    recipe = dataclasses.replace(recipe, steps=recipe.numbers.steps)
    made = train_for(recipe, str(picture), out, seed=seed)
    if "finished at step" not in (out / "log.txt").read_text():
        raise SystemExit(f"interrupted at step {made.model.steps}: the same command goes on")
    name = f"{picture.stem}-{effort}-{seed}"
    return {"scales": figures(made.model), "sheet": sheet(made.model, name)} | made.cost()


def official(folder: Path, picture: Path) -> dict[str, Any]:
    """The imported pyramid; `resampling` is how far our amplitudes are from its recorded ones."""
    out = WORK / "singan" / "official"
    model = gs.load(out) if (out / "run.json").exists() else import_singan(folder, out, picture)
    memory = model.nets.memory
    gaps = []
    for k in range(1, memory.count):
        error = (memory.below(k) - memory.real(k)).square().mean().sqrt()
        gaps.append(abs(0.1 * float(error) / float(memory.amps[k]) - 1))
    found = {"scales": figures(model), "resampling": max(gaps)}
    return found | {"sheet": sheet(model, "official")}


def without(picture: Path, given: str) -> dict[str, Any]:
    """`fast` with other numbers, on the picture made small, at the last scale."""
    out = WORK / "singan-means" / f"{picture.stem}-{slug(given) if given else 'fast'}"
    recipe = config.read(f"SinGAN(effort='fast', {given})")
    recipe = dataclasses.replace(recipe, steps=recipe.numbers.steps)
    made = train_for(recipe, str(picture), out, size=SMALL)
    return again(out) | made.cost()


# --- the time of an iteration ---


def steps(picture: Path, turns: int) -> dict[str, Any]:
    """Processor seconds of an iteration, ours and plain in turns, and the ratio of the medians."""
    rows = []
    for back in range(LAST, 0, -1):
        run, other = (begun(str(picture), back) for _ in range(2))
        ours, theirs, plain = [], [], plainly(other)
        for _ in range(1 + turns):  # the first warms up
            ours.append(seconds(run.advance))
            theirs.append(seconds(plain))
        one, two = statistics.median(ours[1:]), statistics.median(theirs[1:])
        rows.append({"scale": run.stage_number, "ours": one, "plain": two, "ratio": two / one})
        print(rows[-1], flush=True)
    return {"scales": rows}


def seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def report(results: Results) -> None:
    """A table for each pyramid, and one of all that were measured at their last scale alone."""
    parts, last = [], []
    for key, cell in results.cells.items():
        names = [name for name in cell["scales"][0] if name != "error"]
        rows = [[f"{row[name]:.4g}" for name in names] for row in cell["scales"]]
        said = {n: v for n, v in cell.items() if n in ("cpu_seconds", "seconds", "resampling")}
        if len(rows) == 1:
            last.append((key.removesuffix(f", {MANY} samples"), *_ending(cell)))
        else:
            parts.append(f"## {key}\n\n{table(names, rows)}\n\n{said}")
    header = ("pyramid", "patches", "diversity", "reconstruction", "CPU s")
    parts.append(f"## The last scale, {MANY} samples\n\n{table(header, last)}")
    results.publish("SinGAN, scale by scale", "\n\n".join(parts))


def _ending(cell: dict[str, Any]) -> tuple[str, ...]:
    row, spent = cell["scales"][0], cell.get("cpu_seconds")
    patches = f"{row['patches']:.4f} +- {row['error']:.4f}"
    values = f"{row['diversity']:.3f}", f"{row['reconstruction']:.3f}"
    return (patches, *values, "" if spent is None else f"{spent:.0f}")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "what", nargs="?", help="a picture of singan_inputs, official, again or steps"
    )
    parser.add_argument("--effort", default="standard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=1, help="iterations that are timed")
    parser.add_argument("--report", action="store_true")
    args = parse(parser)
    results = Results("singan")
    pictures = shared("singan_inputs") / "Images"
    if args.what == "official":
        balloons = pictures / "balloons.png"
        folder = shared("singan_trained_balloons")
        results.cell("official", lambda: official(folder, balloons))
    elif args.what == "again":
        for folder in sorted((WORK / "singan").iterdir()):
            results.cell(f"{folder.name}, {MANY} samples", lambda f=folder: again(f))
    elif args.what == "without":
        for name, given in MEANS.items():
            make = functools.partial(without, pictures / "balloons.png", given)
            results.cell(f"fast at {SMALL} pixels: {name}", make)
    elif args.what == "steps":
        results.cell("steps", lambda: steps(pictures / "balloons.png", args.turns))
    elif args.what:
        picture = next(iter(sorted(pictures.glob(f"{args.what}.*"))))
        key = f"{args.what}, {args.effort}, seed {args.seed}"
        results.cell(key, lambda: trained(picture, args.effort, args.seed))
    if args.report or args.what:
        report(results)


if __name__ == "__main__":
    main()
