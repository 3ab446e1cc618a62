"""`gansaku memorised RUN`: has it learned its training data by heart."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, grid, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gansaku.data import Source
    from gansaku.metrics.memorisation import Evidence, Verdict
    from gansaku.model import Model

MOST = 100_000  # training pictures that are looked through
SIDE = 32  # pixels: pictures are made no larger before they are compared pixel by pixel
ROWS, EACH = 12, 3  # of the sheet: samples, and neighbours of each kind

Spaces = dict[str, "Callable[[Tensor], Tensor]"]
Views = dict[str, "Tensor"]


@dataclass(frozen=True)
class Args:
    """Has a run learned its training data by heart: nearest training pictures, and a verdict.

    Examples:
      gansaku memorised runs/quick-mnist5k
      gansaku memorised runs/quick-mnist5k --features backbone -n 2000 --out sheet.png

    With held-out data (train with --holdout 0.2) C_T is told too (arXiv:2004.05675).
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    data: Annotated[str | None, may(metavar="PATH")] = None
    """where the training data are now; none: where they were"""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 512
    """samples"""
    seed: int = 1
    """of the samples"""
    features: Annotated[str, tyro.conf.arg(metavar="NAME[:FILE]")] = "random-conv"
    """compared besides pixels: those of `evaluate`; backbone is trained on ImageNet, and slower"""
    out: Annotated[str | None, may(metavar="FILE")] = None
    """the sheet of samples with their nearest training pictures; none: in the run"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "memorised")
    if args.n < 2:
        raise UserError(f"-n must be at least 2, not {args.n}")
    from gansaku.core.capabilities import draws
    from gansaku.metrics.memorisation import examine, judge
    from gansaku.model import load

    model = load(args.run, args.checkpoint, args.device)
    draws(model.recipe, "be asked for samples that it knows by heart")
    spaces = _spaces(model, args.features)
    source, mirrored = _training(model, args.data)
    samples = model.sample(args.n, args.seed).cpu()
    train, kept = _views(source, spaces, mirrored)
    test = _views(source.held, spaces, False)[0] if source.held is not None else None
    fake = {name: view(samples) for name, view in spaces.items()}
    found = {
        name: examine(train[name], fake[name], None if test is None else test[name])
        for name in spaces
    }
    out = Path(args.out or model.folder / "samples" / f"memorised-{args.seed}.png")
    try:
        _draw(model, source, kept, samples, found, {n: (fake[n], train[n]) for n in spaces}, out)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {out}: {error}") from error
    _report(model, judge(found), len(kept), len(source), out)


def _training(model: Model, where: str | None) -> tuple[Source, bool]:
    """What the run was trained on, from its own options, and whether it was fed mirrored too."""
    from gansaku.options import open_data, options_of

    options = options_of(model.folder)
    source = open_data(options if where is None else dataclasses.replace(options, data=where))
    if source.spec.shape != model.spec.shape:
        found = f"{list(source.spec.shape)}, not {list(model.spec.shape)}"
        raise UserError(f"{where or options.data} is of shape {found}: give the run's own data")
    return source, options.flip


def _spaces(model: Model, features: str) -> Spaces:
    """By name, what maps samples to the rows that are compared."""
    if len(model.spec.shape) != 3:
        return {"coordinates": lambda points: points.flatten(1)}
    from gansaku.metrics.features import open_features, shrink

    made = open_features(features, model.spec.channels)
    return {"pixels": lambda images: shrink(images, SIDE).flatten(1), made.network: made}


def _views(source: Source, spaces: Spaces, mirrored: bool) -> tuple[Views, list[int]]:
    """All of a source in every space, a chunk of it in memory at a time, and the items' numbers.

    Of more than MOST items as many are drawn. Mirrored ones follow after all others.
    """
    import torch

    from gansaku.metrics.progress import spread

    kept = spread(len(source), MOST)
    parts: dict[str, list[Tensor]] = {name: [] for name in spaces}
    for flip in (False, True)[: 1 + mirrored]:
        for start in range(0, len(kept), 256):
            x = source.take(kept[start : start + 256])["x"]
            x = x.flip(-1) if flip else x
            for name, view in spaces.items():
                parts[name].append(view(x))
    return {name: torch.cat(rows) for name, rows in parts.items()}, kept


def _report(model: Model, verdict: Verdict, looked: int, training: int, out: Path) -> None:
    colour = {"by heart": "red", "near copies": "yellow", "no sign": "green"}.get(verdict.kind, "")
    words = f"[bold {colour}]{verdict.words}[/]" if colour else f"[bold]{verdict.words}[/]"
    of = "" if looked == training else f" of {training}"
    against = f"against {looked}{of} training data"
    say(words)
    say(f"Samples of step {model.steps} {against}:")
    say(grid([tuple(line.split(": ", 1)) for line in verdict.evidence]))
    say(f"sheet: [b]{escape(str(out))}[/]")


def _draw(
    model: Model,
    source: Source,
    kept: list[int],
    samples: Tensor,
    found: dict[str, Evidence],
    rows: dict[str, tuple[Tensor, Tensor]],
    out: Path,
) -> None:
    """Pictures: a sheet of samples with their neighbours; points: samples over training data."""
    import torch

    from gansaku.cli.neighbours import save_neighbours
    from gansaku.metrics.neighbours import nearest as neighbours

    if len(model.spec.shape) != 3:
        model.preview(samples, out, reference=source.take(kept[:5000])["x"])
        return
    # Where either space calls a sample nearer, for what is usual there, it comes first.
    order = torch.stack([one.closeness / one.usual_median for one in found.values()]).amin(0)
    first = order.argsort(stable=True)[:ROWS]
    groups = {}
    for name, (fake, train) in rows.items():
        _, index = neighbours(fake[first], train, min(EACH, len(train)))
        groups[f"nearest by {name}"] = torch.stack([_look_up(source, kept, row) for row in index])
    times, bounds = zip(*[(e.closeness[first], e.bound) for e in found.values()], strict=True)
    save_neighbours(samples[first], groups, times, bounds, out)


def _look_up(source: Source, kept: list[int], index: Tensor) -> Tensor:
    """The training pictures of those rows; rows beyond the last item are mirrored ones."""
    import torch

    items = source.take([kept[int(i) % len(kept)] for i in index])["x"]
    mirrored = (index >= len(kept))[:, None, None, None]
    return torch.where(mirrored, items.flip(-1), items)
