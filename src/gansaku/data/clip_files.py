"""Where the frames and the key points of a clip lie: folders, an animation, one JSON for all."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gansaku.core.errors import DataError, nearest
from gansaku.data import decode, keypoints, puppet
from gansaku.data.arrays import ArrayItems
from gansaku.data.decode import Header, Undecodable
from gansaku.data.fit import Fit
from gansaku.data.items import FolderItems, Items, digest
from gansaku.data.pose import Poses
from gansaku.data.puppet_builds import LINES, PUPPETS
from gansaku.data.survey import Survey, few, survey

MOVING = (".gif", ".webp", ".png", ".apng")
VIDEO = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v")
PARTS = ("frames", "keypoints")  # folders of a clip
SIDE = 64  # pixels of a puppet's frames where no size is asked for
LAYOUT = (
    "a clip is a folder with frames/ (pictures, or an animation frames.gif or frames.webp) and "
    "keypoints/ (OpenPose's JSON, one a frame) or keypoints.json (all frames, OpenPose's or COCO's)"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """Frames in order, or None where there are key points alone; and the poses of all.

    `absent` are the frames without a person, by number, with the reason.
    """

    where: str
    frames: Survey | None
    poses: Poses
    absent: dict[int, str]
    notes: list[str]


class PuppetItems(Items):
    """The frames of a puppet, drawn when they are asked for."""

    resident = True

    def __init__(self, name: str, height: int, width: int) -> None:
        super().__init__(name, [f"frame {n}" for n in range(PUPPETS[name].frames)])
        self.size = height, width

    def header(self, index: int) -> tuple[Header, int]:
        content = f"{self.where} {PUPPETS[self.where]} {self.names[index]}".encode()
        return Header(*self.size, 3, form="drawn", mode="RGB"), digest(content)

    def whole(self, fit: Fit) -> np.ndarray | None:
        if (fit.height, fit.width) != self.size or len(self) != PUPPETS[self.where].frames:
            return None
        return all_frames(self.where, *self.size).copy()

    def pixels(self, index: int, least: tuple[int, int] | None = None) -> np.ndarray:
        number = int(self.names[index].split()[1])
        return puppet.frames(self.where, [number], *self.size)[0].transpose(1, 2, 0)


@functools.lru_cache(maxsize=2)
def all_frames(name: str, height: int, width: int) -> np.ndarray:
    """Every frame of a puppet's clip; the last are kept, for a run is often followed by use."""
    return puppet.frames(name, range(PUPPETS[name].frames), height, width)


def read_clip(what: Any, size: tuple[int, int] | None, frame: tuple[int, int] | None) -> Clip:
    """Frames and poses of a place or of a puppet; `size` is what a puppet is drawn at.

    `frame` is (height, width) of the frames where key points come alone. Raises DataError in one
    sentence for whatever does not fit together.
    """
    if str(what) in LINES:
        height, width = size or (SIDE, SIDE)
        frames = surveyed(PuppetItems(str(what), height, width))
        found = puppet.poses(str(what), range(len(frames)), height, width)
        return Clip(str(what), frames, found, {}, [LINES[str(what)]])
    path = Path(str(what)).expanduser()
    if not path.exists():
        raise DataError(f"{what} does not exist{near(path)}")
    points, items = places(path)
    found = keypoints.read(points)
    if items is None:
        return alone(found, frame)
    frames = surveyed(items)
    if len(frames.sizes) > 1:
        raise DataError(f"{what} holds frames of {len(frames.sizes)} sizes: a clip has one")
    shape = next(iter(frames.sizes))
    poses, absent, notes = keypoints.poses(found, frames.items.names, shape)
    return Clip(str(path), frames, poses, absent, [*frames.items.notes, *notes])


def alone(found: keypoints.Found, frame: tuple[int, int] | None) -> Clip:
    """Key points without frames: enough for a dance, if the size of the frames is known."""
    shape = found.size or frame
    if shape is None:
        raise DataError(
            f"{found.where} holds key points alone, in pixels of frames whose size it does not "
            "say: put the frames beside them (frames/), or give --frame HEIGHT,WIDTH"
        )
    poses, absent, notes = keypoints.poses(found, list(found.people), shape)
    return Clip(found.where, None, poses, absent, notes)


def places(path: Path) -> tuple[Path, Items | None]:
    """The key points of a path, and its frames where there are any; either leads to both."""
    if path.suffix.lower() in VIDEO:
        raise DataError(
            f"{path} is a video: write its frames with `ffmpeg -i {path.name} frames/%06d.png` "
            f"and their key points with OpenPose (--write_json keypoints/); {LAYOUT}"
        )
    if path.name in PARTS and all((path.parent / part).is_dir() for part in PARTS):
        path = path.parent
    if path.is_file():
        if path.suffix.lower() != ".json":
            raise DataError(f"{path} is no clip: {LAYOUT}")
        return path, None
    points = next((p for p in (path / "keypoints", path / "keypoints.json") if p.exists()), None)
    if points is None:
        if any(path.glob("*.json")) and not (path / "frames").exists():
            return path, None
        raise DataError(f"{path} has no keypoints/ and no keypoints.json; {LAYOUT}")
    return points, frames_in(path)


def frames_in(path: Path) -> Items | None:
    """The frames of a clip: frames/, one animation, or numbered pictures beside the key points."""
    if (path / "frames").is_dir():
        return in_order(FolderItems(path / "frames"))
    here = FolderItems(path)
    top = [n for n, name in enumerate(here.names) if "/" not in name]
    if not top:
        return None
    if len(top) == 1 and Path(here.names[top[0]]).suffix.lower() in MOVING:
        return animation(path / here.names[top[0]])
    return in_order(here.only(top))


def in_order(items: FolderItems) -> Items:
    """Frames by their numbers: 10 comes after 9. DataError where there are none."""
    if not len(items):
        there = few(items.ignored) if items.ignored else "it is empty"
        raise DataError(f"{items.where} holds no pictures ({there})")
    order = sorted(range(len(items)), key=lambda n: keypoints.numbered(items.names[n]))
    items = items.only(order)
    items.labels, items.classes, items.notes = None, (), []
    return items


def animation(path: Path) -> Items:
    """Every frame of an animated picture."""
    try:
        with Image.open(path) as image:
            decode.refuse_bomb(image.width * image.height)
            frames = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                frames.append(np.asarray(image.convert("RGB")))
    except (OSError, ValueError, SyntaxError, Undecodable) as error:
        raise DataError(f"{path} is no animation that can be read: {error}") from None
    return ArrayItems(str(path), np.stack(frames), form="animation")


def surveyed(items: Items) -> Survey:
    """The frames' headers; DataError where one cannot be read, for a clip has no gaps."""
    found = survey(items)
    if found.bad:
        raise DataError(f"{found.damage('cannot be read')}. A clip has no gaps: mend them")
    return found


def near(path: Path) -> str:
    """What may have been meant by a path that does not exist."""
    names = [*LINES] if len(path.parts) == 1 else []
    if path.parent.is_dir():
        names += [other.name for other in path.parent.iterdir()]
    return nearest(path.name, names) or f"; give a clip's folder, or a built-in: {', '.join(LINES)}"
