"""What a model of one picture knows besides its weights: the picture at every scale, amplitudes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gansaku.core.pyramid import Ladder, Size, Stair


class Memory(nn.Module):
    """Buffers of a pyramid over a picture `[channels, *size]`, all of them saved with the run.

    `reached`: scales that have begun; `amps [S]`: noise amplitudes; `anchor`: the noise that the
    coarsest scale makes the picture from. Of each scale k `real(k)` is the picture and `below(k)`
    the reconstruction that comes up from the scale below; `bank(k)` are `banked` pictures more
    that come up, of the present scale only. `border` is how far noise reaches over the picture.
    """

    def __init__(
        self, channels: int, size: Size, ladder: Ladder | Stair, banked: int = 0, border: int = 0
    ) -> None:
        super().__init__()
        self.size, self.ladder, self.channels = size, ladder, channels
        self.banked, self.border = banked, border
        self.sizes = ladder.sizes(size)
        self.register_buffer("reached", torch.zeros((), dtype=torch.int64))
        self.register_buffer("amps", torch.ones(ladder.count))
        height, width = self.sizes[0]
        self.register_buffer("anchor", torch.zeros(1, 1, height + 2 * border, width + 2 * border))
        for k, at in enumerate(self.sizes):
            self.register_buffer(f"real{k}", torch.zeros(1, channels, *at))
            self.register_buffer(f"below{k}", torch.zeros(1, channels, *at))
        height, width = self.sizes[-1]
        self.register_buffer("kept", torch.zeros(banked * channels * height * width))

    @property
    def count(self) -> int:
        return self.ladder.count

    def real(self, k: int) -> Tensor:
        """The picture at scale `k`: `[1, C, h, w]`."""
        return self.get_buffer(f"real{k}")

    def below(self, k: int) -> Tensor:
        """The reconstruction of scale `k - 1` at the size of scale `k`; zeros for the coarsest."""
        return self.get_buffer(f"below{k}")

    def bank(self, k: int) -> Tensor:
        """Pictures that came up to scale `k`: `[banked, C, h, w]`, a view of one buffer."""
        shape = (self.banked, self.channels, *self.sizes[k])
        return self.get_buffer("kept")[: shape[0] * shape[1] * shape[2] * shape[3]].view(shape)

    def see(self, picture: Tensor) -> None:
        """Keep the picture `[1, C, H, W]` at every scale."""
        for k in range(self.count):
            self.real(k).copy_(self.ladder.move(picture, self.size, k).clamp(-1, 1))
