"""Inception v3 as FID uses it: TensorFlow's graph of 2015-12-05, with its own pooling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = int | tuple[int, int]


class Conv(nn.Module):
    """Convolution without bias, batch norm and ReLU; the size is kept where `same`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: Size, stride: int = 1, same: bool = False
    ) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if same else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def average_pool(x: Tensor) -> Tensor:
    """3x3 with stride 1; what lies beyond the border is not counted, as TensorFlow does."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class InceptionA(nn.Module):
    """35x35: 1x1, 5x5 and double 3x3 branches beside a pool."""

    def __init__(self, inputs: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(inputs, 64, 1)
        self.branch5x5_1 = Conv(inputs, 48, 1)
        self.branch5x5_2 = Conv(48, 64, 5, same=True)
        self.branch3x3dbl_1 = Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, same=True)
        self.branch3x3dbl_3 = Conv(96, 96, 3, same=True)
        self.branch_pool = Conv(inputs, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch1x1(x), five, three, self.branch_pool(average_pool(x))), 1)


class InceptionB(nn.Module):
    """35x35 to 17x17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Conv(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = Conv(inputs, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, same=True)
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat((self.branch3x3(x), double, F.max_pool2d(x, 3, 2)), 1)


class InceptionC(nn.Module):
    """17x17: 7x7 convolutions as 1x7 and 7x1 of `width` channels."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(inputs, 192, 1)
        self.branch7x7_1 = Conv(inputs, width, 1)
        self.branch7x7_2 = Conv(width, width, (1, 7), same=True)
        self.branch7x7_3 = Conv(width, 192, (7, 1), same=True)
        self.branch7x7dbl_1 = Conv(inputs, width, 1)
        self.branch7x7dbl_2 = Conv(width, width, (7, 1), same=True)
        self.branch7x7dbl_3 = Conv(width, width, (1, 7), same=True)
        self.branch7x7dbl_4 = Conv(width, width, (7, 1), same=True)
        self.branch7x7dbl_5 = Conv(width, 192, (1, 7), same=True)
        self.branch_pool = Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat((self.branch1x1(x), single, double, self.branch_pool(average_pool(x))), 1)


class InceptionD(nn.Module):
    """17x17 to 8x8."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(inputs, 192, 1)
        self.branch3x3_2 = Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Conv(inputs, 192, 1)
        self.branch7x7x3_2 = Conv(192, 192, (1, 7), same=True)
        self.branch7x7x3_3 = Conv(192, 192, (7, 1), same=True)
        self.branch7x7x3_4 = Conv(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat((three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)), 1)


class InceptionE(nn.Module):
    """8x8, with forks; the graph's last block pools by the maximum, the one before by the mean."""

    def __init__(self, inputs: int, last: bool) -> None:
        super().__init__()
        self.last = last
        self.branch1x1 = Conv(inputs, 320, 1)
        self.branch3x3_1 = Conv(inputs, 384, 1)
        self.branch3x3_2a = Conv(384, 384, (1, 3), same=True)
        self.branch3x3_2b = Conv(384, 384, (3, 1), same=True)
        self.branch3x3dbl_1 = Conv(inputs, 448, 1)
        self.branch3x3dbl_2 = Conv(448, 384, 3, same=True)
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3), same=True)
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1), same=True)
        self.branch_pool = Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, 1, 1) if self.last else average_pool(x)
        forks = (self.branch3x3_2a(single), self.branch3x3_2b(single))
        forks += (self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double))
        return torch.cat((self.branch1x1(x), *forks, self.branch_pool(pooled)), 1)


class InceptionV3(nn.Module):
    """The network of FID (arXiv:1512.00567 as in TensorFlow's graph of 2015-12-05, 1008 classes).

    It differs from torchvision's in its average pools, which leave the border's padding out, in
    the last block's maximum pool, and in its classes. Parameters bear torchvision's names, as in
    the `.pth` file in common use. `x [N, 3, 299, 299] in [-1, 1) -> pool3 features [N, 2048]`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, same=True)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b = InceptionA(192, pool=32)
        self.Mixed_5c = InceptionA(256, pool=64)
        self.Mixed_5d = InceptionA(288, pool=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, width=128)
        self.Mixed_6c = InceptionC(768, width=160)
        self.Mixed_6d = InceptionC(768, width=160)
        self.Mixed_6e = InceptionC(768, width=192)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280, last=False)
        self.Mixed_7c = InceptionE(2048, last=True)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.maps(x)[1], 3, 2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))

    def logits(self, pooled: Tensor) -> Tensor:
        """`[N, 2048] -> [N, 1008]` without the bias, as the published Inception Score has them."""
        return pooled @ self.fc.weight.T

    def maps(self, x: Tensor) -> list[Tensor]:
        """The last maps before the first and before the second pool: 64 and 192 channels.

        `x [N, 3, H, W]` of any size above 10. The single-image distance compares the former in
        SinGAN's code and the latter in its paper (arXiv:1905.01164, section 3.2).
        """
        first = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        return [first, self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(first, 3, 2)))]
