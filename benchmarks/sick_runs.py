"""A gallery of sick runs, each illness made on purpose, and what the doctor says of them.

    python benchmarks/sick_runs.py --threads 1            # the first set
    python benchmarks/sick_runs.py --threads 1 --set test # the second
    python benchmarks/sick_runs.py --threads 1 --set fresh # the third
    python benchmarks/sick_runs.py --report           # from fixtures

The doctor's thresholds were chosen on the first set ("made") and, after it had been judged once,
on the second ("test"). The third ("fresh") has other data, seeds, widths and rates and was judged
when thresholds were frozen. A run that has ended is not made again.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

import common
import gansaku as gs
from gansaku.api import _measure
from gansaku.core import averaging
from gansaku.core.errors import UserError
from gansaku.data import Source
from gansaku.data.builtin import BUILT_IN
from gansaku.doctor.detectors import examine
from gansaku.doctor.findings import Finding
from gansaku.doctor.history import History
from gansaku.doctor.probes import Probes
from sick_cases import CASES as CHOSEN_ON
from sick_fresh import HEALTHY, SICK
from sick_recipes import Case

FIRST = """A run counts as named right if what it was made ill with is the first finding. Where two
illnesses are there, it may be the second: that is counted beside it. Thresholds were frozen in
commit e8a77c5 (2026-11-21 09:18 UTC), before any run of the third set ("fresh") was looked at.
Its 26 runs (18 illnesses, 8 healthy; CIFAR-10 and faces at 16 x 16, digits, points) were then
scored once: **16 of 18 named right, 89 %, no false alarm in 8**. The target of 90 % is missed by
one run. Beside the bar, while they trained, two of the 8 were told something that passed: the 2014
GAN's critic too strong (its samples were then all alike for a while), wgan_gp's too weak (150
steps in all).

## What is still missed

- `test-collapse`: the settings that collapse on 28-pixel digits here make samples that are 75 % as
  diverse as the data, with a plain grid of dots, and other ones at each measure; the critic
  guesses. Checkerboard and oscillation are there, a collapse in the narrow sense is not.
- `test-leak-ada`: its samples lie 0.39 of the way from plain to augmented data, healthy runs with
  translation 0.32: not told apart. Whether samples change under the augmentation less than data do
  was tried as a better measure, and is none: leaking runs gave 0.05, -0.08 and -0.22 (1 is all),
  a healthy one 0.14, for a generator takes up only some of several augmentations.
- `fresh-checkered`: its grid stays below the bound that healthy young networks need.
- `fresh-collapse`: as `test-collapse`.
- `test-dropping-ring-wide`: one kind of eight is left, so that samples have collapsed (first) and
  kinds are missing (second); both are said.

## How the second set was judged at first sight

Before anything was changed after looking at the test set (commit 7ec59fb, 2026-11-21), **19 of its
27 sick runs were named right, with 1 false alarm in 9 healthy ones**. Named otherwise: checkered,
d-strong-mlp (nothing), collapse (checkerboard), dropping-ring-wide (mode-collapse), leak-ada
(mode-dropping), lr-quick and shouting (critic-too-strong), oscillation-grid (critic-too-weak); the
false alarm was mode-dropping in lsgan. Since then thresholds have been chosen on this set too.

"""
SETS = {
    "fresh": "Judged when thresholds were frozen",
    "test": "Judged once unseen (above), then learned from",
    "made": "Thresholds were chosen on these",
}
CASES = [*CHOSEN_ON, *SICK, *HEALTHY]
FIXTURES = common.ROOT.parent / "tests" / "doctor" / "histories"
PICTURES = common.IMAGES / "sick"
LINES = 30  # of each kind that a fixture keeps
DIGITS = 3  # significant ones of a number in a fixture


class Altered(Source):
    """A source whose pixels are changed on their way to the networks: a range gone wrong."""

    def __init__(self, inner: Source, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.inner, self.change = inner, change
        self.spec, self.name, self.held = inner.spec, inner.name, None

    def __len__(self) -> int:
        return len(self.inner)

    def fingerprint(self) -> str:
        return self.inner.fingerprint()

    def batch(self, *args: Any, **options: Any) -> dict[str, torch.Tensor]:
        return {"x": self.change(self.inner.batch(*args, **options)["x"])}

    def take(self, indices: Any) -> dict[str, torch.Tensor]:
        return {"x": self.change(self.inner.take(indices)["x"])}


ALTERED = {
    "0..1": lambda x: (x + 1) / 2,
    "0..255": lambda x: (x + 1) * 127.5,
}


def pictures(case: Case) -> Any:
    """The data of a case: a built-in's name, or pictures as an array."""
    if case.data not in REAL and case.only is None and case.edit is None:
        return case.data
    x = REAL[case.data]() if case.data in REAL else digits(case.data)
    if case.only is not None or case.edit is not None:
        x = x[np.random.default_rng(case.seed).permutation(len(x))[: case.only]]
    return x if case.edit is None else case.edit(x)


