"""Pictures of every common format, decoded to plain arrays: what a file says, and its pixels."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Generator, Iterator

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".gif"),
        *(".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
        *(".jp2", ".j2k", ".jpx", ".pcx", ".sgi", ".qoi", ".dds"),
    }
)
SIXTEEN = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of more than 8 bits
TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
ORIENTATION = 0x0112


class Undecodable(Exception):
    """One item cannot be used; the message is the reason, without the item's name."""


@dataclasses.dataclass(frozen=True)
class Header:
    """What a picture says of itself before its pixels are decoded.

    `channels` and `bits` are those of the array that `pixels` returns. `remarks` name what
    is done to it on the way ("palette converted").
    """

    height: int
    width: int
    channels: int
    bits: int = 8
    form: str = ""  # "PNG"
    mode: str = ""  # "palette"
    remarks: tuple[str, ...] = ()


def header(data: bytes) -> Header:
    """Read what the encoded picture `data` says of itself; raises Undecodable."""
    with opened(data) as image:
        height, width = image.height, image.width
        turn = orientation(image)
        if turn in TURNED:
            height, width = width, height
        sixteen = image.mode in SIXTEEN
        channels = (1 if is_grey(image) else 3) + image.has_transparency_data
        remarks = tuple(remarks_on(image, data, turn))
        form = image.format or ""
        return Header(height, width, channels, 16 if sixteen else 8, form, kind(image), remarks)


def pixels(data: bytes, least: tuple[int, int] | None = None) -> np.ndarray:
    """Decode `data` to uint8 or uint16 `[h, w, c]`, c from 1 (grey) to 4 (RGB and alpha).

    The first frame of several; turned as its EXIF says. Where a JPEG is far larger than `least`
    (height, width), its decoder's own reduction by 2, 4 or 8 is used, never below three times
    what is needed. Raises Undecodable with the reason.
    """
    with opened(data) as image:
        if least is not None:
            scale = 3 * max(least) / min(image.size)
            size = (int(image.width * scale) + 1, int(image.height * scale) + 1)
            image.draft(None, size)
        return to_array(ImageOps.exif_transpose(image))


def orientation(image: ImageFile.ImageFile) -> int:
    """The EXIF orientation, 1 to 8, without decoding: Pillow decodes a PNG to look behind it."""
    behind = image.format == "PNG" and "exif" not in image.info
    return 1 if behind else image.getexif().get(ORIENTATION, 1)


@contextlib.contextmanager
def opened(data: bytes) -> Generator[ImageFile.ImageFile]:
    """The picture in `data`, at its first frame; whatever Pillow raises becomes Undecodable."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            refuse_bomb(image.width * image.height)
            yield image
    except UnidentifiedImageError:
        reason = "it is empty" if not data else "it is no picture in any known format"
        raise Undecodable(reason) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Undecodable(f"a decompression bomb: more than {bomb_limit():,} pixels") from None
    except Undecodable:
        raise
    except MemoryError:
        raise Undecodable("its pixels do not fit in memory") from None
    except Exception as error:  # decoders raise whatever they like on damaged input
        raise Undecodable(reason_of(error)) from None


def reason_of(error: Exception) -> str:
    """Why a decoder gave up, in its own words but short, and never empty."""
    words = " ".join(str(error).split()) or type(error).__name__
    return "it is cut short" if "truncated" in words.lower() else f"damaged: {words[:120]}"


def bomb_limit() -> int:
    """Pictures of more pixels are refused: they may be made to fill the memory."""
    return Image.MAX_IMAGE_PIXELS or 2**62


def refuse_bomb(count: int) -> None:
    """Raise Undecodable for a picture of more pixels than Pillow's own limit for a warning."""
    if count > bomb_limit():
        raise Undecodable(f"a decompression bomb: {count:,} pixels, more than {bomb_limit():,}")


@contextlib.contextmanager
def quiet_bombs() -> Generator[None]:
    """Within it Pillow does not print its bomb warning: such files are refused by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def is_grey(image: Image.Image) -> bool:
    """True where the picture has no colours to keep."""
    return image.mode in ("1", "L", "LA", "La", *SIXTEEN)


def kind(image: Image.Image) -> str:
    """The picture's pixel layout in a word or two, for the user."""
    if image.mode in SIXTEEN:
        return "16-bit grey"
    names = {"1": "black and white", "L": "grey", "LA": "grey + alpha", "P": "palette"}
    return names.get(image.mode, image.mode.replace("RGBA", "RGB + alpha"))


def remarks_on(image: ImageFile.ImageFile, data: bytes, turn: int) -> Iterator[str]:
    """What `pixels` does to this picture that its owner should know."""
    if image.mode in ("P", "PA"):
        yield "palette converted"
    elif image.mode not in ("1", "L", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX", *SIXTEEN):
        yield f"{image.mode} converted to RGB"
    if turn != 1:
        yield "turned as the EXIF orientation says"
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        yield "first frame of an animation or of several pages"
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10" and data[25:26] != b"\x00":
        yield "16-bit colour read as 8 bits a channel"


def to_array(image: Image.Image) -> np.ndarray:
    """A Pillow image of any mode -> uint8 or uint16 `[h, w, 1..4]`."""
    if image.mode in SIXTEEN:
        return sixteen_bits(np.asarray(image))[..., None]
    mode = ("L" if is_grey(image) else "RGB") + ("A" if image.has_transparency_data else "")
    array = np.asarray(image if image.mode == mode else image.convert(mode))
    return array if array.ndim == 3 else array[..., None]


def sixteen_bits(plane: np.ndarray) -> np.ndarray:
    """A grey plane of 16 or 32-bit integers, or of floats in [0, 1], as uint16."""
    low, high = float(plane.min()), float(plane.max())
    if plane.dtype.kind == "f":
        if not (low >= 0 and high <= 1):
            raise Undecodable(f"its float pixels reach from {low:g} to {high:g}, not 0 to 1")
        return (plane * 65535).round().astype(np.uint16)
    if low < 0 or high > 65535:
        raise Undecodable(f"its pixels reach from {low:g} to {high:g}, beyond 16 bits")
    return plane.astype(np.uint16)
