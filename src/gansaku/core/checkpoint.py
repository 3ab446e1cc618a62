"""Checkpoints: one file of tensors and integers, whole or not there at all, read without pickle."""

from __future__ import annotations

import contextlib
import errno
import json
import zlib
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gansaku.core.errors import CheckpointError
from gansaku.core.files import SUFFIX, replacing

FORMAT = 1


def write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Save `tensors` and the JSON `header` as one file; raises CheckpointError when it cannot."""
    copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    sums = {name: checksum(t) for name, t in copies.items()}
    text = json.dumps({"format": FORMAT, **header, "checksums": sums})
    try:
        with replacing(path) as draft:  # plain writes: a mapped file would fault on a full disk
            draft.write_bytes(save(copies, metadata={"gansaku": text, "sum": _sum(text)}))
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint {path.name} could not be written to {path.parent}: {_reason(error)}; "
            "earlier checkpoints are untouched"
        ) from error


def header(path: Path) -> dict[str, Any]:
    """The JSON header of a checkpoint; the tensors are not read."""
    with _opened(path) as file:
        said = file.metadata() or {}
    if "gansaku" not in said:
        raise CheckpointError(f"{path} is a safetensors file, but no checkpoint of Gansaku")
    text = said["gansaku"]
    if _sum(text) != said.get("sum"):
        raise CheckpointError(f"{path} is damaged: its header has changed")
    found = json.loads(text)
    if found["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {found['format']}; this version reads {FORMAT}"
        )
    return found


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header; a damaged file is refused with the damage named."""
    head = header(path)
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if missing := sorted(set(head["checksums"]) - set(tensors)):
        raise CheckpointError(f"{path} is damaged: it lacks {missing[0]}")
    for name, tensor in tensors.items():
        if checksum(tensor) != head["checksums"].get(name):
            raise CheckpointError(f"{path} is damaged: the bytes of {name} have changed")
    return tensors, head


def newest_good(folder: Path, say: Callable[[str], None] = lambda text: None) -> Path:
    """The last checkpoint of `folder` that reads whole; what is passed over is said."""
    paths = sorted(folder.glob(f"step-*{SUFFIX}"), reverse=True)
    for path in paths:
        try:
            read(path)
        except CheckpointError as error:
            say(str(error))
        else:
            return path
    found = f"{len(paths)} damaged ones" if paths else "none"
    raise CheckpointError(f"{folder} was asked for a checkpoint and has {found}")


def _sum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy())


@contextlib.contextmanager
def _opened(path: Path) -> Generator[Any, None, None]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint: {error}") from error


def _reason(error: OSError) -> str:
    return "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
