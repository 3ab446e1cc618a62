"""`gansaku sample RUN`: samples as a sheet, as single pictures, or as an array."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gansaku.model import Model


@dataclass(frozen=True)
class Args:
    """Draw samples from a trained run; the i-th depends on the seed and on i alone.

    Examples:
      gansaku sample runs/quick-mnist5k -n 64 --seed 7
      gansaku sample runs/quick-mnist5k -n 1000 --out digits/
      gansaku sample runs/quick-mnist5k --truncate 0.7 --checkpoint best --out sheet.png
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 64
    """how many"""
    seed: int = 0
    """another seed, other samples"""
    truncate: Annotated[float | None, may(metavar="FLOAT")] = None
    """keep latents within so many standard deviations: fewer kinds, cleaner samples"""
    class_: Annotated[str | None, may(name="class", metavar="STR")] = None
    """of a conditional recipe: the name or number of a class"""
    out: Annotated[str | None, may(metavar="FILE|DIR")] = None
    """.png, .jpg, .webp: a sheet; .npy: an array; else a folder of pictures; none: in the run"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "sample")
    if args.n < 1:
        raise UserError(f"-n must be at least 1, not {args.n}")
    if args.truncate is not None and args.truncate <= 0:
        raise UserError(f"--truncate must be above 0, not {args.truncate}")
    from gansaku.model import load

    model = load(args.run, args.checkpoint, args.device)
    given = {"truncate": args.truncate} if args.truncate is not None else {}
    given |= _class(model, args.class_)
    samples = model.sample(args.n, args.seed, **given).cpu()
    out = Path(args.out or model.folder / "samples" / f"seed-{args.seed}.png")
    made = write(model, samples, out)
    say(f"{len(samples)} samples of step {model.steps}: [b]{escape(str(made))}[/]")


def write(model: Model, samples: Tensor, out: Path) -> Path:
    """One sheet, one array, or a folder with a picture for each sample, by the suffix of `out`."""
    try:
        if out.suffix:
            out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix == ".npy":
            import numpy as np

            np.save(out, samples.numpy())
            return out
        if out.suffix:
            return model.preview(samples, out)
        out.mkdir(parents=True, exist_ok=True)
        for i, one in enumerate(samples):
            picture(one, out / f"{i:05}.png")
        return out
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {out}: {error}") from error


def picture(one: Tensor, path: Path) -> None:
    """A picture `[C, H, W]` at its own size, its alpha kept."""
    from PIL import Image

    if one.ndim != 3:
        raise UserError("points have no single pictures: give --out a .png or .npy file")
    pixels = ((one.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)


def _class(model: Model, name: str | None) -> dict[str, Any]:
    """The number of a class, of a recipe that takes one."""
    if name is None:
        return {}
    kind = type(model.recipe).__name__
    if not getattr(model.recipe, "conditional", False):
        raise UserError(f"{kind} was trained without classes: leave --class out")
    labels = list(getattr(model.spec, "labels", ()))
    if name in labels:
        return {"y": labels.index(name)}
    if name.isdigit() and int(name) < len(labels):
        return {"y": int(name)}
    raise UserError(f"--class must be one of {', '.join(labels)} (or its number), not {name!r}")
