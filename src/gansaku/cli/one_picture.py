"""What the uses of one picture share: the engine, its start scales, and where results go."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import may
from gansaku.cli.show import console, escape, say
from gansaku.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gansaku.tools.engines import Engine, Size

ENGINES = ("run", "patches")
LONGEST = 250  # pixels: what one picture is brought down to, as a run of it
LARGEST = 2000  # pixels a side of what enters: it is brought to the picture's size anyway
PER_PIXEL = 2048  # bytes that the widest layer takes with its copies


@dataclass(frozen=True, kw_only=True)
class Use:
    """Flags that every use of one picture has."""

    start_scale: Annotated[str | None, may(metavar="INT,...")] = None
    """where the picture enters: low keeps its layout alone, high nearly all; none: three"""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1
    """how many for each start scale"""
    seed: int = 0
    """another seed, other details"""
    engine: Annotated[str | None, may(metavar="run|patches")] = None
    """patches: no training, RUN is the picture itself; none: what RUN is"""
    out: Annotated[str | None, may(metavar="FILE|DIR")] = None
    """a picture, or a folder; none: in the run, or here"""
    checkpoint: Annotated[str, tyro.conf.arg(metavar="last|best|STEP")] = "last"
    """which state of the run"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps"""


def open_engine(
    where: str, engine: str | None, checkpoint: str = "last", device: str = "auto"
) -> Engine:
    """A run of one picture, or a picture's patches; UserError for anything else."""
    if engine not in (None, *ENGINES):
        raise UserError(f"--engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "patches":
        return _patches(where, device)
    if Path(where).is_file():
        without = "" if engine == "run" else "add --engine patches to do without training, or "
        raise UserError(
            f"{where} is a file and no run: {without}train one with 'gansaku train singan --data "
            f"{where}'"
        )
    from gansaku.model import load
    from gansaku.tools.engines import PyramidEngine

    return PyramidEngine(load(where, checkpoint, device))


def _patches(where: str, device: str) -> Engine:
    """The engine that needs no run; a run's folder stands for the picture that it learns."""
    from gansaku.options import pick_device
    from gansaku.tools.patches import Matching, Patches
    from gansaku.tools.reading import read_picture

    if (Path(where) / "run.json").is_file():
        from gansaku.core.folder import Folder

        where = Folder(where).about["options"]["data"]
    picture = read_picture(where, longest=LONGEST).to(pick_device(device))
    return Patches(picture, Matching(), _progress())


def _progress() -> Callable[[int, int], None]:
    """A line on the terminal that says how far patches are matched, and goes away at the end."""
    status = console().status("patches ...")

    def told(done: int, total: int) -> None:
        status.update(f"patches ... {done / total:.0%}")
        (status.stop if done == total else status.start)()

    return told


def starts_of(text: str | None, engine: Engine, least: int = 1) -> list[int]:
    """The start scales that were asked for, each checked; none: at a quarter, a half, and so on."""
    from gansaku.tools.engines import check_start

    last = engine.scales() - 1
    if text is None:
        check_start(engine, min(least, last), least)
        return sorted({max(least, round(last * share)) for share in (0.25, 0.5, 0.75)})
    parts = text.split(",")
    if not all(re.fullmatch(r"\s*\d+\s*", part) for part in parts):
        raise UserError(f"--start-scale is a number, or numbers with commas, not {text!r}")
    for part in parts:
        check_start(engine, int(part), least)
    return [int(part) for part in parts]


def size_of(text: str) -> Size:
    """(height, width) of `200x600`, of `200,600`, or of one number for a square."""
    found = re.fullmatch(r"\s*(\d+)(?:\s*[x,]\s*(\d+))?\s*", text)
    size = found and (int(found[1]), int(found[2] or found[1]))
    if not size or min(size) < 1:
        raise UserError(f"--size is height x width in pixels, as in 200x600, not {text!r}")
    check_memory(size)
    return size


def check_memory(size: Size) -> None:
    from gansaku.data.store import available_memory

    need, free = size[0] * size[1] * PER_PIXEL, available_memory()
    if need > free:
        raise UserError(
            f"a picture of {size[0]}x{size[1]} pixels needs about {need / 2**30:.1f} GB of memory, "
            f"and {free / 2**30:.1f} GB are free: take a smaller --size, or --factor"
        )


def enter(args: Use, run: str, image: str, kind: str, use: Callable[..., Tensor]) -> None:
    """Write what `use(engine, image, start=, seed=, n=)` makes of a picture at each start scale."""
    if args.n < 1:
        raise UserError(f"-n must be at least 1, not {args.n}")
    from gansaku.tools.reading import read_picture

    engine = open_engine(run, args.engine, args.checkpoint, args.device)
    starts = starts_of(args.start_scale, engine)
    picture = read_picture(image, engine.channels, LARGEST)
    made = [(f"scale{k}", use(engine, picture, start=k, seed=args.seed, n=args.n)) for k in starts]
    write_results(made, place(run, args.out, f"{Path(image).stem}-{kind}"))


def read_mask(path: str | None) -> Tensor | None:
    from gansaku.tools.reading import read_picture

    return None if path is None else read_picture(path, 1, LARGEST)


def place(where: str, out: str | None, stem: str, suffix: str = ".png") -> Path:
    """The file that results are named after: in the samples of the run `where`, or here."""
    if out is not None:
        return Path(out) if Path(out).suffix else Path(out) / f"{stem}{suffix}"
    run = (Path(where) / "run.json").is_file()
    return (Path(where, "samples") if run else Path(".")) / f"{stem}{suffix}"


def write_results(made: Sequence[tuple[str, Tensor]], path: Path) -> list[Path]:
    """A picture for each row of each `(label, [n, C, H, W])`, named after `path`.

    One alone has that very name; of several each bears its label, and its number where a label
    has more than one.
    """
    alone = len(made) == 1 and len(made[0][1]) == 1
    written = []
    for label, x in made:
        for i, one in enumerate(x):
            more = "" if alone else f"-{label}" + (f"-{i}" if len(x) > 1 else "")
            written.append(write_picture(one, path.with_name(f"{path.stem}{more}{path.suffix}")))
            say(f"{label}: [b]{escape(str(written[-1]))}[/]")
    return written


def write_samples(x: Tensor, out: Path) -> Path:
    """Samples `[n, C, H, W]` as `gansaku sample` writes them; one alone is no sheet."""
    from gansaku.cli.sample import write
    from gansaku.data.spec import ImageSpec

    if len(x) == 1 and out.suffix not in ("", ".npy", ".npz"):
        return write_picture(x[0], out)
    return write(ImageSpec(x.shape[2], x.shape[3], x.shape[1]), x, out)


def write_picture(one: Tensor, path: Path) -> Path:
    """A picture `[C, H, W]` at its own size; the file appears when it is whole."""
    from gansaku.cli.sample import picture
    from gansaku.data.draw import write_whole

    try:
        return write_whole(path, lambda draft: picture(one, draft))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}") from error
