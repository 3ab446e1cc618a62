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


@dataclasses.dataclass(frozen=True)
class MapSpec:
    """Label maps: int64 class numbers `[N, 1, height, width]`; `UNLABELLED` (255) is no class.

    `labels` are the names of the classes in the order of their numbers, `palette` the colour of
    each, (red, green, blue) from 0 to 255.
    """

    height: int
    width: int
    labels: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(1, height, width)` of one sample."""
        return 1, self.height, self.width

    @property
    def classes(self) -> int:
        """How many classes a pixel may have."""
        return len(self.labels)

    def resized(self, height: int, width: int) -> Self:
        """The same maps at another resolution."""
        return dataclasses.replace(self, height=height, width=width)

    def painted(self, maps: Tensor) -> Tensor:
        """Class numbers `[N, 1, H, W]` as pictures `[N, 3, H, W]` in [-1, 1]; unlabelled black."""
        from gansaku.data.draw import painted

        return painted(maps, self.palette)

    def preview(self, samples: Tensor, path: str | Path, **options: Any) -> Path:
        """Write one sheet of maps in their classes' colours, as `ImageSpec.preview` does."""
        return ImageSpec(self.height, self.width).preview(self.painted(samples), path, **options)

    def to_json(self) -> dict[str, Any]:
        """A plain dict for `run.json`; `from_json` reads it back."""
        lists = {"labels": list(self.labels), "palette": [list(c) for c in self.palette]}
        return {"kind": "maps", "height": self.height, "width": self.width, **lists}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The spec that `to_json` described."""
        palette = tuple((int(r), int(g), int(b)) for r, g, b in data["palette"])
        return cls(int(data["height"]), int(data["width"]), tuple(data["labels"]), palette)


@dataclasses.dataclass(frozen=True)
class PairSpec:
    """Two sides: what is translated, `a`, and what it becomes, `b`; paired or not.

    Samples are of the kind of `b`, and `shape` is its shape.
    """

    a: ImageSpec | MapSpec
    b: ImageSpec

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(channels, height, width)` of one sample of b."""
        return self.b.shape

    @property
    def classes(self) -> int:
        """Pairs have no classes: 0. (The classes of label maps are `a.classes`.)"""
        return 0

    def resized(self, height: int, width: int) -> Self:
        """The same pairs at another resolution, both sides alike."""
        a, b = self.a.resized(height, width), self.b.resized(height, width)
        return dataclasses.replace(self, a=a, b=b)

    def preview(self, samples: Tensor, path: str | Path, **options: Any) -> Path:
        """Write one sheet of samples of b, as `ImageSpec.preview` does."""
        return self.b.preview(samples, path, **options)

    def to_json(self) -> dict[str, Any]:
        """A plain dict for `run.json`; `from_json` reads it back."""
        return {"kind": "pairs", "a": self.a.to_json(), "b": self.b.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The spec that `to_json` described."""
        maps = data["a"]["kind"] == "maps"
        a = (MapSpec if maps else ImageSpec).from_json(data["a"])
        return cls(a, ImageSpec.from_json(data["b"]))


@dataclasses.dataclass(frozen=True)
class ClipSpec(PairSpec):
    """Stick figures `a` and frames `b` of one person, of one size, in their order in time.

    `points` are those that the figures are drawn of, BODY_25 or COCO (without feet), `face`
    whether they show the face's points. `stance` are the numbers of `gansaku.data.stance.Stance`:
    where the person stands and how tall; empty where it could not be measured.
    """

    points: str = "BODY_25"
    face: bool = False
    stance: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain dict for `run.json`; `from_json` reads it back."""
        own = {"points": self.points, "face": self.face, "stance": list(self.stance)}
        return {**PairSpec.to_json(self), "kind": "clip", **own}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The spec that `to_json` described."""
        a, b = (ImageSpec.from_json(data[side]) for side in "ab")
        return cls(a, b, data["points"], bool(data["face"]), tuple(map(float, data["stance"])))


UNLABELLED = 255  # in a label map: a pixel of no class
Spec = ImageSpec | PointSpec | MapSpec | PairSpec


def spec_from_json(data: Mapping[str, Any]) -> Spec:
    """The spec, of whichever kind, that `to_json` described; ValueError for an unknown kind."""
    kinds = {"images": ImageSpec, "points": PointSpec, "maps": MapSpec, "pairs": PairSpec}
    kinds |= {"clip": ClipSpec}
    if data.get("kind") not in kinds:
        raise ValueError(f"no kind of data is called {data.get('kind')!r}; known: {list(kinds)}")
    return kinds[data["kind"]].from_json(data)
