"""What lies in one tar: where each picture begins, its label, its size; read once and kept."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data import decode
from gansaku.data.decode import SUFFIXES, Header, Undecodable
from gansaku.data.items import LARGEST_MEMBER, digest

VERSION = 1  # of what is kept
LABELS = ("label", "class", "cls", "class_name", "label_name")  # keys of a .json that say a class
TEXT = 2**20  # bytes: no label is longer
BLOCK = 512  # bytes of a tar's header
AGAIN = "as after a download that was cut short; fetch it again"


@dataclasses.dataclass(frozen=True)
class Index:
    """The pictures of one tar, in its order, as arrays `[N]`.

    `kinds` are numbers of `headers`, -1 for a picture that cannot be used: `reasons` says why, by
    number. `labels` are texts, empty where there is none; `others` counts the other files.
    """

    names: np.ndarray  # bytes, as in the tar
    offsets: np.ndarray  # int64
    sizes: np.ndarray  # int64
    labels: np.ndarray  # str
    digests: np.ndarray  # uint64
    kinds: np.ndarray  # int32
    headers: tuple[Header, ...] = ()
    reasons: dict[int, str] = dataclasses.field(default_factory=dict)
    others: dict[str, int] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)


@dataclasses.dataclass
class _Sample:
    """The members that share a key: offsets and sizes by extension."""

    pictures: list[tuple[str, int, int]] = dataclasses.field(default_factory=list)
    label: tuple[str, int, int] | None = None


def index_of(path: Path) -> Index:
    """The index of a tar, from the cache where it is there; DataError for a damaged tar."""
    place = cache_place(path)
    found = load(place)
    if found is None:
        found = build(path)
        with contextlib.suppress(OSError):  # a cache that cannot be written is no error
            save(found, place)
    return found


def cache_place(path: Path) -> Path:
    """Where a tar's index is kept: another tar of that name, or a changed one, has another."""
    stat = path.stat()
    key = repr((VERSION, str(path.resolve()), stat.st_size, stat.st_mtime_ns)).encode()
    name = hashlib.blake2b(key, digest_size=12).hexdigest()
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return root / "gansaku" / "shards" / f"{name}.npz"


def build(path: Path) -> Index:
    """Read the tar's headers, then decode every picture once, in threads."""
    samples, others = gathered(path)
    rows = [row for sample in samples.values() for row in _rows(sample, others)]
    with open(path, "rb") as file, decode.quiet_bombs():
        fd = file.fileno()
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            looks = list(pool.map(lambda row: row[2] or _look(fd, *row[0][1:]), rows))
        labels = [_label(fd, path, where) for _, where, _ in rows]
    headers = tuple(dict.fromkeys(look[0] for look in looks if isinstance(look, tuple)))
    kinds = {header: number for number, header in enumerate(headers)}
    good = [look if isinstance(look, tuple) else None for look in looks]
    members = [member for member, _, _ in rows]
    return Index(
        names=np.array([name.encode() for name, _, _ in members], np.bytes_),
        offsets=np.array([offset for _, offset, _ in members], np.int64),
        sizes=np.array([size for _, _, size in members], np.int64),
        labels=np.array(labels, np.str_),
        digests=np.array([look[1] if look else 0 for look in good], np.uint64),
        kinds=np.array([kinds[look[0]] if look else -1 for look in good], np.int32),
        headers=headers,
        reasons={n: look for n, look in enumerate(looks) if isinstance(look, str)},
        others=others,
    )


def gathered(path: Path) -> tuple[dict[str, _Sample], dict[str, int]]:
    """The samples of a tar by key (webdataset: up to the first dot), and what else it holds."""
    samples: dict[str, _Sample] = {}
    others: collections.Counter[str] = collections.Counter()
    for name, offset, size in members(path):
        place = PurePosixPath(name)
        stem, _, extension = place.name.partition(".")
        if not stem or "__MACOSX" in place.parts:  # what systems litter
            continue
        key = str(place.parent / stem)
        member = (name, offset, size)
        if place.suffix.lower() in SUFFIXES:
            samples.setdefault(key, _Sample()).pictures.append(member)
        elif extension.lower() in ("cls", "json"):
            sample = samples.setdefault(key, _Sample())
            if sample.label is None or extension.lower() == "cls":
                sample.label = member
        else:
            others[f"*.{extension}" if extension else name] += 1
    return samples, dict(others)


