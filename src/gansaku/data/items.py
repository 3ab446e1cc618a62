"""Where encoded pictures lie: in a folder or in a zip, with the classes that subfolders make."""

from __future__ import annotations

import abc
import copy
import hashlib
import itertools
import os
import threading
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data import decode
from gansaku.data.decode import SUFFIXES, Header, Undecodable
from gansaku.data.fit import Fit

LARGEST_MEMBER = 2**30  # bytes: no picture is larger; a zip may claim it to fill the memory


class Items(abc.ABC):
    """Things that become samples: named, perhaps labelled, read one by one in any process.

    `labels` are class numbers [N] or None; `classes` their names; `notes` what is stated to the
    user; `ignored` the files that are no pictures.
    """

    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    resident = False  # already decoded in memory, or mapped: needs no worker processes
    checked = False  # every item was decoded before, and is known to be whole or bad

    def __init__(self, where: str, names: Sequence[str]) -> None:
        self.where = where
        self.names: Sequence[str] = tuple(names)
        self.notes: list[str] = []
        self.ignored: list[str] = []

    def __len__(self) -> int:
        return len(self.names)

    def only(self, numbers: Sequence[int]) -> Self:
        """The same with those items alone, renumbered; the classes stay as they were."""
        fewer = copy.copy(self)
        fewer.names = tuple(self.names[number] for number in numbers)
        fewer.labels = None if self.labels is None else self.labels[list(numbers)]
        return fewer

    @abc.abstractmethod
    def header(self, index: int) -> tuple[Header, int]:
        """What the item says of itself, and a 64-bit digest of its content; or Undecodable."""

    def whole(self, fit: Fit) -> np.ndarray | None:
        """All items at once as `[N, C, H, W]` where `fit` has nothing to change; else None."""
        return None

    @abc.abstractmethod
    def pixels(self, index: int, least: tuple[int, int] | None = None) -> np.ndarray:
        """The item decoded, uint8 or uint16 `[h, w, c]`; raises Undecodable."""


class EncodedItems(Items):
    """Encoded pictures; subclasses say how the bytes of one are read."""

    @abc.abstractmethod
    def read(self, index: int) -> bytes:
        """All bytes of one item; raises Undecodable."""

    def header(self, index: int) -> tuple[Header, int]:
        data = self.read(index)
        return decode.header(data), digest(data)

    def pixels(self, index: int, least: tuple[int, int] | None = None) -> np.ndarray:
        return decode.pixels(self.read(index), least)

    def _sort_into_classes(self) -> None:
        """Subfolders are classes where every picture lies in one, directly below the top."""
        folders = [PurePosixPath(name).parent.parts for name in without_common_root(self.names)]
        found = sorted({parts[0] for parts in folders if parts})
        if len(found) > 1 and all(len(parts) == 1 for parts in folders):
            self.classes = tuple(found)
            self.labels = np.array([found.index(parts[0]) for parts in folders], np.int64)
        elif found:
            self.notes.append(
                "folders are nested or mixed with pictures: taken as one set without classes"
            )


class FolderItems(EncodedItems):
    """All pictures below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        pictures, ignored = pictures_among(files_below(root))
        super().__init__(str(root), pictures)
        self.ignored = ignored
        self._sort_into_classes()

    def read(self, index: int) -> bytes:
        try:
            return (self.root / self.names[index]).read_bytes()
        except OSError as error:
            raise Undecodable(error.strerror or str(error)) from None


class FileItem(EncodedItems):
    """A single picture file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(str(path), [path.name])

    def read(self, index: int) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise Undecodable(error.strerror or str(error)) from None


class ZipItems(EncodedItems):
    """All pictures in a zip; the rules of a folder hold inside it."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock, self._zip = path, threading.Lock(), None
        with self._open() as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
        pictures, ignored = pictures_among(members)
        super().__init__(str(path), pictures)
        self.ignored = ignored
        self._sort_into_classes()

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except zipfile.BadZipFile:
            raise DataError(
                f"{self.path} is no whole zip: its table of contents is missing or damaged, as "
                "after a download that was cut short; fetch it again"
            ) from None

    def read(self, index: int) -> bytes:
        try:
            with self._lock:
                self._zip = self._zip or self._open()
                info = self._zip.getinfo(self.names[index])
                if info.file_size > LARGEST_MEMBER:
                    raise Undecodable(f"it unpacks to {info.file_size:,} bytes")
                return self._zip.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise Undecodable(f"damaged in the zip: {error}") from None
        except (RuntimeError, NotImplementedError):
            raise Undecodable("encrypted, or packed by a method that Python lacks") from None

    def __getstate__(self) -> dict[str, Any]:  # what a worker process receives
        return {**self.__dict__, "_lock": None, "_zip": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def digest(data: bytes | memoryview) -> int:
    """64 bits that name the content, the same in a zip and in a folder."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def files_below(root: Path) -> list[str]:
    """Every file below `root` by its relative name; links are followed, loops are not."""
    names, seen = [], set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        names += [Path(folder, name).relative_to(root).as_posix() for name in files]
    return names


def pictures_among(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The names that are pictures, sorted, and the rest; what systems litter is left out."""
    pictures, others = [], []
    for name in sorted(names):
        path = PurePosixPath(name)
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            continue
        if path.name not in ("Thumbs.db", "desktop.ini"):
            (pictures if path.suffix.lower() in SUFFIXES else others).append(name)
    return pictures, others


def without_common_root(names: Sequence[str]) -> list[str]:
    """The names below the deepest folder that holds all of them, as zips often have one."""
    folders = [PurePosixPath(name).parent.parts for name in names]
    levels = zip(*folders, strict=False)  # as deep as the shallowest
    shared = len(list(itertools.takewhile(lambda level: len(set(level)) == 1, levels)))
    return ["/".join(PurePosixPath(name).parts[shared:]) for name in names]
