"""From an image's size to the sizes inside a network: halved, rounding up, down to a base."""

from __future__ import annotations

Size = tuple[int, int]


def sides(size: tuple[int, ...]) -> Size:
    """Height and width, of which points have none: for them ValueError."""
    if len(size) != 2:
        raise ValueError("its networks are made for pictures, and these are points")
    return size[0], size[1]


def halved(size: Size) -> Size:
    """Half of (height, width), rounded up. Raises ValueError where there are none."""
    height, width = sides(size)
    return (height + 1) // 2, (width + 1) // 2


def ladder(size: Size, base: int = 4, most: int | None = None) -> list[Size]:
    """Sizes from `size` down to the last whose smaller side is at least `base`.

    At most `most` halvings. Raises ValueError when not even one is possible.
    """
    sizes = [size]
    while min(halved(sizes[-1])) >= base and (most is None or len(sizes) <= most):
        sizes.append(halved(sizes[-1]))
    if len(sizes) == 1:
        raise ValueError(
            f"an image of {size[0]}x{size[1]} is too small for this network, which halves it at "
            f"least once: the smaller side must be {2 * base - 1} or more; give a larger --size"
        )
    return sizes


def odd(size: Size) -> Size:
    """1 for each odd side, else 0: what a stride-2 convolution must pad more to round up."""
    return size[0] % 2, size[1] % 2
