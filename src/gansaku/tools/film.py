"""Writing films: animated WebP and GIF, and MP4 where an encoder is installed."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from pathlib import Path

from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.data.draw import to_bytes, write_whole
from gansaku.tools.interpolate import MOVING, save_animation

FILMS = (*MOVING, ".mp4")


def save_film(pictures: Tensor, path: str | Path, fps: float = 10.0) -> Path:
    """Write `pictures [N, C, H, W]` in [-1, 1] as WebP, GIF or MP4, by the suffix.

    The file appears under its name only when it is whole. Raises UserError for another suffix,
    and for an MP4 where there is no encoder.
    """
    check_film(path := Path(path))
    if path.suffix.lower() in MOVING:
        return save_animation(pictures, path, fps)
    return write_whole(path, lambda draft: _encode(pictures, draft, fps))


def check_film(path: Path) -> None:
    """Raise what `save_film` would for this name, before the frames are made."""
    if path.suffix.lower() not in FILMS:
        raise UserError(f"a film is a {', '.join(FILMS[:-1])} or {FILMS[-1]}, not {path.name!r}")
    if path.suffix.lower() not in MOVING:
        encoder()


def encoder() -> str:
    """The ffmpeg that is installed, alone or with imageio-ffmpeg; UserError says how to get one."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        return importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise UserError(
            "an MP4 needs an encoder: pip install 'gansaku[film]', or name a .webp or .gif"
        ) from None


def _encode(pictures: Tensor, path: Path, fps: float) -> None:
    """Raw frames through ffmpeg; sides are made even, as H.264 wants them."""
    frames = to_bytes(pictures).contiguous().numpy()
    height, width = frames.shape[1:3]
    came = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}"]
    goes = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-crf", "16"]
    command = [encoder(), "-y", "-loglevel", "error", *came, "-i", "-", *goes, str(path)]
    found = subprocess.run(command, input=frames.tobytes(), capture_output=True, check=False)
    if found.returncode:
        said = found.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise UserError(f"ffmpeg could not write {path.name}: {''.join(said)}")
