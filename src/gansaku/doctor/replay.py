"""A run that broke, played once more from its last checkpoint: which layer broke first."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from torch import Tensor, nn

from gansaku.core.errors import Diverged
from gansaku.core.loop import Run


class Replay:
    """`find()` plays at most `steps` steps or `seconds` and names the first that is not finite.

    Steps are functions of seed and time, so that the run breaks again where it broke. It costs
    the run given: it is not to be trained on.
    """

    def __init__(self, run: Run, steps: int, seconds: float = 60.0) -> None:
        self.run, self.steps, self.seconds = run, steps, seconds
        self.found = ""

    def find(self) -> str:
        """`D.head.linear (output, step 7)`; the empty text where all stayed finite."""
        marks = [
            module.register_forward_hook(partial(self._look, name))
            for name, module in self.run.nets.named_modules()
            if not list(module.children())
        ]
        began = time.monotonic()

        def enough(run: Run) -> bool:
            self._weights(run)
            return bool(self.found) or time.monotonic() - began > self.seconds

        try:
            self.run.play([enough], steps=self.steps)
        except Diverged as error:  # a loss broke, and no layer before it
            self.found = self.found or str(error).split(" became ")[0] + " (the loss itself)"
        finally:
            for mark in marks:
                mark.remove()
        return self.found

    def _look(self, name: str, module: nn.Module, given: Any, out: Any) -> None:
        if not self.found and isinstance(out, Tensor) and not out.detach().isfinite().all():
            self.found = f"{name} (output, step {self.run.steps + 1})"

    def _weights(self, run: Run) -> None:
        for name, weight in run.nets.named_parameters():
            if not self.found and not weight.detach().isfinite().all():
                self.found = f"{name} (weights, step {run.steps})"
