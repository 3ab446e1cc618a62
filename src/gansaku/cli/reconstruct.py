"""`gansaku reconstruct RUN IMAGES`: pictures beside what a run makes of its codes of them."""

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
    from torch import Tensor

    from gansaku.data import Source
    from gansaku.model import Model


@dataclass(frozen=True)
class Args:
    """Encode pictures and make them again: a sheet of pairs, and the error of each.

    Examples:
      gansaku reconstruct runs/bigan-mnist5k    (trained with --holdout 0.2)
      gansaku reconstruct runs/vae_gan-photos photos/new/ -n 16 --out pairs.png

    For runs with an encoder: aae, age, ali, bigan, mrgan, vae_gan.

    The error is the root of the mean squared difference of a pixel, in [-1, 1].
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    images: Annotated[str | None, tyro.conf.Positional, may(metavar="IMAGES")] = None
    """a picture, a folder, or other data; none: what the run held out"""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 32
    """how many pictures"""
    draw: Annotated[int | None, may(metavar="SEED")] = None
    """draw codes where the encoder is stochastic; none: their mean"""
    out: Annotated[str | None, may(metavar="FILE")] = None
    """the sheet; none: in the run"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "reconstruct")
    if args.n < 1:
        raise UserError(f"-n must be at least 1, not {args.n}")
    from gansaku.core.capabilities import Encodes, able
    from gansaku.model import load
    from gansaku.tools.reconstruct import reconstruct, save_pairs

    model = load(args.run, args.checkpoint, args.device)
    able(model.recipe, Encodes, "reconstruct")
    if len(model.spec.shape) != 3:
        raise UserError("points have no pixels: gs.load(run).reconstruct(x) gives the numbers")
    x = _pictures(model, args.images, args.n)
    found = reconstruct(model, x, args.draw)
    out = Path(args.out or model.folder / "samples" / "reconstructions.png")
    try:
        made = save_pairs(found, out)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {out}: {error}") from error
    low, high = float(found.errors.min()), float(found.errors.max())
    of_mean = f" (their mean picture instead: {found.of_mean:.3f})" if len(x) > 1 else ""
    rows = [
        ("error", f"[b]{found.error:.3f}[/]{of_mean}"),
        ("single ones", f"{low:.3f} to {high:.3f}"),
        ("of", f"{len(x)} pictures, {'held out' if args.images is None else args.images}"),
        ("by", f"step {model.steps}"),
        ("sheet", f"[b]{escape(str(made))}[/]"),
    ]
    say(grid(rows, indent=0))


def _pictures(model: Model, where: str | None, n: int) -> Tensor:
    """At most `n` of the pictures `[N, C, H, W]`, as the run was fed; spread over all of them."""
    from gansaku.metrics.progress import spread

    part = _held(model) if where is None else _named(model, where)
    return part.take(spread(len(part), n))["x"]


def _held(model: Model) -> Source:
    from gansaku.options import open_data, options_of

    held = open_data(options_of(model.folder)).held
    if held is None:
        raise UserError(
            f"{model.folder} held nothing out: name pictures after it, or train with --holdout 0.2"
        )
    return held


def _named(model: Model, where: str) -> Source:
    """Pictures of the user's, fitted to the run's shape; one is enough."""
    from gansaku.core.choices import FED
    from gansaku.data import open_source
    from gansaku.options import options_of

    options = options_of(model.folder)
    height, width = model.spec.shape[1:]
    options = dataclasses.replace(options, size=(height, width), channels=model.spec.channels)
    options = dataclasses.replace(options, flip=False, holdout=0.0)
    fed = {name: getattr(options, name) for name in FED if name != "direction"}
    return open_source(where, seed=options.seed, minimum=1, **fed)
