"""Models of one picture: samples, sizes and every use on real pictures, engine beside engine.

    python benchmarks/one_picture.py --engine patches --threads 1
    python benchmarks/one_picture.py --engine singan --effort fast --pictures balloons,stone
    python benchmarks/one_picture.py --engine official

`patches` trains nothing; `singan` trains a run for each picture first; `official` is the pyramid
of balloons that SinGAN's authors' code trained, imported. Each picture is a cell, made once, and
its sheet goes to docs/images; --report makes nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

import gansaku as gs
from common import IMAGES, WORK, Results, arguments, parse, shared, table
from gansaku.core import config
from gansaku.data.draw import to_bytes, write_whole
from gansaku.importing import import_singan
from gansaku.metrics.patches import patch_distance, single_image_diversity
from gansaku.tools.animating import animate
from gansaku.tools.editing import edit, harmonize
from gansaku.tools.engines import Engine, PyramidEngine
from gansaku.tools.film import save_film
from gansaku.tools.painting import paint
from gansaku.tools.patches import Matching, Patches
from gansaku.tools.reading import read_picture
from gansaku.tools.upscaling import upscale

LONGEST = 250  # pixels, as in the paper
TALL = 160  # pixels: how high a picture of a sheet is drawn
SHARES = (0.0, 0.12, 0.25)  # of the scales: where samples start; 0, 1, 2 of nine
OTHERS = ((1.0, 2.0), (1.5, 1.0))  # other sizes, times the picture's height and width
EDITS: dict[str, Callable[..., Tensor]] = {"edit": edit, "harmonize": harmonize}
USES = {  # picture -> use, the paper's own input, shares of the scales at which it enters
    "stone": ("edit", "Editing/stone_edit.png", (0.3, 0.7)),
    "tree": ("edit", "Editing/tree_edit.png", (0.3, 0.7)),
    "starry_night": ("harmonize", "Harmonization/starry_night_naive.png", (0.5, 0.85)),
    "seascape": ("harmonize", "Harmonization/tree.jpg", (0.5, 0.85)),
    "trees3": ("paint", "Paint/trees1.png", (0.1, 0.3)),
    "cows": ("paint", "Paint/cows.png", (0.1, 0.3)),
    "33039_LR": ("upscale", "", ()),
    "lightning1": ("animate", "", ()),
}
SETTINGS = {  # the paper's, for the use of that picture
    "33039_LR": ", likeness=100, min_size=18, factor=0.794",
    "lightning1": ", noise_over=True, min_size=20",
}
SCIKIT = ("coffee", "chelsea", "brick")  # come with scikit-image
PICTURES = (
    "balloons",
    *SCIKIT,
    "stone",
    "tree",
    "starry_night",
    "seascape",
    "trees3",
    "cows",
    "33039_LR",
    "lightning1",
)


def file_of(name: str) -> Path:
    """The picture's file: SinGAN's own, or one that scikit-image brings, written once."""
    if name not in SCIKIT:
        found = sorted(shared("singan_inputs", "Images").glob(f"{name}.*"))
        return found[0]
    path = WORK / "one-picture" / f"{name}.png"
    if not path.exists():
        from skimage import data

        picture = Image.fromarray(getattr(data, name)()).convert("RGB")
        write_whole(path, lambda draft: picture.save(draft))
    return path


def engine_of(kind: str, name: str, effort: str) -> tuple[Engine, float]:
    """What makes the pictures, and the seconds that it was trained for, now or earlier."""
    picture, began = file_of(name), time.monotonic()
    if kind == "patches":
        return Patches(read_picture(picture, longest=LONGEST)), 0.0
    run = WORK / "one-picture" / (f"{kind}-{name}" if kind == "official" else f"{effort}-{name}")
    if kind == "official" and not (run / "run.json").exists():
        import_singan(shared("singan_trained_balloons"), run, picture)
    elif kind == "singan" and not (run / "run.json").exists():
        settings = SETTINGS.get(name, "")
        gs.train(config.read(f"SinGAN(effort={effort!r}{settings})"), str(picture), out=run)
    elif kind == "singan" and any((run / "checkpoints").glob("step-*")):
        _finish(run)
    seconds = [record.get("seconds", 0.0) for record in gs.core.folder.Folder(run).records()]
    return PyramidEngine(gs.load(run)), max([*seconds, 0.0]) or time.monotonic() - began


def _finish(run: Path) -> None:
    """Go on with a run that was stopped; one that is whole says so, and that is no error."""
    try:
        gs.resume(run)
    except gs.core.errors.UserError as error:
        if "is at step" not in str(error):
            raise


@dataclasses.dataclass(frozen=True)
class Shown:
    """A picture of a sheet `[C, H, W]` with what stands below it, drawn `tall` pixels high."""

    label: str
    x: Tensor
    tall: int = TALL


def gallery(engine: Engine, name: str, n: int) -> Iterator[tuple[Shown, Tensor | None]]:
    """Everything that is shown of one picture, with all samples where they are measured."""
    yield Shown("training picture", read_picture(file_of(name), engine.channels, LONGEST)), None
    scales = engine.scales()
    for start in dict.fromkeys(round(share * (scales - 1)) for share in SHARES):
        made = engine.play(n if start == 0 else 1, 0, start=start)
        yield Shown(f"sample from scale {start} of {scales}", made[0]), made if start == 0 else None
        if start == 0 and n > 1:
            yield Shown("another", made[1]), None
    height, width = engine.sizes()[-1]
    for down, across in OTHERS:
        size = (round(height * down), round(width * across))
        yield Shown(f"{size[0]}x{size[1]}", engine.play(1, 1, size=size)[0]), None
    for shown in used(engine, name):
        yield shown, None


def used(engine: Engine, name: str) -> Iterator[Shown]:
    """The use for which the paper has an input of this picture: the input, then results."""
    use, file, shares = USES.get(name, ("", "", ()))
    if name == "balloons" and isinstance(engine, PyramidEngine):
        yield from by_hand(engine, read_picture(file_of(name), engine.channels, LONGEST))
    if use in EDITS or use == "paint":
        path = shared("singan_inputs", *file.split("/"))
        image = read_picture(path, engine.channels)
        yield Shown(f"to {use}", image)
        for start in (max(1, round(share * (engine.scales() - 1))) for share in shares):
            if use == "paint":
                made = paint(engine, image, start)
            else:
                mask = read_picture(path.with_name(f"{path.stem}_mask{path.suffix}"), 1)
                made = EDITS[use](engine, image, mask, start)
            yield Shown(f"{use} from scale {start}", made[0])
    elif use == "upscale":
        image = read_picture(file_of(name), engine.channels, LONGEST)
        wide = F.interpolate(image[None], scale_factor=4.0, mode="bicubic", antialias=True)[0]
        size = f"{image.shape[1]}x{image.shape[2]}"
        yield Shown(f"{size} by bicubic x4", wide.clamp(-1, 1), wide.shape[1])
        yield Shown("upscale x4", upscale(engine, image, 4.0)[0], wide.shape[1])
    elif use == "animate" and isinstance(engine, PyramidEngine):
        film = animate(engine.model, 0, frames=40)
        save_film(film, IMAGES / f"one_picture_{name}_film.webp")
        yield from (Shown(f"film, frame {i}", film[i]) for i in (1, 20, 39))


def by_hand(engine: Engine, picture: Tensor) -> Iterator[Shown]:
    """All three uses of balloons, for which the paper has no inputs: these are drawn here."""
    moved, mask = picture.clone(), -torch.ones_like(picture[:1])
    moved[:, 90:160, 20:82], mask[:, 90:160, 20:82] = picture[:, :70, 128:190], 1.0
    moved[:, 150:185, 60:130], mask[:, 150:185, 60:130] = picture[:, 150:185, 155:225], 1.0
    yield Shown("to edit", moved)
    yield from (Shown(f"edit from scale {k}", edit(engine, moved, mask, k)[0]) for k in (1, 3, 5))
    orange, disc = (0.8, -0.1, -0.8), _disc(picture, 65, 60, 42)
    pasted = torch.where(disc, torch.tensor(orange).reshape(3, 1, 1), picture)
    yield Shown("to harmonize", pasted)
    for k in (1, 3, 5):
        made = harmonize(engine, pasted, disc[None] * 2.0 - 1, k)
        yield Shown(f"harmonize from scale {k}", made[0])
    drawn = torch.tensor([-0.14, 0.25, 0.5]).reshape(3, 1, 1).expand_as(picture).clone()
    drawn[:, 140:] = torch.tensor([-0.45, -0.45, -0.5]).reshape(3, 1, 1)
    drawn[:, 155:170, 155:195] = torch.tensor([0.7, -0.5, -0.4]).reshape(3, 1, 1)
    for top, left, radius, *colour in BALLS:
        drawn[:, _disc(picture, top, left, radius)] = torch.tensor(colour)[:, None]
    yield Shown("to paint", drawn)
    yield from (Shown(f"paint from scale {k}", paint(engine, drawn, k)[0]) for k in (1, 2, 3))


BALLS = (  # top, left, radius; red, green, blue
    (50, 60, 30, 0.57, -0.53, -0.69),
    (40, 180, 18, 0.73, 0.41, -0.69),
    (100, 120, 10, -0.69, -0.61, -0.29),
    (100, 220, 12, 0.65, 0.33, -0.69),
)


def _disc(picture: Tensor, top: int, left: int, radius: int) -> Tensor:
    rows, columns = torch.arange(picture.shape[1])[:, None], torch.arange(picture.shape[2])
    return (rows - top) ** 2 + (columns - left) ** 2 <= radius**2


def cell(kind: str, name: str, effort: str, n: int) -> dict[str, Any]:
    """Make one picture's sheet and take its figures."""
    engine, trained = engine_of(kind, name, effort)
    began, cpu = time.monotonic(), time.process_time()
    found = list(gallery(engine, name, n))
    samples = next(made for _, made in found if made is not None)
    picture = found[0][0].x
    label = kind if kind != "singan" else effort
    path = IMAGES / f"one_picture_{name}_{label}.webp"
    sheet([shown for shown, _ in found], path)
    figures = {"patch_distance": patch_distance(samples, picture).value, "samples": len(samples)}
    if len(samples) > 2:
        figures["diversity"] = single_image_diversity(samples, picture).value
    about = {"training_seconds": round(trained, 1), "scales": engine.scales()}
    about |= {"seconds": round(time.monotonic() - began, 1)}
    about |= {"cpu_seconds": round(time.process_time() - cpu, 1)}
    return figures | about | {"sheet": f"images/{path.name}", "picture": name, "engine": label}