def members(path: Path) -> Iterator[tuple[str, int, int]]:
    """(name, offset, size) of every file; DataError where the tar is cut short or is none."""
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path} is empty (0 bytes), {AGAIN}")
    seen = 0
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # ty: ignore  (else a million of them are kept)
                if member.isreg() and not member.issparse():
                    seen += 1
                    yield member.name, member.offset_data, member.size
            _refuse_rest(path, tar.offset, size)
    except tarfile.ReadError as error:
        if not seen:
            raise DataError(f"{path} is no tar, or damaged at its beginning; {AGAIN}") from None
        raise DataError(f"{path} is cut short after {seen} files ({error}), {AGAIN}") from None


def _refuse_rest(path: Path, end: int, size: int) -> None:
    """After the last file come zeros or nothing: Python's reader takes rubbish for the end too."""
    with open(path, "rb") as file:
        file.seek(end)
        block = file.read(BLOCK)
    if end > size or block.strip(b"\0"):
        raise DataError(f"{path} is damaged at byte {end:,} of {size:,}, {AGAIN}")


def _rows(sample: _Sample, others: dict[str, int]) -> Iterator[tuple[Any, Any, str]]:
    """The picture of a sample, where its label lies, and why a second picture cannot be used."""
    plain = [m for m in sample.pictures if PurePosixPath(m[0]).name.count(".") == 1]
    chosen = plain or sample.pictures[:1]
    for extra in sample.pictures:
        if extra not in chosen:  # another field of the sample, as in key.mask.png
            kind = f"*.{PurePosixPath(extra[0]).name.partition('.')[2]}"
            others[kind] = others.get(kind, 0) + 1
    for number, member in enumerate(chosen):
        why = f"a second picture of its key, after {chosen[0][0]}" if number else ""
        yield member, sample.label, why


def read_at(fd: int, offset: int, size: int) -> bytes:
    """`size` bytes of an open file; raises Undecodable."""
    if size > LARGEST_MEMBER:
        raise Undecodable(f"it has {size:,} bytes")
    try:
        data = os.pread(fd, size, offset)
    except OSError as error:
        raise Undecodable(error.strerror or str(error)) from None
    if len(data) < size:
        raise Undecodable("the tar ends before it does")
    return data


def _look(fd: int, offset: int, size: int) -> tuple[Header, int] | str:
    """Header and digest of a picture that was decoded whole, or why it cannot be used."""
    try:
        data = read_at(fd, offset, size)
        header = decode.header(data)
        decode.pixels(data)
    except Undecodable as reason:
        return str(reason)
    return header, digest(data)


def _label(fd: int, path: Path, where: tuple[str, int, int] | None) -> str:
    """The class that a .cls or .json says, as text; empty where it says none."""
    if where is None:
        return ""
    name, offset, size = where
    try:
        text = read_at(fd, offset, min(size, TEXT)).decode().strip()
        if name.lower().endswith(".cls"):
            return text
        said = json.loads(text)
    except (Undecodable, ValueError) as error:
        raise DataError(f"{path}: the label {name} cannot be read ({error})") from None
    found = next((said[key] for key in LABELS if key in said), "") if _table(said) else said
    return str(found) if isinstance(found, int | str) else ""


def _table(said: Any) -> bool:
    return isinstance(said, dict)


def save(found: Index, place: Path) -> None:
    """Arrays and JSON, no pickle; whole or not there at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    told = {
        "headers": [dataclasses.asdict(header) for header in arrays.pop("headers")],
        "reasons": arrays.pop("reasons"),
        "others": arrays.pop("others"),
    }
    draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        with open(draft, "wb") as file:
            np.savez(file, told=np.array(json.dumps(told)), **arrays)
        os.replace(draft, place)
    finally:
        draft.unlink(missing_ok=True)


def load(place: Path) -> Index | None:
    """What `save` kept; None where there is nothing, or nothing whole."""
    try:
        with np.load(place, allow_pickle=False) as kept:
            told = json.loads(str(kept["told"]))
            arrays = {name: kept[name] for name in kept.files if name != "told"}
        headers = [_header(fields) for fields in told["headers"]]
        reasons = {int(number): reason for number, reason in told["reasons"].items()}
        return Index(**arrays, headers=tuple(headers), reasons=reasons, others=told["others"])
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    except Exception as error:  # zipfile raises its own on a damaged archive
        if type(error).__name__ == "BadZipFile":
            return None
        raise


def _header(fields: dict[str, Any]) -> Header:
    return Header(**{**fields, "remarks": tuple(fields["remarks"])})


def together(found: Iterable[Index], name: str) -> np.ndarray:
    """One array of all tars' arrays of that name."""
    return np.concatenate([getattr(index, name) for index in found])
