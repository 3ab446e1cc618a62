"""What a path, a built-in name or an array stands for, and a clear sentence where nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gansaku.core.errors import DataError, nearest
from gansaku.data import arrays, shards
from gansaku.data.builtin import BUILT_IN
from gansaku.data.decode import SUFFIXES
from gansaku.data.items import FileItem, FolderItems, Items, ZipItems
from gansaku.data.points import LINES
from gansaku.data.survey import few

READS = (
    "a folder or a zip of pictures, shards (.tar), IDX (MNIST's format, plain or .gz), .npz or .npy"
)


def items_of(what: Any, labels: Any = None) -> Items:
    """The items that a path, a built-in name or an array stands for; raises DataError."""
    if hasattr(what, "__array__") or hasattr(what, "detach"):
        return arrays.ArrayItems("the array", what, labels)
    if labels is not None:
        raise DataError("labels= goes with an array; files bring their own")
    if str(what) in BUILT_IN:
        return BUILT_IN[str(what)]()
    if shards.names_shards(what):
        return shards.shard_items(what)
    path = Path(what).expanduser()
    if not path.exists():
        raise DataError(f"{what} does not exist{near_path(path)}")
    try:
        return folder_items(path) if path.is_dir() else file_items(path)
    except PermissionError:
        raise DataError(f"{what} may not be read by you: its permissions forbid it") from None


def near_path(path: Path) -> str:
    """What the user may have meant by a path that does not exist."""
    names = [*BUILT_IN, *LINES] if len(path.parts) == 1 else []
    if path.name in names:
        return f"; {path.name!r} is built in, but this recipe learns from other data"
    if path.parent.is_dir():
        names += os.listdir(path.parent)
    built_in = ", ".join([*BUILT_IN, *LINES])
    return nearest(path.name, names) or f"; give a path, or a built-in name ({built_in})"


def folder_items(path: Path) -> Items:
    """A folder of pictures, or one that holds an IDX set; raises DataError where it is neither."""
    items = FolderItems(path)
    if len(items):
        return items
    tars = [path / name for name in sorted(items.ignored) if name.endswith(shards.SUFFIX)]
    if tars:
        return shards.shard_items(path, tars)
    idx = arrays.idx_images_in(path)
    if not idx:
        there = few(items.ignored) if items.ignored else "it is empty"
        usable = [name for name in items.ignored if name.endswith((".zip", ".npz", ".npy"))]
        hint = f"; did you mean {path / usable[0]}?" if usable else f"; give {READS}"
        raise DataError(f"{path} holds no pictures ({there}){hint}")
    found = arrays.open_idx(idx[0])
    if idx[1:]:
        found.notes.append(f"{few(p.name for p in idx[1:])} not used: give its own path for it")
    return found


def file_items(path: Path) -> Items:
    """The items in one file, by its suffix and failing that by its first bytes."""
    name = path.name.lower()
    with open(path, "rb") as stream:
        start = stream.read(8)
    if name.endswith((shards.SUFFIX, *shards.PACKED)):
        return shards.shard_items(path, [path])
    if name.endswith(".npz"):
        return arrays.open_npz(path)
    if name.endswith(".npy") or start.startswith(b"\x93NUMPY"):
        return arrays.open_npy(path)
    if name.endswith(arrays.IDX_SUFFIXES) or start.startswith(b"\x00\x00\x08"):
        return arrays.open_idx(path)
    if path.suffix.lower() in SUFFIXES:
        return FileItem(path)
    if name.endswith(".zip") or start.startswith(b"PK"):
        return zip_items(path)
    raise DataError(f"{path} is nothing that is read here; give {READS}")


def zip_items(path: Path) -> ZipItems:
    """The pictures in a zip; raises DataError where it holds none."""
    items = ZipItems(path)
    if not len(items):
        raise DataError(f"{path} holds no pictures ({few(items.ignored) or 'it is empty'})")
    return items
