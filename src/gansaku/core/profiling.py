"""Where a step's time goes: a few steps under torch's profiler, told in ten lines and a trace."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from gansaku.core.files import replacing
from gansaku.core.folder import Folder
from gansaku.core.loop import Run
from gansaku.core.precision import in_hardware
from gansaku.core.tally import Tally, percent, tally

WARM = 8  # steps before: memory is taken, choices are made, and the pace without a profiler is seen
LEAST, MOST = 4, 16  # steps that are profiled: as many as it takes for every phase to be due
TRACE = "trace.json.gz"
SLOW_DATA, SLOW_OPTIMIZER, SLOW_PYTHON, SLOW_RANKS = 0.15, 0.12, 0.35, 0.25  # worth a word
PRODUCTS = 0.6  # of a step, from which half precision is worth a word


class Profile:
    """A watch that looks at a few steps after warm-up, once; it changes nothing in the run.

    The trace goes to `trace.json.gz` in the run folder, the summary to `tell` and to the log.
    """

    def __init__(self, folder: Folder, tell: Callable[[str], None]) -> None:
        self.folder, self.tell = folder, tell
        self._marks: list[float] = []  # when each step before the profiled ones was over
        self._profile: profile | None = None
        self._left = -1  # steps until the profiler ends; -1: it has not begun
        self._stage = ""

    def __call__(self, run: Run) -> None:
        if self._profile is not None:
            self._left -= 1
            if self._left == 0 or run.over or run.stages[run.stage_number].name != self._stage:
                self._end(run)
        elif self._left < 0 and not run.over:
            self._marks.append(time.perf_counter())
            steps = window(run)
            if len(self._marks) >= min(WARM, max(1, run.total - run.steps - steps)):
                self._begin(run, steps)

    def _begin(self, run: Run, steps: int) -> None:
        self._stage, self._left = run.stages[run.stage_number].name, steps
        cuda = [ProfilerActivity.CUDA] if run.device.type == "cuda" else []
        self._profile = profile(activities=[ProfilerActivity.CPU, *cuda])
        _settle(run)
        with unheard():
            self._profile.start()

    def _end(self, run: Run) -> None:
        assert self._profile is not None
        _settle(run)
        memory = highest(run.device.type)  # before the events are read, which takes some
        with unheard():
            self._profile.stop()
        found = tally(self._profile.events(), run.device.type == "cuda")
        place = self.folder.path / TRACE
        with self.folder.writing():
            export(self._profile, place)
        text = "\n".join(summary(found, facts(run, self._stage, self._pace(), memory), place))
        self.folder.say(text)
        self.tell(text)
        self._profile, self._left = None, 0

    def close(self) -> None:
        """A run that ended before its time leaves no profiler running; said if nothing was seen."""
        if self._profile is not None:
            with unheard():
                self._profile.stop()
        if self._profile is not None or self._left < 0:
            self.tell("the run ended before a step could be profiled: train a few steps more")
        self._profile, self._left = None, 0

    def _pace(self) -> float:
        """Seconds of a usual step before the profiler was there; nan where there were none."""
        gaps = [b - a for a, b in zip(self._marks, self._marks[1:], strict=False)]
        return statistics.median(gaps[len(gaps) // 3 :]) if gaps else float("nan")


@contextlib.contextmanager
def unheard() -> Generator[None]:
    """Within it nothing reaches stderr: torch's profiler says there that it begins and ends."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def window(run: Run) -> int:
    """Steps to look at, the first of which is thrown away: in the others every phase is due."""
    longest = max(phase.every for phase in run.stages[run.stage_number].phases)
    return 1 + min(MOST, max(LEAST, longest), max(1, run.total - run.steps - 1))


