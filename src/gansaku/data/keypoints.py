"""Key points as OpenPose and COCO write them, read strictly: what is odd is one sentence."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.pose import BODY, FACE, MID_HIP, NECK, Poses, seen
from gansaku.data.survey import few

COCO = (  # where COCO's 17 points stand in BODY_25
    *(0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11),
)
BETWEEN = {NECK: (2, 5), MID_HIP: (9, 12)}  # points that COCO lacks: the middle of two others
LEAST = 3  # points of a person that is one
Person = tuple[np.ndarray, np.ndarray]  # body [25, 3] and face [70, 3]


@dataclasses.dataclass(frozen=True)
class Found:
    """The people of every frame, by the frame's name without suffix, in order.

    `named` is False for a list that gives no names: then frames are told by their order. `size`
    is (height, width) of the frames where the file says so.
    """

    where: str
    people: dict[str, list[Person]]
    kind: str
    named: bool = True
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.people)


def read(path: Path) -> Found:
    """Key points from a folder of JSON, a file a frame, or from one JSON file for all frames.

    Raises DataError where a file cannot be read, is of no known form, or forms are mixed.
    """
    if path.is_file():
        return of_file(path)
    files = sorted(path.glob("*.json"), key=lambda file: numbered(file.name))
    if not files:
        raise DataError(f"{path} holds no .json: OpenPose writes one a frame with --write_json")
    if len(files) == 1:
        return of_file(files[0])
    found = [of_file(file) for file in files]
    odd = next((f for f in found if f.kind != found[0].kind), None)
    if odd is not None:
        raise DataError(
            f"{path} mixes formats: {files[0].name} holds {found[0].kind} and "
            f"{Path(odd.where).name} {odd.kind}; keep one"
        )
    long = next((f for f in found if len(f) != 1), None)
    if long is not None:
        raise DataError(
            f"{long.where} holds {len(long)} frames beside {len(files) - 1} other files: keep one "
            "file for all frames, or one a frame"
        )
    people = {
        stem(f.name): next(iter(g.people.values())) for f, g in zip(files, found, strict=True)
    }
    return Found(str(path), people, found[0].kind, True, found[0].size)


def of_file(path: Path) -> Found:
    """One file: a frame of OpenPose, a list of such, or COCO annotations or results."""
    data = parsed(path)
    if isinstance(data, Mapping) and "people" in data:
        return Found(str(path), {stem(path.name): list(people_of(data, path.name))}, "BODY_25")
    if isinstance(data, list) and data and all(_has(item, "people") for item in data):
        frames = {str(n): list(people_of(d, f"{path.name}, frame {n}")) for n, d in enumerate(data)}
        return Found(str(path), frames, "BODY_25", named=False)
    if isinstance(data, Mapping) and "annotations" in data:
        return of_annotations(data, path)
    if isinstance(data, list) and data and all(_has(item, "keypoints") for item in data):
        return of_results(data, path)
    raise DataError(
        f"{path} holds no key points that can be read: give OpenPose's JSON ('people' with "
        "'pose_keypoints_2d', BODY_25) or COCO's ('annotations' with 'keypoints', 17 points)"
    )


def parsed(path: Path) -> Any:
    """What a JSON file says; DataError where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON that can be read: {error}") from None


def people_of(frame: Mapping[str, Any], where: str) -> Iterator[Person]:
    """The people of one frame of OpenPose; a face may be absent or empty."""
    if not isinstance(frame["people"], list):
        raise DataError(f"{where}: 'people' is no list")
    for number, person in enumerate(frame["people"]):
        place = f"{where}, person {number}"
        if not _has(person, "pose_keypoints_2d"):
            raise DataError(f"{place}: 'pose_keypoints_2d' is missing")
        body = triples(person["pose_keypoints_2d"], len(BODY), place, "BODY_25")
        face = person.get("face_keypoints_2d") or []
        yield body, triples(face, FACE, place, "face") if face else np.zeros((FACE, 3))


def of_annotations(data: Mapping[str, Any], path: Path) -> Found:
    """COCO's annotations: 'images' give the names, 'annotations' the people."""
    images = data.get("images")
    if not isinstance(images, list) or not all(_has(i, "id") for i in images):
        raise DataError(f"{path}: COCO's 'images' with their 'id' are missing")
    names = {i["id"]: stem(str(i.get("file_name", i["id"]))) for i in images}
    people: dict[str, list[Person]] = {name: [] for name in sorted(names.values(), key=numbered)}
    for number, one in enumerate(data["annotations"]):
        place = f"{path.name}, annotation {number}"
        if not _has(one, "keypoints") or one.get("image_id") not in names:
            raise DataError(
                f"{place}: 'keypoints', or an 'image_id' of one of the images, is missing"
            )
        people[names[one["image_id"]]].append(from_coco(one["keypoints"], place))
    sizes = {(i["height"], i["width"]) for i in images if {"height", "width"} <= i.keys()}
    return Found(str(path), people, "COCO", True, sizes.pop() if len(sizes) == 1 else None)


