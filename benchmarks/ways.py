"""Products and convolutions of networks, ours against the library's, shape by shape.

    python benchmarks/ways.py --threads 1

Each pair in one process, in turn, by seconds of the processor; the median of the ratios. What the
bounds in `core/products.py` and `core/convolutions.py` were chosen by.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from unittest import mock

import torch
from torch import Tensor

from common import Results, arguments, parse, table
from gansaku.core import convolutions, products
from gansaku.core.allocator import keep_large_blocks
from gansaku.core.convolutions import Shape

PRODUCTS = ((64, 256, 512), (64, 512, 1024), (64, 784, 512), (192, 784, 512), (1024, 512, 4096))
# images, channels and side of the large map, channels of the small one, kernel, stride, padding
CONVOLUTIONS = (
    ("DCGAN, last of D", 64, 256, 8, 512, 4, 2, 1),
    ("DCGAN, first of D, last of G", 64, 3, 64, 64, 4, 2, 1),
    ("the same, 16 pictures", 16, 3, 64, 64, 4, 2, 1),
    ("DCGAN, second of D", 64, 64, 32, 128, 4, 2, 1),
    ("WGAN-GP, last of the critic", 16, 256, 8, 512, 4, 2, 1),
    ("U-Net, 16 to 8 pixels", 1, 512, 16, 512, 4, 2, 1),
    ("U-Net, 8 to 4", 1, 512, 8, 512, 4, 2, 1),
    ("U-Net, 4 to 2", 1, 512, 4, 512, 4, 2, 1),
    ("U-Net, 2 to 1", 1, 512, 2, 512, 4, 2, 1),
    ("translator, last, 128 pixels", 1, 64, 134, 3, 7, 1, 0),
    ("SRGAN, last, 96 pixels", 16, 64, 96, 3, 9, 1, 4),
    ("SNGAN, last", 16, 256, 32, 3, 3, 1, 1),
)


def ratio(ours: Callable[[], object], plain: Callable[[], object], pairs: int = 15) -> str:
    """How many times as long the library takes, and quartiles."""
    found = []
    for _ in range(pairs + 1):
        began = time.process_time()
        plain()
        between = time.process_time()
        ours()
        found.append((between - began) / (time.process_time() - between))
    low, middle, high = statistics.quantiles(found[1:], n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def of_product(n: int, i: int, o: int) -> str:
    a, b = torch.randn(n, i), torch.randn(o, i)
    return ratio(lambda: products.product(a, b), lambda: a @ b.T)


def of_convolution(n: int, c: int, side: int, o: int, k: int, stride: int, pad: int) -> list[str]:
    """Of `down`, `up` and `weigh`: the way's name and the ratio; "-" where it is the library's."""
    h = (side + 2 * pad - k) // stride + 1
    s = Shape(n, (c, side, side), (o, h, h), (k, k), (stride,) * 2, (pad,) * 2)

    def laid(*shape: int) -> Tensor:
        return torch.randn(shape).contiguous(memory_format=torch.channels_last)

    x, y, w = laid(n, *s.large), laid(n, *s.small), laid(o, c, k, k)
    found = []
    sides = ((convolutions.down, x, w), (convolutions.up, y, w), (convolutions.weigh, x, y))
    for way, (function, a, b) in zip(convolutions.ways(s), sides, strict=True):

        def plain(function: Callable = function, a: Tensor = a, b: Tensor = b) -> Tensor:
            with mock.patch.object(convolutions, "ways", return_value=("", "", "")):
                return function(a, b, s)

        def ours(function: Callable = function, a: Tensor = a, b: Tensor = b) -> Tensor:
            return function(a, b, s)

        found.append(f"{way} {ratio(ours, plain)}" if way else "-")
    return found


def main() -> None:
    parse(arguments(__doc__))
    keep_large_blocks()
    results = Results("ways")
    if not products.available():
        print("this processor does not gain by oneDNN's products: nothing is otherwise here")
        return
    with torch.no_grad():
        for shape in PRODUCTS:
            name = " x ".join(map(str, shape))
            results.cell(name, lambda shape=shape: {"product": of_product(*shape)})
        for name, *shape in CONVOLUTIONS:
            results.cell(name, lambda shape=shape: {"ways": of_convolution(*shape)})
    cells = results.cells.items()
    parts = [
        table(
            ("rows x inputs x outputs", "product"),
            [(k, c["product"]) for k, c in cells if "product" in c],
        ),
        table(
            ("convolution", "down", "up", "weights"),
            [(k, *c["ways"]) for k, c in cells if "ways" in c],
        ),
    ]
    results.publish("Products and convolutions against the library's", "\n\n".join(parts))


if __name__ == "__main__":
    main()
