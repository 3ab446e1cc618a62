"""Files that are whole or not there at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from gansaku.core.errors import UserError

SUFFIX = ".safetensors"  # of checkpoints


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path, None, None]:
    """A temporary path beside `path`, which becomes `path` when the block ends well.

    The file is synced before it is renamed, and the folder after, so that a crash at any moment
    leaves the old file or the new one.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield draft
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def read_json(path: Path, remedy: str, names: Iterable[str] = ()) -> dict[str, Any]:
    """What a JSON file of ours says; UserError with the remedy where it is damaged.

    It is also if it lacks one of `names`.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        lacks = sorted(set(names) - set(said)) if isinstance(said, dict) else ["names"]
        reason = f"it has no {', '.join(lacks)}" if lacks else ""
    except (OSError, ValueError) as error:
        said, reason = {}, str(error)
    if reason:
        raise UserError(f"{path} is damaged ({reason}): {remedy}")
    return said
