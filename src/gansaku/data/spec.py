"""What one sample is: its shape, range and classes, and how a handful of them is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """Images: float tensors `[N, channels, height, width]` in [-1, 1].

    Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. `labels` are the names of the
    classes, in the order of their numbers; empty where the data has none.
    """

    height: int
    width: int
    channels: int = 3
    labels: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of one sample."""
        return self.channels, self.height, self.width

    @property
    def classes(self) -> int:
        """How many classes the labels name; 0 where there are none."""
        return len(self.labels)

    def resized(self, height: int, width: int) -> Self:
        """The same images at another resolution: what a stage of a progressive recipe sees."""
        return dataclasses.replace(self, height=height, width=width)

    def preview(
        self,
        samples: Tensor,
        path: str | Path,
        *,
        reference: Tensor | None = None,
        score: Callable[[Tensor], Tensor] | None = None,
        columns: int | None = None,
    ) -> Path:
        """Write one sheet of `samples [N, C, H, W]`, as square as can be unless `columns` is given.

        Small pictures are enlarged by whole factors. `reference` and `score` belong to points
        and are ignored here. The file appears under its name only when it is whole.
        """
        from gansaku.data.draw import save_sheet

        return save_sheet(samples, path, columns)

    def to_json(self) -> dict[str, Any]:
        """A plain dict for `run.json`; `from_json` reads it back."""
        return {"kind": "images", **dataclasses.asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The spec that `to_json` described."""
        size = (int(data[name]) for name in ("height", "width", "channels"))
        return cls(*size, labels=tuple(data.get("labels", ())))


@dataclasses.dataclass(frozen=True)
class PointSpec:
    """Points: float tensors `[N, dims]`, in the units of their source."""

    dims: int = 2

    @property
    def shape(self) -> tuple[int]:
        """`(dims,)` of one sample."""
        return (self.dims,)

    @property
    def classes(self) -> int:
        """Points have no classes: 0."""
        return 0

    def preview(
        self,
        samples: Tensor,
        path: str | Path,
        *,
        reference: Tensor | None = None,
        score: Callable[[Tensor], Tensor] | None = None,
        columns: int | None = None,
    ) -> Path:
        """Write a scatter of `samples [N, dims]` over `reference`, the critic's surface behind.

        `score` maps points `[M, 2]` to `[M]`. Of more than two dimensions the first two are
        drawn, without the surface. `columns` belongs to images and is ignored here.
        """
        from gansaku.data.draw import save_scatter

        return save_scatter(samples, path, reference, score)

    def to_json(self) -> dict[str, Any]:
        """A plain dict for `run.json`; `from_json` reads it back."""
        return {"kind": "points", "dims": self.dims}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The spec that `to_json` described."""
        return cls(int(data["dims"]))


Spec = ImageSpec | PointSpec


def spec_from_json(data: Mapping[str, Any]) -> Spec:
    """The spec, of whichever kind, that `to_json` described; ValueError for an unknown kind."""
    kinds = {"images": ImageSpec, "points": PointSpec}
    if data.get("kind") not in kinds:
        raise ValueError(f"no kind of data is called {data.get('kind')!r}; known: {list(kinds)}")
    return kinds[data["kind"]].from_json(data)
