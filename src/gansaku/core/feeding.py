"""What a step gets from the processor: noise, and numbers that change with time.

While a step is recorded for a graph all of it is noted; in a replay it is written anew into the
same tensors, as it would have been drawn at that step.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Clock
from gansaku.core.noise import FEED, Noise, sent


class Refused(Exception):
    """This kind of step is no graph, and why."""


class Feed:
    """All that a step gets from the processor, in order, in tensors that can be written anew.

    It notes while a step is played; while one is captured it gives the same tensors again. `why`
    says what of the step no graph can do.
    """

    def __init__(self, stage: int, device: torch.device) -> None:
        self.stage, self.step, self.device = stage, 0, device
        self.sources: list[Callable[[int, int], Tensor]] = []  # of (step, images)
        self.held: list[Tensor] = []
        self.keys: list[tuple[Any, ...]] = []
        self.capturing = False
        self.why: str | None = None
        self._next = 0

    def take(self, noise: Noise, n: int, draw: Callable) -> Tensor:
        """Rows of noise, whose key has the step in it."""
        source, of_step = copy.copy(noise), noise.key[:2] == (self.stage, self.step)
        rest = noise.key[2:] if of_step else noise.key
        noise.skip()

        def drawn(step: int, images: int) -> Tensor:
            now = copy.copy(source)
            now.key = (self.stage, step, *rest) if of_step else rest
            return now.drawn(n, draw)

        return self._given((*rest, source.draws, n), drawn, (self.step, 0))

    def number(self, clock: Clock, of: Callable[[Clock], float]) -> Tensor:
        """A number that changes with time."""
        rest = {"total": clock.total, "seed": clock.seed, "key": clock.key}

        def now(step: int, images: int) -> Tensor:
            return torch.tensor(of(Clock(clock.stage, step, images=images, **rest)))

        return self._given(("number",), now, unseen(clock))

    def _given(self, key: tuple[Any, ...], source: Callable, when: tuple[int, int]) -> Tensor:
        if not self.capturing:
            self.keys.append(key)
            self.sources.append(source)
            self.held.append(sent(source(*when), self.device))
            return self.held[-1]
        if self.keys[self._next : self._next + 1] != [key]:
            self.refuse("it does not ask for the same noise each time")
        self._next += 1
        return self.held[self._next - 1]

    def refill(self, step: int, images: int) -> None:
        for held, source in zip(self.held, self.sources, strict=True):
            write(held, source(step, images))

    def refuse(self, why: str) -> None:
        """A step that is being played goes on to its end; one that is captured has done nothing."""
        self.why = self.why or why
        if self.capturing:
            raise Refused(why)

    @contextlib.contextmanager
    def given(self, step: int, capturing: bool = False) -> Generator[None]:
        """A step is played, or captured, with this feed."""
        self.step, self.capturing, self._next = step, capturing, 0
        token = FEED.set(self)
        try:
            yield
        finally:
            FEED.reset(token)


def write(held: Tensor, value: Tensor) -> None:
    """New contents for a tensor of a graph, without waiting for the device."""
    pinned = value.device.type == "cpu" and held.device.type == "cuda"
    held.copy_(value.pin_memory() if pinned else value, non_blocking=pinned)


class Timed(Clock):
    """A clock whose time a captured loss may not read: it would stand still in the graph."""

    def __init__(self, stage: int, step: int, total: int, images: int, **noise: Any) -> None:
        super().__init__(stage, 0, total, 0, **noise)
        self._time = step, images

    def _read(self, which: int) -> int:
        if (feed := FEED.get()) is not None and "rates" not in self.key:
            feed.refuse("its losses read the time")
        return self._time[which]

    @property
    def step(self) -> int:
        return self._read(0)

    @step.setter
    def step(self, value: int) -> None: ...

    @property
    def images(self) -> int:
        return self._read(1)

    @images.setter
    def images(self, value: int) -> None: ...


def unseen(clock: Clock) -> tuple[int, int]:
    """Step and images of a clock, which do not count as read."""
    return clock._time if isinstance(clock, Timed) else (clock.step, clock.images)
