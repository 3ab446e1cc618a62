"""Randomness as a value: what is drawn depends on (seed, key, draw number), never on history."""

from __future__ import annotations

import contextvars
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

FEED: contextvars.ContextVar[Any] = contextvars.ContextVar("feed", default=None)  # core/graphs.py


def seed_of(*key: int | str) -> int:
    """A 63-bit seed for a key, the same on every machine and Python."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def sow(seed: int, device: torch.device) -> None:
    """Seed torch's own generators, from which dropout draws: the processor's and the device's."""
    if (feed := FEED.get()) is not None and feed.capturing:
        return  # nothing that draws from them is captured
    if device.type == "cpu":  # torch.manual_seed notes who called, for devices that never wake
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def sent(x: Tensor, device: torch.device | str) -> Tensor:
    """`x` on `device`; a GPU is not waited for: from pinned memory a copy is queued like work.

    The memory goes back to torch's own pool when the copy is done, so that it is pinned once.
    """
    if torch.device(device).type != "cuda" or x.device.type != "cpu":
        return x.to(device)
    return x.pin_memory().to(device, non_blocking=True)


class Noise:
    """Draws that are the same whatever the number of processes or parts of a batch.

    Noise is drawn for the global batch, `count` times the rows asked for, and part `index` of it
    is returned. With `least`, at least so many rows are drawn and the first `n` returned, so
    that sample 3 is the same picture whether 4 or 64 are asked for.

    Draws are made on the CPU and moved, so that a seed means the same on every device.
    """

    def __init__(
        self,
        seed: int,
        key: tuple[int | str, ...] = (),
        index: int = 0,
        count: int = 1,
        least: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.seed, self.key, self.index, self.count = seed, key, index, count
        self.least, self.device = least, torch.device(device)
        self.draws = 0

    def normal(self, n: int, *shape: int) -> Tensor:
        """`[n, *shape]` from N(0, 1)."""
        return self._rows(n, lambda rows, g: torch.randn(rows, *shape, generator=g))

    def uniform(self, n: int, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """`[n, *shape]` from U(low, high)."""
        rows = self._rows(n, lambda rows, g: torch.rand(rows, *shape, generator=g))
        return rows if (low, high) == (0.0, 1.0) else rows * (high - low) + low

    def integers(self, n: int, *shape: int, below: int) -> Tensor:
        """`[n, *shape]` of int64, uniform in `[0, below)`."""
        return self._rows(n, lambda rows, g: torch.randint(below, (rows, *shape), generator=g))

    def places(self, n: int, below: int) -> list[int]:
        """The numbers of `integers(n, below=below)`, for Python: they never were on a device."""
        if (feed := FEED.get()) is not None:
            feed.refuse("Python cuts its batches at random")
        return self.drawn(n, lambda rows, g: torch.randint(below, (rows,), generator=g)).tolist()

    def _rows(self, n: int, draw: Callable[[int, torch.Generator], Tensor]) -> Tensor:
        feed = FEED.get()
        if feed is not None:
            return feed.take(self, n, draw)
        return sent(self.drawn(n, draw), self.device)

    def skip(self) -> None:
        """One draw is left out."""
        self.draws += 1

    def drawn(self, n: int, draw: Callable[[int, torch.Generator], Tensor]) -> Tensor:
        """The next draw, on the CPU."""
        generator = torch.Generator().manual_seed(seed_of(self.seed, *self.key, self.draws))
        self.draws += 1
        drawn = draw(max(n * self.count, self.least), generator)
        return drawn[n * self.index : n * (self.index + 1)]


class EachNoise(Noise):
    """Draws of which row i depends on (seed, key, `numbers[i]`) alone, whatever rows are beside it.

    For outputs that belong to inputs: the same whether one is made or many, in whatever order.
    """

    def __init__(
        self,
        seed: int,
        numbers: Sequence[int],
        key: tuple[int | str, ...] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(seed, key, device=device)
        self.numbers = tuple(numbers)

    def drawn(self, n: int, draw: Callable[[int, torch.Generator], Tensor]) -> Tensor:
        """`n` rows: one a number, or several of each in turn."""
        each, rest = divmod(n, len(self.numbers))
        if rest:
            raise ValueError(f"{n} rows cannot be shared by {len(self.numbers)} samples")
        keys = [(self.seed, *self.key, number, self.draws) for number in self.numbers]
        self.draws += 1
        drawn = [draw(each, torch.Generator().manual_seed(seed_of(*key))) for key in keys]
        return torch.stack(drawn, 1).flatten(0, 1)
