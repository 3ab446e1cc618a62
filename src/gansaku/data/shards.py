"""Pictures in sharded tars, in webdataset's layout: read where they lie, in any order."""

from __future__ import annotations

import collections
import copy
import glob
import itertools
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, overload

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data import tar_index
from gansaku.data.decode import Header, Undecodable
from gansaku.data.items import EncodedItems
from gansaku.data.survey import few

SUFFIX = ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz4")
REMOTE = re.compile(r"(https?|s3|gs|ftp)://|pipe:")
OPEN = 128  # tars held open at once


class ShardItems(EncodedItems):
    """All pictures of several tars, in their order; `key.cls` or `key.json` beside one labels it.

    An index of where each picture begins is read once and kept in the user's cache; then any
    picture is one read at its place, so that an epoch is a true permutation of all of them.
    """

    checked = True  # every picture was decoded when the index was made

    def __init__(self, where: str, paths: Sequence[Path]) -> None:
        super().__init__(where, [])
        self.paths = tuple(paths)
        found = [tar_index.index_of(path) for path in self.paths]
        self.tars = np.repeat(np.arange(len(found), dtype=np.int32), [len(i) for i in found])
        self.offsets = tar_index.together(found, "offsets")
        self.sizes = tar_index.together(found, "sizes")
        self.digests = tar_index.together(found, "digests")
        self.members = tar_index.together(found, "names")
        self._read_kinds(found)
        self._read_labels(tar_index.together(found, "labels"))
        self._say(found)
        self.names = Names(self)
        self._lock, self._files = threading.Lock(), {}

    def __len__(self) -> int:
        return len(self.tars)

    def only(self, numbers: Sequence[int]) -> Self:
        fewer, chosen = copy.copy(self), np.asarray(numbers, np.int64)
        for name in ("tars", "offsets", "sizes", "digests", "members", "kinds"):
            setattr(fewer, name, getattr(self, name)[chosen])
        fewer.labels = None if self.labels is None else self.labels[chosen]
        old = {number: new for new, number in enumerate(chosen.tolist())}
        fewer.reasons = {old[n]: reason for n, reason in self.reasons.items() if n in old}
        fewer.names = Names(fewer)
        return fewer

    def header(self, index: int) -> tuple[Header, int]:
        if self.kinds[index] < 0:
            raise Undecodable(self.reasons[index])
        return self.headers[self.kinds[index]], int(self.digests[index])

    def read(self, index: int) -> bytes:
        file = self._file(int(self.tars[index]))  # held while it is read
        return tar_index.read_at(file.fd, int(self.offsets[index]), int(self.sizes[index]))

    def _file(self, number: int) -> _File:
        with self._lock:
            if number not in self._files:
                if len(self._files) >= OPEN:
                    self._files.pop(next(iter(self._files)))
                self._files[number] = _File(self.paths[number])
            return self._files[number]

    def _read_kinds(self, found: Sequence[tar_index.Index]) -> None:
        """The headers of all tars as one table, and which of them each picture has."""
        kinds: dict[Header, int] = {}
        self.reasons: dict[int, str] = {}
        parts, before = [], 0
        for index in found:
            table = [kinds.setdefault(header, len(kinds)) for header in index.headers]
            parts.append(np.array([*table, -1], np.int32)[index.kinds])  # -1 stays what it is
            self.reasons |= {before + n: reason for n, reason in index.reasons.items()}
            before += len(index)
        self.headers, self.kinds = tuple(kinds), np.concatenate(parts)

    def _read_labels(self, texts: np.ndarray) -> None:
        """Class numbers, in the order of numbers where all are numbers, else of names."""
        missing = int((texts == "").sum())
        if missing == len(texts):
            self.notes.append("no labels (.cls or .json) in the shards: one set without classes")
        elif missing:
            self.notes.append(
                f"{missing} of {len(texts)} pictures have no label (.cls or .json): taken as one "
                "set without classes"
            )
        else:
            names = np.unique(texts).tolist()
            if all(re.fullmatch(r"-?\d+", name) for name in names):
                names.sort(key=int)
            order = {name: number for number, name in enumerate(names)}
            self.classes = tuple(names) if len(names) > 1 else ()
            labels = np.array([order[text] for text in texts.tolist()], np.int64)
            self.labels = labels if self.classes else None

    def _say(self, found: Sequence[tar_index.Index]) -> None:
        total, count = int(self.sizes.sum()), len(self.paths)
        self.notes.insert(
            0,
            f"{count} shard{'s' if count > 1 else ''}, {total / 2**20:,.1f} MB of pictures; "
            "shuffled over all of them, each read at its place",
        )
        empty = [path.name for path, index in zip(self.paths, found, strict=True) if not len(index)]
        if empty:
            self.notes.append(f"no pictures in {few(empty)}")
        others: collections.Counter[str] = collections.Counter()
        for index in found:
            others.update(index.others)
        self.ignored = [f"{kind} ({n})" for kind, n in others.items()]

    def __getstate__(self) -> dict[str, Any]:  # what a worker process receives
        return {**self.__dict__, "_lock": None, "_files": None, "digests": self.digests[:0]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock(), _files={})


