"""Whether SPADE's pictures say what their label maps said: CamVid, seen by a segmenter.

    python benchmarks/resegment.py --minutes 30 --threads 1

SPADE and a small segmenter are trained on the first 78 frames and their maps; the last 20 are held
out (frames are of one drive, so that a random split would show each twice). Class-mean IoU against
the held-out maps: of what the segmenter sees in SPADE's pictures of these maps, in the real
frames, and of a map that is everywhere of the commonest class. Minutes are of the processor; the
segmenter takes two or three more. Cells resume.
"""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    curves,
    parse,
    recipe_of,
    shared,
    slug,
    table,
    train_for,
)
from gansaku.core.folder import Folder
from gansaku.core.noise import Noise
from gansaku.data.draw import save_sheet
from gansaku.data.maps import open_maps
from gansaku.data.spec import MapSpec

VOID = 11  # CamVid's number for what has no class
NAMES = [
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "cyclist",
    "unlabelled",
]
OFTEN = {"measure_every": 150, "log_every": 25}
HELD, GAP = 20, 3  # frames at the end, and those before them that nobody sees
SHEET, CURVES = "resegment-camvid.png", "resegment-camvid_curves.png"
RECIPE = (
    "SPADE(steps=20000, batch_size=4, width=16, hidden=32, d_width=32, norm='instance', "
    "g_optimizer=Adam(0.0002, (0.0, 0.9)))"
)


def written() -> Path:
    """train, trainannot, test and testannot as folders, written once."""
    folder = WORK / "resegment" / "camvid"
    with zipfile.ZipFile(shared("camvid", "camvid_val101_240x180.zip")) as file:
        for inside in ("val", "valannot"):
            names = sorted(n for n in file.namelist() if n.startswith(f"{inside}/") and "." in n)
            for number, name in enumerate(names):
                last = len(names) - number
                if HELD < last <= HELD + GAP:
                    continue
                part = ("test" if last <= HELD else "train") + inside.removeprefix("val")
                path = folder / part / Path(name).name
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(file.read(name))
    return folder


class Segmenter(nn.Module):
    """A small U-Net: `x [N, 3, H, W] -> logits [N, classes, H, W]`."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 4 * width]
        self.first = _two(3, width)
        self.down = nn.ModuleList(_two(a, b) for a, b in itertools.pairwise(widths))
        backwards = widths[::-1]
        pairs = itertools.pairwise(backwards)
        self.up = nn.ModuleList(_two(a + b, b) for a, b in pairs)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = [self.first(x)]
        for block in self.down:
            kept.append(block(F.max_pool2d(kept[-1], 2, ceil_mode=True)))
        h = kept.pop()
        for block in self.up:
            beside = kept.pop()
            h = block(torch.cat([F.interpolate(h, beside.shape[2:]), beside], 1))
        return self.head(h)


def _two(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (inputs, outputs):
        layers += [nn.Conv2d(before, outputs, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(outputs), nn.ReLU(True)]
    return nn.Sequential(*layers)


def taught(a: Tensor, b: Tensor, steps: int, seed: int) -> Segmenter:
    """A segmenter of real pictures `b` and their maps `a [N, 1, H, W]`, rare classes weighed up."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Segmenter(VOID)
    shares = torch.bincount(a.flatten(), minlength=VOID + 1)[:VOID].float()
    weights = (shares.sum() / shares.clamp(min=1)).sqrt()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(a), (8,), generator=generator)
        mirrored = torch.rand(8, 1, 1, 1, generator=generator) < 0.5
        light = 1 + 0.2 * torch.randn(8, 1, 1, 1, generator=generator)
        x, y = (torch.where(mirrored, t[rows].flip(3), t[rows]) for t in (b, a))
        loss = F.cross_entropy(net(x * light), y[:, 0], weights / weights.mean(), ignore_index=VOID)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def ious(found: Tensor, truth: Tensor) -> dict[str, float]:
    """IoU of each class that the truth `[N, 1, H, W]` has, over all pixels that have one."""
    kept = truth[:, 0] != VOID
    a, b = found[kept], truth[:, 0][kept]
    return {
        NAMES[c]: float(((a == c) & (b == c)).sum() / ((a == c) | (b == c)).sum())
        for c in range(VOID)
        if (b == c).any()
    }


def proof(text: str, minutes: float, size: tuple[int, int], seed: int) -> dict[str, Any]:
    folder, recipe = written(), recipe_of(text)
    source = open_maps(folder, size=size)
    train, held = (s.take(range(len(s))) for s in (source, source.held))
    assert (len(source), len(source.held)) == (78, HELD)
    eye = taught(train["a"], train["b"], 500, seed)
    out = WORK / "resegment" / f"{slug(text)}-{size[0]}-{seed}"
    options = {"size": size, "flip": True, "seed": seed}
    trained = train_for(recipe, folder, out, 60 * minutes, cpu=True, **OFTEN, **options)
    curves(Folder(out).records(), IMAGES / CURVES)
    with torch.no_grad():
        made = torch.cat(
            [recipe.translate(trained.model.nets, a, Noise(0), {}) for a in held["a"].split(4)]
        )
        seen, real = (eye(x).argmax(1) for x in (made, held["b"]))
    common = int(train["a"][train["a"] != VOID].mode().values)
    constant = torch.full_like(real, common)
    spec = source.spec.a
    show(spec, held, made, seen)
    maps = {"SPADE's pictures": seen, "real pictures": real, "commonest class": constant}
    return {
        "recipe": text,
        **trained.cost(),
        "iou": {name: ious(found, held["a"]) for name, found in maps.items()},
    }


def show(spec: MapSpec, held: dict[str, Tensor], made: Tensor, seen: Tensor) -> None:
    """Maps, SPADE's pictures of them, what the segmenter sees in these, and the real pictures."""
    rows = [spec.painted(held["a"]), made, spec.painted(seen[:, None]), held["b"]]
    IMAGES.mkdir(parents=True, exist_ok=True)
    save_sheet(torch.cat([row[::4] for row in rows]), IMAGES / SHEET, 5)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the processor, for SPADE")
    parser.add_argument("--size", type=int, nargs=2, default=(64, 88), help="height and width")
    parser.add_argument("--seed", type=int, default=0)
    args = parse(parser)
    size, results = tuple(args.size), Results("resegment")
    key = f"{slug(args.recipe)} {size[0]}x{size[1]} {args.minutes:g} min {args.seed}"
    cell = results.cell(key, lambda: proof(args.recipe, args.minutes, size, args.seed))
    columns = list(cell["iou"])
    names = list(cell["iou"]["real pictures"])
    rows = [(n, *(f"{cell['iou'][c].get(n, 0.0):.3f}" for c in columns)) for n in names]
    means = [sum(cell["iou"][c].values()) / len(names) for c in columns]
    rows.append(("mean", *(f"{mean:.3f}" for mean in means)))
    cost = f"`{cell['recipe']}`: {cell['steps']} steps, {cell['cpu_seconds']:.0f} s."
    share = f"SPADE's mean is {means[0] / means[1]:.0%} of the real pictures'."
    sheets = "\n\n".join(f"![{Path(n).stem}](../../docs/images/{n})" for n in (SHEET, CURVES))
    body = f"{table(('IoU', *columns), rows)}\n\n{share} {cost}\n\n{sheets}"
    results.publish("Label maps seen again in SPADE's pictures of them", body)


if __name__ == "__main__":
    main()