def of_results(data: Sequence[Mapping[str, Any]], path: Path) -> Found:
    """COCO's results: a list of people, each with the 'image_id' that it was found in."""
    people: dict[str, list[Person]] = {}
    for number, one in enumerate(data):
        place = f"{path.name}, entry {number}"
        if "image_id" not in one:
            raise DataError(f"{place}: 'image_id' is missing")
        person = from_coco(one["keypoints"], place)
        people.setdefault(stem(str(one["image_id"])), []).append(person)
    return Found(str(path), {name: people[name] for name in sorted(people, key=numbered)}, "COCO")


def from_coco(values: Any, where: str) -> Person:
    """COCO's 17 points as BODY_25: neck and hip between two others, feet not seen."""
    points = triples(values, len(COCO), where, "COCO")
    body = np.zeros((len(BODY), 3))
    body[list(COCO)] = points
    for number, (right, left) in BETWEEN.items():
        if seen(body[[right, left]]).all():
            body[number] = body[[right, left]].mean(0)
    return body, np.zeros((FACE, 3))


def triples(values: Any, count: int, where: str, kind: str) -> np.ndarray:
    """A flat list of x, y, confidence -> float64 `[count, 3]`; points not seen are all 0."""
    try:
        flat = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: its key points are no list of numbers") from None
    if flat.shape != (3 * count,):
        raise DataError(
            f"{where}: {flat.size} numbers, and {kind} has {count} points of x, y and confidence: "
            f"{3 * count}{_other(flat.size)}"
        )
    if not np.isfinite(flat).all():
        raise DataError(f"{where}: a key point is no finite number")
    points = flat.reshape(count, 3)
    return np.where(seen(points)[:, None], points, 0.0)


def _other(size: int) -> str:
    known = {54: "OpenPose's COCO model", 45: "OpenPose's MPI model", 51: "COCO's 17 points"}
    known |= {399: "whole-body COCO", 69: "BODY_23"}
    return f" (it looks like {known[size]}: run OpenPose with BODY_25)" if size in known else ""


def poses(
    found: Found, names: Sequence[str], size: tuple[int, int]
) -> tuple[Poses, dict[int, str], list[str]]:
    """The poses of the frames of those `names`, which frames have none and why, and notes.

    Of several people the largest is taken. Raises DataError for frames that the key points do
    not mention, by name.
    """
    keys, notes = partners(found, names)
    body, face = np.zeros((len(keys), len(BODY), 3)), np.zeros((len(keys), FACE, 3))
    absent, crowded = {}, 0
    for number, key in enumerate(keys):
        people = [p for p in found.people[key] if seen(p[0]).sum() >= LEAST]
        if people:
            body[number], face[number] = max(people, key=extent)
        else:
            absent[number] = "no person was found in it"
        crowded += len(people) > 1
    if crowded:
        notes.append(f"several people in {crowded} of {len(keys)} frames: the largest is taken")
    return Poses(body, face, size, found.kind), absent, notes


def partners(found: Found, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which entry belongs to each frame, and notes: by name, else by number, else in order."""
    keys = [stem(name) for name in names]
    if found.named and not set(keys) & set(found.people):
        numbers = {last_number(name): name for name in found.people}
        if len(numbers) == len(found) and all(last_number(key) in numbers for key in keys):
            keys = [numbers[last_number(key)] for key in keys]
    if found.named and set(keys) & set(found.people):
        lost = [name for name, key in zip(names, keys, strict=True) if key not in found.people]
        if lost:
            raise DataError(
                f"{len(lost)} of {len(names)} frames have no key points in {found.where}: "
                f"{few(lost)}"
            )
        return keys, []
    if len(found) != len(names):
        raise DataError(
            f"{found.where} holds key points of {len(found)} frames, and there are {len(names)} "
            "frames of other names"
        )
    note = f"frames and key points have no names in common: {names[0]} is the first of both"
    return list(found.people), [note] if found.named else []


def extent(person: Person) -> float:
    """How large a person is: the diagonal of the box of all points seen, in pixels."""
    points = person[0][seen(person[0]), :2]
    return float(np.hypot(*(points.max(0) - points.min(0))))


def stem(name: str) -> str:
    """`clip_000012_keypoints.json` -> `clip_000012`."""
    return PurePosixPath(name).stem.removesuffix("_keypoints")


def numbered(name: str) -> list[tuple[int, str]]:
    """What to sort by, so that 10 comes after 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def last_number(name: str) -> int | None:
    """The number that a name ends with, or None."""
    digits = re.findall(r"\d+", name)
    return int(digits[-1]) if digits else None


def _has(value: Any, key: str) -> bool:
    return isinstance(value, Mapping) and key in value
