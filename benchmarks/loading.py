"""Pictures a second from memory, a folder and tars, beside torch's DataLoader and a training step.

    python benchmarks/loading.py --threads 1

Every way takes a turn in each of several rounds, a second or so each, and training steps as well;
figures are medians of the rounds, in pictures a second of one core: the processor's time of this
process and of its workers is counted, so that other work on the machine tells little. Workers
share the cost out over cores, they do not lower it. All ways shuffle, flip, and give float batches
of 64 in [-1, 1]. Files are warm in the page cache.
"""

from __future__ import annotations

import io
import os
import statistics
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import plain
from common import Results, arguments, parse, shared, table
from gansaku.core.loop import Run
from gansaku.data import open_source
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.quick import Quick

BATCH = 64
Take = Callable[[], Any]  # one batch, or one step


class Opened:
    """The pictures of a folder, opened and fitted one by one as torchvision's ImageFolder does."""

    def __init__(self, folder: Path, size: int) -> None:
        self.paths, self.size = sorted(folder.iterdir()), size

    def __getitem__(self, index: int) -> np.ndarray:
        image = Image.open(self.paths[index]).convert("RGB")
        if image.size != (self.size, self.size):
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            box = (left, top, left + side, top + side)
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        return np.asarray(image)


class Files(plain.Pictures):
    """The plain way's set over files; what follows the opening is that of arrays."""

    def __init__(self, folder: Path, size: int) -> None:
        self.x, self.flip, self.channels = Opened(folder, size), True, 3
        self.y = torch.zeros(len(self.x.paths), dtype=torch.long)

    def __len__(self) -> int:
        return len(self.y)


def cifar() -> list[tuple[str, bytes]]:
    """3,000 real 32x32 pictures as PNG files."""
    made = []
    for mosaic in sorted(shared("cifar10").glob("*train*")):
        pixels = np.asarray(Image.open(mosaic).convert("RGB")).reshape(50, 32, 20, 32, 3)
        for tile in pixels.transpose(0, 2, 1, 3, 4).reshape(-1, 32, 32, 3):
            box = io.BytesIO()
            Image.fromarray(tile).save(box, "PNG")
            made.append((f"{len(made):06}.png", box.getvalue()))
    return made


def faces() -> list[tuple[str, bytes]]:
    """1,500 real JPEG files of 89x109, fed at 64x64."""
    (path,) = shared("faces").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        return [(f"{n:06}.jpg", archive.read(name)) for n, name in enumerate(names)]


