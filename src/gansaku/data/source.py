"""What a run reads from: an endless stream of samples, addressed by position."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from gansaku.data.spec import Spec


class Source(abc.ABC):
    """Samples as a pure function of (seed, position): nothing to save, nothing to restore.

    `name` is what the user gave; `notes` are sentences stated to the user; `bad` the files that
    were left out, with the reason; `held` the part kept from training, or None.
    """

    spec: Spec
    name: str = ""
    held: Source | None = None

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.bad: list[tuple[str, str]] = []

    @abc.abstractmethod
    def __len__(self) -> int:
        """How many different samples an epoch has."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """A short name for the content as it is fed: equal data, equal fingerprint."""

    @abc.abstractmethod
    def batch(
        self,
        start: int,
        n: int,
        seed: int,
        *,
        spec: Any = None,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> dict[str, Tensor]:
        """The samples at positions `start` to `start + n`: `x` float32, `y` int64 if labelled.

        Position p belongs to epoch `p // len(self)`. Any process may ask for any slice: slices
        agree with the whole to the bit. `spec` asks for images of another size.
        """

    @abc.abstractmethod
    def take(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """The items of those numbers, always the same and never augmented: what measures see."""

    def images(self, chunk: int = 256) -> Iterator[Tensor]:
        """All items once, in order and unaugmented, as float tensors of at most `chunk`."""
        for start in range(0, len(self), chunk):
            yield self.take(range(start, min(start + chunk, len(self))))["x"]

    def close(self) -> None:
        """Ends what runs on behalf of the source; it also ends by itself."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