def sheet(shown: list[Shown], path: Path, across: int = 1180) -> Path:
    """All in rows, with their labels below; what is wider than a row is reduced."""
    font, pad, below = ImageFont.load_default(12), 6, 18
    tiles, x, y, tall = [], pad, pad, 0
    for one in shown:
        picture = Image.fromarray(to_bytes(one.x[None])[0].contiguous().numpy())
        wide = min(round(picture.width * one.tall / picture.height), across - 2 * pad)
        room = max(wide, round(font.getlength(one.label)) + pad)
        if x + room + pad > across:
            x, y, tall = pad, y + tall + below + pad, 0
        size = wide, round(picture.height * wide / picture.width)
        tiles.append((picture.resize(size, Image.Resampling.LANCZOS), x, y, one))
        x, tall = x + room + pad, max(tall, one.tall)
    made = Image.new("RGB", (across, y + tall + below + pad), "white")
    pen = ImageDraw.Draw(made)
    for picture, left, top, one in tiles:
        made.paste(picture, (left, top))
        pen.text((left, top + picture.height + 2), one.label, (70, 70, 70), font)
    return write_whole(path, lambda draft: made.save(draft, quality=88))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--engine", default="patches", choices=("patches", "singan", "official"))
    parser.add_argument("--effort", default="fast", help="of training: paper, standard or fast")
    parser.add_argument("--pictures", help="names with commas; none: all")
    parser.add_argument("--samples", type=int, default=6, help="from scale 0, that are measured")
    parser.add_argument("--report", action="store_true", help="make nothing, write the page anew")
    args = parse(parser)
    results = Results("one_picture")
    names = args.pictures.split(",") if args.pictures else list(PICTURES)
    if args.engine == "official":
        names = ["balloons"]
    for name in [] if args.report else names:
        label = args.effort if args.engine == "singan" else args.engine
        make = functools.partial(cell, args.engine, name, args.effort, args.samples)
        results.cell(f"{name} {label}", make)
        results.publish("One picture is enough", _body(results))
    results.publish("One picture is enough", _body(results))