def laid_out(files: list[tuple[str, bytes]], root: Path) -> tuple[Path, Path]:
    """The same files as a folder, and as four tars."""
    folder, tars = root / "folder", root / "tars"
    for place in (folder, tars):
        place.mkdir(parents=True)
    for name, data in files:
        (folder / name).write_bytes(data)
    for shard in range(4):
        with tarfile.open(tars / f"shards-{shard:06}.tar", "w") as tar:
            for name, data in files[shard * len(files) // 4 : (shard + 1) * len(files) // 4]:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return folder, tars


def ours(place: Path, size: int, **options: Any) -> Take:
    """Batches of our source, one after the other."""
    source, at = open_source(place, size=size, flip=True, **options), iter(range(10**9))
    return lambda: source.batch(next(at) * BATCH, BATCH, seed=0)


def theirs(dataset: Dataset, workers: int) -> Take:
    """Batches of a DataLoader in the plain way, epoch after epoch."""
    many = {"persistent_workers": True} if workers else {}
    loader = DataLoader(dataset, BATCH, True, num_workers=workers, drop_last=True, **many)

    def endless() -> Iterator[Any]:
        while True:
            yield from loader

    batches = endless()
    return lambda: next(batches)


def steps(place: Path, size: int) -> dict[str, Take]:
    """Training steps, their data in memory: DCGAN at the paper's width, and the default recipe."""
    recipes = DCGAN(width=64, batch_size=BATCH), Quick(batch_size=BATCH)
    source = open_source(place, size=size)
    return {
        f"a step of {type(r).__name__}, width {r.width}": Run(r, source).advance for r in recipes
    }


def ways(folder: Path, tars: Path, size: int) -> dict[str, Take]:
    """What is compared; 0 workers decode in the process itself."""
    memory = torch.cat([*open_source(folder, size=size).images()])
    memory = ((memory + 1) * 127.5).round().byte()
    found = steps(folder, size)
    found["memory"] = ours(folder, size)
    for workers in (0, 1, 2):
        for name, place in (("folder", folder), ("tars", tars)):
            found[f"{name}, {workers} workers"] = ours(place, size, memory_limit=0, workers=workers)
    for workers in (0, 2):
        found[f"DataLoader, memory, {workers} workers"] = theirs(
            plain.Pictures(memory, None, True), workers
        )
        found[f"DataLoader, folder, {workers} workers"] = theirs(Files(folder, size), workers)
    return found


def spent() -> float:
    """Seconds of the processor, of this process and of the workers that are alive."""
    ticks = 0
    for pid in _family(os.getpid()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended, or there is no /proc here
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else time.process_time()


def _family(pid: int) -> Iterator[int]:
    yield pid
    for place in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in place.read_text().split():
            yield from _family(int(child))


def rates(found: dict[str, Take], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Pictures a second of one core, of every way in every round."""
    for take in found.values():
        for _ in range(4):  # workers start, pages warm
            take()
    seen: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, take in found.items():
            time.sleep(0.2)  # workers of the way before are done with what they were asked
            began, count = spent(), 0
            while count < (2 if "a step" in name else 8) or spent() - began < seconds:
                for _ in range(1 if "a step" in name else 8):
                    take()
                    count += 1
            seen[name].append(count * BATCH / (spent() - began))
    return seen


def measured(files: list[tuple[str, bytes]], size: int, rounds: int, seconds: float) -> dict:
    """Medians of one set of pictures, and how long the tars' index takes, once and again."""
    with tempfile.TemporaryDirectory() as root:
        folder, tars = laid_out(files, Path(root))
        opened = []
        for _ in range(2):
            began = time.perf_counter()
            open_source(tars, size=size, memory_limit=0, workers=0)
            opened.append(round(time.perf_counter() - began, 2))
        seen = rates(ways(folder, tars, size), rounds, seconds)
    told = {name: [round(rate, 1) for rate in values] for name, values in seen.items()}
    return {"count": len(files), "opened": opened, "rates": told}


def rows(cell: dict) -> Iterator[list[str]]:
    medians = {name: statistics.median(values) for name, values in cell["rates"].items()}
    paces = [rate for name, rate in medians.items() if name.startswith("a step")]
    for name, rate in medians.items():
        kind = "memory" if "memory" in name else "folder"
        beside = medians[f"DataLoader, {kind}, 0 workers"]
        low, high = min(cell["rates"][name]), max(cell["rates"][name])
        spread = f"{low:,.0f} - {high:,.0f}"
        if name.startswith("a step"):
            yield [name, f"{rate:,.0f}", spread, "", "", ""]
        else:
            shares = [f"{pace / rate:.1%}" for pace in paces]
            yield [name, f"{rate:,.0f}", spread, *shares, f"{rate / beside:.1f}x"]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each way in each round")
    args = parse(parser)
    results, body = Results("loading"), []
    for name, files, size in (("CIFAR-10, PNG", cifar, 32), ("faces 89x109, JPEG", faces, 64)):
        made = lambda files=files, size=size: measured(files(), size, args.rounds, args.seconds)  # noqa: E731
        cell = results.cell(f"{name} at {size}", made)
        head = [
            "way",
            "pictures/s of a core",
            "least and most",
            "of DCGAN's step",
            "of Quick's",
            "of DataLoader's rate",
        ]
        first, again = cell["opened"]
        body += [
            f"## {cell['count']} pictures, {name}, fed at {size}x{size}",
            table(head, rows(cell)),
            f"The tars' index: {first} s the first time, {again} s with its cache.",
        ]
    results.publish("Loading against a training step", "\n\n".join(body))


if __name__ == "__main__":
    main()
