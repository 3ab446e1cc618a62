"""`gansaku parzen RUN`: the log-likelihood that the papers of 2014 report."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import grid, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gansaku.model import Model

MOST = 10_000  # pictures of each kind, as in the paper


@dataclass(frozen=True)
class Args:
    """Parzen-window log-likelihood of pictures that a run was not trained on (arXiv:1406.2661).

    Examples:
      gansaku parzen runs/gan-mnist5k    (trained with --holdout 0.2)
      gansaku parzen runs/gan --data t10k-images-idx3-ubyte.gz --valid validation/

    Weak evidence, says the paper itself: real pictures score little more than good samples.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    data: Annotated[str | None, may(metavar="PATH")] = None
    """pictures to be judged; none: what the run held out"""
    valid: Annotated[str | None, may(metavar="PATH")] = None
    """pictures that choose the window's width; none: half of those"""
    samples: int = MOST
    """samples that the windows stand on"""
    seed: int = 1
    """of the samples"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "parzen")
    if args.samples < 2:
        raise UserError(f"--samples must be at least 2, not {args.samples}")
    from gansaku.core.capabilities import draws
    from gansaku.metrics.parzen import parzen, to_unit
    from gansaku.model import load

    model = load(args.run, args.checkpoint, args.device)
    draws(model.recipe, "be given a likelihood of samples")
    if len(model.spec.shape) != 3:
        raise UserError("points have no pixels: the measure is of pictures")
    test = _pictures(model, args.data)
    if args.valid is None:
        valid, test = test[: len(test) // 2], test[len(test) // 2 :]
    else:
        valid = _pictures(model, args.valid)
    drawn = model.sample(args.samples, args.seed).cpu()
    found = parzen(to_unit(drawn), to_unit(valid), to_unit(test))
    figure = found.likelihood
    edge = ", at the edge of those tried" if found.at_edge else ""
    rows = [
        ("log-likelihood", f"[b]{figure.value:.1f} ± {figure.error:.1f}[/] nats"),
        ("judged", f"{len(test)} pictures, in [0, 1]"),
        ("windows", f"on {args.samples} samples of step {model.steps}"),
        ("their width", f"{found.sigma:.3g}, by {min(len(valid), 1000)} other pictures{edge}"),
    ]
    say(grid(rows, indent=0))


def _pictures(model: Model, where: str | None) -> Tensor:
    """Pictures `[N, C, H, W]` as the run was fed; those that it held out, where none are named."""
    from gansaku.options import open_data, options_of

    options = options_of(model.folder)
    if where is not None:
        height, width = model.spec.shape[1:]
        options = dataclasses.replace(options, data=where, holdout=0.0, size=(height, width))
        options = dataclasses.replace(options, channels=model.spec.channels, flip=False)
    source = open_data(options)
    part = source if where is not None else source.held
    if part is None:
        raise UserError(
            f"{model.folder} held nothing out: give other pictures with --data, or train with "
            "--holdout 0.2"
        )
    return part.take(range(min(len(part), 2 * MOST)))["x"]
