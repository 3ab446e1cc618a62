"""Key points of a person in every frame of a clip, and the stick figures that are drawn of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

BODY = (  # BODY_25 of OpenPose, in its order
    *("nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder"),
    *("left elbow", "left wrist", "mid hip", "right hip", "right knee", "right ankle"),
    *("left hip", "left knee", "left ankle", "right eye", "left eye", "right ear", "left ear"),
    *("left big toe", "left small toe", "left heel", "right big toe", "right small toe"),
    "right heel",
)
NOSE, NECK, MID_HIP, RIGHT_ANKLE, LEFT_ANKLE = 0, 1, 8, 11, 14
HEAD, EARS, FEET = (0, 15, 16, 17, 18), (17, 18), tuple(range(19, 25))
FACE = 70  # points of OpenPose's face
LIMBS = (  # BODY_25's pairs of points; each has the colour of its second
    *((1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11)),
    *((8, 12), (12, 13), (13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18)),
    *((14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24)),
)
COLOURS = (  # of OpenPose's drawings, a point each
    *((255, 0, 85), (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0)),
    *((85, 255, 0), (0, 255, 0), (255, 0, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255)),
    *((0, 170, 255), (0, 85, 255), (0, 0, 255), (255, 0, 170), (170, 0, 255), (255, 0, 255)),
    *((85, 0, 255), (0, 0, 255), (0, 0, 255), (0, 0, 255), (0, 255, 255), (0, 255, 255)),
    (0, 255, 255),
)
SPARSE = (27, 30, 8, 0, 16, 33, 68, 69)  # points of a face that are drawn, as the authors do
THICK = 0.0075  # half the thickness of a limb, in heights of the frame: 8 pixels of 1080
THIN = 0.75  # pixels: half the thickness below which a limb would fade away
Point = Sequence[float] | np.ndarray  # x, y in pixels; whole numbers are the middles of pixels


@dataclasses.dataclass(frozen=True, eq=False)
class Poses:
    """One person through `T` frames of `size` (height, width) pixels.

    `body [T, 25, 3]` and `face [T, 70, 3]` hold x, y and confidence, 0 where a point is not
    seen; `kind` is what they were read from: BODY_25, or COCO, which has no feet.
    """

    body: np.ndarray
    face: np.ndarray
    size: tuple[int, int]
    kind: str = "BODY_25"

    def __len__(self) -> int:
        return len(self.body)

    def part(self, numbers: Sequence[int] | np.ndarray | slice) -> Poses:
        """Those frames alone."""
        return dataclasses.replace(self, body=self.body[numbers], face=self.face[numbers])

    def moved(self, scale: np.ndarray, shift: np.ndarray, size: tuple[int, int]) -> Poses:
        """Every point times `scale [T, 2]` plus `shift [T, 2]` (x, y), in frames of `size`."""
        body, face = self.body.copy(), self.face.copy()
        for points in (body, face):
            points[..., :2] = points[..., :2] * scale[:, None] + shift[:, None]
        return dataclasses.replace(self, body=body, face=face, size=size)

    def fitted(self, height: int, width: int, crop: str = "center") -> Poses:
        """The points where `gansaku.data.fit.Fit` puts their pixels: the middle, or stretched."""
        have = np.array(self.size, float)
        want = np.array((height, width), float)
        scale = want / have if crop == "none" else np.full(2, (want / have).max())
        # the middle of pixel 0 is at 0, its edge at -1/2
        shift = (want - have * scale) / 2 + 0.5 * scale - 0.5
        down, right = (np.tile(pair[::-1], (len(self), 1)) for pair in (scale, shift))
        return self.moved(down, right, (height, width))

    def without_feet(self) -> Poses:
        """As COCO would have seen them: for a model that was trained on COCO's points."""
        body = self.body.copy()
        body[:, FEET] = 0
        return dataclasses.replace(self, body=body, kind="COCO")

    def without_face(self) -> Poses:
        """The body's points alone."""
        return dataclasses.replace(self, face=np.zeros_like(self.face))

    def draw(self, number: int) -> np.ndarray:
        """The stick figure of one frame, uint8 `[3, height, width]`."""
        return draw(self.body[number], self.face[number], *self.size)

    def faces(self) -> np.ndarray:
        """The middle of the face in every frame, float32 `[T, 2]` (y, x) in pixels."""
        return np.stack([middle_of_face(body) for body in self.body])


