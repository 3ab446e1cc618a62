"""Everybody Dance Now on the puppet, with and without its temporal term: frames, PSNR, flicker.

    python benchmarks/dance.py --threads 1
    python benchmarks/dance.py --threads 4 --size 128 --recipe \
        "EverybodyDance(steps=40000, face_steps=4000, width=32, d_width=32, blocks=6)"

Every cell resumes where it stopped, and is not made again. Truth is known twice: of the end of the
puppet's own clip, which is held out, and of the partner's dance, in whose poses it can be drawn.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import gansaku as gs
from common import (
    IMAGES,
    WORK,
    Results,
    Trained,
    arguments,
    parse,
    recipe_of,
    slug,
    table,
    train_for,
)
from gansaku.data import puppet
from gansaku.data.clip import ClipSource, open_clip
from gansaku.data.draw import save_table
from gansaku.data.images import to_float
from gansaku.tools.dance import figures_of, painted
from gansaku.tools.film import save_film

HELD = 0.2  # share of the clip, its end
SHOWN = 5  # rows of a picture
FILM = 75  # frames
SMALL = (  # minutes of one core: narrow, a larger rate, the plain distance for the perceptual one
    "EverybodyDance(steps=1000, face_steps=100, width=16, d_width=16, halvings=2, blocks=4, "
    "face_blocks=2, perceptual_weight=0.0, l1_weight=10.0, g_optimizer=Adam(lr=0.001), "
    "d_optimizer=Adam(lr=0.001))"
)


def trained(args: argparse.Namespace, temporal: bool) -> Trained:
    """The run of one cell."""
    recipe = dataclasses.replace(recipe_of(args.recipe), temporal=temporal)
    options: dict[str, Any] = {"size": args.size, "holdout": HELD, "seed": args.seed}
    spent = place(args, temporal) / "budget.json"
    if spent.exists():
        model = gs.load(place(args, temporal))
        if model.steps >= recipe.steps + recipe.face_steps:
            return Trained(model, **json.loads(spent.read_text()))
    return train_for(recipe, "puppet", place(args, temporal), **options)


def place(args: argparse.Namespace, temporal: bool) -> Path:
    """The run folder of one cell."""
    kind = "pair" if temporal else "single"
    return WORK / f"dance-{kind}-{slug(args.recipe)}-{args.size}px-seed{args.seed}"


def held_out(size: int) -> tuple[ClipSource, dict[str, Tensor]]:
    """The source, and its held-out frames in their order."""
    source = open_clip("puppet", size=size, holdout=HELD)
    assert isinstance(source.held, ClipSource)
    return source, source.held.take(range(len(source.held)))


def psnr(made: Tensor, truth: Tensor) -> float:
    """Mean over frames `[T, C, H, W]` in [-1, 1] of the peak signal to noise ratio, in dB."""
    errors = (made - truth).double().square().flatten(1).mean(1)
    return float((10 * torch.log10(4 / errors.clamp(min=1e-10))).mean())


def figures(made: Tensor, truth: Tensor) -> dict[str, float]:
    """PSNR; and flicker, in levels of 255: what changes from frame to frame and should not.

    `person`: PSNR of the pixels that are not the room: farther than 0.1 from their median in time.
    `flicker`: the mean absolute difference of the changes, made and true. `still`: the mean change
    of those pixels that do not change in truth. `motion`: the mean change, less the true one.
    """
    ours, theirs = made.diff(dim=0) * 127.5, truth.diff(dim=0) * 127.5
    there = ((truth - truth.median(0).values).abs() > 0.1).any(1, keepdim=True).expand_as(truth)
    error = (made - truth)[there].double().square().mean() if there.any() else torch.zeros(())
    resting = (theirs == 0).all(1, keepdim=True).expand_as(ours)
    return {
        "psnr": psnr(made, truth),
        "person": float(10 * torch.log10(4 / error.clamp(min=1e-10))),
        "flicker": float((ours - theirs).abs().mean()),
        "still": float(ours[resting].abs().mean()),
        "motion": float(ours.abs().mean() - theirs.abs().mean()),
    }


def copies(size: int) -> dict[str, float]:
    """The baseline of the paper: the training frame whose figure is nearest."""
    source, held = held_out(size)
    fed = source.take(range(len(source)))
    far = torch.cdist(held["a"].flatten(1), fed["a"].flatten(1))
    return figures(fed["b"][far.argmin(1)], held["b"])


def mean_frame(size: int) -> dict[str, float]:
    """The mean of the training frames, always."""
    source, held = held_out(size)
    mean = torch.cat(list(source.images())).mean(0, keepdim=True)
    return figures(mean.expand_as(held["b"]), held["b"])


def cell(args: argparse.Namespace, temporal: bool) -> dict[str, Any]:
    """Train; paint the held-out end and the partner's dance; measure both against truth."""
    found = trained(args, temporal)
    model, (_, held) = found.model, held_out(args.size)
    own = torch.cat(list(painted(model, held["a"], held["face"])))
    dance = figures_of(model, "partner", beside=True)
    other = torch.cat(list(painted(model, dance.figures, dance.faces)))
    truth = to_float(puppet.dressed("puppet", dance.poses), "cpu")
    name = place(args, temporal).name
    assert dance.frames is not None
    columns = {"dancer": dance.frames, "figure": dance.figures, "painted": other, "truth": truth}
    rows = torch.linspace(10, len(other) - 1, SHOWN).long()
    save_table({k: x[rows] for k, x in columns.items()}, IMAGES / f"{name}-partner.png")
    ends = {"figure": held["a"], "painted": own, "truth": held["b"]}
    rows = torch.linspace(2, len(own) - 1, SHOWN).long()
    save_table({k: x[rows] for k, x in ends.items()}, IMAGES / f"{name}-held.png")
    beside = torch.cat([x[:FILM] for x in columns.values()], 3)
    save_film(beside, IMAGES / f"{name}.webp", puppet.FPS)
    measured = {f"held {k}": v for k, v in figures(own, held["b"]).items()}
    measured |= {f"partner {k}": v for k, v in figures(other, truth).items()}
    return {**measured, "picture": name, "recipe": repr(model.recipe), **found.cost()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--recipe", default=SMALL, help="config text")
    parser.add_argument("--size", type=int, default=64, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    args = parse(parser)
    results = Results("dance")
    bases = {"nearest training frame": copies, "mean training frame": mean_frame}
    for name, make in bases.items():
        results.cell(f"{name} {args.size}px", functools.partial(make, args.size))
    for temporal in (True, False):
        results.cell(place(args, temporal).name, functools.partial(cell, args, temporal))
        results.publish("Another's dance", body(results, args, [*bases]))


def body(results: Results, args: argparse.Namespace, bases: list[str]) -> str:
    """The table and the pictures of what is there."""
    found = {n: cell for n, cell in results.cells.items() if f"-{args.size}px-" in n}
    rows = [
        (label(cell), *numbers(cell, "held "), *numbers(cell, "partner "), *cost(cell))
        for cell in found.values()
    ]
    rows += [(b, *numbers(results.cells[f"{b} {args.size}px"], ""), *[""] * 7) for b in bases]
    now = [place(args, temporal).name for temporal in (True, False)]
    links = [f"![{n}](../../docs/images/{n}-{e}.png)" for n in now if n in found for e in ENDS]
    said = SAID.format(size=args.size, recipe=args.recipe, seed=args.seed, held=HELD)
    return f"{said}\n\n{table(HEADER, rows)}\n\n" + "\n".join(links)


def label(cell: dict[str, Any]) -> str:
    """What a row is of."""
    return "one frame" if "temporal=False" in cell["recipe"] else "two frames at a time"


ENDS = ("partner", "held")
SAID = (
    "The puppet at {size} x {size}, last `{recipe}`, seed {seed}. Held out: the last {held:.0%} of "
    "its clip, each frame painted after the one before. Partner: another puppet's dance, its "
    "points moved to where the puppet stands; truth is the puppet drawn in these points. PSNR in "
    "dB, of whole frames, and of the pixels that are not the room (person); the rest in levels of "
    "255 a frame: flicker is the mean absolute difference between the changes from frame to frame, "
    "made and true; still the mean change of pixels that do not change in truth; motion the mean "
    "change less the true one."
)
MEASURED = ("psnr", "person", "flicker", "still", "motion")
HEADER = (
    *("painted", "held-out PSNR", "person", "flicker", "still", "motion"),
    *("partner PSNR", "person", "flicker", "still", "motion", "steps", "CPU s"),
)


def cost(found: dict[str, Any]) -> list[str]:
    """Steps and seconds of the processor."""
    return [str(found["steps"]), str(found["cpu_seconds"])]


def numbers(found: dict[str, Any], prefix: str) -> list[str]:
    """PSNR and flicker as they are printed."""
    return [f"{found[prefix + name]:.2f}" for name in MEASURED]


if __name__ == "__main__":
    main()
