"""A graph as a GPU has it, on the CPU: operations noted once, and done again on the same memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from reads import ON_CPU, READS, known, place
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gansaku.core.loop import Run

COPIES = {"aten::lift_fresh"}  # a number of Python's: from memory that a GPU would wait for
COUNTED = {("core/precision.py", "optimizer.step()"): "RMSprop's step, on the device if captured"}


class Recorder(TorchDispatchMode):
    """Notes every operation; what a GPU cannot capture it refuses as a GPU would."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name
        if name in READS and not known(place(), ON_CPU):
            raise RuntimeError(f"operation not permitted when stream is capturing: {place()}")
        if name in COPIES and not known(place(), COUNTED):
            raise RuntimeError(f"a copy is not permitted when stream is capturing: {place()}")
        out = func(*args, **(kwargs or {}))
        if name not in READS:
            self.done.append((func, args, kwargs or {}, out))
        return out

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, out in self.done:
            for held, new in zip(tree_leaves(out), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(held, Tensor) and held.data_ptr() != new.data_ptr():
                    held.copy_(new)


def read(x: Tensor) -> None:
    raise RuntimeError(f"operation not permitted when stream is capturing: {place()}")


class Emulated:
    """What `gansaku.core.graphs.Cuda` is on a GPU. Capturing changes nothing there: nor here."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.replayed = 0

    def aside(self, play: Callable[[], None]) -> None:
        play()

    def captured(self, play: Callable[[], None]) -> Callable[[], None]:
        before = [tensor.clone() for tensor in everything(self.run)]
        recorder = Recorder()
        try:
            with recorder, pytest.MonkeyPatch.context() as patch:
                for way in ("tolist", "cpu", "numpy"):  # which read memory directly
                    patch.setattr(Tensor, way, read)
                play()
        finally:
            with torch.no_grad():
                for tensor, value in zip(everything(self.run), before, strict=True):
                    tensor.copy_(value)

        def replay() -> None:
            self.replayed += 1
            recorder.replay()

        return replay


class Refusing(Emulated):
    """A device that captures nothing: all steps are played."""

    def captured(self, play: Callable[[], None]) -> Callable[[], None]:
        raise RuntimeError("no")


def everything(run: Run) -> Iterator[Tensor]:
    """All tensors that outlive a step."""
    yield from run.nets.parameters()
    yield from run.nets.buffers()
    yield from run.averages.copies.parameters()
    yield from run.averages.copies.buffers()
    yield from run.half.scales.values()
    for optimizer in run.optimizers.values():
        for state in optimizer.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))