def seen(points: np.ndarray) -> np.ndarray:
    """Which of points `[..., 3]` were found, `[...]`."""
    return points[..., 2] > 0


def middle_of_face(body: np.ndarray) -> np.ndarray:
    """(y, x) of the nose, or between the ears, or of the head, or above the neck, `[2]`.

    Nose and ears are the authors' choice; the rest is for frames in which neither is seen, and
    0 where nobody is.
    """
    for group in ((NOSE,), EARS, HEAD):
        found = body[list(group)]
        if seen(found).any():
            return found[seen(found), 1::-1].mean(0).astype(np.float32)
    known = body[seen(body)]
    if not len(known):
        return np.zeros(2, np.float32)
    return np.array([known[:, 1].min(), known[:, 0].mean()], np.float32)


def draw(body: np.ndarray, face: np.ndarray, height: int, width: int) -> np.ndarray:
    """Points `[25, 3]` and `[70, 3]` in pixels -> a stick figure, uint8 `[3, height, width]`.

    On white, in OpenPose's colours, each limb laid on at 0.6 as there; a face of which enough is
    known shows as a few dark dots. Limbs of which an end was not seen are left out. Edges are
    smooth: a limb's cover is a continuous function of its ends.
    """
    canvas = np.ones((height, width, 3), np.float32)
    radius = max(THIN, THICK * height)
    for number in np.flatnonzero(seen(body)):
        stroke(canvas, body[number], body[number], radius, colour(number))
    for a, b in LIMBS:
        if seen(body[a]) and seen(body[b]):
            stroke(canvas, body[a], body[b], radius, colour(b), opacity=0.6)
    if face[:, 2].mean() >= 0.2:
        for number in SPARSE:
            if seen(face[number]):
                stroke(canvas, face[number], face[number], radius / 2, np.zeros(3))
    return to_pixels(canvas)


def colour(number: int) -> np.ndarray:
    """Of a point, RGB in [0, 1]."""
    return np.array(COLOURS[number], np.float32) / 255


def to_pixels(canvas: np.ndarray) -> np.ndarray:
    """Floats `[H, W, 3]` in [0, 1] -> uint8 `[3, H, W]`."""
    return np.ascontiguousarray(
        (canvas.clip(0, 1) * 255).round().astype(np.uint8).transpose(2, 0, 1)
    )


def stroke(
    canvas: np.ndarray,
    a: Point,
    b: Point,
    radius: float | tuple[float, float],
    paint: np.ndarray,
    opacity: float = 1.0,
) -> None:
    """Lay a line with round ends on `canvas [H, W, 3]` in [0, 1], in place.

    From `a` to `b` (x, y), its half thickness `radius` at both or (at a, at b), of the colour
    `paint [3]`. A pixel is covered as far as its middle lies inside, over a pixel's width.
    """
    first, last = radius if isinstance(radius, tuple) else (radius, radius)
    rows, columns = _around(canvas, a, b, max(first, last) + 1)
    if not (len(rows) and len(columns)):
        return
    y, x = np.meshgrid(rows - float(a[1]), columns - float(a[0]), indexing="ij", sparse=True)
    dx, dy = float(b[0] - a[0]), float(b[1] - a[1])
    along = ((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-9)).clip(0, 1)
    distance = np.hypot(x - along * dx, y - along * dy) - (first + along * (last - first))
    cover = ((0.5 - distance).clip(0, 1) * opacity)[..., None].astype(np.float32)
    part = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part += cover * (paint.astype(np.float32) - part)


def _around(canvas: np.ndarray, a: Point, b: Point, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns of the canvas that lie within `reach` of the box from a to b."""
    spans = []
    for axis, length in ((1, canvas.shape[0]), (0, canvas.shape[1])):
        low, high = sorted((float(a[axis]), float(b[axis])))
        first, last = (
            max(0, int(np.floor(low - reach))),
            min(length, int(np.ceil(high + reach)) + 1),
        )
        spans.append(np.arange(first, max(first, last)))
    return spans[0], spans[1]
