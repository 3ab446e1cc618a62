"""`gansaku sample RUN`: samples as a sheet, as single pictures, or as an array."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gansaku.cli.classes import numbers
from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gansaku.data.spec import ImageSpec
    from gansaku.model import Model


ROWS = 20  # classes of a sheet of all classes
EACH = 10  # samples of a class, where nothing is said
FEW = 6  # samples of a model of one picture, where nothing is said: each is large


@dataclass(frozen=True)
class Args:
    """Draw samples from a trained run; the i-th depends on the seed, on i, and on its class alone.

    Examples:
      gansaku sample runs/quick-mnist5k -n 64 --seed 7
      gansaku sample runs/quick-mnist5k -n 1000 --out digits/
      gansaku sample runs/quick-mnist5k --truncate 0.7 --checkpoint best --out sheet.png
      gansaku sample runs/cgan-mnist5k --class 0,1,2
      gansaku sample runs/infogan-mnist5k --sweep
      gansaku sample runs/singan-balloons --size 200x600 -n 4 --start-scale 1
      gansaku sample balloons.png --engine patches -n 4
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder; with --engine patches a picture"""
    n: Annotated[int, may(aliases=["-n"], metavar="INT")] = 0
    """how many in all; none: 64, or ten of each class; of one picture 6, of its patches 1"""
    seed: int = 0
    """another seed, other samples"""
    truncate: Annotated[float | None, may(metavar="FLOAT")] = None
    """keep latents within so many standard deviations: fewer kinds, cleaner samples"""
    class_: Annotated[str | None, may(name="class", metavar="STR,...")] = None
    """of a conditional recipe: names or numbers of classes, a row of the sheet each; none: all"""
    sweep: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """of a recipe with codes: a sheet for each code, which changes along the rows; -n rows"""
    size: Annotated[str | None, may(metavar="HxW")] = None
    """of a run of one picture: any height and width, as in 200x600; none: the picture's"""
    start_scale: Annotated[int | None, may(metavar="INT")] = None
    """of a run of one picture: below it all is as in the picture; none: 0, all is new"""
    engine: Annotated[str | None, may(metavar="run|patches")] = None
    """patches: variations of the picture RUN without training; none: what RUN is"""
    out: Annotated[str | None, may(metavar="FILE|DIR")] = None
    """.png, .jpg, .webp: a sheet; .npy: an array; .npz: with the classes; else a folder of
    pictures, with a subfolder for each class; none: in the run"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "sample")
    if args.n < 0 or (args.n == 0 and {"-n", "--n"} & {*argv}):
        raise UserError(f"-n must be at least 1, not {args.n}")
    if args.truncate is not None and args.truncate <= 0:
        raise UserError(f"--truncate must be above 0, not {args.truncate}")
    if args.sweep and args.class_ is not None:
        raise UserError("--sweep goes through the classes itself: leave --class out")
    if args.size or args.start_scale is not None or args.engine:
        _one_picture(args)
        return
    from gansaku.model import load

    model = load(args.run, args.checkpoint, args.device)
    if args.sweep:
        _sweep(args, model)
        return
    y = _classes(args, model)
    given = {"truncate": args.truncate} if args.truncate is not None else {}
    given |= {} if y is None else {"y": y}
    single = type(model.recipe).feeds == "single"
    n = (args.n or (FEW if single else 64)) if y is None else len(y)
    samples = model.sample(n, args.seed, **given).cpu()
    made = write(model, samples, _out(args, model), y)
    say(f"{len(samples)} samples of step {model.steps}: [b]{escape(str(made))}[/]")


def _classes(args: Args, model: Model) -> Tensor | None:
    """The class of each sample, in equal shares and in order; None where there are no classes."""
    from gansaku.core.capabilities import classes_of
    from gansaku.core.sampling import in_shares

    names = classes_of(model.recipe, model.spec)
    if args.class_ is not None:
        asked = numbers(model, args.class_)
    elif names:
        asked = list(range(len(names) if args.n else min(len(names), ROWS)))
    else:
        return None
    return in_shares(asked, args.n or (64 if len(asked) == 1 else EACH * len(asked)))


def _one_picture(args: Args) -> None:
    """Variations of one picture, of any size: by a run of it, or by its patches alone."""
    for name in ("class_", "truncate", "sweep"):
        if getattr(args, name):
            raise UserError(f"--{name.rstrip('_')} has no meaning for one picture: leave it out")
    from gansaku.cli.one_picture import open_engine, place, size_of, write_samples
    from gansaku.tools.engines import check_start

    size = None if args.size is None else size_of(args.size)
    engine = open_engine(args.run, args.engine, args.checkpoint, args.device)
    start = args.start_scale or 0
    check_start(engine, start)
    n = args.n or (1 if args.engine == "patches" else FEW)
    made = engine.play(n, args.seed, start=start, size=size).cpu()
    parts = [f"seed-{args.seed}", args.size and "x".join(map(str, made.shape[2:]))]
    stem = "-".join(filter(None, [*parts, start and f"scale-{start}"]))
    own = place(
        args.run, None, stem if Path(args.run).is_dir() else f"{Path(args.run).stem}-{stem}"
    )
    path = write_samples(made, own if args.out is None else Path(args.out))
    say(f"{len(made)} samples from scale {start}: [b]{escape(str(path))}[/]")


def _out(args: Args, model: Model, more: str = "") -> Path:
    if args.out is not None:
        return Path(args.out)
    of = "" if args.class_ is None else "-class-" + re.sub(r"[^\w,.=-]+", "_", args.class_)
    return model.folder / "samples" / f"seed-{args.seed}{of}{more}.png"


def _sweep(args: Args, model: Model) -> None:
    """A sheet for each code: a row for each sample, in which the code changes from end to end."""
    from gansaku.core.capabilities import Sweeps, able
    from gansaku.tools.interpolate import generate, latents

    recipe = able(model.recipe, Sweeps, "sweep codes")
    rows = latents(model, args.n or EACH, args.seed, args.truncate)
    sheet = _out(args, model, "-sweep")
    for name, z in recipe.sweeps(rows, EACH).items():
        path = sheet.with_name(f"{sheet.stem}-{name}{sheet.suffix or '.png'}")
        try:
            model.preview(generate(model, z.flatten(0, 1)), path, columns=z.shape[1])
        except (OSError, ValueError) as error:
            raise UserError(f"cannot write {path}: {error}") from error
        say(f"{name} along the rows, step {model.steps}: [b]{escape(str(path))}[/]")


def write(model: Model | ImageSpec, samples: Tensor, out: Path, y: Tensor | None = None) -> Path:
    """One sheet, one array, or a folder with a picture for each sample, by the suffix of `out`.

    With classes `y [N]` of a model the sheet has a row for each, and the folder a subfolder.
    """
    try:
        if out.suffix:
            out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix in (".npy", ".npz"):
            _array(model, samples, out, y)
        elif out.suffix:
            return _sheet(model, samples, out, y)
        else:
            _folder(model, samples, out, y)
        return out
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {out}: {error}") from error


def _array(model: Model | ImageSpec, samples: Tensor, out: Path, y: Tensor | None) -> None:
    """Samples alone, or with the names of their classes: what `--data` reads as labelled."""
    import numpy as np

    if out.suffix == ".npy":
        np.save(out, samples.numpy())
    elif y is None:
        np.savez(out, x=samples.numpy())
    else:
        np.savez(out, x=samples.numpy(), y=np.array(_names(model, y)))


def _sheet(model: Model | ImageSpec, samples: Tensor, out: Path, y: Tensor | None) -> Path:
    from gansaku.core.sampling import by_class

    if y is None or len(y.unique()) == 1:
        return model.preview(samples, out)
    rows, columns = by_class(samples, y)
    return model.preview(rows, out, columns=columns)


def _folder(model: Model | ImageSpec, samples: Tensor, out: Path, y: Tensor | None) -> None:
    folders = [out] * len(samples)
    if y is not None:
        folders = [out / (re.sub(r"[^\w=.-]+", "_", name) or "_") for name in _names(model, y)]
    for i, (one, folder) in enumerate(zip(samples, folders, strict=True)):
        folder.mkdir(parents=True, exist_ok=True)
        picture(one, folder / f"{i:05}.png")


def _names(model: Any, y: Tensor) -> list[str]:
    from gansaku.core.capabilities import classes_of

    names = classes_of(model.recipe, model.spec)
    return [names[k] for k in y.tolist()]


def picture(one: Tensor, path: Path) -> None:
    """A picture `[C, H, W]` at its own size, its alpha kept."""
    from PIL import Image

    if one.ndim != 3:
        raise UserError("points have no single pictures: give --out a .png or .npy file")
    pixels = ((one.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)
