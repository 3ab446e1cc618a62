"""The networks of a well-known MNIST tutorial: tanh everywhere, 5 x 5 convolutions."""

from __future__ import annotations

import math

from torch import Tensor, nn

from gansaku.nets.layers.init import glorot_init
from gansaku.nets.layers.resample import Basis, UpConv2d, channels_last
from gansaku.nets.layers.sizes import halved

Shape = tuple[int, int, int]  # channels, height, width


class TutorialGenerator(nn.Module):
    """Dense to a quarter of the size, batch norm, then twice: double and convolve 5 x 5.

    `z [N, z] -> images [N, *shape] in [-1, 1]`; tanh after the dense map and both convolutions.
    At (1, 28, 28) the dense map is to 7 x 7 x 128. Weights as Glorot, biases 0.
    """

    def __init__(self, shape: Shape, z: int = 100, width: int = 64) -> None:
        super().__init__()
        half = halved(shape[1:])
        self.layers = nn.Sequential(
            Basis(z, 2 * width, halved(half), bias=True),
            nn.Tanh(),
            nn.BatchNorm2d(2 * width),
            UpConv2d(2 * width, width, 5, half),
            nn.Tanh(),
            UpConv2d(width, shape[0], 5, shape[1:]),
            nn.Tanh(),
        )
        glorot_init(self)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class TutorialCritic(nn.Module):
    """Twice 5 x 5 convolution, tanh and 2 x 2 max pooling, then dense to 1024 and to one.

    `x [N, *shape] in [-1, 1] -> logits [N]`. The first convolution keeps the size, the second
    has no padding: 28 -> 14 -> 10 -> 5, as in the script. Weights as Glorot, biases 0.
    Raises ValueError for a shape whose smaller side is below 12.
    """

    def __init__(self, shape: Shape, width: int = 64, dense: int = 1024) -> None:
        super().__init__()
        last = [(side // 2 - 4) // 2 for side in shape[1:]]
        if min(last) < 1:
            raise ValueError(
                f"an image of {shape[1]}x{shape[2]} is too small: give a --size of 12 or more"
            )
        self.layers = nn.Sequential(
            nn.Conv2d(shape[0], width, 5, padding=2),
            nn.Tanh(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 5),
            nn.Tanh(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * math.prod(last), dense),
            nn.ReLU(True),
            nn.Linear(dense, 1),
        )
        glorot_init(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).squeeze(1)
