"""Pictures that are already arrays: npy, npz and IDX files, and tensors in memory."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.decode import Header
from gansaku.data.fit import Fit
from gansaku.data.items import Items, digest

IMAGE_KEYS = ("x", "X", "images", "image", "data", "x_train", "arr_0")
LABEL_KEYS = ("y", "Y", "labels", "label", "targets", "y_train", "arr_1")
IDX_SUFFIXES = ("-ubyte", "-ubyte.gz", ".idx", ".idx.gz", ".idx3", ".idx3.gz")


class ArrayItems(Items):
    """Pictures of one shape: uint8 or uint16 `[N, H, W, C]`, from any usual layout and range."""

    resident = True

    def __init__(self, where: str, x: Any, y: Any = None, form: str = "array") -> None:
        self.form = form
        self.x, layout = in_nhwc(as_array(x), where)
        super().__init__(where, [f"item {n}" for n in range(len(self.x))])
        self.x, remark = to_integers(self.x, where)
        self.notes += [note for note in (layout, remark) if note]
        if y is not None:
            self.labels, self.classes = class_numbers(as_array(y), len(self.x), where)

    def header(self, index: int) -> tuple[Header, int]:
        height, width, channels = self.x.shape[1:]
        bits = self.x.dtype.itemsize * 8
        mode = ("grey", "grey + alpha", "RGB", "RGB + alpha")[channels - 1]
        content = np.ascontiguousarray(self.x[index]).data.cast("B")
        return Header(height, width, channels, bits, self.form, mode), digest(content)

    def whole(self, fit: Fit) -> np.ndarray | None:
        shape = (fit.height, fit.width, fit.channels)
        if self.x.shape[1:] != shape or self.x.dtype.itemsize * 8 != fit.bits:
            return None
        mapped = isinstance(self.x, np.memmap)  # then copy it in: a file may change or go away
        return np.array(np.moveaxis(self.x, -1, 1), order="C", copy=mapped or None)

    def pixels(self, index: int, least: tuple[int, int] | None = None) -> np.ndarray:
        return np.asarray(self.x[index])


def as_array(value: Any) -> np.ndarray:
    """A numpy array of a tensor, of an array or of nested lists."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asanyarray(value)