HEADER = ("picture", "engine", "trained", "sheet, CPU time", "patch distance", "diversity", "of")


def _body(results: Results) -> str:
    found = sorted(
        results.cells.values(), key=lambda c: (PICTURES.index(c["picture"]), c["engine"])
    )
    rows = [_row(one) for one in found]
    sheets = [f"## {c['picture']}, {c['engine']}\n\n![](../../docs/{c['sheet']})" for c in found]
    m = Matching()
    told = (
        f"`patches` is GPDM (arXiv:2203.11862): {m.patch}x{m.patch} patches, {m.projections} "
        f"directions, {m.steps} steps a level, no training. `official` is the authors' SinGAN, "
        "imported; `fast` and `standard` are our SinGAN by effort, trained for so many seconds of "
        "a clock that other work shared, with one thread. Patch distance: 7x7 patches, "
        "smaller is better; diversity as in arXiv:1905.01164, over the samples of the last column."
    )
    return "\n\n".join([told, table(HEADER, rows), *sheets])


def _row(found: dict[str, Any]) -> tuple[Any, ...]:
    diversity = f"{found['diversity']:.3f}" if "diversity" in found else ""
    trained = f"{found['training_seconds']:.0f} s" if found["training_seconds"] else "not"
    return (
        found["picture"],
        found["engine"],
        trained if found["engine"] != "official" else "by others",
        f"{found['cpu_seconds']:.0f} s",
        f"{found['patch_distance']:.4f}",
        diversity,
        f"{found['samples']} samples",
    )


if __name__ == "__main__":
    main()
