"""Translators on real data for a given time: held-out figures beside naive ones, curves, sheets.

    python benchmarks/translate.py --minutes 30 --threads 1
    python benchmarks/translate.py facades shoes --minutes 60 --threads 1

Steps are as many as the time holds at the pace of the first ones, so that rates fall to 0 at its
end. Every cell resumes where it stopped, and is not made again.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    curves,
    parse,
    recipe_of,
    shared,
    table,
    train_for,
    write_text,
)
from gansaku.core.capabilities import Translates, directions_of
from gansaku.core.folder import Folder
from gansaku.core.loop import Run
from gansaku.core.translating import inputs_of
from gansaku.metrics.colour import colour_error, colourfulness
from gansaku.metrics.progress import ProgressMeasure
from gansaku.metrics.similarity import psnr, ssim
from gansaku.options import Options, open_data

TRIED = 60  # steps, shared among the stages as those of the run, by which the pace is found
MOST = 200  # held-out samples that are judged


@dataclasses.dataclass(frozen=True)
class Task:
    """A recipe, by name or as text, and its data; `lengths` shares the steps among its stages."""

    recipe: str
    data: tuple[str, ...]
    options: dict[str, Any]
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    lengths: Callable[[int], dict[str, int]] = lambda steps: {"steps": steps}


HELD = {"holdout": 0.1}
FACADES, MONET = "facades_AB_90_512x256.zip", "monet60_photo60_256.zip"
OWN = (  # the papers' rates, widths and batches of one leave noise after half an hour of a core
    "width=16, d_width=32, patch=34, batch_size=4, norm='batch', "
    "g_optimizer=Adam(0.001), d_optimizer=Adam(0.0005)"
)
CYCLE, CUT = f"CycleGAN({OWN}, blocks=4)", f"CUT({OWN}, blocks=5)"
FACES = ("faces", "celeba_1500_89x109.zip")
TASKS = {
    "facades": Task("pix2pix", ("facades", FACADES), {"size": 128, "direction": "BtoA", **HELD}),
    "shoes": Task("pix2pix", ("edges2shoes",), {"size": 128}),
    "monet cyclegan": Task(CYCLE, ("monet2photo", MONET), {"size": 64, "flip": True, **HELD}),
    "monet cut": Task(CUT, ("monet2photo", MONET), {"size": 64, "flip": True, **HELD}),
    "colours": Task("colorize", FACES, {"size": 64, **HELD}, {"batch_size": 4}),
    "larger": Task(
        "srgan",
        FACES,
        {"size": 64, **HELD},
        lengths=lambda steps: {"mse_steps": steps // 2, "steps": steps - steps // 2},
    ),
}


def cell(name: str, minutes: float, seed: int, cpu: bool, fields: dict[str, Any]) -> dict[str, Any]:
    """Train one task for its minutes; judge and draw what came of it."""
    task = TASKS[name]
    label = "-".join([*name.split(), *(f"{k}{v}" for k, v in fields.items())])
    out = WORK / f"translate-{label}-{minutes:g}min-seed{seed}"
    path, options = str(shared(*task.data)), {**task.options, "seed": seed}
    recipe = recipe_of(task.recipe, **{**task.fields, **fields})
    feeds = type(recipe).feeds
    source = open_data(Options(data=path, feeds=feeds, **options))

    def of(steps: int) -> Any:
        return dataclasses.replace(recipe, **task.lengths(steps))

    steps = paced(of, source, 60 * minutes, out, cpu)
    often = {"measure_every": max(1, steps // 30), "log_every": max(1, steps // 200)}
    trained = train_for(of(steps), path, out, cpu=cpu, **often, **options)
    slug = f"translate_{label.replace('-', '_')}"
    sheet = shutil.copyfile(Folder(out).sheets()[-1], IMAGES / f"{slug}.png")
    chart = curves(Folder(out).records(), IMAGES / f"{slug}_curves.png")
    held = source.held
    assert held is not None, f"{name} holds nothing out"
    found = judged(trained.model, held)
    about = {"train": len(source), "held": len(held), "size": list(trained.model.spec.shape)}
    pictures = {"sheet": f"images/{sheet.name}", "curves": f"images/{chart.name}"}
    return {**found, **about, **pictures, "recipe": repr(of(steps)), **trained.cost()}


def paced(make: Callable[[int], Any], source: Any, seconds: float, out: Path, cpu: bool) -> int:
    """How many steps of what is to `make` the time holds; found once, and kept beside the run."""
    path = out.with_suffix(".pace.json")
    if path.exists():
        return json.loads(path.read_text())["steps"]
    clock = time.process_time if cpu else time.monotonic
    Run(make(TRIED), source).play(steps=3)  # layers choose their ways
    run = Run(make(TRIED), source)
    began = clock()
    run.play()
    pace = (clock() - began) / TRIED
    steps = max(10, int(seconds / pace))
    write_text(path, json.dumps({"steps": steps, "seconds_a_step": pace}))
    return steps


@torch.no_grad()
def judged(model: Any, held: Any) -> dict[str, Any]:
    """Figures on held-out samples, and the same of what is no translation: `naive`."""
    batch = held.take(range(min(len(held), MOST)))
    recipe = cast(Translates, model.recipe)
    found: dict[str, Any] = {"judged": len(next(iter(batch.values())))}
    for way in directions_of(model.recipe):
        a = inputs_of(recipe, model.nets, batch, 0, way, model.device)
        out = model.translate(a, 0, direction=way)
        there = {name: value.to(model.device) for name, value in batch.items()}
        target = recipe.targets(model.nets, there) if way == "AtoB" else None
        if target is None:
            found |= {f"{k} {way}": v for k, v in apart(a, out, batch, way).items()}
        else:
            found |= against(a, out, target.cpu(), naive="x" in batch)
    return found


def against(a: Tensor, out: Tensor, target: Tensor, naive: bool) -> dict[str, Any]:
    """PSNR, SSIM and mean absolute error to targets; `naive`: of the input, resized, as well."""
    colours = naive and a.shape[1] == 1
    found = pair_figures(out, target, colours)
    if naive:
        plain = F.interpolate(a, target.shape[2:], mode="bicubic", antialias=True).clamp(-1, 1)
        figures = pair_figures(plain.expand_as(target), target, colours)
        found |= {f"naive {name}": value for name, value in figures.items()}
    middle = target.mean((0, 2, 3), keepdim=True).expand_as(target)
    return found | {"psnr of the mean colour": float(psnr(middle, target).mean())}


def pair_figures(x: Tensor, target: Tensor, colours: bool) -> dict[str, float]:
    """Of pictures to their targets; of `colours` also how many there are, and how far off."""
    found = {
        "psnr": float(psnr(x, target).mean()),
        "ssim": float(ssim(x, target).mean()),
        "mae": float((x - target).abs().mean()),
    }
    if not colours:
        return found
    found["colourfulness / real"] = float(colourfulness(x).mean() / colourfulness(target).mean())
    found["colour error"] = colour_error(x, target)
    found["colour error, rebalanced"] = colour_error(x, target, rebalanced=True)
    return found


def apart(a: Tensor, out: Tensor, batch: dict[str, Tensor], way: str) -> dict[str, float]:
    """Kernel distance to real pictures of the other side; naive: of the inputs themselves."""
    real = batch["b" if way == "AtoB" else "a"]
    distance = ProgressMeasure(real, spec_of(real))
    return {"kernel": distance(out)["value"], "naive kernel": distance(a)["value"]}


def spec_of(x: Tensor) -> Any:
    from gansaku.data import ImageSpec

    return ImageSpec(x.shape[2], x.shape[3], x.shape[1])


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--minutes", type=float, default=30, help="of training, each cell")
    parser.add_argument("--cpu", action="store_true", help="minutes of the processor, not clock")
    parser.add_argument("--width", type=int, help="of the translators, to look at things quickly")
    parser.add_argument("--seed", type=int, default=0)
    args = parse(parser)
    results = Results("translate")
    for name in args.tasks or list(TASKS):
        if name not in TASKS:
            raise SystemExit(f"no task is called {name!r}: {', '.join(TASKS)}")
        fields = {} if args.width is None else {"width": args.width}
        wide = "" if args.width is None else f" width {args.width}"
        key = f"{name}{wide}, {args.minutes:g} min, seed {args.seed}"
        results.cell(key, functools.partial(cell, name, args.minutes, args.seed, args.cpu, fields))
        results.publish("Translators on real data", body(results))


def body(results: Results) -> str:
    """A row a cell, and below it its pictures."""
    rows, pictures = [], []
    for key, found in results.cells.items():
        figures = [
            f"{name} {value:.3g}"
            for name, value in found.items()
            if isinstance(value, float) and "seconds" not in name
        ]
        size = f"{found['size'][2]}x{found['size'][1]}"
        data = f"{found['train']} + {found['held']}, {size}"
        rows.append((key, data, found["steps"], found["cpu_seconds"], "; ".join(figures)))
        pictures.append(
            f"## {key}\n\n`{found['recipe']}`\n\n![held out](../../docs/{found['sheet']})\n\n"
            f"![curves](../../docs/{found['curves']})"
        )
    header = ("task", "data (train + held out)", "steps", "seconds of the processor", "held out")
    return table(header, rows) + "\n\n" + "\n\n".join(pictures)


if __name__ == "__main__":
    main()