def in_nhwc(x: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """`[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]` -> `[N, H, W, C]`, and a note."""
    if x.ndim == 3:
        return x[..., None], ""
    if x.ndim == 4 and x.shape[-1] in (1, 2, 3, 4):
        return x, ""
    if x.ndim == 4 and x.shape[1] in (1, 2, 3, 4):
        return np.moveaxis(x, 1, -1), "channels come first and were moved last"
    raise DataError(
        f"{where} holds an array of shape {list(x.shape)}; images are [N, H, W], [N, H, W, C] or "
        "[N, C, H, W] with 1 to 4 channels"
    )


def to_integers(x: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """Pixels of any usual type and range as uint8 or uint16, and a note on what was done."""
    if x.size == 0:
        raise DataError(f"{where} holds an empty array of shape {list(x.shape)}")
    if x.dtype == np.uint8:
        return x, ""
    if x.dtype == bool:
        return x.astype(np.uint8) * np.uint8(255), "true is white and false is black"
    if x.dtype.kind not in "iuf":
        raise DataError(f"{where} holds {x.dtype} values; pixels are integers or floats")
    low, high = float(x.min()), float(x.max())
    if x.dtype.kind == "f":
        return floats_to_integers(x, low, high, where)
    if low >= 0 and high <= 255:
        return x.astype(np.uint8), f"{x.dtype} pixels up to {high:g} taken as 8-bit"
    if low >= 0 and high <= 65535:
        remark = "" if x.dtype == np.uint16 else f"{x.dtype} pixels taken as 16-bit"
        return x.astype(np.uint16, copy=False), remark
    raise DataError(f"{where} holds integers from {low:g} to {high:g}; pixels are 0 to 65535")


def floats_to_integers(
    x: np.ndarray, low: float, high: float, where: str
) -> tuple[np.ndarray, str]:
    """Floats in [0, 1] or [-1, 1] as uint16, or as uint8 where that loses nothing."""
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{where} holds pixels that are NaN or infinite; clean them first")
    if high > 1 and low >= 0 and high <= 255 and bool((x == np.round(x)).all()):
        return x.astype(np.uint8), "whole floats up to 255 taken as 8-bit"
    if low < -1 or high > 1:
        raise DataError(
            f"{where} holds floats from {low:g} to {high:g}; use [0, 1], [-1, 1], uint8 or uint16"
        )
    span = "[0, 1]" if low >= 0 else "[-1, 1]"
    unit = x if low >= 0 else (x + 1) / 2
    coarse = np.round(unit * 255)
    if float(np.abs(unit * 255 - coarse).max()) < 1e-3:
        return coarse.astype(np.uint8), f"floats in {span} kept as 8-bit, exactly"
    return np.round(unit * 65535).astype(np.uint16), f"floats in {span} kept as 16-bit"


def class_numbers(y: np.ndarray, count: int, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of any kind (numbers, words, one-hot) -> numbers `[N]` from 0, and their names."""
    if y.ndim == 2 and y.shape[1] > 1 and len(y) == count:
        y = y.argmax(1)
    y = y.reshape(-1)
    if len(y) != count:
        raise DataError(f"{where} holds {count} images but {len(y)} labels")
    if y.dtype.kind not in "iuUSbf" or (y.dtype.kind == "f" and (y != np.round(y)).any()):
        raise DataError(f"{where} holds labels of type {y.dtype}; use whole numbers or words")
    values, numbers = np.unique(
        y.astype(np.int64) if y.dtype.kind == "f" else y, return_inverse=True
    )
    names = (v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)
    return numbers.astype(np.int64), tuple(names)


def open_npy(path: Path) -> ArrayItems:
    """The array of an .npy file, mapped rather than read; labels never come in one."""
    try:
        with open(path, "rb") as stream:
            if stream.read(6) != b"\x93NUMPY":
                raise DataError(f"{path} does not begin as an npy file does")
        x = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(unreadable(path, error)) from None
    return ArrayItems(str(path), x, form="npy")


def open_npz(path: Path) -> ArrayItems:
    """The images, and the labels where there are any, of an .npz file."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            key = key_among(archive.files, IMAGE_KEYS)
            if key is None:
                raise DataError(
                    f"{path} holds {', '.join(archive.files) or 'nothing'}; name the images one "
                    f"of {', '.join(IMAGE_KEYS)}"
                )
            labels = key_among(archive.files, LABEL_KEYS)
            x, y = archive[key], archive[labels] if labels and labels != key else None
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(unreadable(path, error)) from None
    return ArrayItems(str(path), x, y, form="npz")


def key_among(found: list[str], wanted: tuple[str, ...]) -> str | None:
    """The first wanted key that is there."""
    return next((key for key in wanted if key in found), None)


def unreadable(path: Path, error: Exception) -> str:
    """The sentence for a numpy file that cannot be read."""
    if "pickle" in str(error) or "Python objects" in str(error):
        return (
            f"{path} holds pickled objects, which can run code when read; save plain arrays with "
            "numpy.savez(path, x=images, y=labels)"
        )
    return f"{path} cannot be read: {' '.join(str(error).split())}"


def open_idx(path: Path) -> ArrayItems:
    """MNIST's format, plain or gzip, with the labels file beside it where there is one."""
    images = read_idx(path)
    if images.ndim not in (3, 4):
        raise DataError(f"{path} holds {images.ndim} dimensions; images have 3: [N, H, W]")
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    found = next((p for p in (beside, *other_packing(beside)) if p.is_file() and p != path), None)
    items = ArrayItems(str(path), images, None if found is None else read_idx(found), form="IDX")
    if found is None:
        items.notes.append(f"no labels file beside it ({beside.name})")
    return items


def other_packing(path: Path) -> tuple[Path, ...]:
    """The same file packed or unpacked."""
    packed = path.suffix == ".gz"
    return (path.with_suffix("") if packed else path.with_name(path.name + ".gz"),)


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file of unsigned bytes; raises DataError for anything else."""
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or not 1 <= data[3] <= 4:
        raise DataError(
            f"{path} begins with {data[:4].hex(' ') or 'nothing'}; an IDX file of images begins "
            "with 00 00 08 03, one of labels with 00 00 08 01"
        )
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise DataError(f"{path} is cut short: it ends before its dimensions do")
    shape = np.frombuffer(data[4:start], ">u4").tolist()
    body = np.frombuffer(data, np.uint8)[start:]
    if len(body) != math.prod(shape):
        raise DataError(
            f"{path} announces {' x '.join(map(str, shape))} bytes and holds {len(body)}: cut short"
        )
    return body.reshape(shape)


def idx_images_in(folder: Path) -> list[Path]:
    """The IDX files of images that lie in a folder, the training part first."""
    found = (p for p in folder.iterdir() if p.name.endswith(IDX_SUFFIXES) and "image" in p.name)
    return sorted(found, key=lambda path: ("train" not in path.name, path.name))
