"""A dance painted frame by frame: another's key points, moved to where the model's person is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gansaku.core.capabilities import Translates, able
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import DataError, UserError
from gansaku.core.noise import Noise
from gansaku.data.clip_files import Clip, read_clip
from gansaku.data.draw import to_bytes, write_whole
from gansaku.data.fit import Fit
from gansaku.data.images import to_float
from gansaku.data.pose import Poses, seen
from gansaku.data.spec import ClipSpec
from gansaku.data.stance import Stance, normalised
from gansaku.tools.film import save_film


class Dances(Protocol):
    """What is needed of `gansaku.load(...)`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def nets(self) -> Nets: ...
    @property
    def spec(self) -> Any: ...
    @property
    def device(self) -> torch.device: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Dance:
    """What is to be danced: `figures [T, 3, H, W]` and `faces [T, 2]` (y, x), as the model is fed.

    `poses` are the points that were drawn, `frames` the dancer's own, `[T, 3, H, W]`, where there
    are any and they were asked for.
    """

    figures: Tensor
    faces: Tensor
    poses: Poses
    frames: Tensor | None
    notes: tuple[str, ...]


def figures_of(
    model: Dances,
    what: Any,
    *,
    normalise: bool = True,
    frame: tuple[int, int] | None = None,
    most: int | None = None,
    beside: bool = False,
) -> Dance:
    """The figures of a clip, or of key points alone, as the model's person would strike them.

    `normalise` moves and scales the dancer by the two stances (arXiv:1808.07371, section 3.4).
    `frame` is (height, width) of the frames where key points come alone; at most `most` frames
    are taken; `beside` keeps the dancer's frames. Raises UserError for a model of other data and
    for key points that cannot be used.
    """
    spec = spec_of(model)
    size = spec.b.height, spec.b.width
    clip = read_clip(what, size, frame)
    poses, notes = carried(clip)
    poses = moved(poses, spec) if normalise else poses.fitted(*size)
    poses, told = alike(poses, spec)
    poses = poses.part(slice(most))
    drawn = np.stack([poses.draw(number) for number in range(len(poses))])
    frames = own_frames(clip, size, len(poses)) if beside else None
    faces = torch.from_numpy(poses.faces())
    return Dance(to_float(drawn, "cpu"), faces, poses, frames, (*clip.notes, *notes, *told))


def spec_of(model: Dances) -> ClipSpec:
    """The model's spec; UserError where it was not trained on a clip."""
    able(model.recipe, Translates, "dance")
    if not isinstance(model.spec, ClipSpec):
        raise UserError(
            f"{type(model.recipe).__name__} was trained on other data than a clip and cannot "
            "dance: train everybody_dance"
        )
    return model.spec


def carried(clip: Clip) -> tuple[Poses, list[str]]:
    """The poses, those of frames without a person taken from the frame before."""
    if not clip.absent:
        return clip.poses, []
    there = np.ones(len(clip.poses), bool)
    there[list(clip.absent)] = False
    if not there.any():
        raise DataError(f"{clip.where}: no frame shows a person")
    first = int(np.flatnonzero(there)[0])
    last = np.maximum.accumulate(np.where(there, np.arange(len(there)), first))
    count = f"{len(clip.absent)} of {len(there)} frames show no person"
    return clip.poses.part(last), [f"{count}: the pose before is held"]


def moved(poses: Poses, spec: ClipSpec) -> Poses:
    """The poses in the place of the model's person; UserError where a stance is not known."""
    target = Stance.read(spec.stance)
    if target is None:
        raise UserError(
            "where the model's person stands could not be measured in training (no head and "
            "ankles): give --no-normalise"
        )
    try:
        source = Stance.of(poses)
    except DataError as reason:
        raise UserError(f"{reason}; to dance as it is, give --no-normalise") from reason
    return normalised(poses, source, target, (spec.b.height, spec.b.width))


def alike(poses: Poses, spec: ClipSpec) -> tuple[Poses, list[str]]:
    """The poses without what the model's figures never had; and what they lack, as notes."""
    notes, face = [], bool(seen(poses.face).any())
    if spec.points == "COCO" and poses.kind != "COCO":
        poses = poses.without_feet()
        notes.append("feet are left out: the model was trained on COCO's points")
    elif poses.kind == "COCO" and spec.points != "COCO":
        notes.append("COCO has no feet, and the model was trained with them: expect worse ones")
    if face and not spec.face:
        poses = poses.without_face()
    elif spec.face and not face:
        notes.append("no points of the face, and the model was trained with them")
    return poses, notes


def own_frames(clip: Clip, size: tuple[int, int], count: int) -> Tensor | None:
    """The dancer's own frames at the model's size, or None where there are none."""
    if clip.frames is None:
        return None
    fit, items = Fit(*size), clip.frames.items
    return to_float(np.stack([fit(items.pixels(number)) for number in range(count)]), "cpu")


@torch.no_grad()
def painted(model: Dances, figures: Tensor, faces: Tensor, seed: int = 0) -> Iterator[Tensor]:
    """The frames of figures `[T, 3, H, W]`, each `[1, C, H, W]` painted after the one before.

    `faces [T, 2]` are the middles of the faces (y, x).
    """
    recipe, before = able(model.recipe, Translates, "dance"), None
    for number, (figure, face) in enumerate(zip(figures.split(1), faces.split(1), strict=True)):
        noise = Noise(seed, ("dance", number), device=model.device)
        given = {"before": before, "face": face.to(model.device)}
        before = recipe.translate(model.nets, figure.to(model.device), noise, given)
        yield before.cpu()


def save_dance(
    frames: Tensor, figures: Dance | None, out: str | Path, film: str, fps: float
) -> Path:
    """Write frames `[T, C, H, W]` as out/frames/000000.png and so on, and the film `out/film`.

    With `figures` each is written beside the figure, and beside the dancer's own frame.
    """
    out = Path(out)
    if figures is not None:
        own = [] if figures.frames is None else [figures.frames]
        frames = torch.cat([*own, figures.figures, frames], 3)
    for number, frame in enumerate(to_bytes(frames).contiguous().numpy()):
        picture = Image.fromarray(frame)
        write_whole(out / "frames" / f"{number:06d}.png", picture.save)
    return save_film(frames, out / film, fps)