def export(made: profile, place: Path) -> None:
    """The trace, whole or not there at all."""
    plain = place.with_name(f".{place.name}.plain.tmp")
    try:
        made.export_chrome_trace(str(plain))
        with (
            replacing(place) as draft,
            open(plain, "rb") as text,
            gzip.open(draft, "wb", compresslevel=5) as packed,
        ):
            shutil.copyfileobj(text, packed)
    finally:
        plain.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the summary says besides times. `unfused`: players whose optimizer is not fused."""

    stage: str
    stages: int
    step: int
    batch_size: int
    device: str
    precision: str
    pace: float
    unfused: tuple[str, ...]
    memory: str
    halves: bool = False  # products of half precision have a unit of their own on the processor


def facts(run: Run, stage: str, pace: float, memory: str) -> Facts:
    """Of a run whose steps have just been looked at."""
    own = run.optimizers.items()
    unfused = tuple(name for name, optimizer in own if not optimizer.defaults.get("fused"))
    size = next(run.batch_size(s) for s in run.stages if s.name == stage)
    where = run.device.type, run.precision
    known = (stage, len(run.stages), run.steps, size, *where, pace, unfused, memory)
    return Facts(*known, in_hardware("bf16"))


def highest(device: str) -> str:
    """The most memory that was held so far, in words."""
    unit = 1 if sys.platform == "darwin" else 1024
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    words = f"the process has held {held / 2**30:.2f} GB at most"
    if device == "cuda":
        words += f", the device {torch.cuda.max_memory_allocated() / 2**30:.2f} GB"
    return words


def summary(found: Tally, known: Facts, place: Path) -> list[str]:
    """At most ten lines for a person; shares are of a step."""
    if not found.steps:
        return ["no whole step was profiled"]
    lines = [head(found, known)]
    names = found.players()[:3]
    wide = max(len(name) for name in (*names, "others", "the rest")) + 2
    lines += [f"  {name:<{wide}}{found.player(name)}" for name in names]
    if others := sum(found.share(name) for name in found.players()[3:]):
        lines.append(f"  {'others':<{wide}}{percent(others)}")
    lines.append(f"  {'the rest':<{wide}}{found.rest()}")
    lines += [f"  by operation: {found.by_family()}", f"  the costliest: {found.costliest()}"]
    lines.append(f"  memory: {known.memory}; trace: {place} (open it at ui.perfetto.dev)")
    return lines + [f"  {said}" for said in suggestions(found, known)[:1]]


def head(found: Tally, known: Facts) -> str:
    """How long a step takes, and which were looked at."""
    there = known.pace if known.pace == known.pace else found.seconds
    busy = f", the device busy {percent(found.busy)} of it" if known.device == "cuda" else ""
    stage = f" of stage {known.stage!r}" if known.stages > 1 else ""
    return (
        f"a step{stage} takes {1000 * there:.4g} ms ({1000 * found.seconds:.4g} under the profiler"
        f"{busy}); where it goes, in {found.steps} steps to {known.step}, batch {known.batch_size}:"
    )


def suggestions(found: Tally, known: Facts) -> list[str]:
    """What has a clear cause and a remedy, the weightiest first."""
    data, optimizer = found.parts[("", "data")], found.of("optimizer")
    said = []
    if data > SLOW_DATA:
        said.append(
            f"data takes {percent(data)}: more --workers decode ahead (if the machine has cores), "
            "or keep the pictures at the size that is fed, so that they fit in memory"
        )
    if known.device == "cuda" and found.busy < 0.6:
        said.append("the device waits: a larger --batch_size costs little more a step")
    if (ranks := found.parts[("", "ranks")]) > SLOW_RANKS:
        said.append(
            f"the processes wait for one another {percent(ranks)} of the time: fewer of them, or a "
            "larger --batch_size, where each has more to do between two meetings"
        )
    if optimizer > SLOW_OPTIMIZER and known.unfused:
        said.append(
            f"optimizers take {percent(optimizer)} and that of {', '.join(known.unfused)} is not "
            "fused: Adam and SGD of gansaku.core.optim are"
        )
    if known.device == "cuda" and known.precision == "fp32":
        said.append("--precision bf16 is faster on this device, where the recipe bears it")
    products = found.families["convolution"] + found.families["matmul"]
    if known.device == "cpu" and known.precision == "fp32" and known.halves and products > PRODUCTS:
        said.append(
            f"--precision bf16: products take {percent(products)}, and this processor has a unit "
            "for those of half precision"
        )
    between = found.families["between operations"]
    if known.device == "cpu" and between > SLOW_PYTHON:
        said.append(
            f"{percent(between)} is spent between operations: the networks "
            "are small for this machine, and a larger --batch_size costs little more a step"
        )
    if known.stages > 1:
        said.append("other stages take other times: gansaku resume RUN --profile looks at a later")
    return [f"to try: {line}" for line in said]


def _settle(run: Run) -> None:
    if run.device.type == "cuda":
        torch.cuda.synchronize(run.device)
