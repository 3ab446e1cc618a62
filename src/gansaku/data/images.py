"""Images as a source: any slice of an endless, shuffled, flipped and cropped stream."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gansaku.core.noise import sent
from gansaku.data import order
from gansaku.data.fit import Fit
from gansaku.data.source import Source
from gansaku.data.spec import ImageSpec
from gansaku.data.store import Rows, Store


class ImageSource(Source):
    """Images float32 `[N, C, H, W]` in [-1, 1], with labels int64 `[N]` where there are classes.

    `members` are the numbers of the store's pictures that belong here, in order; `labels` and
    `digests` belong to the whole store. Made by `gansaku.data.open_source`.
    """

    spec: ImageSpec

    def __init__(
        self,
        name: str,
        spec: ImageSpec,
        fit: Fit,
        store: Store,
        members: np.ndarray,
        labels: np.ndarray | None,
        digests: np.ndarray,
        flip: bool = False,
    ) -> None:
        super().__init__()
        self.name, self.spec, self.fit, self.flip = name, spec, fit, flip
        self._store, self._members = store, members
        self._labels, self._digests = labels, digests
        self._last = 0  # where the last batch began: tells the step to the next one

    def __len__(self) -> int:
        return len(self._members)

    def fingerprint(self) -> str:
        content = hashlib.blake2b(self._digests[self._members].tobytes(), digest_size=8)
        if self._labels is not None:
            content.update(self._labels[self._members].tobytes())
        content.update(repr((self.spec, self.fit)).encode())
        return content.hexdigest()

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
        positions = np.arange(start, start + n)
        numbers = self._numbers(positions, seed)
        rows = self._store.rows(numbers)
        self._read_ahead(start, n, seed)
        rows = self._windows(rows, positions, seed)
        if self.flip:
            turned = order.coin(positions, seed, "flip")
            rows[turned] = rows[turned][..., ::-1]
        x = self._tensor(rows, device, spec or self.spec)
        return self._with_labels(x.contiguous(memory_format=memory_format), numbers)

    def take(self, indices: Sequence[int]) -> dict[str, Tensor]:
        numbers = self._members[np.asarray(indices, np.int64)]
        rows = self._windows(self._store.rows(numbers), None, 0)
        return self._with_labels(self._tensor(rows, "cpu", self.spec), numbers)

    def close(self) -> None:
        self._store.close()

    def _tensor(self, rows: np.ndarray, device: torch.device | str, spec: Any) -> Tensor:
        """Prepared pictures as they are fed."""
        return resized(to_float(rows, device), spec)

    def _numbers(self, positions: np.ndarray, seed: int) -> np.ndarray:
        return self._members[order.indices(positions, len(self), seed)]

    def _read_ahead(self, start: int, n: int, seed: int) -> None:
        """Name the next batches: of several ranks, each asks for every so many positions."""
        if not self._store.ahead:
            return
        step = start - self._last if n <= start - self._last <= 4096 * n else n
        self._last = start
        begins = (start + step * k for k in range(1, self._store.ahead + 1))
        self._store.expect([self._numbers(np.arange(b, b + n), seed) for b in begins])

    def _windows(self, rows: Rows, positions: np.ndarray | None, seed: int) -> np.ndarray:
        """Cut pictures that are larger than they are fed: by position, or in the middle."""
        height, width = self.spec.height, self.spec.width
        if isinstance(rows, np.ndarray) and rows.shape[2:] == (height, width):
            return rows
        middle = np.full(len(rows), 0.5)
        down = middle if positions is None else order.uniform(positions, seed, "crop", "down")
        right = middle if positions is None else order.uniform(positions, seed, "crop", "right")
        cut = np.empty((len(rows), rows[0].shape[0], height, width), rows[0].dtype)
        for n, row in enumerate(rows):
            top = int(down[n] * (row.shape[1] - height + 1))
            left = int(right[n] * (row.shape[2] - width + 1))
            cut[n] = row[:, top : top + height, left : left + width]
        return cut

    def _with_labels(self, x: Tensor, numbers: np.ndarray) -> dict[str, Tensor]:
        if self._labels is None:
            return {"x": x}
        return {"x": x, "y": sent(torch.from_numpy(self._labels[numbers]), x.device)}


def to_float(rows: np.ndarray, device: torch.device | str) -> Tensor:
    """uint8 or uint16 `[N, C, H, W]` -> float32 in [-1, 1] on `device`, black and white exact."""
    half = np.iinfo(rows.dtype).max / 2
    if rows.dtype == np.uint16:  # torch computes little in it
        rows = rows.astype(np.float32)
    return sent(torch.from_numpy(rows), device).float().div_(half).sub_(1)


def resized(x: Tensor, spec: ImageSpec) -> Tensor:
    """Images at the size of `spec`, bilinear with antialias; as they are where it is theirs."""
    if x.shape[1] != spec.channels:
        raise ValueError(f"the source has {x.shape[1]} channels and {spec.channels} were asked")
    if x.shape[2:] == (spec.height, spec.width):
        return x
    size = (spec.height, spec.width)
    return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