def digits(name: str) -> np.ndarray:
    items = BUILT_IN[name]()
    return np.stack([items.pixels(i)[..., 0] for i in range(len(items))])


@functools.cache
def cifar() -> np.ndarray:
    """The 3,000 pictures of CIFAR-10 at 16 x 16 in colour, by the mean of four pixels."""
    sheets = [common.shared("cifar10", f"train_0{i}.webp") for i in range(3)]
    x = np.concatenate([np.asarray(Image.open(sheet).convert("RGB")) for sheet in sheets])
    x = x.reshape(150, 32, 20, 32, 3).swapaxes(1, 2).reshape(3000, 16, 2, 16, 2, 3)
    return x.mean((2, 4)).round().astype(np.uint8)


@functools.cache
def faces() -> np.ndarray:
    """1,500 faces at 16 x 16 in colour, without the upper and lower margin."""
    with zipfile.ZipFile(common.shared("faces", "celeba_1500_89x109.zip")) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        opened = (Image.open(archive.open(name)).convert("RGB") for name in names)
        box = (0, 10, 89, 99)
        return np.stack([np.asarray(x.resize((16, 16), Image.Resampling.BOX, box)) for x in opened])


REAL = {"cifar16": cifar, "faces16": faces}


@contextlib.contextmanager
def circumstances(case: Case) -> Iterator[None]:
    """What no flag can make wrong: an average without warm-up, pixels in a wrong range."""
    from gansaku import api

    def measured(run: Any, *rest: Any) -> Any:
        found = _measure(run, *rest)
        if found is not None and found.probes is None:
            found.probes = Probes(run.source)
        return found

    opened = api.open_data

    def altered(*args: Any) -> Source:
        return Altered(opened(*args), ALTERED[case.altered]) if case.altered else opened(*args)

    with (
        mock.patch.object(api, "_measure", measured),
        mock.patch.object(api, "open_data", altered),
        mock.patch.object(averaging, "WARMUP", 1e9 if case.stale else averaging.WARMUP),
    ):
        yield


