"""What measures look at: two sets of samples, seen once, with their features computed once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.features import Features
from gansaku.metrics.frechet import Gaussian, Moments

KEPT = 50_000  # pictures and feature rows that are held; moments are of all, however many
CHUNK = 256


@dataclasses.dataclass(frozen=True)
class Part:
    """Some samples `[n, ...]`, images in [-1, 1] or points, with labels `[n]` where known."""

    x: Tensor
    y: Tensor | None = None


class _Seen(NamedTuple):
    x: Tensor
    y: Tensor | None
    rows: Tensor | None
    moments: Moments | None


class Side:
    """One of the two sets: `count` samples, gone through once, when the first is asked for.

    The first `kept` are held; `moments` are of all, however many. Images are rounded to eight
    bits, as files are: a run and the folder of its samples measure the same. Without `features`
    no network looks at them.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        count: int,
        features: Features | None = None,
        labelled: bool = False,
        kept: int = KEPT,
    ) -> None:
        self.count, self.features, self.labelled, self.kept = count, features, labelled, kept
        self._parts = parts

    def __len__(self) -> int:
        """How many samples are held."""
        return min(self.count, self.kept)

    @functools.cached_property
    def _seen(self) -> _Seen:
        held, labels, rows = [], [], []
        moments: Moments | None = None
        seen = 0
        for part in self._parts:
            check_finite(part.x)
            x = to_bytes(part.x) if part.x.ndim == 4 else part.x.cpu().float()
            room = max(self.kept - seen, 0)
            held.append(x[:room])
            if part.y is not None:
                labels.append(part.y[:room].cpu())
            if self.features is not None:
                found = self.features(to_float(x)).cpu().float()
                new = Moments.of(found)
                moments = new if moments is None else moments + new
                rows.append(found[:room])
            seen += len(x)
        join = torch.cat
        return _Seen(
            join(held), join(labels) if labels else None, join(rows) if rows else None, moments
        )

    @property
    def x(self) -> Tensor:
        """The samples that are held: images as uint8, points as they are."""
        return self._seen.x

    @property
    def y(self) -> Any:
        return self._seen.y

    @property
    def rows(self) -> Any:
        """The features of those samples."""
        return self._seen.rows

    @property
    def moments(self) -> Any:
        return self._seen.moments

    @property
    def gaussian(self) -> Gaussian:
        """Fitted to the features of the whole set."""
        if self.count == len(self.rows):
            return Gaussian.of_rows(self.rows)
        return Gaussian.of(self.moments)

    def images(self, most: int | None = None, chunk: int = CHUNK) -> Iterator[Tensor]:
        """The samples that are held, at most `most`, as floats, a chunk at a time."""
        for part in self.x[:most].split(chunk):
            yield to_float(part) if part.ndim == 4 else part

    def first(self, most: int | None = None) -> Tensor:
        """The first samples at once, as floats."""
        return torch.cat(list(self.images(most)))


@dataclasses.dataclass
class Bench:
    """Samples beside a reference, and what a trained model can be asked where there is one."""

    fake: Side
    real: Side
    features: Any  # Features; None for points. What may be None here, a measure's `lacks` asks for
    spec: Any  # of the samples
    seed: int = 0
    folds: int = 8
    paired: bool = False  # sample i belongs to real picture i
    valid: Any = None  # real pictures that choose a parameter: Parzen's sigma
    modes: Any = None  # centres [K, D] of points, and their width
    digits: Any = None  # one-channel digits -> logits
    walk: Any = None  # distance, pairs -> path length of the model's latent, and its settings
    _known: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def pictures(self) -> bool:
        return len(self.spec.shape) == 3

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What several measures read, made once."""
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]


def check_finite(x: Tensor) -> None:
    """UserError where samples are not numbers: they measure nothing."""
    bad = int((~x.flatten(1).isfinite()).any(1).sum())
    if bad:
        raise UserError(f"{bad} of {len(x)} samples are not finite: the run has diverged")


def to_bytes(x: Tensor) -> Tensor:
    """Images in [-1, 1] as uint8."""
    return ((x.detach().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu()


def to_float(x: Tensor) -> Tensor:
    """uint8 images as floats in [-1, 1]."""
    return x.float() / 127.5 - 1
