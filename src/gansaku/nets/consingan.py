"""The generator of ConSinGAN (arXiv:2003.11512), which grows by a stage a scale."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from gansaku.nets.singan import blocks, singan_init

Size = tuple[int, int]  # height, width


class ConSinGANGenerator(nn.Module):
    """Stages of 3 x 3 convolutions on features; each adds to what comes up from the last.

    Figure 3: `noises[0] [N, C, h, w]` goes through a head; features are enlarged from stage to
    stage, and those of stage k are `up + body_k(larger up + noises[k])`, whose convolutions take
    the surplus off again; the tail makes a picture of them: `[N, C, *sizes[-1]]` in [-1, 1].
    `noises[k] [N, width, h + 2 layers, w + 2 layers]` for k > 0 bear their amplitudes, `sizes`
    are those of the stages that are played. No norms; features are enlarged by cubic
    interpolation with aligned corners, as in the authors' code.
    """

    def __init__(
        self, channels: int, width: int, stages: int, layers: int = 3, slope: float = 0.05
    ) -> None:
        super().__init__()
        self.layers = layers
        self.head = blocks(channels, width, 1, norm=False, slope=slope)
        self.body = nn.ModuleList(
            blocks(width, width, layers, norm=False, slope=slope) for _ in range(stages)
        )
        self.tail = nn.Conv2d(width, channels, 3)
        singan_init(self)

    def forward(self, noises: Sequence[Tensor], sizes: Sequence[Size]) -> Tensor:
        around = self.layers - 1
        x = self.head(F.pad(noises[0], [1] * 4))
        x = enlarged(x, (x.shape[2] + 2, x.shape[3] + 2))
        x = self.body[0](F.pad(x, [around] * 4))
        for stage, noise, (height, width) in zip(
            self.body[1:], noises[1:], sizes[1:], strict=False
        ):
            over = 2 * self.layers
            seen = enlarged(x, (height + over, width + over)) + noise
            x = enlarged(x, (height, width)) + stage(seen)
        return self.tail(F.pad(x, [1] * 4)).tanh()


def enlarged(x: Tensor, size: Size) -> Tensor:
    return F.interpolate(x, size, mode="bicubic", align_corners=True)
