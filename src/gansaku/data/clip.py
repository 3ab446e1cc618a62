"""A clip as a source: stick figures and frames, each beside the one before it in time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansaku.core.errors import DataError
from gansaku.core.noise import sent
from gansaku.data import opening, order
from gansaku.data.clip_files import Clip, read_clip
from gansaku.data.fit import Crop
from gansaku.data.images import resized, to_float
from gansaku.data.opening import Alpha
from gansaku.data.pose import Poses, seen
from gansaku.data.source import Source
from gansaku.data.spec import ClipSpec, ImageSpec
from gansaku.data.stance import Stance
from gansaku.data.statements import shape_statements
from gansaku.data.store import MemoryStore, Store
from gansaku.data.survey import Survey, few


class ClipSource(Source):
    """Batches of frames t that have one before them, `t - 1`, all images in [-1, 1]:

    `a [N, 3, H, W]` the stick figure of t, `b` the frame, `a_before` and `b_before` those of
    t - 1, and `face`, `face_before` `[N, 2]` where the middle of the face is (y, x in pixels).
    `members` are the numbers t that belong here. Made by `open_clip`.
    """

    spec: ClipSpec

    def __init__(
        self, name: str, spec: ClipSpec, store: Store, poses: Poses, members: np.ndarray, mark: str
    ) -> None:
        super().__init__()
        self.name, self.spec, self.poses = name, spec, poses
        self._store, self._members, self._mark = store, members, mark
        self._drawn: dict[int, np.ndarray] = {}
        self._faces = poses.faces()
        self._keep = type(store) is MemoryStore  # figures as well as frames
        self._last = 0  # where the last batch began: tells the step to the next one

    def __len__(self) -> int:
        return len(self._members)

    def fingerprint(self) -> str:
        content = hashlib.blake2b(self._mark.encode(), digest_size=8)
        for array in (self._members, self.poses.body, self.poses.face):
            content.update(np.ascontiguousarray(array).tobytes())
        content.update(repr(self.spec).encode())
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
        found = self._at(self._numbers(start, n, seed), device)
        self._read_ahead(start, n, seed)
        spec, (height, width) = spec or self.spec, self.poses.size
        scale = torch.tensor([spec.b.height / height, spec.b.width / width], device=device)
        return {
            name: value * scale
            if value.ndim == 2
            else resized(value, spec.b).contiguous(memory_format=memory_format)
            for name, value in found.items()
        }

    def take(self, indices: Sequence[int]) -> dict[str, Tensor]:
        return self._at(self._members[np.asarray(indices, np.int64)], "cpu")

    def images(self, chunk: int = 256) -> Iterator[Tensor]:
        """All frames that are fed, once and in order."""
        for start in range(0, len(self), chunk):
            yield self.take(range(start, min(start + chunk, len(self))))["b"]

    def stretch(self) -> tuple[int, int]:
        """The longest stretch of frames in a row that are fed: (place of its first, length)."""
        breaks = np.flatnonzero(np.diff(self._members) != 1) + 1
        edges = np.concatenate([[0], breaks, [len(self)]])
        longest = int(np.diff(edges).argmax())
        return int(edges[longest]), int(edges[longest + 1] - edges[longest])

    def close(self) -> None:
        self._store.close()

    def _numbers(self, start: int, n: int, seed: int) -> np.ndarray:
        return self._members[order.indices(np.arange(start, start + n), len(self), seed)]

    def _read_ahead(self, start: int, n: int, seed: int) -> None:
        """Name the next batches: of several ranks, each asks for every so many positions."""
        if not self._store.ahead:
            return
        step = start - self._last if n <= start - self._last <= 4096 * n else n
        self._last = start
        begins = (start + step * k for k in range(1, self._store.ahead + 1))
        self._store.expect([with_before(self._numbers(b, n, seed)) for b in begins])

    def _at(self, numbers: np.ndarray, device: torch.device | str) -> dict[str, Tensor]:
        """The frames of those numbers with those before them, at their own size."""
        both = with_before(numbers)
        rows = self._store.rows(both)
        assert isinstance(rows, np.ndarray)
        drawn = np.stack([self._figure(int(number)) for number in both])
        now = {
            "a": to_float(drawn, device),
            "b": to_float(rows, device),
            "face": sent(torch.from_numpy(self._faces[both]), device),
        }
        half = len(numbers)
        before = {f"{name}_before": value[half:] for name, value in now.items()}
        return {name: value[:half] for name, value in now.items()} | before

    def _figure(self, number: int) -> np.ndarray:
        """The stick figure of a frame; kept where the frames are kept in memory as well."""
        if number in self._drawn:
            return self._drawn[number]
        made = self.poses.draw(number)
        if self._keep:
            self._drawn[number] = made
        return made


def with_before(numbers: np.ndarray) -> np.ndarray:
    """Frames `[n]`, and then those before them: `[2n]`."""
    return np.concatenate([numbers, numbers - 1])


def open_clip(
    what: Any,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    alpha: Alpha = "composite",
    flip: bool = False,
    crop: Crop = "center",
    holdout: float = 0.0,
    seed: int = 0,
    labels: Any = None,
    workers: int = 2,
    memory_limit: int | None = None,
    minimum: int = 2,
    tolerate: float = 0.05,
    progress: Callable[[int, int], None] | None = None,
) -> ClipSource:
    """Open a clip of one person for `everybody_dance`: frames, and key points drawn as figures.

    `what`: a folder with frames/ and keypoints/ (or an animation, or numbered pictures, beside
    keypoints.json), or a built-in puppet: puppet, partner. The last share `holdout` of the clip
    is held out, for frames in a row are all but equal. Raises DataError in one sentence for data
    that does not fit together, and for options that have no meaning here.
    """
    opening.check_options(size, channels, alpha, crop, holdout)
    refuse(channels, alpha, flip, crop, labels)
    shape = None if size is None else opening.pair(size)
    clip = read_clip(what, shape, None)
    if clip.frames is None:
        raise DataError(f"{clip.where} holds key points alone: training needs frames/ beside them")
    require_people(clip, tolerate)
    fit = opening.choose_fit(clip.frames, size, 3, "composite", crop)
    in_memory = 2 * opening.needed_memory(clip.frames, fit) <= opening.memory_bound(memory_limit)
    frames, store = opening.fill(clip.frames, fit, in_memory, workers, progress)
    if frames.bad:
        raise DataError(f"{frames.damage('cannot be read')}. A clip has no gaps: mend them")
    poses = clip.poses.fitted(fit.height, fit.width, crop)
    fed, held = parts(clip, holdout, minimum)
    mark = hashlib.blake2b(frames.digests.tobytes(), digest_size=8).hexdigest()
    spec = spec_of(poses, clip, fed)
    source = ClipSource(clip.where, spec, store, poses, fed, mark)
    if len(held):
        source.held = ClipSource(clip.where, spec, store, poses, held, mark)
    source.bad = [(frames.items.names[n], reason) for n, reason in clip.absent.items()]
    source.notes = [*clip.notes, *statements(frames, fit, source, clip)]
    return source


def refuse(channels: int | None, alpha: str, flip: bool, crop: str, labels: Any) -> None:
    """Raise DataError for options of other data."""
    if flip:
        raise DataError("flip: a clip is not mirrored, for left and right limbs have own colours")
    if crop == "random":
        raise DataError("crop='random': a clip is cut alike in every frame; use 'center' or 'none'")
    if channels not in (None, 3) or alpha == "keep":
        raise DataError("a clip is of RGB frames: leave channels and alpha out")
    if labels is not None:
        raise DataError("a clip has no labels")


def require_people(clip: Clip, tolerate: float) -> None:
    """Raise DataError where more than the share `tolerate` of the frames shows no person."""
    if len(clip.absent) > tolerate * len(clip.poses):
        assert clip.frames is not None
        named = few(clip.frames.items.names[n] for n in clip.absent)
        raise DataError(
            f"{clip.where}: {len(clip.absent)} of {len(clip.poses)} frames show no person "
            f"({named}). At most {tolerate:.0%} may be left out: remove them, or find key points"
        )


def parts(clip: Clip, holdout: float, minimum: int) -> tuple[np.ndarray, np.ndarray]:
    """The frames that are fed and those held out: people in them and in the ones before.

    Of the held-out part the first frame has no neighbour that was trained on.
    """
    there = np.ones(len(clip.poses), bool)
    there[list(clip.absent)] = False
    usable = np.flatnonzero(there[1:] & there[:-1]) + 1
    last = round(len(clip.poses) * (1 - holdout))
    fed, held = usable[usable < last], usable[usable > last]
    if len(fed) < minimum or (holdout and not len(held)):
        raise DataError(
            f"{clip.where} has {len(usable)} frames with one before them, of which holdout="
            f"{holdout:g} leaves {len(fed)} to train on and {len(held)} to measure with"
        )
    return fed, held


def spec_of(poses: Poses, clip: Clip, fed: np.ndarray) -> ClipSpec:
    """What a frame is, and where the person stands, which a dance of another is moved to."""
    height, width = poses.size
    side, face = ImageSpec(height, width), bool(seen(poses.face).any())
    try:
        stance = Stance.of(poses.part(fed)).numbers()
    except DataError as reason:
        clip.notes.append(f"{reason}: dances of others will not be moved to this person's place")
        stance = ()
    return ClipSpec(side, side, poses.kind, face, stance)


def statements(frames: Survey, fit: Any, source: ClipSource, clip: Clip) -> list[str]:
    """What was done to the clip, and what is fed of it, as sentences."""
    notes = shape_statements(frames, fit)
    if clip.absent:
        named = few(frames.items.names[n] for n in clip.absent)
        notes.append(f"frames without a person are left out ({len(clip.absent)}): {named}")
    if source.held is not None:
        notes.append(f"the end of the clip is held out: {len(source.held)} frames")
    return notes