class _File:
    """An open file that is closed when nobody holds it."""

    def __init__(self, path: Path) -> None:
        try:
            self.fd = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise Undecodable(f"{path.name}: {error.strerror}") from None

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)


class Names(Sequence[str]):
    """`shard.tar/key.jpg` of every picture, made when it is asked for."""

    def __init__(self, items: ShardItems) -> None:
        self._tars, self._members = items.tars, items.members
        self._shards = [path.name for path in items.paths]

    def __len__(self) -> int:
        return len(self._members)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        return f"{self._shards[self._tars[index]]}/{bytes(self._members[index]).decode()}"


def names_shards(what: Any) -> bool:
    """Whether a text is a pattern of shards, or shards on another machine."""
    text = str(what)
    packed = text.endswith((SUFFIX, *PACKED))
    return packed and (bool(re.search(r"[{*]", text)) or bool(REMOTE.match(text)))


def shard_items(what: str | Path, paths: Sequence[Path] | None = None) -> ShardItems:
    """The pictures of a tar, of a pattern, or of `paths`; raises DataError where there are none."""
    paths = expanded(str(what)) if paths is None else paths
    for path in paths:
        if path.name.endswith(PACKED):
            raise DataError(
                f"{path} is compressed, and cannot be read in any order: unpack it to a plain "
                ".tar (gunzip); pictures are compressed already"
            )
    items = ShardItems(str(what), paths)
    if not len(items):
        held = few(items.ignored) or "nothing"
        raise DataError(f"{what} holds no pictures in {len(paths)} shards ({held})")
    return items


def expanded(pattern: str) -> list[Path]:
    """`a-{000..099}.tar`, `a-{x,y}.tar` and `a-*.tar` as paths; DataError where one is missing."""
    if REMOTE.match(pattern):
        raise DataError(
            f"{pattern} is on another machine, and shards are read in any order from a disk: fetch "
            "them first (curl -O), mount the bucket, or stream a data set as hf://OWNER/NAME"
        )
    names = [str(Path(name).expanduser()) for name in braces(pattern)]
    found = [glob.glob(name) if glob.has_magic(name) else [name] for name in names]
    paths = [Path(path) for path in itertools.chain(*map(sorted, found))]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{pattern} names {len(paths)} shards, and {len(missing)} of them are not there: "
            f"{few(missing)}"
        )
    if not paths:
        raise DataError(f"{pattern} matches no file")
    return paths


def braces(pattern: str) -> Iterator[str]:
    """What a shell's braces stand for, ranges of numbers and lists, in their order."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        yield pattern
        return
    span = re.fullmatch(r"(\d+)\.\.(\d+)", found[1])
    if span:
        low, high = int(span[1]), int(span[2])
        inside = [f"{n:0{len(span[1])}d}" for n in range(low, high + 1)]
    else:
        inside = found[1].split(",")
    for choice in inside:
        yield from braces(pattern[: found.start()] + choice + pattern[found.end() :])
