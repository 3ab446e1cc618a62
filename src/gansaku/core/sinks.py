"""What looks at a run after each step: numbers, sheets, checkpoints, Ctrl-C.

Each is called with the run, in the order given; one that returns True asks the loop to stop.
Checkpoints come last, so that all which belongs to a step is on disk before its checkpoint.
"""

from __future__ import annotations

import contextlib
import signal
import time
import warnings
from collections.abc import Callable, Generator
from pathlib import Path

from gansaku.core import checkpoint, ranks, state
from gansaku.core.errors import CheckpointError
from gansaku.core.files import SUFFIX
from gansaku.core.folder import Folder, link, step_path
from gansaku.core.loop import Run
from gansaku.core.measuring import Measure

ECHO = 2.0  # seconds in which torchrun passes a signal on


class Metrics:
    """metrics.jsonl, with the two timings that no other number depends on."""

    def __init__(self, folder: Folder, seconds: float = 0.0) -> None:
        self.folder = folder
        self._began = time.monotonic() - seconds
        self._mark: tuple[float, int] | None = None

    def __call__(self, run: Run) -> None:
        if run.record is None:
            return
        now = time.monotonic()
        then, images = self._mark or (now, run.images)
        rate = (run.images - images) / (now - then) if now > then else 0.0
        self._mark = now, run.images
        run.record |= {"seconds": round(now - self._began, 3), "images_per_s": round(rate, 2)}
        self.folder.append(run.record)


class TensorBoard:
    """The same numbers as TensorBoard events, those of a measure too; it looks after it."""

    def __init__(self, folder: Folder, step: int = 0, measure: Measure | None = None) -> None:
        self.measure = measure
        with warnings.catch_warnings():  # tensorboard's own, about its protobuf
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter
        self._writer = SummaryWriter(str(folder.tensorboard), purge_step=step + 1 if step else None)

    def __call__(self, run: Run) -> None:
        measured = self.measure.found if self.measure else None
        for name, value in ((run.record or {}) | (measured or {})).items():
            if isinstance(value, float):
                self._writer.add_scalar(name, value, run.steps)

    def close(self) -> None:
        self._writer.close()


class Sheets:
    """A sheet of samples every so many steps, always of the same latents."""

    def __init__(self, folder: Folder, every: int, draw: Callable[[Run, Path], Path]) -> None:
        self.folder, self.every, self.draw = folder, every, draw

    def __call__(self, run: Run) -> None:
        if run.over or run.steps % self.every == 0:
            with self.folder.writing():
                self.draw(run, self.folder.sheet(run.steps))


class Checkpoints:
    """The last `keep` checkpoints, and the best one by the measure.

    Saved every `every` steps, and whenever `minutes` have passed since the last one: what a
    power cut takes is bounded in both.
    """

    def __init__(
        self, folder: Folder, every: int, keep: int, minutes: float, measure: Measure | None
    ) -> None:
        self.folder, self.every, self.keep = folder, every, keep
        self.minutes, self.measure = minutes, measure
        self._saved, self._last = time.monotonic(), -1

    def __call__(self, run: Run) -> None:
        late = ranks.agree(time.monotonic() - self._saved > 60 * self.minutes)
        best = self.measure is not None and self.measure.improved
        if run.over or late or best or run.steps % self.every == 0:
            self.save(run)
        if best and ranks.rank() == 0:
            with self.folder.writing():
                path = step_path(self.folder.checkpoints, run.steps)
                link(path, self.folder.checkpoints / f"best{SUFFIX}")

    def save(self, run: Run) -> None:
        """Write a checkpoint now, unless this step has one; drop those beyond the last few."""
        if self._last == run.steps or ranks.rank():
            return
        tensors, header = state.of(run)
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise CheckpointError(
                    f"{name} is not finite at step {run.steps}: no checkpoint was written, and "
                    "the ones before are kept. Try a lower learning rate"
                )
        checkpoint.write(step_path(self.folder.checkpoints, run.steps), tensors, header)
        self._saved, self._last = time.monotonic(), run.steps
        for old in self.folder.saved()[: -self.keep]:
            old.unlink()


class Interrupt:
    """Ctrl-C and SIGTERM end the run after the present step; a second Ctrl-C ends it at once.

    Of several processes whichever hears it; torchrun passes on what they have heard themselves,
    so that only a second signal that comes later counts.
    """

    def __init__(self) -> None:
        self.asked = False
        self._heard = 0.0

    def __call__(self, run: Run) -> bool:
        return ranks.anyone(self.asked)

    def ask(self) -> None:
        """End the run after the present step, on all processes, whichever of them asks."""
        self.asked = True

    def _ask(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.asked and (ranks.world() == 1 or now - self._heard > ECHO):
            raise KeyboardInterrupt
        self.asked, self._heard = True, now

    @contextlib.contextmanager
    def listening(self) -> Generator[None, None, None]:
        """Signals are heard inside the block; outside the main thread there are none to hear."""
        try:
            old = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:
            old = {}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