def make(case: Case, out: Path) -> dict[str, Any]:
    """Train one case to its end, however that comes; keeps its history and its last sheet."""
    if not (out / "done").exists():
        began = time.process_time()
        shutil.rmtree(out, ignore_errors=True)
        steps = case.recipe.steps
        options = {"log_every": max(steps // 50, 1), "measure_every": max(steps // 14, 1)}
        options |= {"sheet_every": steps, "save_every": steps, "seed": case.seed}
        with circumstances(case), contextlib.suppress(UserError):
            gs.train(case.recipe, data=pictures(case), out=out, **(options | case.options))
        (out / "done").write_text(f"{time.process_time() - began:.1f}")
    keep(case, out)
    spent = float((out / "done").read_text() or 0)
    return {"set": case.set, "expected": case.illness, "cpu_seconds": spent}


def keep(case: Case, out: Path) -> None:
    """The history as a fixture: fewer lines, fewer digits; and a small picture of a sick run."""
    fixture = FIXTURES / case.name
    fixture.mkdir(parents=True, exist_ok=True)
    about = json.loads((out / "run.json").read_text())
    kept = {"name": about["name"], "options": about["options"], "data": about["data"]}
    kept |= {
        "spec": about["spec"],
        "expected": case.illness,
        "set": case.set,
        "code": about["code"],
    }
    kept["options"]["data"] = case.data
    kept["code"] = None
    common.write_text(fixture / "run.json", json.dumps(kept) + "\n")
    common.write_text(fixture / "recipe.txt", (out / "recipe.txt").read_text())
    log = [line for line in (out / "log.txt").read_text().splitlines() if "stopped" in line]
    common.write_text(fixture / "log.txt", "".join(f"{line}\n" for line in log))
    numbers = out / "metrics.jsonl"  # a run that breaks at its first step has none
    lines = numbers.read_text().splitlines() if numbers.exists() else []
    common.write_text(fixture / "metrics.jsonl", "".join(thinned(lines)))
    sheets = sorted((out / "samples").glob("step-*.png"))
    if case.illness and case.set == "made" and sheets:
        picture(sheets[-1], PICTURES / f"{case.name}.png")


def thinned(lines: list[str]) -> list[str]:
    """Every so many lines of numbers and all measures, as JSON with fewer digits."""
    records = [json.loads(line) for line in lines]
    numbers = [r for r in records if "measure" not in r]
    every = max(-(-len(numbers) // LINES), 1)
    kept = [r for i, r in enumerate(numbers) if i % every == 0 or i > len(numbers) - 3]
    kept += [r for r in records if "measure" in r]
    kept.sort(key=lambda r: (r["step"], "measure" in r))
    return [json.dumps(shortened(r), separators=(",", ":")) + "\n" for r in kept]


def shortened(record: dict[str, Any]) -> dict[str, Any]:
    """With fewer digits, and without what no detector reads."""
    left_out = ("seconds", "images_per_s", "stage", "probe/low", "probe/high")
    return {
        k: float(f"{v:.{DIGITS}g}") if isinstance(v, float) else v
        for k, v in record.items()
        if k not in left_out
    }


def picture(sheet: Path, to: Path) -> None:
    """A sheet, no wider than 256 pixels."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(sheet) as image:
        image = image.convert("RGB")
        image.thumbnail((256, 256))
        image.quantize(64).save(to, optimize=True)


def told(name: str) -> list[Finding]:
    return examine(History.of(FIXTURES / name))


def report(results: common.Results) -> None:
    """The confusion matrix of each set, and who was named wrongly."""
    parts = [part for which, title in SETS.items() if (part := judged(which, title))]
    results.publish("Sick runs, and what the doctor says", FIRST + "\n\n".join(parts))


def judged(which: str, title: str) -> str:
    """One set: how many were named right, as what, and run by run."""
    rows = []
    for path in sorted(FIXTURES.glob("*/run.json")):
        about = json.loads(path.read_text())
        if about["set"] == which:
            found = [f.illness for f in told(path.parent.name)] or ["healthy"]
            rows.append((about["expected"] or "healthy", path.parent.name, *found))
    if not rows:
        return ""
    sick, well = ([r for r in rows if (r[0] == "healthy") == w] for w in (False, True))
    first, second = (sum(r[0] in r[2:end] for r in sick) for end in (3, 4))
    shown = [(*r[:3], ", ".join(r[3:]) or "-") for r in rows]
    return (
        f"## {title} (set `{which}`)\n\n{len(rows)} of "
        f"{sum(case.set == which for case in CASES)} runs have been made. **{first} of "
        f"{len(sick)} sick runs named right ({second} among the first two findings); "
        f"{sum(r[2] != 'healthy' for r in well)} false alarms in {len(well)} healthy "
        f"ones.**\n\n{matrix(shown)}\n\n"
        + common.table(("made ill with", "run", "named first", "also named"), sorted(shown))
    )


def matrix(rows: list[tuple[str, str, str, str]]) -> str:
    """How often each illness (rows) was named as which (columns)."""
    names = sorted({r[0] for r in rows} | {r[2] for r in rows})
    counts = [[sum(r[0] == a and r[2] == b for r in rows) or "" for b in names] for a in names]
    return common.table(
        ["made \\ named", *names], ([a, *c] for a, c in zip(names, counts, strict=True))
    )


def main() -> None:
    parser = common.arguments(__doc__ or "")
    parser.add_argument("--set", default="made", help="made, test or fresh")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--skip", default="/", help="not those whose name holds this")
    parser.add_argument("--report", action="store_true", help="train nothing")
    args = common.parse(parser)
    results = common.Results("sick_runs")
    for case in CASES if not args.report else ():
        if case.set == args.set and args.only in case.name and args.skip not in case.name:
            out = common.WORK / "sick" / case.name
            results.cell(case.name, lambda case=case, out=out: make(case, out))
    report(results)


if __name__ == "__main__":
    main()
